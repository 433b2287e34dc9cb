/* SPDX-License-Identifier: MIT */
/*
 * Having a cache line on its way before it is needed.
 *
 * To write a line that another CPU has read takes asking that CPU to forget it.
 * Stores wait for that one after the other; fetching several lines to be
 * written overlaps them.  For __builtin_prefetch(place, 1) compilers use
 * prefetchw only where they are told that all CPUs have it (-mprfchw), and
 * otherwise fetch the line to be read, which makes the store ask twice.  What
 * has no prefetchw among 64-bit x86 CPUs takes it for no operation.
 */
#ifndef FASTIPC_PREFETCH_H
#define FASTIPC_PREFETCH_H

#include "base/inline.h"

FASTIPC_INLINE void fastipc_prefetch_to_write(const void *place)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)place));
#else
	__builtin_prefetch(place, 1);
#endif
}

#endif
