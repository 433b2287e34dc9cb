/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Accesses that may fail: which signal one gets.
 */
#ifndef SELFTESTS_KMOD_FAULT_H
#define SELFTESTS_KMOD_FAULT_H

#include <setjmp.h>

#include "device.h"

/* The signal that an access gets, or 0. */
static sigjmp_buf fault;

static inline void on_fault(int number)
{
	siglongjmp(fault, number);
}

static inline int access_byte(volatile unsigned char *byte, bool write)
{
	struct sigaction action = { .sa_handler = on_fault };
	int number = sigsetjmp(fault, 1);

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	if (!number) {
		unsigned char value = *byte;

		if (write)
			*byte = value;
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return number;
}

static inline int read_fault(void *byte)
{
	return access_byte(byte, false);
}

static inline int write_fault(void *byte)
{
	return access_byte(byte, true);
}

/* Every page of a region can be read. */
static inline bool readable(void *region, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE)
		if (read_fault((char *)region + at))
			return false;
	return true;
}

#endif
