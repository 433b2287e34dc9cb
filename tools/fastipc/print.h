/* SPDX-License-Identifier: MIT */
/*
 * What the command writes: errors on stderr, values of JSON, and names that
 * may hold any byte, made safe for a terminal.
 */
#ifndef FASTIPC_PRINT_H
#define FASTIPC_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "fastipc COMMAND: ..." and a newline, on stderr. */
void complain(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The same for a failed library call: "@what: " and the library's sentence on
 * what to do, or what @error means when it has none.
 */
void complain_error(const char *command, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The @size bytes at @bytes as a JSON string, with its quotes.  What is not
 * UTF-8 becomes U+FFFD: print the bytes with json_hex() beside it when they
 * matter.
 */
void json_string(FILE *out, const void *bytes, size_t size);
void json_hex(FILE *out, const void *bytes, size_t size);
/* 1 if the bytes are valid UTF-8. */
int is_utf8(const void *bytes, size_t size);

/*
 * A name for people: control characters and invalid UTF-8 as \n, \x1b, ...,
 * so that a file's name cannot write to the terminal what it likes.
 */
void print_name(FILE *out, const char *name);

/* "1.23 GB", "3.2 us": three digits and a unit. */
const char *bytes_text(uint64_t bytes, char text[16]);
const char *time_text(uint64_t ns, char text[16]);
/* "3m02s", "5h10m", "2d03h". */
const char *age_text(uint64_t ns, char text[16]);

#endif
