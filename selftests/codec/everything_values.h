/* SPDX-License-Identifier: MIT */
/*
 * Random values for every kind of field: the same in each run.
 */
#ifndef SELFTESTS_EVERYTHING_VALUES_H
#define SELFTESTS_EVERYTHING_VALUES_H

#include <stdint.h>
#include <string.h>

#include "everything.fastipc.h"

#define ELEMENTS 5

static uint64_t seed = 1;

/* xorshift64*: the same values each time. */
static uint64_t random_bits(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned int below(unsigned int limit)
{
	return (unsigned int)(random_bits() >> 32) % limit;
}

/* What a value points to. */
struct memory {
	struct codec_test_Plain plains[ELEMENTS];
	struct codec_test_Mixed mixeds[ELEMENTS];
	struct codec_shared_Point point;
	struct fastipc_string texts[ELEMENTS];
	struct codec_test_Leaf leaves[ELEMENTS];
	struct codec_shared_Note notes[ELEMENTS];
	struct codec_test_Empty empty;
	struct codec_test_All alls[2];
	bool bools[ELEMENTS];
	uint64_t numbers[ELEMENTS];
	float floats[ELEMENTS];
	double doubles[ELEMENTS];
};

/* Characters of one to four bytes. */
static const char letters[] = "plain text, much of it, as it mostly is: "
			      "\xc3\xa4\xc3\xb6 \xe2\x82\xac "
			      "\xf0\x9f\x98\x80 and so on, up to a line of "
			      "more than a hundred bytes, to be sure.";

static struct fastipc_string random_text(void)
{
	/* Where characters begin. */
	static const size_t cuts[] = { 0,  1,  2,  3,  4,  7,	8,  9,
				       15, 16, 17, 31, 32, 33,	41, 43,
				       45, 46, 49, 50, 54, 100, 120 };
	const size_t count = sizeof(cuts) / sizeof(cuts[0]);

	switch (below(4)) {
	case 0:
		return fastipc_string_of(NULL);
	case 1:
		return fastipc_string_of("");
	default:
		return fastipc_string_from(letters, cuts[below(count)]);
	}
}

/* A number of any length in bytes: sections are cut anywhere. */
static uint64_t random_number(void)
{
	return random_bits() >> 8 * below(8);
}

static void fill_leaf(struct codec_test_Leaf *leaf)
{
	codec_test_Leaf_init(leaf);
	if (below(2))
		leaf->number = (int32_t)random_number();
	leaf->name = random_text();
}

static void fill_note(struct codec_shared_Note *note)
{
	codec_shared_Note_init(note);
	if (below(2))
		note->colour = (uint8_t)below(5);
	note->text = random_text();
}

static void fill_memory(struct memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	for (size_t i = 0; i < ELEMENTS; i++) {
		memory->plains[i].a = (uint32_t)random_number();
		memory->plains[i].b = (float)below(100);
		memory->mixeds[i].yes = below(2);
		memory->mixeds[i].inner.small = (uint8_t)random_number();
		memory->mixeds[i].inner.big = random_number();
		memory->mixeds[i].half = (int16_t)random_number();
		memory->mixeds[i].bits = (uint16_t)random_number();
		memory->mixeds[i].value = below(3);
		memory->texts[i] = random_text();
		memory->bools[i] = below(2);
		memory->numbers[i] = random_bits();
		memory->floats[i] = (float)below(1000) / 7;
		memory->doubles[i] = (double)below(1000) / 7;
		fill_leaf(&memory->leaves[i]);
		fill_note(&memory->notes[i]);
	}
	memory->point.x = (int32_t)random_number();
	codec_test_Empty_init(&memory->empty);
	codec_test_All_init(&memory->alls[0]);
	codec_test_All_init(&memory->alls[1]);
	memory->alls[1].text = random_text();
	memory->alls[1].f64 = below(2);
}

#define ELEMENT_VECTOR(member, array) \
	if (below(3)) { \
		value->member.data = (const void *)memory->array; \
		value->member.count = below(ELEMENTS + 1); \
	}

static void fill_numbers(struct codec_test_All *value)
{
	value->yes = below(2);
	value->no = below(2);
	value->i8 = (int8_t)random_number();
	value->u8 = (uint8_t)random_number();
	value->i16 = (int16_t)random_number();
	value->u16 = (uint16_t)random_number();
	value->i32 = (int32_t)random_number();
	value->u32 = (uint32_t)random_number();
	value->i64 = (int64_t)random_number();
	value->u64 = random_number();
	value->f32 = (float)below(9);
	value->f64 = below(9);
	value->small = (int8_t)random_number();
	value->wide = random_number();
	value->signed_ = (int64_t)random_number();
	value->bits = (uint16_t)random_number();
}

static void fill_optionals(struct codec_test_All *value)
{
	value->has_maybe_bool = below(2);
	value->maybe_bool = value->has_maybe_bool && below(2);
	value->has_maybe_i8 = below(2);
	if (value->has_maybe_i8)
		value->maybe_i8 = (int8_t)random_number();
	value->has_maybe_u32 = below(2);
	if (value->has_maybe_u32)
		value->maybe_u32 = (uint32_t)random_number();
	value->has_maybe_f64 = below(2);
	if (value->has_maybe_f64)
		value->maybe_f64 = below(9);
	value->has_maybe_small = below(2);
	if (value->has_maybe_small)
		value->maybe_small = (int8_t)random_number();
}

static void fill_records(struct codec_test_All *value,
			 const struct memory *memory)
{
	value->plain = below(2) ? &memory->plains[0] : NULL;
	value->mixed = below(2) ? &memory->mixeds[0] : NULL;
	value->point = below(2) ? &memory->point : NULL;
	value->leaf = below(2) ? &memory->leaves[0] : NULL;
	value->empty = below(2) ? &memory->empty : NULL;
	value->note = below(2) ? &memory->notes[0] : NULL;
	value->all = below(2) ? &memory->alls[below(2)] : NULL;
	switch (below(4)) {
	case 1:
		codec_test_All_set_any_Leaf(value, &memory->leaves[1]);
		break;
	case 2:
		codec_test_All_set_any_Empty(value, &memory->empty);
		break;
	case 3:
		codec_test_All_set_any_All(value, &memory->alls[1]);
		break;
	default:
		break;
	}
}

static void fill_vectors(struct codec_test_All *value,
			 const struct memory *memory)
{
	value->bytes = fastipc_bytes_from(memory->numbers,
					  below(sizeof(memory->numbers)));
	ELEMENT_VECTOR(bools, bools)
	ELEMENT_VECTOR(i8s, numbers)
	ELEMENT_VECTOR(i16s, numbers)
	ELEMENT_VECTOR(u16s, numbers)
	ELEMENT_VECTOR(i32s, numbers)
	ELEMENT_VECTOR(u32s, numbers)
	ELEMENT_VECTOR(i64s, numbers)
	ELEMENT_VECTOR(u64s, numbers)
	ELEMENT_VECTOR(f32s, floats)
	ELEMENT_VECTOR(f64s, doubles)
	ELEMENT_VECTOR(smalls, numbers)
	ELEMENT_VECTOR(colours, numbers)
	ELEMENT_VECTOR(plains, plains)
	ELEMENT_VECTOR(mixeds, mixeds)
	ELEMENT_VECTOR(texts, texts)
	ELEMENT_VECTOR(leaves, leaves)
	ELEMENT_VECTOR(notes, notes)
}

/* Some fields, so that records end in all places. */
static void fill(struct codec_test_All *value, struct memory *memory)
{
	fill_memory(memory);
	codec_test_All_init(value);
	if (below(2))
		fill_numbers(value);
	if (below(2))
		fill_optionals(value);
	value->text = random_text();
	if (below(2))
		fill_records(value, memory);
	if (below(2))
		fill_vectors(value, memory);
	if (below(4) == 0)
		value->more = random_text();
	if (below(8) == 0)
		value->last = random_text();
}

#endif
