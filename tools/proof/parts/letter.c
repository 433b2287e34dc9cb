// SPDX-License-Identifier: MIT
/*
 * Writes letters and checks them.
 */
#include "letter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "service.h"

static const struct fastipc_string tags[] = {
	{ "proof", 5 },
	{ "round trip", 10 },
	{ "Prüfung", 8 },
};

#define TAGS (sizeof(tags) / sizeof(tags[0]))

static uint64_t word_of(uint64_t number, size_t index)
{
	return (number * 0x2545F4914F6CDD1Du + index + 1) * 0x9E3779B97F4A7C15u;
}

static int subject_of(char *subject, size_t size, uint64_t number)
{
	return snprintf(subject, size, "letter %llu",
			(unsigned long long)number);
}

void letter_alloc(struct letter *letter, size_t capacity)
{
	letter->capacity = capacity;
	letter->body = malloc(capacity + 1);
	if (!letter->body)
		fail(-ENOMEM, "no memory for %zu bytes", capacity);
}

void letter_free(struct letter *letter)
{
	free(letter->body);
}

void letter_write(struct letter *letter, uint64_t number, size_t size)
{
	struct proof_Letter *value = &letter->value;

	if (size > letter->capacity)
		fail(0, "a body of %zu bytes is too long", size);
	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = word_of(number, at / 8);

		memcpy(letter->body + at, &word, size - at < 8 ? size - at : 8);
	}
	proof_Letter_init(value);
	value->number = number;
	value->subject.data = letter->subject;
	value->subject.size = (size_t)subject_of(
		letter->subject, sizeof(letter->subject), number);
	value->tags.data = tags;
	value->tags.count = TAGS;
	value->body.data = letter->body;
	value->body.size = size;
}

bool letter_body_is_right(const void *data, uint64_t number, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t wrong = 0;
	uint64_t word;
	size_t at;

	for (at = 0; at + 8 <= size; at += 8) {
		memcpy(&word, bytes + at, 8);
		wrong |= word ^ word_of(number, at / 8);
	}
	word = word_of(number, at / 8);
	return !wrong && !memcmp(bytes + at, &word, size - at);
}

static bool tags_are_right(struct fastipc_string_vector vector)
{
	bool right = vector.count == TAGS;

	for (size_t i = 0; right && i < TAGS; i++) {
		struct fastipc_string tag = fastipc_string_vector_at(vector, i);

		right = tag.size == tags[i].size &&
			!memcmp(tag.data, tags[i].data, tag.size);
	}
	return right;
}

bool letter_is_right(struct proof_Letter_reader reader, uint64_t number,
		     size_t size)
{
	struct fastipc_string subject = proof_Letter_subject(reader);
	struct fastipc_bytes body = proof_Letter_body(reader);
	char expected[32];
	int length = subject_of(expected, sizeof(expected), number);

	return proof_Letter_number(reader) == number &&
	       subject.size == (size_t)length &&
	       !memcmp(subject.data, expected, subject.size) &&
	       tags_are_right(proof_Letter_tags(reader)) && body.size == size &&
	       (!size || letter_body_is_right(body.data, number, size));
}

int letter_answer(struct fastipc_request *request,
		  struct proof_Letter_reader reader, void *context)
{
	struct fastipc_string_vector read = proof_Letter_tags(reader);
	struct fastipc_string copy[TAGS];
	struct proof_Letter answer;

	(void)context;
	if (read.count > TAGS)
		return -E2BIG;
	for (size_t i = 0; i < read.count; i++)
		copy[i] = fastipc_string_vector_at(read, i);
	proof_Letter_init(&answer);
	answer.number = proof_Letter_number(reader);
	answer.subject = proof_Letter_subject(reader);
	answer.tags.data = copy;
	answer.tags.count = read.count;
	answer.body = proof_Letter_body(reader);
	return proof_Post_Echo_reply(request, &answer);
}
