/* SPDX-License-Identifier: MIT */
/*
 * The transfer itself: every file of a listing, by calls that overlap, each
 * round trip timed; large files in pieces.
 */
#ifndef FASTIPC_FETCH_H
#define FASTIPC_FETCH_H

#include <signal.h>
#include <stdbool.h>

#include <bench/histogram.h>
#include <fastipc/client.h>

#include "listing.h"
#include "originals.h"
#include "store.h"
#include "tally.h"

struct fetch {
	/* Set by the caller. */
	struct fastipc_client *client;
	const struct listing *listing;
	struct tally *tally;
	struct store *store;	      /* NULL: write no files */
	struct originals *originals;  /* NULL: do not compare */
	bool to_stdout;		      /* with one call in flight only */
	bool progress;		      /* a bar on stderr */
	unsigned int calls_in_flight; /* at most */
	uint64_t timeout_ns;	      /* of a call */
	const volatile sig_atomic_t *interrupted;

	/* Results. */
	struct histogram round_trips;
	uint64_t elapsed_ns;

	/* Private. */
	size_t next_file;
	struct transfer *current; /* a large file not yet wholly asked for */
	struct call *free_calls;
	unsigned int in_flight;
	uint64_t bytes_in_flight;
	uint64_t bytes_arrived;
	uint64_t bar_ns;
	int error; /* of the connection: it is over */
};

/*
 * Fetch them all.  0 if the connection lived through it: what became of the
 * files is in the tally.
 */
int fetch_run(struct fetch *fetch);

#endif
