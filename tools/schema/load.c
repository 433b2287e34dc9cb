// SPDX-License-Identifier: MIT
/*
 * Files: a schema and what it includes, to descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/build.h"

struct loaded_file {
	struct schema_file file;
	char *text; /* not of the arena: may be large, and is needed no more */
	dev_t device;
	ino_t inode;
	uint16_t includes[SCHEMA_FILES_MAX];
};

struct loader {
	struct schema_tree tree;
	struct schema_reports reports;
	struct schema_loaded *loaded;
	const char *const *directories; /* of includes */
	bool is_text;			/* in memory: includes nothing */
	struct loaded_file *files[SCHEMA_FILES_MAX];
	uint32_t count;
	uint32_t depth;
};

/* -errno; -EFBIG: larger than allowed. */
static int read_fd(int fd, struct loaded_file *file)
{
	struct stat identity;
	size_t size = 0;
	ssize_t got;

	if (fstat(fd, &identity) < 0)
		return -errno;
	if (S_ISDIR(identity.st_mode))
		return -EISDIR;
	file->text = malloc(SCHEMA_FILE_MAX + 2);
	if (!file->text)
		return -ENOMEM;
	do {
		got = read(fd, file->text + size, SCHEMA_FILE_MAX + 1 - size);
		if (got > 0)
			size += (size_t)got;
	} while ((got > 0 && size <= SCHEMA_FILE_MAX) ||
		 (got < 0 && errno == EINTR));
	if (got < 0)
		return -errno;
	if (size > SCHEMA_FILE_MAX)
		return -EFBIG;
	file->text[size] = '\0';
	file->file.text = file->text;
	file->file.size = (uint32_t)size;
	file->device = identity.st_dev;
	file->inode = identity.st_ino;
	return 0;
}

/* A file with no bytes yet; its place may be reported. */
static struct loaded_file *add_file(struct loader *loader, const char *path,
				    const char *name)
{
	struct schema_arena *arena = &loader->loaded->arena;
	struct loaded_file *file = schema_take(arena, sizeof(*file));

	file->file.public.path = schema_take_text(arena, path, strlen(path));
	file->file.public.name = schema_take_text(arena, name, strlen(name));
	file->file.public.includes = file->includes;
	file->file.index = (uint16_t)loader->count;
	file->file.text = "";
	loader->files[loader->count++] = file;
	return file;
}

static int read_file(struct loaded_file *file)
{
	int error, fd;

	fd = open(file->file.public.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = read_fd(fd, file);
	close(fd);
	return error;
}

static void report_unreadable(struct loader *loader, struct schema_place place,
			      const char *name, int error)
{
	if (error == -EFBIG) {
		schema_report(&loader->reports, place,
			      "'%s' is larger than %u bytes", name,
			      SCHEMA_FILE_MAX);
		schema_hint(&loader->reports,
			    "divide it, and include the parts");
	} else {
		schema_report(&loader->reports, place, "cannot read '%s': %s",
			      name, strerror(-error));
		schema_hint(&loader->reports, "is it a file, and readable?");
	}
}

static void parse(struct loader *loader, struct loaded_file *file)
{
	loader->depth++;
	schema_parse(&loader->tree, &file->file);
	loader->depth--;
}

/* ---- includes ---- */

/* The directory of a path, with its '/'; "" if it has none. */
static char *directory_of(struct schema_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return schema_take_text(arena, path,
				slash ? (size_t)(slash - path) + 1 : 0);
}

static char *join_path(struct schema_arena *arena, const char *directory,
		       const char *name)
{
	size_t length = strlen(directory), size = length + strlen(name) + 2;
	bool slash = length && directory[length - 1] != '/';
	char *path = schema_take(arena, size);

	snprintf(path, size, "%s%s%s", directory, slash ? "/" : "", name);
	return path;
}

/* Where an included file is, NULL if it is nowhere. */
static const char *find_file(struct loader *loader,
			     const struct schema_file *from, const char *name)
{
	struct schema_arena *arena = &loader->loaded->arena;
	const char *path =
		join_path(arena, directory_of(arena, from->public.path), name);

	if (!access(path, F_OK))
		return path;
	for (size_t i = 0; loader->directories && loader->directories[i]; i++) {
		path = join_path(arena, loader->directories[i], name);
		if (!access(path, F_OK))
			return path;
	}
	return NULL;
}

/* The one that was read before, under whatever name. */
static struct loaded_file *find_same(struct loader *loader, const char *path)
{
	struct stat identity;

	if (stat(path, &identity) < 0)
		return NULL;
	for (uint32_t i = 0; i < loader->count; i++) {
		struct loaded_file *file = loader->files[i];

		if (file->text && file->device == identity.st_dev &&
		    file->inode == identity.st_ino)
			return file;
	}
	return NULL;
}

static void note_include(const struct schema_file *from, uint16_t index)
{
	/* Each is in the list of files. */
	struct loaded_file *file =
		(struct loaded_file *)((char *)from -
				       offsetof(struct loaded_file, file));
	uint16_t *count = &file->file.public.include_count;

	for (uint16_t i = 0; i < *count; i++) {
		if (file->includes[i] == index)
			return;
	}
	file->includes[(*count)++] = index;
}

static void include(struct schema_tree *tree, const struct schema_file *from,
		    const struct schema_token *name)
{
	struct loader *loader = tree->loader;
	struct loaded_file *file;
	const char *path;
	int error;

	if (loader->is_text) {
		schema_report(&loader->reports, name->place,
			      "a schema in memory cannot include a file");
		schema_hint(&loader->reports, "put it into a file");
		return;
	}
	path = find_file(loader, from, name->text);
	if (!path) {
		schema_report(&loader->reports, name->place,
			      "there is no file '%s'", name->text);
		schema_hint(&loader->reports,
			    "it is looked for where '%s' is, then in the "
			    "directories of -I",
			    from->public.path);
		return;
	}
	file = find_same(loader, path);
	if (file) {
		note_include(from, file->file.index);
		return;
	}
	if (loader->count == SCHEMA_FILES_MAX ||
	    loader->depth == SCHEMA_INCLUDE_MAX) {
		schema_report(&loader->reports, name->place,
			      "more than %u files%s",
			      loader->count == SCHEMA_FILES_MAX
				      ? SCHEMA_FILES_MAX
				      : SCHEMA_INCLUDE_MAX,
			      loader->count == SCHEMA_FILES_MAX
				      ? ""
				      : " that include each other");
		schema_hint(&loader->reports,
			    "put what belongs together into one file");
		return;
	}
	file = add_file(loader, path, name->text);
	note_include(from, file->file.index);
	error = read_file(file);
	if (error)
		report_unreadable(loader, name->place, name->text, error);
	else
		parse(loader, file);
}

/* ---- the schema ---- */

static void finish(struct loader *loader)
{
	struct schema_loaded *loaded = loader->loaded;

	loaded->sources = schema_take(&loaded->arena,
				      loader->count * sizeof(*loaded->sources));
	for (uint32_t i = 0; i < loader->count; i++)
		loaded->sources[i] = loader->files[i]->file.public;
	loaded->source_count = loader->count;
	schema_build(&loader->tree, loaded);
	schema_fingerprint(&loaded->arena, &loaded->schema);
}

static void prepare(struct loader *loader)
{
	struct schema_tree *tree = &loader->tree;

	tree->arena = &loader->loaded->arena;
	tree->reports = &loader->reports;
	tree->last = &tree->first;
	tree->attributes.arena = tree->arena;
	tree->declared.arena = tree->arena;
	tree->include = include;
	tree->loader = loader;
}

/* Of a @text of @size bytes, or if it is NULL of the file @path. */
static int make(struct loader *loader, const char *path, const char *text,
		size_t size)
{
	struct schema_tree *tree = &loader->tree;
	struct loaded_file *file = add_file(loader, path, path);
	struct schema_place whole = { .file = &file->file };
	int error = 0;

	if (text && size <= SCHEMA_FILE_MAX) {
		file->file.text = schema_take_text(tree->arena, text, size);
		file->file.size = (uint32_t)size;
	} else {
		error = text ? -EFBIG : read_file(file);
	}
	if (error) {
		report_unreadable(loader, whole, path, error);
		return error;
	}
	parse(loader, file);
	schema_resolve(tree);
	schema_check_all(tree);
	schema_layout(tree);
	if (loader->reports.errors)
		return -EINVAL;
	finish(loader);
	return 0;
}

static int run(struct loader *loader, const char *path, const char *text,
	       size_t size)
{
	prepare(loader);
	if (setjmp(loader->loaded->arena.none))
		return -ENOMEM;
	return make(loader, path, text, size);
}

static int load(struct loader *loader, const char *path, const char *text,
		size_t size, struct schema_errors *errors,
		struct fastipc_schema **schema)
{
	int error;

	*schema = NULL;
	if (loader)
		loader->loaded = calloc(1, sizeof(*loader->loaded));
	if (!loader || !loader->loaded) {
		free(loader);
		return -ENOMEM;
	}
	error = run(loader, path, text, size);
	/* Reports have places in texts. */
	schema_reports_move(&loader->reports, errors);
	for (uint32_t i = 0; i < loader->count; i++)
		free(loader->files[i]->text);
	if (error)
		schema_free(&loader->loaded->schema);
	else
		*schema = &loader->loaded->schema;
	free(loader);
	return error;
}

int schema_load(const char *path, const char *const *include_dirs,
		struct schema_errors *errors, struct fastipc_schema **schema)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	if (loader)
		loader->directories = include_dirs;
	return load(loader, path, NULL, 0, errors, schema);
}

int schema_load_text(const char *name, const char *text, size_t size,
		     struct schema_errors *errors,
		     struct fastipc_schema **schema)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	if (loader)
		loader->is_text = true;
	return load(loader, name, text ? text : "", size, errors, schema);
}
