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

/* What the system says of an errno (positive), and what to do if it is for want
 * of descriptors: static. */
const char *fastipc_system_error(int error);

#define FASTIPC_DETAIL_SIZE 256u

/* What this thread has to say, and again after what may say something else. */
void fastipc_detail_keep(char detail[FASTIPC_DETAIL_SIZE]);
void fastipc_detail_restore(const char detail[FASTIPC_DETAIL_SIZE]);

#endif
