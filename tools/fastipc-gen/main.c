// SPDX-License-Identifier: MIT
/*
 * fastipc-gen: makes C of a schema, or compares two of its versions.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen.h"
#include "names.h"
#include "schema/compat.h"
#include "schema/schema.h"

#define EXIT_USAGE 2
#define INCLUDES_MAX 64

struct options {
	const char *schema;
	const char *second; /* NEW, of --check OLD NEW */
	const char *output;
	const char *depfile;
	const char *includes[INCLUDES_MAX + 1];
	size_t include_count;
	bool check;
	bool has_level;
	enum schema_level level;
};

static const char description[] =
	"Make C11 of a schema: NAME.fastipc.h and NAME.fastipc.c of NAME.fbs, "
	"to encode, check and read its tables.\v"
	"Examples:\n"
	"  fastipc-gen chat.fbs -o out      out/chat.fastipc.h and .c\n"
	"  cc -c out/chat.fastipc.c         needs <fastipc/codec.h>\n"
	"  fastipc-gen --check old.fbs chat.fbs\n"
	"                                   what the new version breaks\n\n"
	"Files are written whole or not at all, and the same schema gives the "
	"same files.\n\n"
	"Exit codes: 0 it worked, 1 the schema is wrong, incompatible, or cannot "
	"be read or written (stderr says why and what to do), 2 the command line "
	"makes no sense.\n\n"
	"fastipc-gen(1) describes the code, fastipc_schema(5) the language, "
	"fastipc_codec(7) the bytes.";

enum {
	KEY_CHECK = 0x100,
	KEY_LEVEL,
	KEY_DEPFILE,
};

static const struct argp_option argp_options[] = {
	{ "output", 'o', "DIR", 0,
	  "write into DIR, which is made if it is missing (the current one)",
	  0 },
	{ "include", 'I', "DIR", 0,
	  "look for included schemas in DIR, too; may be given again", 0 },
	{ "depfile", KEY_DEPFILE, "FILE", 0,
	  "write into FILE what make(1) has to know: which schemas were read",
	  0 },
	{ "check", KEY_CHECK, NULL, 0,
	  "compare two schemas, OLD NEW: print what is incompatible", 1 },
	{ "level", KEY_LEVEL, "LEVEL", 0,
	  "what counts as incompatible: wire (bytes; the default), json (names "
	  "as well), source (what uses the generated code)",
	  1 },
	{ 0 },
};

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "fastipc-gen %s\n", FASTIPC_VERSION);
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct options *options = state->input;
	int level;

	switch (key) {
	case 'o':
		options->output = word;
		break;
	case 'I':
		if (options->include_count == INCLUDES_MAX)
			argp_error(state, "more than %d times -I",
				   INCLUDES_MAX);
		options->includes[options->include_count++] = word;
		break;
	case KEY_DEPFILE:
		options->depfile = word;
		break;
	case KEY_CHECK:
		options->check = true;
		break;
	case KEY_LEVEL:
		level = schema_level_of(word);
		if (level < 0)
			argp_error(state,
				   "--level is wire, json or source, not '%s'",
				   word);
		options->level = (enum schema_level)level;
		options->has_level = true;
		break;
	case ARGP_KEY_ARG:
		if (!options->schema)
			options->schema = word;
		else if (!options->second)
			options->second = word;
		else
			argp_error(state, "too many files: '%s'", word);
		break;
	case ARGP_KEY_END:
		if (!options->schema)
			argp_error(state, "a schema is missing: NAME.fbs");
		else if (options->check && !options->second)
			argp_error(state, "--check compares two schemas: the "
					  "new one is missing");
		else if (!options->check && options->second)
			argp_error(state, "one schema at a time: what is '%s'?",
				   options->second);
		else if (!options->check && options->has_level)
			argp_error(state, "--level says what --check is to "
					  "tell: there is no --check");
		else if (options->check &&
			 (options->output || options->depfile))
			argp_error(state, "--check writes no files: leave out "
					  "-o and --depfile");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	argp_options, parse, "SCHEMA\n--check OLD NEW", description, NULL,
	NULL,	      NULL
};

static int complain(const char *path, int error)
{
	fprintf(stderr, "fastipc-gen: %s: %s\n", path, strerror(error));
	return -error;
}

static int complain_writing(const char *path, int error)
{
	fprintf(stderr, "fastipc-gen: cannot write %s: %s\n", path,
		strerror(error));
	return -error;
}

/* A schema, and all that is to say about it; NULL if it is wrong. */
static struct fastipc_schema *load(const struct options *options,
				   const char *path)
{
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema = NULL;
	int ret = schema_load(path, options->includes, &errors, &schema);

	schema_errors_print(&errors, stderr);
	if (ret && !errors.errors)
		complain(path, -ret);
	schema_errors_free(&errors);
	return ret ? NULL : schema;
}

/* ---- files ---- */

/* "chat" of "dir/chat.fbs"; "sub/chat" if directories are kept. */
static const char *stem_of(struct schema_arena *arena, const char *path,
			   bool directories)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash && !directories ? slash + 1 : path;
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t length = strlen(name);

	if (dot && dot != base)
		length = (size_t)(dot - name);
	return schema_take_text(arena, name, length);
}

static int make_directories(const char *path)
{
	char *copy = strdup(path);
	int ret = copy ? 0 : -ENOMEM;

	for (char *at = copy; !ret && at; at = *at ? at : NULL) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		if (*at) {
			*at = '\0';
			if (mkdir(copy, 0777) && errno != EEXIST)
				ret = complain_writing(copy, errno);
			*at++ = '/';
		} else {
			if (mkdir(copy, 0777) && errno != EEXIST)
				ret = complain_writing(copy, errno);
			break;
		}
	}
	free(copy);
	return ret;
}

/* Put all of it in the place of @path, or leave that as it was. */
static int write_file(const char *path, const char *text, size_t size)
{
	size_t length = strlen(path) + 32;
	char *temporary = malloc(length);
	FILE *file;
	int ret = 0;

	if (!temporary)
		return complain(path, ENOMEM);
	snprintf(temporary, length, "%s.%ld.tmp", path, (long)getpid());
	file = fopen(temporary, "we");
	if (!file) {
		ret = complain_writing(path, errno);
		free(temporary);
		return ret;
	}
	if (fwrite(text, 1, size, file) != size)
		ret = -errno;
	if (fclose(file) && !ret)
		ret = -errno;
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret) {
		complain_writing(path, -ret);
		unlink(temporary);
	}
	free(temporary);
	return ret;
}

/* ---- the two files ---- */

static void put_head(struct gen *gen, const char *job)
{
	put(gen,
	    "/* Made by fastipc-gen from %s.fbs: change that, not this. */\n"
	    "/* clang-format off */\n"
	    "/*\n * %s\n */\n",
	    gen->stem, job);
}

static void emit_header(struct gen *gen)
{
	const struct schema_source *sources;
	size_t count;
	const char *guard =
		names_format(gen->arena, "%s_FASTIPC_H", gen->symbol);

	put_head(gen,
		 "What fastipc-gen(1) makes of a schema: write T with "
		 "T_encode(), read it\n * with T_read() and T_field(), look "
		 "at shared memory with T_view_of() and\n"
		 " * T_view_field().");
	put(gen,
	    "#ifndef %s\n#define %s\n\n"
	    "#include <fastipc/codec.h>\n#include <fastipc/stream.h>\n\n",
	    guard, guard);
	sources = schema_sources(gen->schema, &count);
	for (uint16_t i = 0; count && i < sources[0].include_count; i++)
		put(gen, "#include \"%s.fastipc.h\"\n%s",
		    stem_of(gen->arena, sources[sources[0].includes[i]].name,
			    true),
		    i + 1 == sources[0].include_count ? "\n" : "");
	put(gen,
	    "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
	    "/* The schema as data. */\n"
	    "extern const struct fastipc_schema %s;\n\n",
	    gen->symbol);
	emit_service_types(gen);
	emit_enums(gen);
	emit_structs(gen);
	emit_unions(gen);
	put(gen, "/* ---- to write ---- */\n\n");
	emit_values(gen);
	put(gen, "/* ---- to read ---- */\n\n");
	emit_handles(gen);
	emit_functions(gen);
	emit_readers(gen);
	put(gen, "/* ---- to look at what may change ---- */\n\n");
	emit_views(gen);
	emit_services(gen);
	put(gen, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

static void emit_source(struct gen *gen)
{
	put_head(gen, "Encoders, validators, and the schema as data.");
	put(gen, "#include \"%s.fastipc.h\"\n\n", gen->stem);
	emit_declarations(gen);
	emit_enum_names(gen);
	emit_encoders(gen);
	emit_checks(gen);
	emit_service_code(gen);
	emit_descriptors(gen);
}

static int emit_file(struct gen *gen, const char *path,
		     void (*emit)(struct gen *gen))
{
	char *text = NULL;
	size_t size = 0;
	int ret;

	gen->out = open_memstream(&text, &size);
	if (!gen->out)
		return complain(path, errno);
	emit(gen);
	ret = ferror(gen->out) ? -ENOMEM : 0;
	if (fclose(gen->out))
		ret = -ENOMEM;
	ret = ret ? complain(path, -ret) : write_file(path, text, size);
	free(text);
	return ret;
}

/* A path as make(1) wants it. */
static void put_path(FILE *out, const char *path)
{
	for (; *path; path++) {
		if (*path == '$')
			putc('$', out);
		else if (*path == ' ' || *path == '#')
			putc('\\', out);
		putc(*path, out);
	}
}

static int write_depfile(struct gen *gen, const char *path, const char *header,
			 const char *source)
{
	const struct schema_source *sources;
	char *text = NULL;
	size_t size = 0, count;
	FILE *out = open_memstream(&text, &size);
	int ret;

	if (!out)
		return complain(path, errno);
	sources = schema_sources(gen->schema, &count);
	put_path(out, header);
	putc(' ', out);
	put_path(out, source);
	putc(':', out);
	for (size_t i = 0; i < count; i++) {
		fputs(" \\\n\t", out);
		put_path(out, sources[i].path);
	}
	/* A schema that is gone must not stop make. */
	for (size_t i = 0; i < count; i++) {
		fputs("\n\n", out);
		put_path(out, sources[i].path);
		putc(':', out);
	}
	putc('\n', out);
	ret = fclose(out) ? complain(path, ENOMEM)
			  : write_file(path, text, size);
	free(text);
	return ret;
}

static int generate(const struct options *options,
		    const struct fastipc_schema *schema,
		    struct schema_arena *arena)
{
	struct gen gen = { .arena = arena, .schema = schema };
	const char *header, *source;
	int ret = make_directories(options->output);

	if (ret)
		return ret;
	gen_names(&gen, stem_of(arena, options->schema, false));
	header = names_format(arena, "%s/%s.fastipc.h", options->output,
			      gen.stem);
	source = names_format(arena, "%s/%s.fastipc.c", options->output,
			      gen.stem);
	ret = emit_file(&gen, header, emit_header);
	if (!ret)
		ret = emit_file(&gen, source, emit_source);
	if (!ret && options->depfile)
		ret = write_depfile(&gen, options->depfile, header, source);
	return ret;
}

/* ---- what is asked for ---- */

static int run_generate(const struct options *options)
{
	struct schema_arena arena = { 0 };
	struct fastipc_schema *schema = load(options, options->schema);
	int ret;

	if (!schema)
		return EXIT_FAILURE;
	if (setjmp(arena.none))
		ret = complain(options->schema, ENOMEM);
	else
		ret = generate(options, schema, &arena);
	schema_arena_free(&arena);
	schema_free(schema);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_check(const struct options *options)
{
	struct fastipc_schema *old_schema = load(options, options->schema);
	struct fastipc_schema *new_schema = load(options, options->second);
	int ret = -EINVAL;

	if (old_schema && new_schema) {
		ret = schema_check(old_schema, new_schema, options->level,
				   stdout);
		if (ret < 0)
			complain(options->second, -ret);
	}
	schema_free(old_schema);
	schema_free(new_schema);
	if (fflush(stdout))
		ret = complain_writing("standard output", errno);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };

	/* A file that may not grow is a failed write: nothing is left behind. */
	signal(SIGXFSZ, SIG_IGN);
	argp_err_exit_status = EXIT_USAGE;
	argp_program_version_hook = print_version;
	argv[0] = (char *)"fastipc-gen";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!options.output)
		options.output = ".";
	return options.check ? run_check(&options) : run_generate(&options);
}
