/* SPDX-License-Identifier: MIT */
/* Turning the words of a command line into values. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

static const char *const wait_names[] = {
	[FASTIPC_WAIT_ADAPTIVE] = "adaptive",
	[FASTIPC_WAIT_SPIN] = "spin",
	[FASTIPC_WAIT_BLOCK] = "block",
	[FASTIPC_WAIT_SLEEP] = "sleep",
};

static const char *const checksum_names[] = {
	[FASTIPC_CHECKSUM_OFF] = "off",
	[FASTIPC_CHECKSUM_HEADER] = "header",
	[FASTIPC_CHECKSUM_FULL] = "full",
};

static int parse_number(const char *word, char **end, uint64_t *value)
{
	/* A leading 0 is not octal: nobody means eight by 010. */
	int base = word[0] == '0' && tolower(word[1]) == 'x' ? 16 : 10;

	if (!isxdigit((unsigned char)word[0]))
		return -EINVAL;
	errno = 0;
	*value = strtoull(word, end, base);
	return -errno;
}

uint64_t argument_number(struct argp_state *state, const char *option,
			 const char *word, uint64_t min, uint64_t max)
{
	uint64_t value;
	char *end;

	if (parse_number(word, &end, &value) || end == word || *end ||
	    value < min || value > max)
		argp_error(state,
			   "%s takes a number from %" PRIu64 " to %" PRIu64
			   ", not '%s'",
			   option, min, max, word);
	return value;
}

static unsigned int unit_shift(char unit)
{
	switch (unit) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

uint64_t argument_size(struct argp_state *state, const char *option,
		       const char *word, uint64_t min, uint64_t max)
{
	unsigned int shift = 0;
	uint64_t value = 0;
	bool valid;
	char *end;

	valid = !parse_number(word, &end, &value) && end != word;
	if (valid && *end) {
		shift = unit_shift(*end);
		valid = shift && !end[1];
	}
	if (!valid || value > UINT64_MAX >> shift || value << shift < min ||
	    value << shift > max)
		argp_error(state,
			   "%s takes a size from %" PRIu64 " to %" PRIu64
			   " bytes, such as 256K or 16M, not '%s'",
			   option, min, max, word);
	return value << shift;
}

uint64_t argument_seconds(struct argp_state *state, const char *option,
			  const char *word)
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(word, &end);
	/* The comparison is false for a NaN, too. */
	if (errno || end == word || *end || !(seconds >= 0 && seconds <= 1e9))
		argp_error(state, "%s takes seconds, such as 0.5, not '%s'",
			   option, word);
	return (uint64_t)(seconds * 1e9);
}

mode_t argument_mode(struct argp_state *state, const char *word)
{
	unsigned long mode;
	char *end;

	errno = 0;
	mode = strtoul(word, &end, 8);
	if (errno || !isdigit((unsigned char)word[0]) || *end || mode > 0777)
		argp_error(state,
			   "--mode takes octal permissions, such as 0660, "
			   "not '%s'",
			   word);
	return (mode_t)mode;
}

const char *argument_transport(struct argp_state *state, const char *word)
{
	static const char *const names[] = { "auto", "memfd", "kmod" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(word, names[i]))
			return names[i];
	argp_error(state, "--transport takes auto, memfd or kmod");
	return names[0];
}

static enum fastipc_wait parse_wait(struct argp_state *state, const char *word)
{
	for (unsigned int i = 0; i < sizeof(wait_names) / sizeof(*wait_names);
	     i++)
		if (!strcmp(word, wait_names[i]))
			return (enum fastipc_wait)i;
	argp_error(state,
		   "--wait takes adaptive, spin, block or sleep, "
		   "not '%s'",
		   word);
	return FASTIPC_WAIT_ADAPTIVE;
}

static enum fastipc_checksum parse_checksum(struct argp_state *state,
					    const char *word)
{
	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(word, checksum_names[i]))
			return (enum fastipc_checksum)i;
	argp_error(state, "--checksum takes off, header or full, not '%s'",
		   word);
	return FASTIPC_CHECKSUM_FULL;
}

enum fastipc_compression argument_compression(struct argp_state *state,
					      const char *word)
{
	static const char *const names[] = {
		[FASTIPC_COMPRESSION_OFF] = "off",
		[FASTIPC_COMPRESSION_LZ4] = "lz4",
		[FASTIPC_COMPRESSION_ZSTD] = "zstd",
		[FASTIPC_COMPRESSION_ACCEPT] = "accept",
	};

	for (unsigned int i = 0; word && i < 4; i++)
		if (!strcmp(word, names[i]))
			return (enum fastipc_compression)i;
	if (word)
		argp_error(state,
			   "--compress takes lz4, zstd, accept or off, "
			   "not '%s'",
			   word);
	return FASTIPC_COMPRESSION_LZ4;
}

error_t argument_end(struct argp_state *state, int key, const char *word,
		     enum fastipc_checksum *checksum, enum fastipc_wait *wait)
{
	switch (key) {
	case KEY_CHECKSUM:
		*checksum = parse_checksum(state, word);
		return 0;
	case KEY_WAIT:
		*wait = parse_wait(state, word);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const char *wait_name(enum fastipc_wait wait)
{
	return wait_names[wait];
}

const char *checksum_name(enum fastipc_checksum checksum)
{
	return checksum_names[checksum];
}
