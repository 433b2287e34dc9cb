// SPDX-License-Identifier: MIT
/*
 * Counts what a message costs beside time, in steady state, at either end:
 * allocations (this program's own malloc() counts), bytes copied (the linker
 * sends each call of what copies in the library and in the codec through
 * here), system calls (the kernel's tracepoint), sleeps and page faults.
 * Prints a JSON object for each kind of message.
 */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fastipc/channel.h>
#include <fastipc/fastipc.h>

#include "bench/placement.h"
#include "fastipc/arguments.h"
#include "parts/letter.h"
#include "parts/service.h"
#include "parts/tracepoint.h"

#define WARM_UP 100
#define COUNT_MAX 20000u
#define BATCH 64
#define POST_ONE_WAY 10
#define HANG_SECONDS 120
/* Shorter copies are fields and frames' heads, not bodies. */
#define BODY_AT_LEAST 200

/* ---- what is counted ---- */

struct tally {
	uint64_t allocations;
	uint64_t copied; /* bytes */
};

/* One for each process, where both see it. */
static struct tally *tallies;
static struct tally before_all;
static struct tally *tally = &before_all;

static void count_allocation(void)
{
	__atomic_fetch_add(&tally->allocations, 1, __ATOMIC_RELAXED);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	count_allocation();
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	count_allocation();
	return __libc_calloc(number, size);
}

void *realloc(void *data, size_t size)
{
	count_allocation();
	return __libc_realloc(data, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count_allocation();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **data, size_t alignment, size_t size)
{
	count_allocation();
	*data = __libc_memalign(alignment, size);
	return *data ? 0 : ENOMEM;
}

static void count_copy(size_t size)
{
	if (size >= BODY_AT_LEAST)
		__atomic_fetch_add(&tally->copied, size, __ATOMIC_RELAXED);
}

/* Linked with --wrap for each of these.  None of them calls another. */
void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void __real_fastipc_frame_copy_out(void *to, const void *from, size_t size);
void __real_fastipc_frame_copy_in(void *to, const void *from, size_t size);
void __real_fastipc_frame_stream_in(void *to, const void *from, size_t size);
uint32_t __real_fastipc_crc32c_copy(uint32_t crc, void *to, const void *from,
				    size_t size);
uint32_t __real_fastipc_crc32c_copy_in(uint32_t crc, void *to, const void *from,
				       size_t size);
uint32_t __real_fastipc_crc32c_frame(uint64_t w0, uint64_t w1, uint64_t w2,
				     void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memmove(void *to, const void *from, size_t size);
void __wrap_fastipc_frame_copy_out(void *to, const void *from, size_t size);
void __wrap_fastipc_frame_copy_in(void *to, const void *from, size_t size);
void __wrap_fastipc_frame_stream_in(void *to, const void *from, size_t size);
uint32_t __wrap_fastipc_crc32c_copy(uint32_t crc, void *to, const void *from,
				    size_t size);
uint32_t __wrap_fastipc_crc32c_copy_in(uint32_t crc, void *to, const void *from,
				       size_t size);
uint32_t __wrap_fastipc_crc32c_frame(uint64_t w0, uint64_t w1, uint64_t w2,
				     void *to, const void *from, size_t size);

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	count_copy(size);
	return __real_memcpy(to, from, size);
}

void *__wrap_memmove(void *to, const void *from, size_t size)
{
	count_copy(size);
	return __real_memmove(to, from, size);
}

void __wrap_fastipc_frame_copy_out(void *to, const void *from, size_t size)
{
	count_copy(size);
	__real_fastipc_frame_copy_out(to, from, size);
}

void __wrap_fastipc_frame_copy_in(void *to, const void *from, size_t size)
{
	count_copy(size);
	__real_fastipc_frame_copy_in(to, from, size);
}

void __wrap_fastipc_frame_stream_in(void *to, const void *from, size_t size)
{
	count_copy(size);
	__real_fastipc_frame_stream_in(to, from, size);
}

uint32_t __wrap_fastipc_crc32c_copy(uint32_t crc, void *to, const void *from,
				    size_t size)
{
	count_copy(size);
	return __real_fastipc_crc32c_copy(crc, to, from, size);
}

uint32_t __wrap_fastipc_crc32c_copy_in(uint32_t crc, void *to, const void *from,
				       size_t size)
{
	count_copy(size);
	return __real_fastipc_crc32c_copy_in(crc, to, from, size);
}

uint32_t __wrap_fastipc_crc32c_frame(uint64_t w0, uint64_t w1, uint64_t w2,
				     void *to, const void *from, size_t size)
{
	count_copy(size);
	return __real_fastipc_crc32c_frame(w0, w1, w2, to, from, size);
}

/* ---- messages ---- */

enum kind { KIND_RAW, KIND_LETTER, KIND_POST, KIND_FLIGHT };

static const char *const kind_names[] = { "raw", "letter", "post", "flight" };

struct count {
	struct service service;
	struct fastipc_client *client;
	enum fastipc_wait wait;
	double seconds;
	struct tracepoint calls[2]; /* the client's, the server's */
	struct letter letter;
	struct proof_Letter_received answer;
	struct fastipc_buffer raw[BATCH];
};

/* What both processes have done so far. */
struct sums {
	struct tally tally[2];
	uint64_t calls[2];
	uint64_t sleeps[2];
	uint64_t faults[2];
};

static int answer_raw(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int take(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return 0;
}

static int add_handlers(struct fastipc_server *server, void *context)
{
	static const struct proof_Post_handlers handlers = {
		.Echo = letter_answer,
	};
	int error = proof_Post_serve(server, &handlers);

	(void)context;
	tally = &tallies[1];
	if (!error)
		error = fastipc_server_add_handler(server, POST_RAW, answer_raw,
						   NULL);
	if (!error)
		error = fastipc_server_add_handler(server, POST_ONE_WAY, take,
						   NULL);
	return error;
}

static void check(int error)
{
	if (error)
		fail(error, "a message");
}

static void call_raw(struct count *count, size_t size)
{
	check(fastipc_client_call(count->client, POST_RAW, count->letter.body,
				  size, &count->raw[0], FASTIPC_NO_DEADLINE));
}

/* Messages that are published together, and that the server has all taken. */
static void post(struct count *count, size_t size)
{
	for (int i = 0; i < BATCH; i++)
		check(fastipc_client_post(
			count->client, POST_ONE_WAY, count->letter.body, size,
			i < BATCH - 1 ? FASTIPC_MORE : 0, FASTIPC_NO_DEADLINE));
}

/* Calls that are all in flight before one is waited for. */
static void fly(struct count *count, size_t size)
{
	struct fastipc_call_options options;
	uint64_t ids[BATCH];

	fastipc_call_options_init(&options);
	for (int i = 0; i < BATCH; i++) {
		options.reply = &count->raw[i];
		options.flags = i < BATCH - 1 ? FASTIPC_MORE : 0;
		check(fastipc_client_start(count->client, POST_RAW,
					   count->letter.body, size, &options,
					   &ids[i]));
	}
	for (int i = 0; i < BATCH; i++)
		check(fastipc_client_finish(count->client, ids[i]));
}

/* How many messages these were. */
static unsigned int send(struct count *count, enum kind kind, size_t size)
{
	switch (kind) {
	case KIND_RAW:
		call_raw(count, size);
		return 1;
	case KIND_LETTER:
		check(proof_Post_Echo(count->client, &count->letter.value,
				      &count->answer, FASTIPC_NO_DEADLINE));
		return 1;
	case KIND_POST:
		post(count, size);
		return BATCH;
	default:
		fly(count, size);
		return BATCH;
	}
}

/* ---- counting ---- */

static uint64_t read_number(const char *path, const char *format)
{
	unsigned long value = 0;
	char line[256];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) == 1)
			break;
	if (file)
		fclose(file);
	return value;
}

/* Times that threads of @pid have given up the CPU to wait. */
static uint64_t read_sleeps(pid_t pid)
{
	uint64_t sleeps = 0;
	char path[300];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		fail(-errno, "no %s", path);
	for (struct dirent *entry; (entry = readdir(threads));) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status",
			 (int)pid, entry->d_name);
		if (entry->d_name[0] != '.')
			sleeps += read_number(path,
					      "voluntary_ctxt_switches: %lu");
	}
	closedir(threads);
	return sleeps;
}

static uint64_t read_faults(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return read_number(path, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %lu");
}

static void read_sums(const struct count *count, struct sums *sums)
{
	pid_t pids[2] = { getpid(), count->service.pid };

	for (int i = 0; i < 2; i++) {
		sums->calls[i] = tracepoint_read(&count->calls[i]);
		sums->sleeps[i] = read_sleeps(pids[i]);
		sums->faults[i] = read_faults(pids[i]);
		sums->tally[i] = tallies[i];
	}
}

/*
 * What happened between @from and @to, for each of @count messages, less what
 * it takes to look, which is what happened between @idle and @from.
 */
static double each(uint64_t idle, uint64_t from, uint64_t to, uint64_t count)
{
	double all = (double)(to - from) - (double)(from - idle);

	return all > 0 ? all / (double)count : 0;
}

static void report(const struct count *count, enum kind kind, size_t size,
		   const struct sums *sums, uint64_t messages)
{
	static const char *const ends[] = { "client", "server" };
	const struct sums *idle = sums, *from = sums + 1, *to = sums + 2;

	printf("{\"kind\":\"%s\",\"wait\":\"%s\",\"size\":%zu,\"count\":%" PRIu64,
	       kind_names[kind], wait_name(count->wait), size, messages);
	for (int i = 0; i < 2; i++) {
		printf(",\"%s\":{\"allocations\":%.5f", ends[i],
		       each(idle->tally[i].allocations,
			    from->tally[i].allocations,
			    to->tally[i].allocations, messages));
		printf(",\"copied\":%.1f",
		       each(idle->tally[i].copied, from->tally[i].copied,
			    to->tally[i].copied, messages));
		if (count->calls[i].count)
			printf(",\"system_calls\":%.4f",
			       each(idle->calls[i], from->calls[i],
				    to->calls[i], messages));
		printf(",\"sleeps\":%.4f",
		       each(idle->sleeps[i], from->sleeps[i], to->sleeps[i],
			    messages));
		printf(",\"faults\":%.5f}",
		       each(idle->faults[i], from->faults[i], to->faults[i],
			    messages));
	}
	puts("}");
	fflush(stdout);
}

/* A reply that waits until it is read has its memory from then on. */
static void be_slow(struct count *count, size_t size)
{
	struct fastipc_call_options options;
	uint64_t id;

	fastipc_call_options_init(&options);
	options.reply = &count->raw[0];
	check(fastipc_client_start(count->client, POST_RAW, count->letter.body,
				   size, &options, &id));
	usleep(50000);
	check(fastipc_client_finish(count->client, id));
}

static void measure(struct count *count, enum kind kind, size_t size)
{
	uint64_t limit = (uint64_t)(count->seconds * 1e9);
	struct sums sums[3];
	uint64_t messages = 0;
	uint64_t end;

	alarm(HANG_SECONDS);
	letter_write(&count->letter, 1, size);
	be_slow(count, size);
	for (unsigned int i = 0; i < WARM_UP; i += send(count, kind, size))
		;
	call_raw(count, 8); /* all that was posted has been taken */
	read_sums(count, &sums[0]);
	read_sums(count, &sums[0]);
	read_sums(count, &sums[1]);
	end = fastipc_after_ns(limit);
	while (messages < COUNT_MAX && (fastipc_now_ns() < end || !messages))
		messages += send(count, kind, size);
	call_raw(count, 8);
	read_sums(count, &sums[2]);
	report(count, kind, size, sums, messages);
}

/* ---- a channel: written and read where it lies ---- */

static uint64_t add_up(const struct fastipc_record *record)
{
	const unsigned char *bytes = record->data;
	uint64_t sum = 0;

	for (size_t i = 0; i < record->size; i++)
		sum += bytes[i];
	return sum;
}

static void pass_record(struct fastipc_channel *channels[2], size_t size)
{
	struct fastipc_record record;
	void *place;

	check(fastipc_channel_reserve(channels[0], size, &place));
	memset(place, 1, size);
	check(fastipc_channel_commit(channels[0], size));
	check(fastipc_channel_flush(channels[0]));
	if (fastipc_channel_peek(channels[1], &record, 1) != 1 ||
	    add_up(&record) != size)
		fail(0, "a record did not come as it was sent");
	check(fastipc_channel_release(channels[1], 1));
}

static void measure_channel(size_t size)
{
	struct fastipc_channel *channels[2];
	uint64_t allocations, copied;

	check(fastipc_channel_pair(NULL, channels));
	for (unsigned int i = 0; i < WARM_UP; i++)
		pass_record(channels, size);
	allocations = tally->allocations;
	copied = tally->copied;
	for (unsigned int i = 0; i < COUNT_MAX; i++)
		pass_record(channels, size);
	printf("{\"kind\":\"channel\",\"size\":%zu,\"count\":%u,"
	       "\"both\":{\"allocations\":%.5f,\"copied\":%.1f}}\n",
	       size, COUNT_MAX,
	       (double)(tally->allocations - allocations) / COUNT_MAX,
	       (double)(tally->copied - copied) / COUNT_MAX);
	fastipc_channel_close(channels[0]);
	fastipc_channel_close(channels[1]);
}

/* ---- the command line ---- */

#define LARGEST (1u << 20)

enum { KEY_SECONDS = KEY_OWN };

static const struct argp_option option_list[] = {
	{ "wait", KEY_WAIT, "W", 0, "adaptive (default), spin or block", 0 },
	{ "seconds", KEY_SECONDS, "S", 0,
	  "for each kind of message, at most; 1", 0 },
	{ 0 },
};

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct count *count = state->input;
	enum fastipc_checksum checksum; /* always full */

	if (key == KEY_SECONDS)
		count->seconds =
			(double)argument_seconds(state, "--seconds", word) /
			1e9;
	else if (key == KEY_WAIT)
		return argument_end(state, key, word, &checksum, &count->wait);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp argp = {
	option_list,
	parse,
	NULL,
	"Counts allocations, bytes copied and system calls of messages.",
	NULL,
	NULL,
	NULL,
};

static void begin(struct count *count)
{
	struct service_options service;
	struct fastipc_client_options client;
	struct placement_cpus cpus;
	int error;

	tallies = mmap(NULL, 2 * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		fail(-errno, "no shared memory");
	if (placement_choose(PLACEMENT_CROSS, &cpus))
		fail(0, "this needs two CPUs");
	service_options_init(&service);
	service.cpu = cpus.server;
	service.add = add_handlers;
	service.server.wait = count->wait;
	service_start(&count->service, &service);
	tally = &tallies[0];
	if (placement_pin(cpus.client))
		fail(0, "cannot run on CPU %d", cpus.client);
	fastipc_client_options_init(&client);
	client.wait = count->wait;
	error = fastipc_client_connect(count->service.address, &client,
				       &count->client);
	if (error)
		fail(error, "cannot connect");
	letter_alloc(&count->letter, LARGEST);
	letter_write(&count->letter, 1, 8);
	/* Both rings have all their pages, and the worker runs. */
	for (int i = 0; i < 16; i++)
		call_raw(count, 65536);
	tracepoint_open(&count->calls[0], getpid());
	tracepoint_open(&count->calls[1], count->service.pid);
}

int main(int argc, char **argv)
{
	static struct count count = { .seconds = 1 };
	static const size_t sizes[] = { 64, 4096, 65536, LARGEST };

	argp_parse(&argp, argc, argv, 0, NULL, &count);
	begin(&count);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(&count, KIND_RAW, sizes[i]);
		measure(&count, KIND_LETTER, sizes[i]);
	}
	measure(&count, KIND_POST, 64);
	measure(&count, KIND_POST, 4096);
	measure(&count, KIND_FLIGHT, 64);
	measure_channel(4096);
	tracepoint_close(&count.calls[0]);
	tracepoint_close(&count.calls[1]);
	fastipc_client_close(count.client);
	service_stop(&count.service);
	fastipc_buffer_free(&count.answer.buffer);
	for (int i = 0; i < BATCH; i++)
		fastipc_buffer_free(&count.raw[i]);
	letter_free(&count.letter);
	return 0;
}
