/* SPDX-License-Identifier: MIT */
/*
 * Letters whose every byte follows from their number: neither end keeps a copy
 * to compare with, and no two letters in a row are alike anywhere.
 */
#ifndef FASTIPC_PROOF_LETTER_H
#define FASTIPC_PROOF_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "letter.fastipc.h"

/* Types of messages beside the service's. */
enum {
	POST_RAW = 1,	/* answers with the request's bytes */
	POST_CACHELINE, /* one way, the server's side of a probe */
	POST_FUTEX,
};

struct letter {
	struct proof_Letter value;
	char subject[32];
	unsigned char *body; /* of @capacity bytes */
	size_t capacity;
};

/* Room for bodies of up to @capacity bytes. */
void letter_alloc(struct letter *letter, size_t capacity);
void letter_free(struct letter *letter);
/* The letter of @number, with a body of @size bytes. */
void letter_write(struct letter *letter, uint64_t number, size_t size);
/* Every field and every byte is that of @number. */
bool letter_is_right(struct proof_Letter_reader reader, uint64_t number,
		     size_t size);
/* The same of a body alone. */
bool letter_body_is_right(const void *data, uint64_t number, size_t size);

/* Answers with the same letter, written anew from what was read. */
int letter_answer(struct fastipc_request *request,
		  struct proof_Letter_reader reader, void *context);

#endif
