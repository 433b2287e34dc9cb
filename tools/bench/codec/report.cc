// SPDX-License-Identifier: MIT
/*
 * Prints what was measured, and whether it reaches the bars.
 */
#include <algorithm>
#include <cmath>

#include "bench.h"

#define FRAME_HEADER 24 /* bytes of a frame before its payload */

/* Most of its bytes are short strings, not all of them ASCII. */
#define STRING_HEAVY "languages"

static const enum format others[] = { FLATBUFFERS, CAPNP, PROTOBUF, MSGPACK };

/* A measure that should be at least, or at most, so much. */
struct bar {
	std::string name, unit;
	double bound;
	bool at_most;
	double value;
	std::string where; /* the kind that the value is of */

	bool met() const
	{
		return at_most ? value <= bound : value >= bound;
	}
};

static bool faster(const std::vector<double> &a, const std::vector<double> &b)
{
	return median(a) < median(b);
}

/* The better of the JSONs, each way. */
static enum format json_encoder(const struct result &result)
{
	return faster(result.times[WRITER].encode, result.times[YYJSON].encode)
		       ? WRITER
		       : YYJSON;
}

static enum format json_decoder(const struct result &result)
{
	return faster(result.times[SIMDJSON].decode,
		      result.times[YYJSON].decode)
		       ? SIMDJSON
		       : YYJSON;
}

/* The median of the quotients, each of what was measured in one turn. */
static double ratio(const struct result &result, enum format encoder,
		    enum format decoder, enum format ours)
{
	const struct times *times = result.times;
	std::vector<double> ratios;

	for (size_t i = 0; i < times[ours].encode.size(); i++)
		ratios.push_back(
			(times[encoder].encode[i] + times[decoder].decode[i]) /
			(times[ours].encode[i] + times[ours].decode[i]));
	return median(ratios);
}

static double json_ratio(const struct result &result)
{
	return ratio(result, json_encoder(result), json_decoder(result),
		     FASTIPC);
}

/* Percent less than JSON, with so many bytes before each message. */
static double saved(const struct result &result, size_t header)
{
	return 100 - 100 *
			     (double)(result.sizes[FASTIPC] +
				      header * result.messages) /
			     (double)result.sizes[WRITER];
}

/* Percent of the JSON that the strings in it are: no format saves them. */
static double strings(const struct result &result)
{
	return 100 * (double)result.text_size / (double)result.sizes[WRITER];
}

static double validated(const struct result &result, enum format format)
{
	return (double)result.sizes[format] / (double)result.messages /
	       median(result.times[format].validate);
}

template <typename Function>
static struct bar over_kinds(const std::vector<result> &results, bar bar,
			     Function value)
{
	bool first = true;

	for (const struct result &result : results) {
		double one = value(result);

		if (first ||
		    (bar.at_most ? one > bar.value : one < bar.value)) {
			bar.value = one;
			bar.where = result.name;
		}
		first = false;
	}
	return bar;
}

template <typename Function>
static struct bar median_of(const std::vector<result> &results, bar bar,
			    Function value)
{
	std::vector<double> values;

	for (const struct result &result : results)
		values.push_back(value(result));
	bar.value = median(values);
	return bar;
}

static void add_sizes(std::vector<bar> &bars,
		      const std::vector<result> &results)
{
	auto less = [](const struct result &result) {
		return saved(result, 0);
	};

	bars.push_back(median_of(
		results, { "smaller_than_json_median", "%", 60, false, 0, "" },
		less));
	bars.push_back(over_kinds(
		results, { "smaller_than_json_each", "%", 50, false, 0, "" },
		less));
	bars.push_back(over_kinds(
		results, { "size_over_flatbuffers", "", 1, true, 0, "" },
		[](const struct result &result) {
			return (double)result.sizes[FASTIPC] /
			       (double)result.sizes[FLATBUFFERS];
		}));
}

static std::vector<bar> find_bars(const std::vector<result> &results,
				  const struct crc_result &crc)
{
	std::vector<bar> bars;

	bars.push_back(median_of(
		results, { "json_median", "x", 10, false, 0, "" }, json_ratio));
	bars.push_back(over_kinds(
		results, { "json_each", "x", 6, false, 0, "" }, json_ratio));
	for (enum format other : others)
		bars.push_back(over_kinds(
			results,
			{ std::string(format_infos[other].name) + "_each", "x",
			  1, false, 0, "" },
			[=](const struct result &result) {
				return ratio(result, other, other, UNCHECKED);
			}));
	add_sizes(bars, results);
	for (const struct result &result : results)
		if (result.name == STRING_HEAVY)
			bars.push_back({ "validation", "GB/s", 3, false,
					 validated(result, FASTIPC),
					 result.name });
	bars.push_back(
		{ "crc32c_4096", "GB/s", 15, false, 4096 / crc.ns_4096, "" });
	bars.push_back({ "crc32c_64", "ns", 12, true, crc.ns_64, "" });
	bars.push_back(over_kinds(results,
				  { "allocations", "", 0, true, 0, "" },
				  [](const struct result &result) {
					  return result.allocations[FASTIPC];
				  }));
	return bars;
}

/* ---- for machines ---- */

static void json_number(const char *key, double value, int decimals)
{
	if (std::isfinite(value))
		printf(",\"%s\":%.*f", key, decimals, value);
	else
		printf(",\"%s\":null", key);
}

static void json_format(const struct result &result, int format)
{
	const struct format_info &info = format_infos[format];
	const struct times &times = result.times[format];

	printf("%s\"%s\":{\"allocations\":%.3g", format ? "," : "", info.name,
	       result.allocations[format]);
	if (info.encodes) {
		json_number("bytes",
			    (double)result.sizes[format] /
				    (double)result.messages,
			    1);
		json_number("encode_ns", median(times.encode), 1);
	}
	if (info.decodes)
		json_number("decode_ns", median(times.decode), 1);
	if (!times.validate.empty())
		json_number("validate_ns", median(times.validate), 1);
	putchar('}');
}

static void json_kind(const struct result &result)
{
	printf("{\"kind\":\"%s\",\"messages\":%zu,\"formats\":{",
	       result.name.c_str(), result.messages);
	for (int format = 0; format < FORMATS; format++)
		json_format(result, format);
	printf("},\"json_encoder\":\"%s\",\"json_decoder\":\"%s\"",
	       format_infos[json_encoder(result)].name,
	       format_infos[json_decoder(result)].name);
	json_number("json_ratio", json_ratio(result), 2);
	for (enum format other : others) {
		const std::string name = format_infos[other].name;

		json_number((name + "_ratio").c_str(),
			    ratio(result, other, other, UNCHECKED), 2);
		json_number((name + "_ratio_checked").c_str(),
			    ratio(result, other, other, FASTIPC), 2);
	}
	json_number("smaller_percent", saved(result, 0), 1);
	json_number("smaller_percent_with_header", saved(result, FRAME_HEADER),
		    1);
	json_number("strings_percent_of_json", strings(result), 1);
	json_number("validation_gb_per_s", validated(result, FASTIPC), 2);
	putchar('}');
}

static void json_bar(const struct bar &bar)
{
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"%s\":%g", bar.name.c_str(),
	       bar.unit.c_str(), bar.at_most ? "at_most" : "at_least",
	       bar.bound);
	json_number("value", bar.value, 2);
	printf(",\"kind\":\"%s\",\"met\":%s}", bar.where.c_str(),
	       bar.met() ? "true" : "false");
}

static void report_json(const struct options &options,
			const std::vector<result> &results,
			const std::vector<bar> &bars)
{
	printf("{\"test\":\"codec\",\"cpu\":%d,\"repetitions\":%u,"
	       "\"utf8\":\"fastipc, simdjson and yyjson check strings when "
	       "they decode; nobody does when encoding; the other formats do "
	       "not, and are compared with fastipc_unchecked\",\"kinds\":[",
	       options.cpu, options.repetitions);
	for (size_t i = 0; i < results.size(); i++) {
		if (i)
			putchar(',');
		json_kind(results[i]);
	}
	printf("],\"bars\":[");
	for (size_t i = 0; i < bars.size(); i++) {
		if (i)
			putchar(',');
		json_bar(bars[i]);
	}
	puts("]}");
}

/* ---- for people ---- */

static void print_times(const std::vector<result> &results)
{
	printf("encode + check + read every field: ns of a message, the median "
	       "of repetitions; how many times as long others take\n\n"
	       "%-20s %8s %8s %6s %6s %7s  %-19s %6s %6s %6s %6s\n",
	       "", "fastipc", "encode", "check", "read", "JSON", "best of JSON",
	       "FlatB.", "Cap'n", "proto", "MsgP.");
	for (const struct result &result : results) {
		const struct times &own = result.times[FASTIPC];
		const enum format encoder = json_encoder(result);
		const enum format decoder = json_decoder(result);

		printf("%-20s %8.0f %8.0f %6.0f %6.0f %6.1fx  %-7s %-11s",
		       result.name.c_str(),
		       median(own.encode) + median(own.decode),
		       median(own.encode), median(own.validate),
		       median(own.decode) - median(own.validate),
		       json_ratio(result),
		       encoder == WRITER ? "writer" : "yyjson",
		       format_infos[decoder].title);
		for (enum format other : others)
			printf(" %5.1fx",
			       ratio(result, other, other, UNCHECKED));
		putchar('\n');
	}
	printf("\nfastipc, yyjson and simdjson check that strings are UTF-8 "
	       "when they decode; nobody does when encoding.\nThe others do "
	       "not check it; they are compared with fastipc built not to.\n");
}

static void print_sizes(const std::vector<result> &results)
{
	static const enum format formats[] = { FASTIPC, WRITER,	  FLATBUFFERS,
					       CAPNP,	PROTOBUF, MSGPACK };

	printf("\nbytes of a message; less than JSON, less with the %d bytes "
	       "of a frame's header; the strings' own\npart of JSON, which no "
	       "layout makes smaller; check of fastipc's, GB/s\n\n"
	       "%-20s %5s %8s %8s %8s %8s %8s %8s %6s %7s %7s %6s\n",
	       FRAME_HEADER, "", "count", "fastipc", "JSON", "FlatB.", "Cap'n",
	       "proto", "MsgP.", "less", "framed", "strings", "GB/s");
	for (const struct result &result : results) {
		printf("%-20s %5zu", result.name.c_str(), result.messages);
		for (enum format format : formats)
			printf(" %8.0f", (double)result.sizes[format] /
						 (double)result.messages);
		printf(" %5.1f%% %6.1f%% %6.1f%% %6.2f\n", saved(result, 0),
		       saved(result, FRAME_HEADER), strings(result),
		       validated(result, FASTIPC));
	}
}

static void print_formats(const std::vector<result> &results)
{
	printf("\nall formats: ns to encode / to decode a message, "
	       "allocations of both\n\n%-20s",
	       "");
	for (const struct format_info &info : format_infos)
		printf(" %17s", info.title);
	putchar('\n');
	for (const struct result &result : results) {
		printf("%-20s", result.name.c_str());
		for (int format = 0; format < FORMATS; format++) {
			const struct times &times = result.times[format];
			char text[40];

			snprintf(text, sizeof(text), "%.0f / %.0f, %.3g",
				 median(times.encode), median(times.decode),
				 result.allocations[format]);
			printf(" %17s", text);
		}
		putchar('\n');
	}
}

static void print_bars(const std::vector<bar> &bars)
{
	printf("\n%-28s %14s %14s\n", "bar", "", "measured");
	for (const struct bar &bar : bars) {
		char bound[32], value[32];

		snprintf(bound, sizeof(bound), "%s %g %s",
			 bar.at_most ? "<=" : ">=", bar.bound,
			 bar.unit.c_str());
		snprintf(value, sizeof(value), "%.2f %s", bar.value,
			 bar.unit.c_str());
		printf("%-28s %14s %14s  %s%s%s\n", bar.name.c_str(), bound,
		       value, bar.met() ? "met" : "MISSED",
		       bar.where.empty() ? "" : ", ", bar.where.c_str());
	}
}

unsigned int report(const struct options &options,
		    const std::vector<result> &results,
		    const struct crc_result &crc)
{
	const std::vector<bar> bars = find_bars(results, crc);
	unsigned int missed = 0;

	for (const struct bar &bar : bars)
		missed += !bar.met();
	if (options.json) {
		report_json(options, results, bars);
	} else {
		print_times(results);
		print_sizes(results);
		print_formats(results);
		print_bars(bars);
	}
	fflush(stdout);
	return missed;
}
