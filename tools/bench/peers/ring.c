// SPDX-License-Identifier: MIT
/*
 * What one writes by hand: two byte rings of 256 KiB in memory that both
 * processes map, with a head and a tail on lines of their own, a length before
 * each message, and a futex to sleep on.  It trusts the peer in everything:
 * no limits, no checks, no versions, and whoever dies leaves the other asleep.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peers.h"

#define ROOM ((size_t)262144)
#define PIECE (ROOM / 4) /* a long message is published in such pieces */

struct ring {
	_Alignas(128) _Atomic uint64_t tail; /* written by the producer */
	_Alignas(128) _Atomic uint64_t head; /* written by the consumer */
	/* 1: who waits for bytes, or for room, sleeps on it. */
	_Alignas(128) _Atomic uint32_t reader_sleeps;
	_Alignas(128) _Atomic uint32_t writer_sleeps;
	_Alignas(4096) unsigned char data[ROOM];
};

/* One end's view of a ring. */
struct cursor {
	struct ring *ring;
	uint64_t own;	    /* how far this end is */
	uint64_t published; /* how far it has said that it is */
	uint64_t seen;	    /* how far the other end was */
};

static struct ring *rings; /* to the server, to the client */
static struct cursor out, in;
static bool spins;
static unsigned char *buffer;

static long futex(_Atomic uint32_t *word, int what, uint32_t value)
{
	return syscall(SYS_futex, word, what, value, NULL, NULL, 0);
}

/*
 * Wait until *@position is not @last.  The fence pairs with the one in
 * publish(): either this end sees the new position, or the other the flag.
 */
static uint64_t await(_Atomic uint64_t *position, uint64_t last,
		      _Atomic uint32_t *sleeps)
{
	uint64_t now;

	while ((now = atomic_load_explicit(position, memory_order_acquire)) ==
	       last) {
		if (spins)
			continue;
		atomic_store_explicit(sleeps, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(position, memory_order_relaxed) ==
		    last)
			futex(sleeps, FUTEX_WAIT, 1);
		atomic_store_explicit(sleeps, 0, memory_order_relaxed);
	}
	return now;
}

static void publish(struct cursor *cursor, _Atomic uint64_t *position,
		    _Atomic uint32_t *sleeps)
{
	cursor->published = cursor->own;
	atomic_store_explicit(position, cursor->own, memory_order_release);
	if (spins)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(sleeps, memory_order_relaxed)) {
		atomic_store_explicit(sleeps, 0, memory_order_relaxed);
		futex(sleeps, FUTEX_WAKE, 1);
	}
}

static void publish_tail(void)
{
	publish(&out, &out.ring->tail, &out.ring->reader_sleeps);
}

static void publish_head(void)
{
	publish(&in, &in.ring->head, &in.ring->writer_sleeps);
}

static size_t until_wrap(const struct cursor *cursor, size_t size)
{
	size_t left = ROOM - cursor->own % ROOM;

	return size < left ? size : left;
}

static void put(const unsigned char *data, size_t size)
{
	while (size) {
		size_t room = ROOM - (size_t)(out.own - out.seen);
		size_t now = until_wrap(&out, size < PIECE ? size : PIECE);

		if (!room) {
			publish_tail();
			out.seen = await(&out.ring->head, out.seen,
					 &out.ring->writer_sleeps);
			continue;
		}
		if (now > room)
			now = room;
		memcpy(out.ring->data + out.own % ROOM, data, now);
		out.own += now;
		data += now;
		size -= now;
		if (out.own - out.published >= PIECE)
			publish_tail();
	}
}

static void get(unsigned char *data, size_t size)
{
	while (size) {
		size_t there = (size_t)(in.seen - in.own);
		size_t now = until_wrap(&in, size < PIECE ? size : PIECE);

		if (!there) {
			in.seen = await(&in.ring->tail, in.seen,
					&in.ring->reader_sleeps);
			continue;
		}
		if (now > there)
			now = there;
		memcpy(data, in.ring->data + in.own % ROOM, now);
		in.own += now;
		data += now;
		size -= now;
		if (in.own - in.published >= PIECE)
			publish_head();
	}
}

static void send_message(const void *data, size_t size)
{
	uint64_t length = size;

	put((const unsigned char *)&length, sizeof(length));
	put(data, size);
	publish_tail();
}

static size_t receive_message(void)
{
	uint64_t length;

	get((unsigned char *)&length, sizeof(length));
	get(buffer, length);
	publish_head();
	return length;
}

static int prepare(const struct peer_config *config)
{
	spins = config->wait == PEER_SPIN;
	buffer = malloc(config->size);
	rings = mmap(NULL, 2 * sizeof(*rings), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return !buffer || rings == MAP_FAILED ? peer_fail(ENOMEM, "rings") : 0;
}

static int serve(const struct peer_config *config)
{
	in.ring = &rings[0];
	out.ring = &rings[1];
	peer_ready();
	while (!peer_ended) {
		size_t got = receive_message();
		const void *answer;
		size_t size;

		if (peer_take(config, buffer, got, &answer, &size))
			send_message(answer, size);
	}
	return 0;
}

static int join(const struct peer_config *config)
{
	(void)config;
	in.ring = &rings[1];
	out.ring = &rings[0];
	return 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	send_message(data, size);
	*reply = buffer;
	return receive_message() == expected ? 0
					     : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	(void)last;
	send_message(data, size);
	return 0;
}

static void leave(void)
{
	munmap(rings, 2 * sizeof(*rings));
	free(buffer);
}

const struct peer_ops peer_ops = {
	.title = "hand-written futex ring",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
};
