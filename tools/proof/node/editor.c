// SPDX-License-Identifier: MIT
/*
 * An editor's backend and the editor, in C:
 *
 *	editor serve ADDRESS MESSAGE		answers with completions
 *	editor measure ADDRESS MESSAGE COUNT WAIT	asks, so often, and times it
 *
 * MESSAGE is a file with the message that is sent, encoded; it is read into
 * structs once and encoded anew each time, with another id.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <fastipc/fastipc.h>

#include "bench/histogram.h"
#include "editor.fastipc.h"

#define COMPLETE 1
#define ITEMS 16
#define WARM_UP 2000

/* Every field of a message that came; strings are where it is. */
struct request {
	struct editor_Request value;
	struct editor_Position at;
	struct editor_Prompt prompt;
	struct fastipc_string stop[ITEMS];
};

struct completions {
	struct editor_Completions value;
	struct editor_Item items[ITEMS];
	struct editor_Edit edits[ITEMS];
	struct editor_Range ranges[ITEMS];
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "editor: %s: %s\n", what, fastipc_error_detail());
	exit(1);
}

static int take_request(struct fastipc_snapshot message,
			struct request *request)
{
	struct editor_Request_reader reader;
	struct editor_Prompt_reader prompt;
	struct fastipc_string_vector stop;
	int error = editor_Request_read(message, &reader);

	if (error)
		return error;
	stop = editor_Request_stop(reader);
	if (stop.count > ITEMS)
		return -EMSGSIZE;
	request->at = editor_Request_at(reader);
	prompt = editor_Request_prompt(reader);
	request->prompt.prefix = editor_Prompt_prefix(prompt);
	request->prompt.suffix = editor_Prompt_suffix(prompt);
	for (uint32_t i = 0; i < stop.count; i++)
		request->stop[i] = fastipc_string_vector_at(stop, i);
	request->value = (struct editor_Request){
		.id = editor_Request_id(reader),
		.path = editor_Request_path(reader),
		.language = editor_Request_language(reader),
		.at = &request->at,
		.prompt = &request->prompt,
		.max_tokens = editor_Request_max_tokens(reader),
		.temperature = editor_Request_temperature(reader),
		.stop = { request->stop, stop.count },
		.stream = editor_Request_stream(reader),
	};
	return 0;
}

static void take_item(struct editor_Item_reader reader,
		      struct completions *completions, uint32_t i)
{
	struct editor_Edit_reader edit = editor_Item_edit(reader);

	completions->ranges[i] = editor_Edit_range(edit);
	completions->edits[i] = (struct editor_Edit){
		.range = &completions->ranges[i],
		.new_text = editor_Edit_new_text(edit),
	};
	completions->items[i] = (struct editor_Item){
		.label = editor_Item_label(reader),
		.kind = editor_Item_kind(reader),
		.detail = editor_Item_detail(reader),
		.documentation = editor_Item_documentation(reader),
		.sort_text = editor_Item_sort_text(reader),
		.score = editor_Item_score(reader),
		.edit = &completions->edits[i],
	};
}

static int take_completions(struct fastipc_snapshot message,
			    struct completions *completions)
{
	struct editor_Completions_reader reader;
	struct editor_Item_vector items;
	int error = editor_Completions_read(message, &reader);

	if (error)
		return error;
	items = editor_Completions_items(reader);
	if (items.count > ITEMS)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < items.count; i++)
		take_item(editor_Item_vector_at(items, i), completions, i);
	completions->value = (struct editor_Completions){
		.id = editor_Completions_id(reader),
		.is_incomplete = editor_Completions_is_incomplete(reader),
		.items = { completions->items, items.count },
	};
	return 0;
}

/* Kept as long as the program runs: what is taken from it points there. */
static struct fastipc_snapshot load(const char *path)
{
	static char message[4096];
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(message, 1, sizeof(message), file) : 0;

	if (!file || ferror(file) || fclose(file) || !size)
		fail(path);
	return fastipc_snapshot_of(message, size);
}

/* ---- the backend ---- */

static int complete(struct fastipc_request *request, void *context)
{
	struct completions *answer = context;
	struct request asked;
	int error = take_request(fastipc_request_snapshot(request), &asked);

	if (error)
		return error;
	answer->value.id = asked.value.id;
	return fastipc_request_reply_value(request, editor_Completions_encoder,
					   &answer->value);
}

static void serve(const char *address, const char *path)
{
	static struct completions answer;
	struct fastipc_server *server;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (take_completions(load(path), &answer))
		fail(path);
	if (fastipc_server_create(address, NULL, &server) ||
	    fastipc_server_add_handler(server, COMPLETE, complete, &answer))
		fail(address);
	puts("ready");
	fflush(stdout);
	if (fastipc_server_run(server))
		fail(address);
}

/* ---- the editor ---- */

/* Nanoseconds of one. */
static uint64_t ask(struct fastipc_client *client, struct request *request,
		    uint32_t id, struct fastipc_buffer *reply)
{
	struct completions answer;
	uint64_t before = fastipc_now_ns(), after;

	request->value.id = id;
	if (fastipc_client_call_value(client, COMPLETE, editor_Request_encoder,
				      &request->value, reply,
				      FASTIPC_NO_DEADLINE) ||
	    take_completions(fastipc_buffer_snapshot(reply), &answer))
		fail("a round trip");
	after = fastipc_now_ns();
	if (answer.value.id != id || answer.value.items.count != 4 ||
	    !fastipc_string_is(answer.items[3].label, "length"))
		fail("a wrong answer came");
	return after - before;
}

static void measure(const char *address, const char *path, unsigned int count,
		    const char *wait)
{
	static struct histogram times;
	static struct request request;
	struct fastipc_client_options options;
	struct fastipc_buffer reply = { 0 };
	struct fastipc_client *client;

	fastipc_client_options_init(&options);
	if (!strcmp(wait, "block"))
		options.wait = FASTIPC_WAIT_BLOCK;
	if (take_request(load(path), &request))
		fail(path);
	if (fastipc_client_connect(address, &options, &client))
		fail(address);
	histogram_reset(&times);
	for (unsigned int i = 0; i < WARM_UP; i++)
		ask(client, &request, i, &reply);
	for (unsigned int i = 0; i < count; i++)
		histogram_record(&times, ask(client, &request, i, &reply));
	printf("{\"count\":%llu,\"p50_ns\":%llu,\"p90_ns\":%llu,"
	       "\"p99_ns\":%llu,\"p999_ns\":%llu,\"max_ns\":%llu}\n",
	       (unsigned long long)times.count,
	       (unsigned long long)histogram_percentile(&times, 50),
	       (unsigned long long)histogram_percentile(&times, 90),
	       (unsigned long long)histogram_percentile(&times, 99),
	       (unsigned long long)histogram_percentile(&times, 99.9),
	       (unsigned long long)times.max);
	fastipc_client_close(client);
	fastipc_buffer_free(&reply);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		serve(argv[2], argv[3]);
	else if (argc == 6 && !strcmp(argv[1], "measure"))
		measure(argv[2], argv[3],
			(unsigned int)strtoul(argv[4], NULL, 10), argv[5]);
	else
		fail("serve ADDRESS MESSAGE, or measure ADDRESS MESSAGE COUNT WAIT");
	return 0;
}
