/* SPDX-License-Identifier: MIT */
/*
 * For generated code: readers, of a record that was checked and does not
 * change.
 */
#ifndef FASTIPC_CODEC_READER_H
#define FASTIPC_CODEC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_reader {
	const uint8_t *data;
	uint32_t size;
	uint16_t fixed; /* bytes of the fixed section */
	uint16_t count; /* variable fields */
};

FASTIPC_CODEC struct fastipc_reader fastipc_reader_of(const uint8_t *data,
						      uint32_t size, bool wide)
{
	struct fastipc_reader reader;
	uint32_t header = 0;

	if (size)
		header = fastipc_load_end(data, wide);
	reader.data = data;
	reader.size = size;
	reader.fixed = (uint16_t)(wide ? header & 0xffff : header & 0x3ff);
	reader.count = (uint16_t)(wide ? header >> 16 : header >> 10);
	return reader;
}

/* One without fields. */
FASTIPC_CODEC struct fastipc_reader fastipc_reader_none(void)
{
	struct fastipc_reader reader;

	reader.data = (const uint8_t *)"";
	reader.size = 0;
	reader.fixed = 0;
	reader.count = 0;
	return reader;
}

/* Where tail @i ends; @i is a constant. */
FASTIPC_CODEC uint32_t fastipc_reader_end(struct fastipc_reader reader,
					  uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);

	if (i + 1 < reader.count)
		return fastipc_load_end(reader.data + width + reader.fixed +
						(size_t)i * width,
					wide);
	return reader.size;
}

FASTIPC_CODEC uint32_t fastipc_reader_start(struct fastipc_reader reader,
					    uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);

	if (i)
		return fastipc_reader_end(reader, i - 1, wide);
	if (reader.count)
		return reader.fixed + width * reader.count;
	return reader.size;
}

/* The first bytes of a scalar of which the section has only some. */
FASTIPC_CODEC uint64_t fastipc_reader_part(struct fastipc_reader reader,
					   uint32_t offset, unsigned int width,
					   bool wide)
{
	const uint32_t header = fastipc_width(wide);
	const uint32_t end = header + reader.fixed;
	const uint32_t have = reader.fixed - offset;
	uint64_t bits = 0;

	/* The load ends where the section does; what was before goes out. */
	if (FASTIPC_LIKELY(end >= width))
		return fastipc_load(reader.data + end - width, width) >>
		       8 * (width - have);
	for (uint32_t i = 0; i < have; i++)
		bits |= (uint64_t)reader.data[header + offset + i] << 8 * i;
	return bits;
}

/* A scalar of the fixed section as it is stored; 0 where there is none. */
FASTIPC_CODEC uint64_t fastipc_reader_bits(struct fastipc_reader reader,
					   uint32_t offset, unsigned int width,
					   bool wide)
{
	if (FASTIPC_LIKELY(reader.fixed >= offset + width))
		return fastipc_load(reader.data + fastipc_width(wide) + offset,
				    width);
	if (reader.fixed > offset)
		return fastipc_reader_part(reader, offset, width, wide);
	return 0;
}

FASTIPC_CODEC bool fastipc_reader_bit(struct fastipc_reader reader,
				      uint32_t bit, bool wide)
{
	return reader.fixed > bit / 8 &&
	       reader.data[fastipc_width(wide) + bit / 8] >> bit % 8 & 1;
}

/* Tail @i; data is NULL if it is absent. */
FASTIPC_CODEC struct fastipc_bytes
fastipc_reader_tail(struct fastipc_reader reader, uint32_t i, uint32_t presence,
		    bool wide)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);
	struct fastipc_bytes tail;

	tail.data = reader.data + start;
	tail.size = end - start;
	if (!tail.size && !fastipc_reader_bit(reader, presence, wide))
		tail.data = NULL;
	return tail;
}

FASTIPC_CODEC bool fastipc_reader_has(struct fastipc_reader reader, uint32_t i,
				      uint32_t presence, bool wide)
{
	return fastipc_reader_tail(reader, i, presence, wide).data;
}

FASTIPC_CODEC struct fastipc_string
fastipc_reader_string(struct fastipc_reader reader, uint32_t i,
		      uint32_t presence, bool wide)
{
	const struct fastipc_bytes tail =
		fastipc_reader_tail(reader, i, presence, wide);

	return fastipc_string_from((const char *)tail.data, tail.size);
}

/* The record in tail @i, of a table that is @large. */
FASTIPC_CODEC struct fastipc_reader
fastipc_reader_record(struct fastipc_reader reader, uint32_t i, bool wide,
		      bool large)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);

	return fastipc_reader_of(reader.data + start, end - start, large);
}

/* ---- vectors of strings or records ---- */

/* Their bytes; ENDs are of 32 bits if @wide. */
struct fastipc_elements {
	const uint8_t *data;
	uint32_t size;
	uint32_t count;
	bool wide;
};

FASTIPC_CODEC struct fastipc_elements
fastipc_reader_elements(struct fastipc_reader reader, uint32_t i, bool wide)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);
	struct fastipc_elements elements;

	elements.data = reader.data + start;
	elements.size = end - start;
	elements.count = elements.size ? fastipc_load_end(elements.data, wide)
				       : 0;
	elements.wide = wide;
	return elements;
}

/* Element @i: no bytes if there is no such element. */
FASTIPC_CODEC struct fastipc_bytes
fastipc_elements_at(struct fastipc_elements elements, size_t i)
{
	const uint32_t width = fastipc_width(elements.wide);
	uint32_t start, end;

	if (FASTIPC_UNLIKELY(i >= elements.count))
		return fastipc_bytes_from("", 0);
	start = i ? fastipc_load_end(elements.data + i * width, elements.wide)
		  : width * elements.count;
	end = i + 1 < elements.count
		      ? fastipc_load_end(elements.data + (i + 1) * width,
					 elements.wide)
		      : elements.size;
	return fastipc_bytes_from(elements.data + start, end - start);
}

struct fastipc_string_array {
	const struct fastipc_string *data;
	size_t count;
};

struct fastipc_string_vector {
	uint32_t count;
	struct fastipc_elements elements;
};

FASTIPC_CODEC struct fastipc_string_vector
fastipc_reader_strings(struct fastipc_reader reader, uint32_t i, bool wide)
{
	struct fastipc_string_vector vector;

	vector.elements = fastipc_reader_elements(reader, i, wide);
	vector.count = vector.elements.count;
	return vector;
}

/* String @i; an empty one if there is no such string. */
static inline struct fastipc_string
fastipc_string_vector_at(struct fastipc_string_vector vector, size_t i)
{
	const struct fastipc_bytes bytes =
		fastipc_elements_at(vector.elements, i);

	return fastipc_string_from((const char *)bytes.data, bytes.size);
}

#ifdef __cplusplus
}
#endif

#endif
