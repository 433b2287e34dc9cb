// SPDX-License-Identifier: MIT
/*
 * A topic's subscribers, as the publisher sees them: letting them in, waiting
 * for those that block, and finding out who lies, hangs or is gone.
 */
#include "topic/topic.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/handshake.h"

#define EVENTS 64
/* Connections accepted in one go. */
#define ACCEPT_BATCH 64
/* That may shake hands at a time. */
#define GREETED_MAX 64
/* Doorbell bytes read in one go: an honest one has sent fewer. */
#define DRAIN_MAX 64
/* Looks at the cursors before the publisher sleeps. */
#define SPIN 64
/* Longer than any wait. */
#define TIMEOUT_MOST_MS 1000

int fastipc_topic_watch(struct fastipc_topic *topic)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (!epoll_ctl(topic->epoll_fd, EPOLL_CTL_ADD, topic->rendezvous.fd,
		       &event))
		return 0;
	return fastipc_fail(-errno, "cannot watch the topic's socket: %s",
			    strerrordesc_np(errno));
}

static int watch(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP,
				     .data.ptr = seat };

	return epoll_ctl(topic->epoll_fd, EPOLL_CTL_ADD, seat->sock, &event);
}

/* Closing is not enough where a child inherited the descriptor. */
static void seat_free(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	epoll_ctl(topic->epoll_fd, EPOLL_CTL_DEL, seat->sock, NULL);
	shutdown(seat->sock, SHUT_RDWR);
	close(seat->sock);
	fastipc_region_unmap(&seat->region);
	free(seat);
}

/* ---- subscribers ---- */

static void stop_blocking(struct fastipc_topic *topic,
			  struct fastipc_seat *seat)
{
	if (seat->blocks)
		topic->blocking--;
	seat->blocks = false;
}

void fastipc_topic_drop(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	uint32_t last = --topic->count;

	stop_blocking(topic, seat);
	topic->seats[seat->index] = topic->seats[last];
	topic->seats[seat->index]->index = seat->index;
	topic->sleeps[seat->index] = topic->sleeps[last];
	topic->rung[seat->index] = topic->rung[last];
	topic->relays[seat->index] = topic->relays[last];
	__atomic_store_n(&topic->stats.subscribers, last, __ATOMIC_RELAXED);
	seat_free(topic, seat);
}

static void forget_greeted(struct fastipc_topic *topic,
			   struct fastipc_seat *seat)
{
	struct fastipc_seat **link = &topic->greeted;

	while (*link != seat)
		link = &(*link)->next;
	*link = seat->next;
	topic->greeted_count--;
}

static void dismiss(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	forget_greeted(topic, seat);
	seat_free(topic, seat);
}

void fastipc_topic_drop_all(struct fastipc_topic *topic)
{
	while (topic->greeted)
		dismiss(topic, topic->greeted);
	while (topic->count)
		fastipc_topic_drop(topic, topic->seats[topic->count - 1]);
}

/* Room for one more in each of the arrays. */
static int grow(struct fastipc_topic *topic)
{
	uint32_t capacity = topic->capacity ? 2 * topic->capacity : 16;
	struct fastipc_seat **seats;
	const uint32_t **sleeps;
	uint32_t *rung, *relays;

	if (topic->count < topic->capacity)
		return 0;
	seats = reallocarray(topic->seats, capacity, sizeof(topic->seats[0]));
	if (seats)
		topic->seats = seats;
	sleeps =
		reallocarray(topic->sleeps, capacity, sizeof(topic->sleeps[0]));
	if (sleeps)
		topic->sleeps = sleeps;
	rung = reallocarray(topic->rung, capacity, sizeof(topic->rung[0]));
	if (rung)
		topic->rung = rung;
	relays =
		reallocarray(topic->relays, capacity, sizeof(topic->relays[0]));
	if (relays)
		topic->relays = relays;
	if (!seats || !sleeps || !rung || !relays)
		return fastipc_fail(-ENOMEM, "no memory for a subscriber");
	topic->capacity = capacity;
	return 0;
}

static void add(struct fastipc_topic *topic, struct fastipc_seat *seat,
		uint32_t sleep_at)
{
	const unsigned char *page = (const unsigned char *)seat->region.control;

	seat->subscribed = true;
	seat->index = topic->count;
	topic->seats[topic->count] = seat;
	topic->sleeps[topic->count] = (const uint32_t *)(page + sleep_at);
	topic->rung[topic->count] = 0;
	topic->relays[topic->count] = seat->relay;
	topic->count++;
	/* One of a want from before. */
	seat->bytes = seat->blocks;
	if (seat->blocks) {
		/* Not to be forgotten before its cursor is read. */
		if (!topic->blocking ||
		    (int64_t)(topic->limit - seat->start) > 0)
			topic->limit = seat->start;
		topic->blocking++;
	}
	fastipc_topic_count(&topic->stats.joined, 1);
	__atomic_store_n(&topic->stats.subscribers, topic->count,
			 __ATOMIC_RELAXED);
}

/* ---- the handshake ---- */

static struct fastipc_proposal proposal_of(const struct fastipc_topic *topic)
{
	return (struct fastipc_proposal){
		.checksum = topic->ring.summed ? FASTIPC_CHECKSUM_FULL
					       : FASTIPC_CHECKSUM_OFF,
		.ring_size = topic->options.ring_size,
		.max_message = topic->ring.message_max,
		.fingerprint = topic->options.fingerprint,
		.schema_match = topic->options.schema_match,
	};
}

static int answer_query(const struct fastipc_topic *topic, int sock)
{
	const struct fastipc_proposal mine = proposal_of(topic);
	struct fastipc_hello hello;

	fastipc_hello_init(&hello, FASTIPC_HELLO_STATUS);
	fastipc_hello_propose(&hello, &mine);
	hello.features |= FASTIPC_HELLO_BELL; /* that is: of memfd */
	hello.connections = topic->count;
	hello.uptime_ns = fastipc_now_ns() - topic->started_ns;
	hello.totals.bytes_sent = topic->stats.bytes;
	hello.totals.wakes = topic->stats.wakes;
	return fastipc_hello_send(sock, &hello, NULL, 0);
}

/* What it asks for, each word once. */
static int take_wishes(struct fastipc_topic *topic, struct fastipc_seat *seat,
		       uint32_t *sleep_at)
{
	const struct fastipc_seat_words *words;
	uint32_t policy;
	uint64_t history;

	if (seat->region.size != FASTIPC_SEAT_RING)
		return fastipc_fail(-ERANGE,
				    "a subscriber's page has the wrong size");
	words = seat->words = fastipc_seat_words(&seat->region);
	policy = __atomic_load_n(&words->policy, __ATOMIC_RELAXED);
	*sleep_at = __atomic_load_n(&words->sleep_at, __ATOMIC_RELAXED);
	history = __atomic_load_n(&words->history, __ATOMIC_RELAXED);
	seat->patience_ns =
		__atomic_load_n(&words->patience_ns, __ATOMIC_RELAXED);
	seat->relay = __atomic_load_n(&words->relay, __ATOMIC_RELAXED);
	if (policy > FASTIPC_BLOCK || (seat->relay & (seat->relay - 1)) ||
	    *sleep_at < FASTIPC_SEAT_SLEEP ||
	    *sleep_at > FASTIPC_CONTROL_SIZE - sizeof(uint32_t) ||
	    *sleep_at % sizeof(uint32_t))
		return fastipc_fail(-EBADMSG, "a subscriber's page is none");
	if (seat->patience_ns > topic->options.patience_ns)
		seat->patience_ns = topic->options.patience_ns;
	seat->blocks = policy == FASTIPC_BLOCK && seat->patience_ns;
	seat->start = history ? topic->ring.head : topic->ring.tail;
	return 0;
}

static int send_publish(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	const struct fastipc_proposal mine = proposal_of(topic);
	struct fastipc_hello hello;

	fastipc_hello_init(&hello, FASTIPC_HELLO_PUBLISH);
	fastipc_hello_propose(&hello, &mine);
	hello.cursor = seat->start;
	hello.sequence = topic->ring.sequence;
	return fastipc_hello_send(seat->sock, &hello, &topic->ring_fd, 1);
}

static int subscribe(struct fastipc_topic *topic, struct fastipc_seat *seat,
		     const struct fastipc_hello *hello, int fd)
{
	const struct fastipc_proposal mine = proposal_of(topic);
	uint32_t sleep_at = 0;
	int error = fastipc_hello_check(hello, &mine);

	if (!error && topic->count >= topic->options.max_subscribers)
		error = fastipc_fail(-EUSERS, "there is no room for another "
					      "subscriber");
	if (!error && fd < 0)
		error = fastipc_fail(-EBADMSG,
				     "a subscriber's HELLO came without its "
				     "page");
	if (!error)
		error = fastipc_region_attach(&seat->region, fd);
	if (!error)
		error = take_wishes(topic, seat, &sleep_at);
	if (!error)
		error = grow(topic);
	if (error)
		return error;
	/* From the next message on. */
	if (hello->checksum != FASTIPC_CHECKSUM_OFF) {
		topic->ring.summed = true;
		__atomic_store_n(&topic->stats.checksum, FASTIPC_CHECKSUM_FULL,
				 __ATOMIC_RELAXED);
	}
	error = send_publish(topic, seat);
	if (error)
		return error;
	forget_greeted(topic, seat);
	add(topic, seat, sleep_at);
	return 0;
}

static void refuse(struct fastipc_topic *topic, struct fastipc_seat *seat,
		   int error)
{
	if (error == -EMFILE || error == -ENFILE)
		error = -EUSERS;
	if (error == -EUSERS || error == -ENOMEM)
		fastipc_topic_count(&topic->stats.refused, 1);
	else
		fastipc_topic_count(&topic->stats.handshake_errors, 1);
	if (error != -EPIPE)
		fastipc_rendezvous_refuse(seat->sock, error);
	dismiss(topic, seat);
}

/* True: it has said nothing yet. */
static bool on_hello(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];
	int error = fastipc_hello_receive(seat->sock, &hello, fds);

	if (error == -EAGAIN)
		return true;
	if (!error && hello.kind == FASTIPC_HELLO_QUERY) {
		fastipc_hello_close(fds);
		answer_query(topic, seat->sock);
		dismiss(topic, seat);
		return false;
	}
	if (!error && hello.kind != FASTIPC_HELLO_SUBSCRIBE)
		error = fastipc_fail(-EPROTOTYPE,
				     "a client took the topic for a server");
	if (!error)
		error = subscribe(topic, seat, &hello, fds[0]);
	fastipc_hello_close(fds);
	if (error)
		refuse(topic, seat, error);
	return false;
}

static void greet(struct fastipc_topic *topic, int sock)
{
	struct fastipc_seat *seat = NULL;

	if (topic->greeted_count < GREETED_MAX)
		seat = calloc(1, sizeof(*seat));
	if (!seat) {
		fastipc_topic_count(&topic->stats.refused, 1);
		fastipc_rendezvous_refuse(sock, -EUSERS);
		close(sock);
		return;
	}
	seat->sock = sock;
	seat->deadline = fastipc_after_ns(topic->options.handshake_timeout_ns);
	seat->next = topic->greeted;
	topic->greeted = seat;
	topic->greeted_count++;
	if (watch(topic, seat))
		refuse(topic, seat, -ENOMEM);
	else
		on_hello(topic, seat); /* it mostly has come already */
}

static void expire_greeted(struct fastipc_topic *topic)
{
	struct fastipc_seat *seat = topic->greeted;
	uint64_t now = seat ? fastipc_now_ns() : 0;

	while (seat) {
		struct fastipc_seat *next = seat->next;

		/* What it said while the publisher was busy counts. */
		if (now >= seat->deadline && on_hello(topic, seat))
			refuse(topic, seat, -ETIMEDOUT);
		seat = next;
	}
}

static void on_connect(struct fastipc_topic *topic)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int sock = fastipc_rendezvous_accept(&topic->rendezvous);

		if (sock == -EUSERS)
			fastipc_topic_count(&topic->stats.refused, 1);
		if (sock < 0)
			return;
		greet(topic, sock);
	}
}

/* ---- what happens on sockets ---- */

static void end_liar(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	fastipc_topic_count(&topic->stats.protocol_errors, 1);
	fastipc_topic_drop(topic, seat);
}

/* Doorbells: one for each time that it was asked for, so that nobody can keep
 * the publisher busy with them. */
static void on_doorbell(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	char byte;

	for (int i = 0; i < DRAIN_MAX; i++) {
		ssize_t ret = recv(seat->sock, &byte, 1, MSG_DONTWAIT);

		if (ret < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (ret <= 0) {
			fastipc_topic_count(&topic->stats.hangups, 1);
			fastipc_topic_drop(topic, seat);
			return;
		}
		if (!seat->bytes--) {
			end_liar(topic, seat);
			return;
		}
	}
}

static void on_event(struct fastipc_topic *topic, struct fastipc_seat *seat)
{
	if (!seat)
		on_connect(topic);
	else if (!seat->subscribed)
		on_hello(topic, seat);
	else
		on_doorbell(topic, seat);
}

/*
 * Each event frees no seat but its own, so the others are there when their
 * turn comes: handshakes that expire and liars come after all events.
 */
int fastipc_topic_look(struct fastipc_topic *topic, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	uint32_t cpu;
	int n = epoll_wait(topic->epoll_fd, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		on_event(topic, events[i].data.ptr);
	if (topic->greeted)
		expire_greeted(topic);
	if (topic->blocking)
		fastipc_topic_read_cursors(topic);
	if (topic->relayed)
		fastipc_topic_check_relays(topic);
	/* For subscribers that think about spinning. */
	cpu = (uint32_t)(sched_getcpu() + 1);
	if (cpu != topic->region.control->cpu)
		__atomic_store_n(&topic->region.control->cpu, cpu,
				 __ATOMIC_RELAXED);
	return n > 0 ? n : 0;
}

/* ---- those that block ---- */

/* The cursor, once; false: it is not between what it was and the tail. */
static bool read_cursor(const struct fastipc_topic *topic,
			struct fastipc_seat *seat)
{
	uint64_t consumed =
		__atomic_load_n(&seat->words->consumed, __ATOMIC_ACQUIRE);
	uint64_t left = topic->ring.tail - fastipc_seat_cursor(seat);

	if (consumed - seat->consumed > left)
		return false;
	seat->consumed = consumed;
	return true;
}

void fastipc_topic_read_cursors(struct fastipc_topic *topic)
{
	topic->limit = topic->ring.tail;
	for (uint32_t i = topic->count; i-- && topic->blocking;) {
		struct fastipc_seat *seat = topic->seats[i];
		uint64_t cursor;

		if (!seat->blocks)
			continue;
		if (!read_cursor(topic, seat)) {
			end_liar(topic, seat);
			continue;
		}
		cursor = fastipc_seat_cursor(seat);
		if ((int64_t)(cursor - seat->stalled_at) >= 0)
			seat->stalled_ns = 0;
		if ((int64_t)(topic->limit - cursor) > 0)
			topic->limit = cursor;
	}
}

static void lose_patience(struct fastipc_topic *topic,
			  struct fastipc_seat *seat)
{
	if (topic->options.drop_slow) {
		fastipc_topic_count(&topic->stats.dropped, 1);
		fastipc_topic_drop(topic, seat);
		return;
	}
	fastipc_topic_count(&topic->stats.demoted, 1);
	stop_blocking(topic, seat);
}

/*
 * Who has not read up to @need is in the way; its patience runs from when it
 * was first found to be, also while publishing is tried again and again.
 * Returns when the next one's is over, 0 if nobody is in the way.
 */
static uint64_t check_patience(struct fastipc_topic *topic, uint64_t need,
			       uint64_t now)
{
	uint64_t until = 0;

	for (uint32_t i = topic->count; i-- && topic->blocking;) {
		struct fastipc_seat *seat = topic->seats[i];

		if (!seat->blocks)
			continue;
		if ((int64_t)(fastipc_seat_cursor(seat) - need) >= 0)
			continue;
		if (!seat->stalled_ns) {
			seat->stalled_ns = now;
			seat->stalled_at = need;
		}
		if (now - seat->stalled_ns >= seat->patience_ns) {
			lose_patience(topic, seat);
			continue;
		}
		if (!until || seat->stalled_ns + seat->patience_ns < until)
			until = seat->stalled_ns + seat->patience_ns;
	}
	return until;
}

/* Ask all that block for a byte when they have read enough. */
static void ask_for_room(struct fastipc_topic *topic, uint64_t need)
{
	/* Not to be woken for each record, when the ring is full. */
	uint64_t wanted = need + topic->ring.size / 4;

	if ((int64_t)(wanted - topic->ring.tail) > 0)
		wanted = topic->ring.tail;
	for (uint32_t i = 0; i < topic->count; i++)
		topic->seats[i]->bytes += topic->seats[i]->blocks;
	if (!++topic->want)
		topic->want = 1;
	__atomic_store_n(&topic->ring.words->wanted, wanted, __ATOMIC_RELAXED);
	__atomic_store_n(&topic->ring.words->want, topic->want,
			 __ATOMIC_RELEASE);
	fastipc_full_barrier();
}

static bool is_room(struct fastipc_topic *topic, uint64_t need)
{
	fastipc_topic_read_cursors(topic);
	return !topic->blocking || (int64_t)(topic->limit - need) >= 0;
}

static void sleep_for_room(struct fastipc_topic *topic, uint64_t need,
			   uint64_t until, uint64_t now)
{
	uint64_t ms;

	ask_for_room(topic, need);
	if (is_room(topic, need))
		return;
	ms = until > now ? (until - now + 999999) / 1000000 : 0;
	fastipc_topic_look(topic,
			   ms < TIMEOUT_MOST_MS ? (int)ms : TIMEOUT_MOST_MS);
}

int fastipc_topic_await_room(struct fastipc_topic *topic, uint64_t need,
			     uint64_t deadline)
{
	bool waited = false;

	for (int i = 0; i < SPIN; i++) {
		if (is_room(topic, need))
			return 0;
		fastipc_cpu_relax();
	}
	for (;;) {
		uint64_t now = fastipc_now_ns();
		uint64_t until = check_patience(topic, need, now);

		if (!until)
			break;
		if (deadline && now >= deadline) {
			fastipc_topic_count(&topic->stats.timeouts, 1);
			return fastipc_fail(-ETIMEDOUT,
					    "a subscriber that blocks has not "
					    "read on before the deadline");
		}
		if (!waited)
			fastipc_topic_count(&topic->stats.waits, 1);
		waited = true;
		if (deadline && deadline < until)
			until = deadline;
		sleep_for_room(topic, need, until, now);
		fastipc_topic_read_cursors(topic);
	}
	/* Who was in the way may be gone, or block no more. */
	fastipc_topic_read_cursors(topic);
	return 0;
}
