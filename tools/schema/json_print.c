// SPDX-License-Identifier: MIT
/* Prints trees of values as JSON. */
#include "schema/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct printing {
	FILE *out;
	const struct fastipc_schema *schema;
	struct reflect_error *error;
	unsigned int flags;
	unsigned int indent;
};

static void print_line(const struct printing *printing)
{
	if (printing->flags & SCHEMA_JSON_COMPACT)
		return;
	fputc('\n', printing->out);
	for (unsigned int i = 0; i < printing->indent; i++)
		fputs("  ", printing->out);
}

static void print_open(struct printing *printing, char bracket)
{
	fputc(bracket, printing->out);
	printing->indent++;
}

/* @empty: nothing was printed since it was opened. */
static void print_close(struct printing *printing, char bracket, bool empty)
{
	printing->indent--;
	if (!empty)
		print_line(printing);
	fputc(bracket, printing->out);
}

/* What goes before an element: a comma unless it is the first. */
static void print_next(const struct printing *printing, bool *empty)
{
	if (!*empty)
		fputc(',', printing->out);
	*empty = false;
	print_line(printing);
}

static void print_key(const struct printing *printing, bool *empty,
		      const char *name, const char *suffix)
{
	print_next(printing, empty);
	fprintf(printing->out, "\"%s%s\":%s", name, suffix,
		printing->flags & SCHEMA_JSON_COMPACT ? "" : " ");
}

/* ---- scalars and strings ---- */

static void print_string(FILE *out, const uint8_t *data, size_t size)
{
	static const char escaped[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";

	fputc('"', out);
	for (size_t i = 0; i < size; i++) {
		const char *at = data[i] ? strchr(escaped, data[i]) : NULL;

		if (at)
			fprintf(out, "\\%c", letters[at - escaped]);
		else if (data[i] < 0x20 || data[i] == 0x7f)
			fprintf(out, "\\u%04x", data[i]);
		else
			fputc(data[i], out);
	}
	fputc('"', out);
}

static void print_double(FILE *out, uint64_t bits)
{
	char text[40];
	double value;

	/* With up to 15 digits each number is as it was written. */
	for (int digits = 15; digits <= 17; digits++) {
		double again;

		memcpy(&value, &bits, sizeof(value));
		snprintf(text, sizeof(text), "%.*g", digits, value);
		again = strtod(text, NULL);
		if (again == value)
			break;
	}
	fputs(text, out);
}

static void print_float(FILE *out, uint64_t bits)
{
	uint32_t word = (uint32_t)bits;
	char text[40];
	float value;

	for (int digits = 6; digits <= 9; digits++) {
		float again;

		memcpy(&value, &word, sizeof(value));
		snprintf(text, sizeof(text), "%.*g", digits, (double)value);
		again = strtof(text, NULL);
		if (again == value)
			break;
	}
	fputs(text, out);
}

/* A float or a double, also one that is no number. */
static void print_real(FILE *out, bool wide, uint64_t bits)
{
	uint64_t infinity = wide ? UINT64_C(0x7ff) << 52 : 0xffu << 23;
	uint64_t quiet = wide ? UINT64_C(1) << 51 : 1u << 22;
	uint64_t sign = wide ? UINT64_C(1) << 63 : 1u << 31;

	if ((bits & infinity) != infinity) {
		if (wide)
			print_double(out, bits);
		else
			print_float(out, bits);
	} else if ((bits & ~sign) == infinity) {
		fputs(bits & sign ? "\"-Infinity\"" : "\"Infinity\"", out);
	} else if (bits == (infinity | quiet)) {
		fputs("\"NaN\"", out);
	} else {
		fprintf(out, "\"NaN:0x%0*" PRIx64 "\"", wide ? 16 : 8, bits);
	}
}

static void print_integer(FILE *out, uint8_t type, size_t width, uint64_t bits)
{
	unsigned int shift = 64 - 8 * (unsigned int)width;

	switch (type) {
	case FASTIPC_TYPE_I8:
	case FASTIPC_TYPE_I16:
	case FASTIPC_TYPE_I32:
	case FASTIPC_TYPE_I64:
		fprintf(out, "%" PRId64, (int64_t)(bits << shift) >> shift);
		break;
	default:
		fprintf(out, "%" PRIu64, bits);
	}
}

/* The name of a value, or those of its bits: false if it is only a number. */
static bool print_names(FILE *out, const struct fastipc_schema_enum *type,
			uint64_t bits)
{
	const char *space = "";
	uint64_t left = bits;

	for (uint16_t i = 0; i < type->value_count; i++) {
		if (type->values[i].bits == bits) {
			fprintf(out, "\"%s\"", type->values[i].name);
			return true;
		}
		left &= ~type->values[i].bits;
	}
	if (!(type->flags & FASTIPC_ENUM_FLAGS) || left || !bits)
		return false;
	fputc('"', out);
	for (uint16_t i = 0; i < type->value_count; i++) {
		if (!(bits & type->values[i].bits))
			continue;
		fprintf(out, "%s%s", space, type->values[i].name);
		space = " ";
	}
	fputc('"', out);
	return true;
}

static void print_scalar(const struct printing *printing,
			 const struct fastipc_schema_field *field,
			 uint64_t bits)
{
	FILE *out = printing->out;

	switch (field->type) {
	case FASTIPC_TYPE_BOOL:
		fputs(bits ? "true" : "false", out);
		break;
	case FASTIPC_TYPE_F32:
	case FASTIPC_TYPE_F64:
		print_real(out, field->type == FASTIPC_TYPE_F64, bits);
		break;
	default:
		if (field->ref == FASTIPC_SCHEMA_NONE ||
		    !print_names(out, &printing->schema->enums[field->ref],
				 bits))
			print_integer(out, field->type,
				      reflect_size(printing->schema, field),
				      bits);
	}
}

/* A scalar or a struct as it is in a message. */
static void print_element(struct printing *printing,
			  const struct fastipc_schema_field *field,
			  const uint8_t *data)
{
	const struct fastipc_schema_struct *type;
	bool empty = true;

	if (field->type != FASTIPC_TYPE_STRUCT) {
		size_t size = reflect_size(printing->schema, field);

		print_scalar(printing, field, reflect_load(data, size));
		return;
	}
	type = &printing->schema->structs[field->ref];
	print_open(printing, '{');
	for (uint16_t i = 0; i < type->field_count; i++) {
		print_key(printing, &empty, type->fields[i].name, "");
		print_element(printing, &type->fields[i],
			      data + type->fields[i].offset);
	}
	print_close(printing, '}', empty);
}

/* ---- records ---- */

static int print_record(struct printing *printing,
			const struct reflect_record *record,
			const struct reflect_path *path);

static int print_vector(struct printing *printing,
			const struct reflect_value *value,
			const struct reflect_path *path)
{
	size_t step = reflect_size(printing->schema, value->field);
	bool empty = true;
	int error = 0;

	print_open(printing, '[');
	for (size_t at = 0; at < value->size; at += step) {
		print_next(printing, &empty);
		print_element(printing, value->field, value->data + at);
	}
	for (size_t i = 0; i < value->count && !error; i++) {
		const struct reflect_item *item = &value->items[i];
		struct reflect_path at = { .up = path, .index = i };

		print_next(printing, &empty);
		if (item->record)
			error = print_record(printing, item->record, &at);
		else
			print_string(printing->out, item->data, item->size);
	}
	print_close(printing, ']', empty);
	return error;
}

static int print_value(struct printing *printing,
		       const struct reflect_value *value,
		       const struct reflect_path *path)
{
	const struct fastipc_schema_field *field = value->field;

	if (field->flags & FASTIPC_FIELD_VECTOR)
		return print_vector(printing, value, path);
	switch (field->type) {
	case FASTIPC_TYPE_STRING:
		print_string(printing->out, value->data, value->size);
		return 0;
	case FASTIPC_TYPE_STRUCT:
		print_element(printing, field, value->data);
		return 0;
	case FASTIPC_TYPE_TABLE:
	case FASTIPC_TYPE_UNION:
		return print_record(printing, value->record, path);
	default:
		print_scalar(printing, field, value->bits);
		return 0;
	}
}

static int print_field(struct printing *printing,
		       const struct reflect_value *value,
		       const struct reflect_path *up, bool *empty)
{
	const struct fastipc_schema_field *field = value->field;
	struct reflect_path path = { .up = up, .name = field->name };
	const struct fastipc_schema_union *any;

	if (field->type == FASTIPC_TYPE_UNION) {
		any = &printing->schema->unions[field->ref];
		if (!value->record)
			return reflect_fail(printing->error, -EINVAL, &path,
					    "type %u is not in union %s of "
					    "this schema, so its %zu bytes "
					    "have no JSON",
					    value->member, any->name,
					    value->size);
		print_key(printing, empty, field->name, "_type");
		fprintf(printing->out, "\"%s\"",
			reflect_member(any, value->member)->name);
	}
	print_key(printing, empty, field->name, "");
	return print_value(printing, value, &path);
}

/* What is not in the record: NULL, or the default if that is wanted. */
static const struct reflect_value *
default_of(const struct printing *printing,
	   const struct fastipc_schema_field *field,
	   struct reflect_value *value)
{
	if (!(printing->flags & SCHEMA_JSON_DEFAULTS) ||
	    field->type >= FASTIPC_TYPE_STRING ||
	    field->flags & (FASTIPC_FIELD_VECTOR | FASTIPC_FIELD_OPTIONAL |
			    FASTIPC_FIELD_DEPRECATED))
		return NULL;
	*value = (struct reflect_value){ .field = field,
					 .bits = field->default_bits };
	return value;
}

static int print_record(struct printing *printing,
			const struct reflect_record *record,
			const struct reflect_path *path)
{
	const struct fastipc_schema_table *table = record->table;
	bool empty = true;
	int error = 0;

	print_open(printing, '{');
	for (uint16_t i = 0; i < table->field_count && !error; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];
		const struct reflect_value *value = reflect_find(record, field);
		struct reflect_value absent;

		if (!value)
			value = default_of(printing, field, &absent);
		if (value)
			error = print_field(printing, value, path, &empty);
	}
	print_close(printing, '}', empty);
	return error;
}

int schema_json_print(FILE *out, const struct fastipc_schema *schema,
		      const struct reflect_record *record, unsigned int flags,
		      struct reflect_error *error)
{
	struct printing printing = {
		.out = out, .schema = schema, .error = error, .flags = flags
	};
	struct reflect_path path = { 0 };

	return print_record(&printing, record, &path);
}

int schema_json_decode(FILE *out, const struct fastipc_schema *schema,
		       uint16_t table, const void *data, size_t size,
		       unsigned int flags, struct reflect_error *error)
{
	const struct reflect_record *record;
	struct reflect_arena arena = { 0 };
	int ret;

	ret = reflect_read(schema, table, data, size, 0, &arena, &record,
			   error);
	if (!ret)
		ret = schema_json_print(out, schema, record, flags, error);
	reflect_free(&arena);
	return ret;
}
