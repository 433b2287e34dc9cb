/* SPDX-License-Identifier: MIT */
/*
 * For generated code: views, of a record that may change.
 */
#ifndef FASTIPC_CODEC_VIEW_H
#define FASTIPC_CODEC_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is here was loaded once, and checked; it bounds all that is loaded. */
struct fastipc_view {
	const volatile uint8_t *data;
	uint32_t size;
	uint16_t fixed;
	uint16_t count;
};

/* What does not hold together is a record of no bytes. */
FASTIPC_CODEC struct fastipc_view fastipc_view_of(struct fastipc_shared shared,
						  bool wide)
{
	const volatile uint8_t *data = (const volatile uint8_t *)shared.data;
	const uint32_t width = fastipc_width(wide);
	struct fastipc_view view;
	uint32_t header, fixed, count;

	view.data = (const volatile uint8_t *)"";
	view.size = 0;
	view.fixed = 0;
	view.count = 0;
	if (shared.size < width ||
	    shared.size > (wide ? UINT32_MAX : FASTIPC_RECORD_SMALL))
		return view;
	header = fastipc_peek_end(data, wide);
	fixed = wide ? header & 0xffff : header & 0x3ff;
	count = wide ? header >> 16 : header >> 10;
	if (shared.size < width + fixed + (count ? count - 1 : 0) * width)
		return view;
	view.data = data;
	view.size = (uint32_t)shared.size;
	view.fixed = (uint16_t)fixed;
	view.count = (uint16_t)count;
	return view;
}

FASTIPC_CODEC struct fastipc_view fastipc_view_none(void)
{
	return fastipc_view_of(fastipc_shared_of("", 0), false);
}

/* Where the tails begin; the ENDs before it are within the record. */
FASTIPC_CODEC uint32_t fastipc_view_rest(struct fastipc_view view, bool wide)
{
	if (view.count)
		return view.fixed + fastipc_width(wide) * view.count;
	return view.size;
}

/* Tail @i, between bounds that only this end knows. */
FASTIPC_CODEC struct fastipc_shared fastipc_view_span(struct fastipc_view view,
						      uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);
	const size_t ends = (size_t)width + view.fixed;
	uint32_t start = fastipc_view_rest(view, wide);
	uint32_t end = view.size;

	if (i && i < view.count) {
		const uint32_t before = fastipc_peek_end(
			view.data + ends + (size_t)(i - 1) * width, wide);

		start = before < start	     ? start
			: before > view.size ? view.size
					     : before;
	} else if (i) {
		start = view.size;
	}
	if (i + 1 < view.count) {
		end = fastipc_peek_end(view.data + ends + (size_t)i * width,
				       wide);
		end = end < start ? start : end > view.size ? view.size : end;
	}
	return fastipc_shared_of(view.data + start, end - start);
}

FASTIPC_CODEC uint64_t fastipc_view_bits(struct fastipc_view view,
					 uint32_t offset, unsigned int width,
					 bool wide)
{
	const uint32_t at = fastipc_width(wide) + offset;
	uint64_t bits = 0;

	if (FASTIPC_LIKELY(view.fixed >= offset + width))
		return fastipc_peek(view.data + at, width);
	for (uint32_t i = 0; view.fixed > offset + i; i++)
		bits |= (uint64_t)view.data[at + i] << 8 * i;
	return bits;
}

FASTIPC_CODEC bool fastipc_view_bit(struct fastipc_view view, uint32_t bit,
				    bool wide)
{
	return view.fixed > bit / 8 &&
	       view.data[fastipc_width(wide) + bit / 8] >> bit % 8 & 1;
}

FASTIPC_CODEC struct fastipc_shared fastipc_view_tail(struct fastipc_view view,
						      uint32_t i,
						      uint32_t presence,
						      bool wide)
{
	struct fastipc_shared tail = fastipc_view_span(view, i, wide);

	if (!tail.size && !fastipc_view_bit(view, presence, wide))
		tail.data = NULL;
	return tail;
}

struct fastipc_elements_view {
	const volatile uint8_t *data;
	uint32_t size;
	uint32_t count;
	bool wide;
};

FASTIPC_CODEC struct fastipc_elements_view
fastipc_view_elements(struct fastipc_view view, uint32_t i, bool wide)
{
	const struct fastipc_shared tail = fastipc_view_span(view, i, wide);
	const uint32_t width = fastipc_width(wide);
	struct fastipc_elements_view elements;

	elements.data = (const volatile uint8_t *)tail.data;
	elements.size = (uint32_t)tail.size;
	elements.count = 0;
	elements.wide = wide;
	if (tail.size >= width) {
		elements.count = fastipc_peek_end(elements.data, wide);
		if (elements.count > elements.size / width)
			elements.count = elements.size / width;
	}
	return elements;
}

FASTIPC_CODEC struct fastipc_shared
fastipc_elements_view_at(struct fastipc_elements_view elements, size_t i)
{
	const uint32_t width = fastipc_width(elements.wide);
	uint32_t start = width * elements.count;
	uint32_t end = elements.size;

	if (i >= elements.count)
		return fastipc_shared_of(elements.data, 0);
	if (i) {
		const uint32_t before = fastipc_peek_end(
			elements.data + i * width, elements.wide);

		start = before < start		 ? start
			: before > elements.size ? elements.size
						 : before;
	}
	if (i + 1 < elements.count) {
		end = fastipc_peek_end(elements.data + (i + 1) * width,
				       elements.wide);
		end = end < start	    ? start
		      : end > elements.size ? elements.size
					    : end;
	}
	return fastipc_shared_of(elements.data + start, end - start);
}

struct fastipc_string_vector_view {
	uint32_t count;
	struct fastipc_elements_view elements;
};

FASTIPC_CODEC struct fastipc_string_vector_view
fastipc_view_strings(struct fastipc_view view, uint32_t i, bool wide)
{
	struct fastipc_string_vector_view vector;

	vector.elements = fastipc_view_elements(view, i, wide);
	vector.count = vector.elements.count;
	return vector;
}

/* String @i, to be copied out. */
static inline struct fastipc_shared
fastipc_string_vector_view_at(struct fastipc_string_vector_view vector,
			      size_t i)
{
	return fastipc_elements_view_at(vector.elements, i);
}

#ifdef __cplusplus
}
#endif

#endif
