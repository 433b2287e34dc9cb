/* SPDX-License-Identifier: MIT */
/*
 * The thread's last error: a sentence beside the errno, so that a library
 * that never prints can still say what to do.
 */
#ifndef FASTIPC_ERROR_H
#define FASTIPC_ERROR_H

/* Remember the sentence (cut at 255 bytes) and return @error (negative). */
int fastipc_fail(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

#endif
