/* SPDX-License-Identifier: MIT */
/*
 * What became of the files that fastipc get was asked for: counts, and what
 * went wrong with which name.
 */
#ifndef FASTIPC_TALLY_H
#define FASTIPC_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum trouble {
	TROUBLE_DIFFERENT,  /* not the original's bytes */
	TROUBLE_MISSING,    /* among the originals, not on the server */
	TROUBLE_EXTRA,	    /* on the server, not among the originals */
	TROUBLE_FAILED,	    /* could not be fetched, written or compared */
	TROUBLE_UNREADABLE, /* neither server nor we may read it: skipped */
	TROUBLES,
};

struct trouble_entry {
	enum trouble trouble;
	char *name;
	char *text;
};

struct tally {
	uint64_t files; /* whole, written and compared as asked */
	uint64_t bytes;
	uint64_t calls; /* requests that were answered */
	uint64_t troubles[TROUBLES];
	struct trouble_entry *entries;
	size_t entry_count;
	size_t entry_capacity;
};

/* Count it, remember it, and say it on stderr. */
void tally_trouble(struct tally *tally, enum trouble trouble, const char *name,
		   const char *text);
/* Whether all that was asked for was done. */
bool tally_is_clean(const struct tally *tally);
/* "different", ... */
const char *trouble_name(enum trouble trouble);
/* The entries as a JSON array. */
void tally_print_json(const struct tally *tally, FILE *out);
void tally_free(struct tally *tally);

#endif
