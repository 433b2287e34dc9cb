/* SPDX-License-Identifier: MIT */
/*
 * A whole terminal to draw on: its alternate screen, keys one by one, and the
 * signals that concern it.  There is one; what it changes, it puts back.
 */
#ifndef FASTIPC_TOOL_SCREEN_H
#define FASTIPC_TOOL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What screen_wait() returns beside a key's character. */
enum {
	SCREEN_TIMEOUT = -1,
	SCREEN_REDRAW = -2, /* another size, or back from the background */
	SCREEN_END = -3,    /* a signal that ends the command */
};

/* Escape sequences: bold and reversed, plain, and the rest of the line. */
#define SCREEN_BOLD "\033[1m"
#define SCREEN_REVERSE "\033[7m"
#define SCREEN_PLAIN "\033[m"
#define SCREEN_LINE_END "\033[K\n"

/* Standard output must be a terminal.  0 or -errno. */
int screen_begin(void);
void screen_end(void);

void screen_size(size_t *rows, size_t *columns);
/* Put @text, lines that end with SCREEN_LINE_END, in place of all there is. */
void screen_draw(const char *text, size_t size);
/* Wait for a key until @deadline (CLOCK_MONOTONIC, ns). */
int screen_wait(uint64_t deadline);

#endif
