/* SPDX-License-Identifier: MIT */
/*
 * The transfer.  One thread: it starts calls until enough are in flight, then
 * waits; the callbacks write and compare what has come.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetch.h"
#include "print.h"
#include "tree.h"

/*
 * The server keeps what does not fit the ring; with more bytes in flight than
 * this it would only hold more memory, not go faster.
 */
#define BYTES_IN_FLIGHT (256u << 10)

/* One file on its way. */
struct transfer {
	const struct listed_file *file;
	struct stored_file stored;
	int original;	    /* -1: not compared */
	uint64_t asked;	    /* bytes asked for so far */
	uint64_t arrived;   /* bytes that came */
	unsigned int calls; /* in flight */
	bool is_open;	    /* stored and original are */
	bool in_pieces;
	bool failed; /* and said so */
};

/* One call in flight. */
struct call {
	struct fetch *fetch;
	struct transfer *transfer;
	struct call *next; /* free */
	uint64_t offset;
	uint32_t length; /* expected */
	uint64_t started_ns;
};

static void transfer_failed(struct fetch *fetch, struct transfer *transfer,
			    enum trouble trouble, const char *text)
{
	if (!transfer->failed)
		tally_trouble(fetch->tally, trouble, transfer->file->name,
			      text);
	transfer->failed = true;
}

static void original_failed(struct fetch *fetch, struct transfer *transfer,
			    int error)
{
	char text[128];

	if (error == -ENOENT) {
		transfer_failed(fetch, transfer, TROUBLE_EXTRA,
				"there is no such original");
		return;
	}
	snprintf(text, sizeof(text), "cannot read the original: %s",
		 tree_error_text(error));
	transfer_failed(fetch, transfer, TROUBLE_FAILED, text);
}

/* Where the file goes, and what it is compared with. */
static void transfer_open(struct fetch *fetch, struct transfer *transfer)
{
	const struct listed_file *file = transfer->file;
	struct stat status;
	int error = 0;

	transfer->is_open = true;
	transfer->original = -1;
	transfer->stored.fd = -1;
	if (fetch->store)
		error = store_begin(fetch->store, &transfer->stored, file->name,
				    file->mode);
	if (error) {
		transfer->stored.fd = -1;
		transfer_failed(fetch, transfer, TROUBLE_FAILED,
				error == -EEXIST
					? "it exists here; --force replaces it"
					: strerror(-error));
	}
	if (!fetch->originals || transfer->failed)
		return;
	transfer->original =
		tree_open_file(fetch->originals->root, file->name, &status);
	if (transfer->original < 0)
		original_failed(fetch, transfer, transfer->original);
}

static void transfer_take(struct fetch *fetch, struct transfer *transfer,
			  const char *data, size_t size, uint64_t offset)
{
	char text[64];
	uint64_t where;
	int error;

	if (!transfer->is_open)
		transfer_open(fetch, transfer);
	transfer->arrived += size;
	if (transfer->failed)
		return;
	if (fetch->to_stdout && fwrite(data, 1, size, stdout) != size)
		transfer_failed(fetch, transfer, TROUBLE_FAILED,
				"cannot write to standard output");
	if (transfer->stored.fd >= 0) {
		error = store_write(&transfer->stored, data, size, offset);
		if (error)
			transfer_failed(fetch, transfer, TROUBLE_FAILED,
					strerror(-error));
	}
	if (transfer->original < 0)
		return;
	error = originals_compare(fetch->originals, transfer->original, data,
				  size, offset, &where);
	if (error < 0)
		original_failed(fetch, transfer, error);
	if (error != 1)
		return;
	snprintf(text, sizeof(text), "first at byte %" PRIu64, where);
	transfer_failed(fetch, transfer, TROUBLE_DIFFERENT, text);
}

/* All bytes that came are the original's; are they all it has? */
static void check_length(struct fetch *fetch, struct transfer *transfer)
{
	char text[96], byte;

	if (transfer->failed ||
	    pread(transfer->original, &byte, 1, (off_t)transfer->arrived) < 1)
		return;
	snprintf(text, sizeof(text),
		 "only %" PRIu64 " bytes came; the original is longer",
		 transfer->arrived);
	transfer_failed(fetch, transfer, TROUBLE_DIFFERENT, text);
}

static void transfer_end(struct fetch *fetch, struct transfer *transfer)
{
	int error;

	if (transfer->is_open && transfer->original >= 0) {
		check_length(fetch, transfer);
		close(transfer->original);
	}
	if (transfer->is_open && transfer->stored.fd >= 0) {
		if (transfer->failed) {
			store_abandon(fetch->store, &transfer->stored);
		} else {
			error = store_finish(fetch->store, &transfer->stored,
					     transfer->file->name);
			if (error)
				transfer_failed(fetch, transfer, TROUBLE_FAILED,
						strerror(-error));
		}
	}
	if (!transfer->failed) {
		fetch->tally->files++;
		fetch->tally->bytes += transfer->arrived;
	}
	free(transfer);
}

/* Errors that end the connection, or make it useless. */
static bool is_of_the_connection(int status)
{
	return status == -EPIPE || status == -EPROTO || status == -ECANCELED ||
	       status == -ETIMEDOUT || status == -EBADMSG ||
	       status == -EOPNOTSUPP;
}

static void call_failed(struct fetch *fetch, struct transfer *transfer,
			int status)
{
	bool known =
		status == -EACCES && fetch->originals &&
		!originals_is_readable(fetch->originals, transfer->file->name);

	if (is_of_the_connection(status)) {
		if (!fetch->error)
			fetch->error = status;
		transfer->failed = true;
		return;
	}
	transfer_failed(fetch, transfer,
			known ? TROUBLE_UNREADABLE : TROUBLE_FAILED,
			tree_error_text(status));
}

static void call_done(void *context, int status, const void *data, size_t size)
{
	struct call *call = context;
	struct fetch *fetch = call->fetch;
	struct transfer *transfer = call->transfer;

	if (!is_of_the_connection(status)) {
		histogram_record(&fetch->round_trips,
				 fastipc_now_ns() - call->started_ns);
		fetch->tally->calls++;
	}
	fetch->in_flight--;
	fetch->bytes_in_flight -= call->length;
	fetch->bytes_arrived += call->length;
	if (status)
		call_failed(fetch, transfer, status);
	else if (transfer->in_pieces && size != call->length)
		transfer_failed(fetch, transfer, TROUBLE_FAILED,
				"it changed while it was fetched");
	else
		transfer_take(fetch, transfer, data, size, call->offset);
	call->next = fetch->free_calls;
	fetch->free_calls = call;
	if (!--transfer->calls && transfer != fetch->current)
		transfer_end(fetch, transfer);
}

static int call_start(struct fetch *fetch, struct transfer *transfer,
		      uint32_t length)
{
	char request[sizeof(struct range_request) + PATH_MAX];
	const struct listed_file *file = transfer->file;
	size_t size = strlen(file->name), skip = 0;
	struct call *call = fetch->free_calls;
	struct fastipc_call_options options;
	uint64_t id;

	if (transfer->in_pieces) {
		struct range_request range = { htole64(transfer->asked),
					       htole32(length) };

		skip = sizeof(range);
		memcpy(request, &range, skip);
	}
	memcpy(request + skip, file->name, size);
	call->fetch = fetch;
	call->transfer = transfer;
	call->offset = transfer->asked;
	call->length = length;
	fastipc_call_options_init(&options);
	options.done = call_done;
	options.context = call;
	options.flags = FASTIPC_MORE;
	call->started_ns = fastipc_now_ns();
	options.deadline = call->started_ns + fetch->timeout_ns;
	fetch->free_calls = call->next;
	fetch->in_flight++;
	fetch->bytes_in_flight += length;
	transfer->asked += length;
	transfer->calls++;
	return fastipc_client_start(
		fetch->client, transfer->in_pieces ? TYPE_GET_RANGE : TYPE_GET,
		request, skip + size, &options, &id);
}

/* The transfer to ask more bytes of; NULL when every file is asked for. */
static struct transfer *next_transfer(struct fetch *fetch)
{
	struct transfer *transfer = fetch->current;

	if (transfer || fetch->next_file == fetch->listing->count)
		return transfer;
	transfer = calloc(1, sizeof(*transfer));
	if (!transfer) {
		fetch->error = -ENOMEM;
		return NULL;
	}
	transfer->file = &fetch->listing->files[fetch->next_file++];
	transfer->in_pieces = transfer->file->size > RANGE_MAX;
	fetch->current = transfer;
	return transfer;
}

/* Start as many calls as may be in flight. */
static void start_calls(struct fetch *fetch)
{
	struct transfer *transfer;

	while (!fetch->error && fetch->free_calls &&
	       fetch->bytes_in_flight < BYTES_IN_FLIGHT &&
	       (transfer = next_transfer(fetch))) {
		uint64_t left = transfer->file->size - transfer->asked;
		uint32_t length = left < RANGE_MAX ? (uint32_t)left : RANGE_MAX;
		int error = 0;

		/* No more pieces of a file that has already failed. */
		if (!transfer->failed)
			error = call_start(fetch, transfer, length);
		if (error) {
			fetch->in_flight--;
			transfer->calls--;
			transfer->failed = true;
			fetch->error = error;
		}
		if (transfer->failed || transfer->asked >= transfer->file->size)
			fetch->current = NULL;
		if (!fetch->current && !transfer->calls)
			transfer_end(fetch, transfer);
	}
}

static void draw_bar(struct fetch *fetch, uint64_t started_ns, bool last)
{
	const uint64_t now = fastipc_now_ns();
	double part = fetch->listing->bytes
			      ? (double)fetch->bytes_arrived /
					(double)fetch->listing->bytes
			      : 1.0;
	double seconds = (double)(now - started_ns) / 1e9;
	int filled = part > 1 ? 30 : (int)(part * 30);
	char done[16], rate[16];

	if (!fetch->progress || (!last && now < fetch->bar_ns))
		return;
	fetch->bar_ns = now + 100000000;
	if (last) {
		fputs("\r\x1b[K", stderr);
		fflush(stderr);
		return;
	}
	/* On one line, however narrow the terminal is. */
	fprintf(stderr,
		"\x1b[?7l\r[%.*s%*s] %3.0f %%  %zu of %zu files  %s  %s/s"
		"\x1b[K\x1b[?7h",
		filled, "##############################", 30 - filled, "",
		part > 1 ? 100 : part * 100, fetch->next_file,
		fetch->listing->count, bytes_text(fetch->bytes_arrived, done),
		bytes_text((uint64_t)((double)fetch->bytes_arrived / seconds),
			   rate));
	fflush(stderr);
}

/* Wait for a reply; wake now and then for the bar and for SIGINT. */
static void wait_for_reply(struct fetch *fetch)
{
	int count =
		fastipc_client_wait(fetch->client, fastipc_after_ns(200000000));

	if (count < 0 && count != -ETIMEDOUT && count != -EINTR &&
	    !fetch->error)
		fetch->error = count;
	if (*fetch->interrupted && !fetch->error)
		fetch->error = -EINTR;
}

static struct call *make_calls(struct fetch *fetch)
{
	struct call *calls = calloc(fetch->calls_in_flight, sizeof(*calls));

	for (unsigned int i = 0; calls && i < fetch->calls_in_flight; i++) {
		calls[i].next = fetch->free_calls;
		fetch->free_calls = &calls[i];
	}
	return calls;
}

int fetch_run(struct fetch *fetch)
{
	struct call *calls = make_calls(fetch);
	const uint64_t started_ns = fastipc_now_ns();

	if (!calls)
		return -ENOMEM;
	histogram_reset(&fetch->round_trips);
	while (!fetch->error) {
		start_calls(fetch);
		if (!fetch->in_flight)
			break;
		fastipc_client_flush(fetch->client);
		wait_for_reply(fetch);
		draw_bar(fetch, started_ns, false);
	}
	fetch->elapsed_ns = fastipc_now_ns() - started_ns;
	draw_bar(fetch, started_ns, true);
	if (fetch->error && fetch->error != -EINTR)
		complain_error("get", fetch->error, "the transfer failed");
	/* Ends the calls still in flight, whose callbacks tidy up. */
	if (fetch->in_flight) {
		fastipc_client_close(fetch->client);
		fetch->client = NULL;
	}
	if (fetch->current) {
		fetch->current->failed = true;
		transfer_end(fetch, fetch->current);
		fetch->current = NULL;
	}
	free(calls);
	return fetch->error;
}
