/* SPDX-License-Identifier: MIT */
/*
 * Turning the words of a command line into values.  Each of these ends the
 * command with a usage error (exit 2) that names the option, when the word
 * cannot be what the option asks for.
 */
#ifndef FASTIPC_ARGUMENTS_H
#define FASTIPC_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

#include <fastipc/types.h>

/* Keys of the options that several commands have. */
enum {
	KEY_CHECKSUM = 0x100,
	KEY_WAIT,
	KEY_TRANSPORT,
	KEY_JSON,
	KEY_COMPRESS,
	KEY_OWN, /* the first of a command's own */
};

/* A number from @min to @max: decimal, 0x hexadecimal. */
uint64_t argument_number(struct argp_state *state, const char *option,
			 const char *word, uint64_t min, uint64_t max);
/* A number of bytes: the same, with K, M or G after it (powers of 1024). */
uint64_t argument_size(struct argp_state *state, const char *option,
		       const char *word, uint64_t min, uint64_t max);
/* Seconds, with a fraction; returned in nanoseconds. */
uint64_t argument_seconds(struct argp_state *state, const char *option,
			  const char *word);
mode_t argument_mode(struct argp_state *state, const char *word);
/* "auto", "memfd" or "kmod". */
const char *argument_transport(struct argp_state *state, const char *word);
/* lz4, zstd, accept or off; NULL is lz4. */
enum fastipc_compression argument_compression(struct argp_state *state,
					      const char *word);
/* What an end of a connection chooses: KEY_CHECKSUM and KEY_WAIT.
 * ARGP_ERR_UNKNOWN for any other @key, to be returned by a parser. */
error_t argument_end(struct argp_state *state, int key, const char *word,
		     enum fastipc_checksum *checksum, enum fastipc_wait *wait);

const char *wait_name(enum fastipc_wait wait);
const char *checksum_name(enum fastipc_checksum checksum);

#endif
