// SPDX-License-Identifier: MIT
/*
 * Measures the formats in turns: each repetition has a slice of every one, so
 * that a machine that changes its speed meanwhile changes it for all of them.
 */
#include <algorithm>
#include <ctime>

#include "bench.h"

extern "C" {
#include "frame/crc32c.h"
}

/* What was read must not be optimised away. */
static volatile uint64_t sink;

/* This thread's own time: others may be running here, too. */
static double now_ns()
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double median(std::vector<double> values)
{
	if (values.empty())
		return 0;
	std::sort(values.begin(), values.end());
	if (values.size() % 2)
		return values[values.size() / 2];
	return (values[values.size() / 2 - 1] + values[values.size() / 2]) / 2;
}

/* What a format does with the messages of a kind. */
struct subject {
	enum format format;
	const struct codec_ops *ops;
	std::vector<const void *> values;  /* what it encodes */
	std::vector<struct span> messages; /* what it decodes */

	uint64_t encode() const;
	uint64_t decode() const;
	uint64_t validate() const;
	uint64_t sum(size_t i) const;
};

uint64_t subject::encode() const
{
	uint64_t all = 0;

	for (const void *value : values)
		all += ops->encode(value).size;
	return all;
}

uint64_t subject::decode() const
{
	uint64_t all = 0;

	for (const struct span &message : messages) {
		uint64_t sum = 0;

		ops->decode(message.data, message.size, &sum);
		all += sum;
	}
	return all;
}

uint64_t subject::validate() const
{
	uint64_t all = 0;

	for (const struct span &message : messages)
		all += ops->validate(message.data, message.size);
	return all;
}

static void die(const struct kind &kind, enum format format, const char *what,
		size_t i)
{
	fprintf(stderr, "fastipc-bench-codec: %s: %s: message %zu %s\n",
		kind.name.c_str(), format_infos[format].title, i, what);
	exit(1);
}

uint64_t subject::sum(size_t i) const
{
	uint64_t sum = 0;

	return ops->decode(messages[i].data, messages[i].size, &sum) ? sum : 0;
}

/* Aligned as each wants it, and CODEC_PADDING bytes behind. */
static struct span copy_of(struct span message)
{
	void *copy = aligned_alloc(64, (message.size + CODEC_PADDING + 63) /
					       64 * 64);

	if (!copy)
		exit(1);
	memcpy(copy, message.data, message.size);
	memset((uint8_t *)copy + message.size, 0, CODEC_PADDING);
	return { (const uint8_t *)copy, message.size };
}

static struct subject subject_of(const struct kind &kind, enum format format)
{
	struct subject subject = { format, kind.ops[format], {}, {} };

	for (const void *value : kind.values) {
		/* The parser of JSON gets what the writer by hand wrote. */
		const struct codec_ops *from = format == SIMDJSON ||
							       format == YYJSON
						       ? kind.ops[WRITER]
						       : subject.ops;

		if (subject.ops->prepare)
			value = subject.ops->prepare(value);
		subject.values.push_back(value);
		struct span message = from->encode(value);
		if (!message.data)
			die(kind, format, "cannot be encoded",
			    subject.values.size() - 1);
		subject.messages.push_back(copy_of(message));
	}
	return subject;
}

/* All read the same of each message, or it is not the same data. */
static void compare(const struct kind &kind,
		    const std::vector<subject> &subjects)
{
	for (const struct subject &subject : subjects) {
		if (!format_infos[subject.format].decodes)
			continue;
		for (size_t i = 0; i < subject.messages.size(); i++)
			if (subject.sum(i) != subjects[0].sum(i))
				die(kind, subject.format,
				    "is read as something else", i);
	}
}

typedef uint64_t (subject::*pass_fn)() const;

static double slice(const struct subject &subject, pass_fn pass, size_t rounds)
{
	uint64_t sum = 0;
	double start = now_ns();

	for (size_t i = 0; i < rounds; i++)
		sum += (subject.*pass)();
	sink = sum;
	return (now_ns() - start) / (double)rounds;
}

/* Something to measure, and how often to do it for a slice. */
struct task {
	const struct subject *subject;
	pass_fn pass;
	std::vector<double> *times;
	size_t rounds;
};

static void add_task(std::vector<task> &tasks, const struct subject &subject,
		     pass_fn pass, std::vector<double> &times, double seconds)
{
	size_t rounds = 1;
	double ns;

	slice(subject, pass, 2); /* warm */
	while ((ns = slice(subject, pass, rounds)) * (double)rounds < 1e5)
		rounds *= 4;
	rounds = (size_t)(seconds * 1e9 / ns) + 1;
	tasks.push_back({ &subject, pass, &times, rounds });
}

static std::vector<task> tasks_of(const std::vector<subject> &subjects,
				  struct result &result, double seconds)
{
	std::vector<task> tasks;

	for (const struct subject &subject : subjects) {
		const struct format_info &info = format_infos[subject.format];
		struct times &times = result.times[subject.format];

		if (info.encodes)
			add_task(tasks, subject, &subject::encode, times.encode,
				 seconds);
		if (info.decodes)
			add_task(tasks, subject, &subject::decode, times.decode,
				 seconds);
		if (subject.ops->validate)
			add_task(tasks, subject, &subject::validate,
				 times.validate, seconds);
	}
	return tasks;
}

static double allocations_of(const struct subject &subject)
{
	const struct format_info &info = format_infos[subject.format];
	const uint64_t before = codec_allocations;

	if (info.encodes)
		subject.encode();
	if (info.decodes)
		subject.decode();
	return (double)(codec_allocations - before) /
	       (double)subject.messages.size();
}

struct result measure_kind(const struct kind &kind,
			   const struct options &options)
{
	struct result result = {};
	std::vector<subject> subjects;

	result.name = kind.name;
	result.messages = kind.values.size();
	result.text_size = kind.text_size;
	for (int format = 0; format < FORMATS; format++)
		subjects.push_back(subject_of(kind, (enum format)format));
	compare(kind, subjects);
	for (const struct subject &subject : subjects)
		for (const struct span &message : subject.messages)
			result.sizes[subject.format] += message.size;
	if (result.sizes[WRITER] > kind.source_size)
		die(kind, WRITER, "is larger than its corpus", 0);
	std::vector<task> tasks = tasks_of(subjects, result, options.seconds);
	for (const struct subject &subject : subjects)
		result.allocations[subject.format] = allocations_of(subject);
	for (unsigned int i = 0; i < options.repetitions; i++)
		for (const struct task &task : tasks)
			task.times->push_back(
				slice(*task.subject, task.pass, task.rounds) /
				(double)result.messages);
	for (struct subject &subject : subjects)
		for (struct span &message : subject.messages)
			free((void *)message.data);
	return result;
}

void loop_kind(const struct kind &kind, const struct options &options)
{
	const struct subject subject = subject_of(kind, FASTIPC);
	const double end = now_ns() + options.loop * 1e9;

	while (now_ns() < end)
		for (int i = 0; i < 100; i++)
			sink = subject.encode() + subject.decode();
}

/* Each needs the one before it, so that none is hidden behind another. */
static double crc_ns(size_t size, size_t rounds)
{
	static uint8_t data[4096];
	uint32_t crc = 0;
	double start;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37);
	start = now_ns();
	for (size_t i = 0; i < rounds; i++)
		crc = fastipc_crc32c(crc, data, size);
	sink = crc;
	return (now_ns() - start) / (double)rounds;
}

struct crc_result measure_crc(const struct options &options)
{
	const double ns = options.seconds * 1e9;
	std::vector<double> large, small;

	crc_ns(4096, 1000);
	for (unsigned int i = 0; i < options.repetitions; i++) {
		large.push_back(crc_ns(4096, (size_t)(ns / 250) + 1));
		small.push_back(crc_ns(64, (size_t)(ns / 10) + 1));
	}
	return { median(large), median(small) };
}
