/* SPDX-License-Identifier: MIT */
/*
 * From a corpus, JSON, to the structs that are encoded; done once, and not
 * measured.  What is allocated lives until the program ends.
 */
#ifndef CODEC_LOAD_H
#define CODEC_LOAD_H

#include <yyjson.h>

#include <fastipc/codec.h>

#include "codec_bench.h"

struct codec_kind {
	const char *name; /* NULL ends the list */
	const char *file; /* of iso-codes, less .json; NULL: in corpus/ */
	const void *(*load)(yyjson_val *from);
};

void *load_memory(size_t size);

/* Bytes of all strings that were loaded. */
extern size_t loaded_text;

#define load_new(type, count) \
	((type *)load_memory(((count) + 1) * sizeof(type)))

/* Terminated, as some formats want it. */
static inline struct fastipc_string load_text(yyjson_val *from)
{
	size_t size = yyjson_get_len(from);
	char *text = (char *)load_memory(size + 1);

	memcpy(text, yyjson_get_str(from), size);
	loaded_text += size;
	return fastipc_string_from(text, size);
}

static inline uint64_t load_digits(yyjson_val *from)
{
	return number_of_digits(yyjson_get_str(from), yyjson_get_len(from));
}

#endif
