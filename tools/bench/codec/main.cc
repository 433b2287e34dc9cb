// SPDX-License-Identifier: MIT
/*
 * fastipc-bench-codec, which `fastipc bench codec` runs: the codec against
 * JSON, FlatBuffers, Cap'n Proto, protobuf-c and MessagePack, on real messages.
 */
#include <argp.h>
#include <sched.h>

#include "bench.h"

const struct format_info format_infos[FORMATS] = {
	{ "fastipc", "fastipc", true, true },
	{ "fastipc_unchecked", "fastipc, no UTF-8", true, true },
	{ "json_writer", "JSON by hand", true, false },
	{ "yyjson", "yyjson", true, true },
	{ "simdjson", "simdjson", false, true },
	{ "flatbuffers", "FlatBuffers", true, true },
	{ "capnproto", "Cap'n Proto", true, true },
	{ "protobuf_c", "protobuf-c", true, true },
	{ "msgpack", "MessagePack", true, true },
};

enum {
	KEY_JSON = 256,
	KEY_CORPUS,
	KEY_ISO_CODES,
	KEY_KIND,
	KEY_REPETITIONS,
	KEY_SLICE,
	KEY_CPU,
	KEY_LOOP,
};

static const struct argp_option option_list[] = {
	{ "json", KEY_JSON, NULL, 0, "one JSON object on one line", 0 },
	{ "kind", KEY_KIND, "NAME", 0, "only this kind of messages", 0 },
	{ "repetitions", KEY_REPETITIONS, "N", 0,
	  "slices of each measurement, the median counts; 31", 0 },
	{ "slice", KEY_SLICE, "MS", 0, "milliseconds of each; 1", 0 },
	{ "cpu", KEY_CPU, "N", 0, "to run on; the one it is started on", 0 },
	{ "loop", KEY_LOOP, "S", 0,
	  "for a profiler: only fastipc, for seconds, of each kind", 0 },
	{ "corpus", KEY_CORPUS, "DIRECTORY", 0,
	  "of recorded messages; that of the source tree", 0 },
	{ "iso-codes", KEY_ISO_CODES, "DIRECTORY", 0,
	  "of Debian's package; /usr/share/iso-codes/json", 0 },
	{ 0, 0, NULL, 0, NULL, 0 },
};

static const char description[] =
	"Measure encoding, checking and reading every field of real messages, "
	"in fastipc's format and in others.\v"
	"All formats get the same data, take turns on one CPU, and may keep "
	"their memory.  Compare the ratios, not the times.";

static int number(struct argp_state *state, const char *word, int least)
{
	char *end;
	long value = strtol(word, &end, 10);

	if (end == word || *end || value < least || value > 100000)
		argp_error(state, "'%s' is not a number from %d to 100000",
			   word, least);
	return (int)value;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct options *options = (struct options *)state->input;

	switch (key) {
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_KIND:
		options->only = word;
		break;
	case KEY_REPETITIONS:
		options->repetitions = (unsigned int)number(state, word, 1);
		break;
	case KEY_SLICE:
		options->seconds = number(state, word, 1) / 1e3;
		break;
	case KEY_CPU:
		options->cpu = number(state, word, 0);
		break;
	case KEY_LOOP:
		options->loop = number(state, word, 1);
		break;
	case KEY_CORPUS:
		options->corpus = word;
		break;
	case KEY_ISO_CODES:
		options->iso_codes = word;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { option_list, parse, NULL, description,
				  NULL,	       NULL,  NULL };

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fprintf(stderr,
			"fastipc-bench-codec: cannot stay on CPU %d: %m\n",
			cpu);
}

int main(int argc, char **argv)
{
	struct options options = {
		CODEC_CORPUS,
		"/usr/share/iso-codes/json",
		"",
		31,
		1e-3,
		sched_getcpu(),
		0,
		false,
	};
	std::vector<result> results;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	pin(options.cpu);
	const std::vector<kind> kinds = load_kinds(options);

	for (const struct kind &kind : kinds)
		if (options.loop)
			loop_kind(kind, options);
		else
			results.push_back(measure_kind(kind, options));
	if (kinds.empty()) {
		fprintf(stderr, "fastipc-bench-codec: no kind is named '%s'\n",
			options.only.c_str());
		return 1;
	}
	if (!options.loop)
		report(options, results, measure_crc(options));
	return ferror(stdout) ? 1 : 0;
}
