/* SPDX-License-Identifier: MIT */
/*
 * The parts of fastipc-bench-codec: corpora, measuring, what came of it.
 */
#ifndef CODEC_BENCH_PARTS_H
#define CODEC_BENCH_PARTS_H

#include <cstdio>
#include <string>
#include <vector>

#include "codec_bench.h"
#include "load.h"

/* How many times anything was allocated since the program began. */
extern "C" uint64_t codec_allocations;

/* The formats, in the order in which they are measured and printed. */
enum format {
	FASTIPC,
	UNCHECKED, /* fastipc, strings not checked to be UTF-8 */
	WRITER,	   /* JSON by hand; encodes only */
	YYJSON,
	SIMDJSON, /* decodes only */
	FLATBUFFERS,
	CAPNP,
	PROTOBUF,
	MSGPACK,
	FORMATS,
};

struct format_info {
	const char *name; /* for machines */
	const char *title;
	bool encodes, decodes;
};

extern const struct format_info format_infos[FORMATS];

struct options {
	std::string corpus;    /* directory */
	std::string iso_codes; /* directory */
	std::string only;      /* a kind, or all */
	unsigned int repetitions;
	double seconds; /* of each measurement, about */
	int cpu;
	int loop; /* seconds; 0: measure instead */
	bool json;
};

/* The messages of a kind, as structs. */
struct kind {
	std::string name;
	std::vector<const void *> values;
	const struct codec_ops *ops[FORMATS];
	size_t source_size; /* minified JSON, as yyjson writes the corpus */
	size_t text_size;   /* of all strings */
};

/* All kinds of all schemas; exits if a corpus is not there. */
std::vector<kind> load_kinds(const struct options &options);

/* Of one kind: nanoseconds of a message, one entry for each repetition. */
struct times {
	std::vector<double> encode, decode, validate;
};

struct result {
	std::string name;
	size_t messages;
	size_t sizes[FORMATS]; /* of all messages, in bytes */
	size_t text_size;      /* of the strings in them */
	struct times times[FORMATS];
	double allocations[FORMATS]; /* of a message, both ways */
};

/* Exits if formats do not agree about what they read. */
struct result measure_kind(const struct kind &kind,
			   const struct options &options);

/* Only fastipc, as long as was asked for. */
void loop_kind(const struct kind &kind, const struct options &options);

/* Medians of nanoseconds: 4 KiB at once, 64 bytes at once. */
struct crc_result {
	double ns_4096, ns_64;
};

struct crc_result measure_crc(const struct options &options);

double median(std::vector<double> values);

/* Returns how many bars were missed. */
unsigned int report(const struct options &options,
		    const std::vector<result> &results,
		    const struct crc_result &crc);

#endif
