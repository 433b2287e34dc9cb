/* SPDX-License-Identifier: MIT */
/*
 * Checks of what a client's and a server's options have in common.
 */
#ifndef FASTIPC_RPC_OPTIONS_H
#define FASTIPC_RPC_OPTIONS_H

#include <fastipc/types.h>

/* The default of compress_from. */
#define FASTIPC_COMPRESS_FROM 4096u

/*
 * -EINVAL unless a struct of options that says it has @size bytes has all
 * @known ones: then @init, a function's name, was not called.
 */
int fastipc_options_check_size(size_t size, size_t known, const char *init);

/* -EINVAL what no end can have. */
int fastipc_options_check_streams(uint32_t window, uint32_t most);
/* -EINVAL what no end can have. */
int fastipc_options_check_loans(uint64_t bulk_size, uint32_t max_descriptors);
/* -EINVAL what no end can have. */
int fastipc_options_check(enum fastipc_wait wait,
			  enum fastipc_checksum checksum, uint32_t ring_size,
			  enum fastipc_schema_match match,
			  uint32_t max_message);

#endif
