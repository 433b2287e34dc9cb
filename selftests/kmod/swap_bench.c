// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * swap_bench [MILLISECONDS]: what a round trip costs when both ends sleep each
 * time: by SWAP, by a bare futex in shared memory, by a socket pair; on one
 * CPU, where the scheduler likes, and on two.  Prints the median of 5 of each,
 * and what SWAP's is of the others'.
 */
#include <linux/futex.h>

#include "device.h"

#define REPEATS 5
#define MESSAGE 64
#define RING FASTIPC_RING_MIN

enum method {
	SWAP,
	FUTEX,
	SOCKET,
	NR_METHODS,
};

enum placement {
	SAME_CPU,
	UNPINNED,
	CROSS_CPU,
	NR_PLACEMENTS,
};

static const char *const placements[] = { "same CPU", "unpinned", "cross CPU" };

/* One side of a round trip; side 0 begins. */
struct side {
	struct pair p;
	uint32_t *word[2]; /* futexes: own, peer's */
	int socket;
};

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void futex_wait(uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static uint32_t load(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* The own word is @n; tell the peer, and wait until its word is @until. */
static void exchange(enum method method, struct side *s, int side, uint32_t n,
		     uint32_t until)
{
	char message[MESSAGE] = { 0 };
	int fd = s->p.fd[side];

	switch (method) {
	case SWAP:
		__atomic_store_n(&s->p.own[side]->doorbell, n,
				 __ATOMIC_SEQ_CST);
		if (load(&s->p.peer[side]->doorbell) >= until)
			wake(fd, FASTIPC_SIDE_PEER);
		else
			swap_peer(fd, until - 1, 0);
		while (load(&s->p.peer[side]->doorbell) < until)
			if (wait_peer(fd, until - 1, 0) == -EPIPE)
				return;
		break;
	case FUTEX:
		__atomic_store_n(s->word[0], n, __ATOMIC_SEQ_CST);
		futex_wake(s->word[0]);
		while (load(s->word[1]) < until)
			futex_wait(s->word[1], until - 1);
		break;
	default:
		CHECK(write(s->socket, message, MESSAGE) == MESSAGE);
		CHECK(read(s->socket, message, MESSAGE) == MESSAGE);
		break;
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The side that answers: it is told first, so it begins with waiting. */
static void answer(enum method method, struct side *s, uint32_t rounds)
{
	char message[MESSAGE];

	switch (method) {
	case SWAP:
		while (load(&s->p.peer[1]->doorbell) < 1)
			wait_peer(s->p.fd[1], 0, 0);
		break;
	case FUTEX:
		while (load(s->word[1]) < 1)
			futex_wait(s->word[1], 0);
		break;
	default:
		CHECK(read(s->socket, message, MESSAGE) == MESSAGE);
		break;
	}
	for (uint32_t n = 1; n < rounds; n++)
		exchange(method, s, 1, n, n + 1);
	/* The last answer waits for nothing. */
	switch (method) {
	case SWAP:
		s->p.own[1]->doorbell = rounds;
		wake(s->p.fd[1], FASTIPC_SIDE_PEER);
		break;
	case FUTEX:
		__atomic_store_n(s->word[0], rounds, __ATOMIC_SEQ_CST);
		futex_wake(s->word[0]);
		break;
	default:
		CHECK(write(s->socket, message, MESSAGE) == MESSAGE);
		break;
	}
}

/* ns for each of @rounds. */
static uint64_t measure(enum method method, enum placement placement,
			uint32_t rounds)
{
	uint32_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t warm = rounds / 10 + 1;
	struct side s = { .socket = -1 };
	int sockets[2];
	uint64_t start;
	cpu_set_t all;
	pid_t pid;

	CHECK(words != MAP_FAILED && !pair_create(&s.p, RING));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	sched_getaffinity(0, sizeof(all), &all);
	pid = spawn();
	if (!pid) {
		close(s.p.fd[0]);
		CHECK(!pair_map_end(&s.p, 1));
		s.word[0] = words + 64;
		s.word[1] = words;
		s.socket = sockets[1];
		if (placement != UNPINNED)
			pin(placement == SAME_CPU ? 0 : 1);
		answer(method, &s, warm + rounds);
		_exit(0);
	}
	CHECK(!pair_map_end(&s.p, 0));
	s.word[0] = words;
	s.word[1] = words + 64;
	s.socket = sockets[0];
	if (placement != UNPINNED)
		pin(0);
	for (uint32_t n = 1; n <= warm; n++)
		exchange(method, &s, 0, n, n);
	start = now_ns();
	for (uint32_t n = warm + 1; n <= warm + rounds; n++)
		exchange(method, &s, 0, n, n);
	start = now_ns() - start;
	sched_setaffinity(0, sizeof(all), &all);
	CHECK(reap(pid) == 0);
	pair_close(&s.p);
	close(sockets[0]);
	close(sockets[1]);
	munmap(words, PAGE);
	return start / rounds;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	uint64_t budget = (argc > 1 ? strtoull(argv[1], NULL, 0) : 300) * MS;
	int control = device_open();

	if (control < 0) {
		printf("1..0 # SKIP no %s\n", FASTIPC_DEVICE);
		return 4;
	}
	close(control);
	printf("# a round trip with two sleeps, ns, medians of %d\n", REPEATS);
	printf("# %-10s %8s %8s %8s %12s %12s\n", "", "SWAP", "futex", "socket",
	       "SWAP/futex", "SWAP/socket");
	for (int p = 0; p < NR_PLACEMENTS; p++) {
		uint64_t ns[NR_METHODS][REPEATS];
		uint64_t median[NR_METHODS];
		uint32_t rounds;

		if (p == CROSS_CPU && sysconf(_SC_NPROCESSORS_ONLN) < 2)
			continue;
		/* As many as fit into the time. */
		rounds = (uint32_t)(budget / (measure(SOCKET, p, 100) + 1)) +
			 100;
		for (int r = 0; r < REPEATS; r++)
			for (int m = 0; m < NR_METHODS; m++)
				ns[m][r] = measure(m, p, rounds);
		for (int m = 0; m < NR_METHODS; m++) {
			qsort(ns[m], REPEATS, sizeof(ns[m][0]), compare);
			median[m] = ns[m][REPEATS / 2];
		}
		printf("# %-10s %8llu %8llu %8llu %12.3f %12.3f\n",
		       placements[p], (unsigned long long)median[SWAP],
		       (unsigned long long)median[FUTEX],
		       (unsigned long long)median[SOCKET],
		       (double)median[SWAP] / (double)median[FUTEX],
		       (double)median[SWAP] / (double)median[SOCKET]);
	}
	return 0;
}
