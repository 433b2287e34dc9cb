/* SPDX-License-Identifier: MIT */
/*
 * What the code that fastipc-gen makes is built on: kinds of memory, strings
 * and vectors, and the loads, stores and checks beneath them.
 * fastipc-gen(1) tells what is generated, fastipc_codec(7) what the bytes are.
 */
#ifndef FASTIPC_CODEC_H
#define FASTIPC_CODEC_H

/* What a program uses. */
#include <fastipc/codec/memory.h>

/*
 * What generated code uses.  It may change with fastipc-gen: generate again
 * when you update the library.
 */
#include <fastipc/codec/bits.h>
#include <fastipc/codec/check.h>
#include <fastipc/codec/copy.h>
#include <fastipc/codec/encode.h>
#include <fastipc/codec/gather.h>
#include <fastipc/codec/reader.h>
#include <fastipc/codec/scalars.h>
#include <fastipc/codec/utf8.h>
#include <fastipc/codec/view.h>

/* The descriptor of a schema, which generated code has. */
#include <fastipc/schema.h>

#endif
