// SPDX-License-Identifier: MIT
/*
 * Reads the corpora, and makes structs of them.
 */
#include <cerrno>
#include <fstream>
#include <sstream>

#include "bench.h"

#define EACH_SCHEMA(use) use(lsp) use(iso_codes) use(samples) use(assist)
#define EACH_FORMAT(use, schema) \
	use(schema, fastipc) use(schema, unchecked) use(schema, writer) \
		use(schema, yyjson) use(schema, simdjson) \
			use(schema, flatbuffers) use(schema, capnp) \
				use(schema, protobuf) use(schema, msgpack)

extern "C" {
#define DECLARE(schema, format) \
	extern const struct codec_ops schema##_##format##_ops[];
#define DECLARE_ALL(schema) \
	extern const struct codec_kind schema##_kinds[]; \
	EACH_FORMAT(DECLARE, schema)
EACH_SCHEMA(DECLARE_ALL)
}

struct schema {
	const struct codec_kind *kinds;
	const struct codec_ops *ops[FORMATS];
};

#define OPS(schema, format) schema##_##format##_ops,
#define SCHEMA(schema) { schema##_kinds, { EACH_FORMAT(OPS, schema) } },
static const struct schema schemas[] = { EACH_SCHEMA(SCHEMA) };

size_t loaded_text;

void *load_memory(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory) {
		fprintf(stderr, "fastipc-bench-codec: out of memory\n");
		exit(1);
	}
	return memory;
}

static yyjson_doc *read_json(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	std::stringstream text;
	yyjson_doc *doc;

	text << file.rdbuf();
	doc = yyjson_read(text.str().data(), text.str().size(), 0);
	if (!file || !doc) {
		fprintf(stderr, "fastipc-bench-codec: cannot read %s%s\n",
			path.c_str(),
			file ? ", it is not JSON"
			     : " (Debian's package iso-codes has the codes; "
			       "--corpus says where the others are)");
		exit(1);
	}
	return doc;
}

static size_t minified_size(yyjson_val *value)
{
	size_t size = 0;

	free(yyjson_val_write(value, 0, &size));
	return size;
}

static void add(struct kind &kind, const struct codec_kind &from,
		yyjson_val *value)
{
	const size_t before = loaded_text;

	kind.values.push_back(from.load(value));
	kind.text_size += loaded_text - before;
	kind.source_size += minified_size(value);
}

static struct kind load_kind(const struct schema &schema,
			     const struct codec_kind &from,
			     const struct options &options)
{
	struct kind kind = {};
	size_t i, max;
	yyjson_val *value;
	yyjson_doc *doc;

	kind.name = from.name;
	for (int format = 0; format < FORMATS; format++)
		for (auto ops = schema.ops[format]; ops->kind; ops++)
			if (kind.name == ops->kind)
				kind.ops[format] = ops;
	if (from.file) {
		doc = read_json(options.iso_codes + "/" + from.file + ".json");
		add(kind, from, yyjson_doc_get_root(doc));
	} else {
		doc = read_json(options.corpus + "/" + from.name + ".json");
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc),
						  from.name),
				   i, max, value) add(kind, from, value);
	}
	yyjson_doc_free(doc);
	return kind;
}

std::vector<kind> load_kinds(const struct options &options)
{
	std::vector<kind> kinds;

	for (const struct schema &schema : schemas)
		for (auto from = schema.kinds; from->name; from++)
			if (options.only.empty() || options.only == from->name)
				kinds.push_back(
					load_kind(schema, *from, options));
	return kinds;
}
