// SPDX-License-Identifier: MIT
/* Makes trees of values of JSON, by what the schema says each must be. */
#include "schema/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json_text.h"

struct parsing {
	const struct fastipc_schema *schema;
	struct reflect_arena *arena;
	struct reflect_error *error;
};

/* What follows is about this value, should it be wrong. */
static void look_at(const struct parsing *parsing, const struct json *json)
{
	if (parsing->error)
		parsing->error->line = json->line;
}

static int expect(const struct parsing *parsing,
		  const struct reflect_path *path, const struct json *json,
		  enum json_kind kind, const char *what)
{
	look_at(parsing, json);
	if (json->kind == kind)
		return 0;
	return reflect_fail(parsing->error, -EINVAL, path,
			    "%s is expected, and here is %s", what,
			    json_kind_name(json->kind));
}

/* ---- scalars ---- */

static int parse_bool(const struct parsing *parsing, const struct json *json,
		      const struct reflect_path *path, uint64_t *bits)
{
	*bits = json->kind == JSON_TRUE;
	return *bits ? 0
		     : expect(parsing, path, json, JSON_FALSE, "true or false");
}

/* The text of a number, rounded once. */
static uint64_t real_bits(bool wide, const char *text)
{
	double value = wide ? strtod(text, NULL) : 0;
	float small = wide ? 0 : strtof(text, NULL);
	uint64_t bits;
	uint32_t word;

	memcpy(&bits, &value, sizeof(bits));
	memcpy(&word, &small, sizeof(word));
	return wide ? bits : word;
}

/* The bits behind "NaN:", which must be those of a NaN. */
static bool parse_nan(bool wide, const char *text, uint64_t infinity,
		      uint64_t sign, uint64_t *bits)
{
	size_t digits = wide ? 16 : 8;

	if (strncmp(text, "NaN:0x", 6) != 0)
		return false;
	text += 6;
	if (strlen(text) != digits ||
	    strspn(text, "0123456789abcdefABCDEF") != digits)
		return false;
	*bits = strtoull(text, NULL, 16);
	return (*bits & infinity) == infinity && (*bits & ~sign) != infinity;
}

static int parse_real(const struct parsing *parsing, const struct json *json,
		      bool wide, const struct reflect_path *path,
		      uint64_t *bits)
{
	uint64_t infinity = wide ? UINT64_C(0x7ff) << 52 : 0xffu << 23;
	uint64_t quiet = wide ? UINT64_C(1) << 51 : 1u << 22;
	uint64_t sign = wide ? UINT64_C(1) << 63 : 1u << 31;

	if (json->kind != JSON_STRING) {
		int error =
			expect(parsing, path, json, JSON_NUMBER, "a number");

		if (error)
			return error;
		*bits = real_bits(wide, json->text);
		if ((*bits & ~sign) != infinity)
			return 0;
		return reflect_fail(parsing->error, -EINVAL, path,
				    "%s is too large for a %s", json->text,
				    wide ? "double" : "float");
	}
	if (!strcmp(json->text, "NaN"))
		*bits = infinity | quiet;
	else if (!strcmp(json->text, "Infinity"))
		*bits = infinity;
	else if (!strcmp(json->text, "-Infinity"))
		*bits = infinity | sign;
	else if (!parse_nan(wide, json->text, infinity, sign, bits))
		return reflect_fail(parsing->error, -EINVAL, path,
				    "'%s' is no number; \"NaN\", \"Infinity\" "
				    "and \"-Infinity\" are",
				    json->text);
	return 0;
}

static bool is_signed(uint8_t type)
{
	return type == FASTIPC_TYPE_I8 || type == FASTIPC_TYPE_I16 ||
	       type == FASTIPC_TYPE_I32 || type == FASTIPC_TYPE_I64;
}

static int parse_integer(const struct parsing *parsing, const struct json *json,
			 uint8_t type, size_t width,
			 const struct reflect_path *path, uint64_t *bits)
{
	unsigned int shift = 64 - 8 * (unsigned int)width;
	uint64_t max = UINT64_MAX >> shift >> is_signed(type);
	/* How far below 0: one more than above. */
	uint64_t below = is_signed(type) ? max + 1 : 0;
	const char *text = json->text;
	bool negative;
	int error;

	error = expect(parsing, path, json, JSON_NUMBER, "a whole number");
	if (error)
		return error;
	negative = *text == '-';
	if (strspn(text + negative, "0123456789") != strlen(text + negative))
		return reflect_fail(parsing->error, -EINVAL, path,
				    "a whole number is expected, and here is "
				    "%s",
				    text);
	errno = 0;
	*bits = strtoull(text + negative, NULL, 10);
	if (errno || *bits > (negative ? below : max))
		return reflect_fail(parsing->error, -EINVAL, path,
				    "%s is not from %s%" PRIu64 " to %" PRIu64,
				    text, below ? "-" : "", below, max);
	if (negative)
		*bits = -*bits << shift >> shift;
	return 0;
}

/* "A, B, C, ...": as many as are of use. */
static const char *names_of(const struct fastipc_schema_enum *type,
			    char text[160])
{
	size_t used = 0;

	text[0] = 0;
	for (uint16_t i = 0; i < type->value_count; i++) {
		const char *name = type->values[i].name;

		if (used + strlen(name) > 150) {
			snprintf(text + used, 160 - used, ", ...");
			break;
		}
		used += (size_t)sprintf(text + used, "%s%s", used ? ", " : "",
					name);
	}
	return text;
}

static int parse_name(const struct parsing *parsing,
		      const struct fastipc_schema_enum *type, const char *name,
		      size_t size, const struct reflect_path *path,
		      uint64_t *bits)
{
	char known[160];

	for (uint16_t i = 0; i < type->value_count; i++) {
		if (strlen(type->values[i].name) != size ||
		    memcmp(type->values[i].name, name, size) != 0)
			continue;
		*bits |= type->values[i].bits;
		return 0;
	}
	return reflect_fail(parsing->error, -EINVAL, path,
			    "no value '%.*s' of enum %s; known: %s",
			    size < 128 ? (int)size : 128, name, type->name,
			    names_of(type, known));
}

static int parse_names(const struct parsing *parsing,
		       const struct fastipc_schema_enum *type,
		       const struct json *json, const struct reflect_path *path,
		       uint64_t *bits)
{
	const char *text = json->text, *end = text + json->size, *space;
	int error = 0;

	*bits = 0;
	if (!(type->flags & FASTIPC_ENUM_FLAGS))
		return parse_name(parsing, type, text, json->size, path, bits);
	do {
		space = memchr(text, ' ', (size_t)(end - text));
		if (!space)
			space = end;
		error = parse_name(parsing, type, text, (size_t)(space - text),
				   path, bits);
		text = space + 1;
	} while (!error && text <= end);
	return error;
}

static int parse_scalar(const struct parsing *parsing, const struct json *json,
			const struct fastipc_schema_field *field,
			const struct reflect_path *path, uint64_t *bits)
{
	look_at(parsing, json);
	if (json->kind == JSON_STRING && field->ref != FASTIPC_SCHEMA_NONE)
		return parse_names(parsing, &parsing->schema->enums[field->ref],
				   json, path, bits);
	switch (field->type) {
	case FASTIPC_TYPE_BOOL:
		return parse_bool(parsing, json, path, bits);
	case FASTIPC_TYPE_F32:
	case FASTIPC_TYPE_F64:
		return parse_real(parsing, json,
				  field->type == FASTIPC_TYPE_F64, path, bits);
	default:
		return parse_integer(parsing, json, field->type,
				     reflect_size(parsing->schema, field), path,
				     bits);
	}
}

/* ---- structs ---- */

/*
 * Each key of an object is there once, and is that of a field, or of a union's
 * type.
 */
static int check_keys(const struct parsing *parsing, const struct json *json,
		      const struct fastipc_schema_field *fields, size_t count,
		      const char *name, const struct reflect_path *path)
{
	for (const struct json *at = json->first; at; at = at->next) {
		const char *key = at->key;
		bool known = false;

		for (size_t i = 0; i < count && !known; i++) {
			size_t size = strlen(fields[i].name);

			if (strncmp(key, fields[i].name, size) != 0)
				continue;
			known = !key[size] ||
				(fields[i].type == FASTIPC_TYPE_UNION &&
				 !strcmp(key + size, "_type"));
		}
		look_at(parsing, at);
		if (!known)
			return reflect_fail(parsing->error, -EINVAL, path,
					    "%s has no field '%.128s'", name,
					    key);
		if (json_member(json, key) != at)
			return reflect_fail(parsing->error, -EINVAL, path,
					    "'%s' is there twice", key);
	}
	return 0;
}

/* A scalar or a struct, to where it is in a message. */
static int parse_element(const struct parsing *parsing, const struct json *json,
			 const struct fastipc_schema_field *field,
			 const struct reflect_path *path, uint8_t *to)
{
	const struct fastipc_schema_struct *type;
	uint64_t bits;
	int error;

	if (field->type != FASTIPC_TYPE_STRUCT) {
		error = parse_scalar(parsing, json, field, path, &bits);
		if (!error)
			reflect_store(to, reflect_size(parsing->schema, field),
				      bits);
		return error;
	}
	type = &parsing->schema->structs[field->ref];
	error = expect(parsing, path, json, JSON_OBJECT, "an object");
	if (!error)
		error = check_keys(parsing, json, type->fields,
				   type->field_count, type->name, path);
	for (uint16_t i = 0; i < type->field_count && !error; i++) {
		const struct fastipc_schema_field *inner = &type->fields[i];
		struct reflect_path at = { .up = path, .name = inner->name };
		const struct json *value = json_member(json, inner->name);

		look_at(parsing, json);
		if (!value)
			return reflect_fail(parsing->error, -EINVAL, &at,
					    "is missing; %s needs all its "
					    "fields",
					    type->name);
		error = parse_element(parsing, value, inner, &at,
				      to + inner->offset);
	}
	return error;
}

/* ---- vectors and records ---- */

static int parse_record(const struct parsing *parsing, const struct json *json,
			const struct fastipc_schema_table *table,
			const struct reflect_path *path,
			const struct reflect_record **record);

static int parse_string(const struct parsing *parsing, const struct json *json,
			const struct reflect_path *path, const uint8_t **data,
			size_t *size)
{
	*data = (const uint8_t *)json->text;
	*size = json->size;
	return expect(parsing, path, json, JSON_STRING, "a string");
}

static int parse_elements(const struct parsing *parsing,
			  const struct json *json,
			  const struct reflect_path *path,
			  struct reflect_value *value)
{
	size_t step = reflect_size(parsing->schema, value->field);
	struct reflect_path at = { .up = path };
	uint8_t *data = reflect_array(parsing->arena, json->count, step);
	int error = 0;

	if (!data)
		return -ENOMEM;
	value->data = data;
	value->size = json->count * step;
	for (json = json->first; json && !error; json = json->next) {
		error = parse_element(parsing, json, value->field, &at,
				      data + at.index * step);
		at.index++;
	}
	return error;
}

static int parse_items(const struct parsing *parsing, const struct json *json,
		       const struct reflect_path *path,
		       struct reflect_value *value)
{
	const struct fastipc_schema_field *field = value->field;
	struct reflect_path at = { .up = path };
	struct reflect_item *item;
	int error = 0;

	item = reflect_array(parsing->arena, json->count, sizeof(*item));
	if (!item)
		return -ENOMEM;
	value->items = item;
	value->count = json->count;
	for (json = json->first; json && !error; json = json->next) {
		if (field->type == FASTIPC_TYPE_STRING)
			error = parse_string(parsing, json, &at, &item->data,
					     &item->size);
		else
			error = parse_record(
				parsing, json,
				&parsing->schema->tables[field->ref], &at,
				&item->record);
		item++;
		at.index++;
	}
	return error;
}

static int parse_vector(const struct parsing *parsing, const struct json *json,
			const struct reflect_path *path,
			struct reflect_value *value)
{
	uint8_t type = value->field->type;
	int error = expect(parsing, path, json, JSON_ARRAY, "an array");

	if (error)
		return error;
	return type == FASTIPC_TYPE_STRING || type == FASTIPC_TYPE_TABLE
		       ? parse_items(parsing, json, path, value)
		       : parse_elements(parsing, json, path, value);
}

static int parse_value(const struct parsing *parsing, const struct json *json,
		       const struct reflect_path *path,
		       struct reflect_value *value)
{
	const struct fastipc_schema *schema = parsing->schema;
	const struct fastipc_schema_field *field = value->field;
	uint16_t table = field->ref;
	uint8_t *data;

	if (field->flags & FASTIPC_FIELD_VECTOR)
		return parse_vector(parsing, json, path, value);
	switch (field->type) {
	case FASTIPC_TYPE_STRING:
		return parse_string(parsing, json, path, &value->data,
				    &value->size);
	case FASTIPC_TYPE_STRUCT:
		value->size = reflect_size(schema, field);
		data = reflect_alloc(parsing->arena, value->size);
		value->data = data;
		return data ? parse_element(parsing, json, field, path, data)
			    : -ENOMEM;
	case FASTIPC_TYPE_UNION:
		table = reflect_member(&schema->unions[table], value->member)
				->table;
		break;
	case FASTIPC_TYPE_TABLE:
		break;
	default:
		return parse_scalar(parsing, json, field, path, &value->bits);
	}
	return parse_record(parsing, json, &schema->tables[table], path,
			    &value->record);
}

/* The type of a union, by its name or number; 0 is NONE. */
static int parse_member(const struct parsing *parsing, const struct json *json,
			const struct fastipc_schema_union *any,
			const struct reflect_path *path, uint8_t *type)
{
	uint64_t bits = 0;
	int error;

	look_at(parsing, json);
	if (json->kind == JSON_STRING) {
		if (!strcmp(json->text, "NONE"))
			return 0;
		for (uint32_t i = 0; i < any->member_count && !*type; i++)
			if (!strcmp(any->members[i].name, json->text))
				*type = any->members[i].value;
	} else {
		error = parse_integer(parsing, json, FASTIPC_TYPE_U8, 1, path,
				      &bits);
		if (error || !bits)
			return error;
		*type = (uint8_t)bits;
	}
	if (reflect_member(any, *type))
		return 0;
	return reflect_fail(parsing->error, -EINVAL, path,
			    "no type '%.128s' of union %s", json->text,
			    any->name);
}

static int parse_union(const struct parsing *parsing, const struct json *object,
		       const struct reflect_path *up,
		       struct reflect_value *value, bool *present)
{
	const struct fastipc_schema_field *field = value->field;
	const struct fastipc_schema_union *any =
		&parsing->schema->unions[field->ref];
	char name[512];
	struct reflect_path path = { .up = up, .name = field->name };
	struct reflect_path type_path = { .up = up, .name = name };
	const struct json *json = json_member(object, field->name), *type;
	int error = 0;

	snprintf(name, sizeof(name), "%s_type", field->name);
	type = json_member(object, name);
	if (json && json->kind == JSON_NULL)
		json = NULL;
	if (type && type->kind != JSON_NULL)
		error = parse_member(parsing, type, any, &type_path,
				     &value->member);
	if (error)
		return error;
	*present = value->member;
	if (json && !value->member)
		return reflect_fail(parsing->error, -EINVAL, &path,
				    "needs '%s', which says what it is", name);
	if (!json && value->member)
		return reflect_fail(parsing->error, -EINVAL, &path,
				    "is missing, though there is '%s'", name);
	return json ? parse_value(parsing, json, &path, value) : 0;
}

static int parse_field(const struct parsing *parsing, const struct json *object,
		       const struct reflect_path *up,
		       struct reflect_value *value, bool *present)
{
	const struct fastipc_schema_field *field = value->field;
	struct reflect_path path = { .up = up, .name = field->name };
	bool plain = reflect_tail(field) == REFLECT_NONE &&
		     field->presence == FASTIPC_SCHEMA_NONE;
	const struct json *json;

	look_at(parsing, object);
	if (field->type == FASTIPC_TYPE_UNION)
		return parse_union(parsing, object, up, value, present);
	json = json_member(object, field->name);
	/* null is absent, where there is such a thing. */
	*present = json && (plain || json->kind != JSON_NULL);
	return *present ? parse_value(parsing, json, &path, value) : 0;
}

static int parse_record(const struct parsing *parsing, const struct json *json,
			const struct fastipc_schema_table *table,
			const struct reflect_path *path,
			const struct reflect_record **result)
{
	struct reflect_record *record;
	struct reflect_value *values;
	int error;

	error = expect(parsing, path, json, JSON_OBJECT, "an object");
	if (!error)
		error = check_keys(parsing, json, table->fields,
				   table->field_count, table->name, path);
	if (error)
		return error;
	record = reflect_alloc(parsing->arena, sizeof(*record));
	values = reflect_array(parsing->arena, json->count, sizeof(*values));
	if (!record || !values)
		return -ENOMEM;
	*record = (struct reflect_record){ .table = table, .values = values };
	*result = record;
	for (uint16_t i = 0; i < table->field_count; i++) {
		struct reflect_value value = { .field = &table->fields[i] };
		bool present;

		error = parse_field(parsing, json, path, &value, &present);
		if (error)
			return error;
		if (present)
			values[record->count++] = value;
	}
	return 0;
}

int schema_json_parse(const struct fastipc_schema *schema, uint16_t table,
		      const char *text, size_t size,
		      struct reflect_arena *arena,
		      const struct reflect_record **record,
		      struct reflect_error *error)
{
	const struct parsing parsing = { .schema = schema,
					 .arena = arena,
					 .error = error };
	struct reflect_path path = { 0 };
	struct json *json;
	int ret;

	ret = json_parse_text(text, size, arena, &json, error);
	if (ret)
		return ret;
	return parse_record(&parsing, json, &schema->tables[table], &path,
			    record);
}

int schema_json_encode(const struct fastipc_schema *schema, uint16_t table,
		       const char *text, size_t text_size,
		       struct reflect_arena *arena, const uint8_t **data,
		       size_t *size, struct reflect_error *error)
{
	const struct reflect_record *record;
	int ret;

	ret = schema_json_parse(schema, table, text, text_size, arena, &record,
				error);
	if (ret)
		return ret;
	/* What the writer finds is in no line: it is of the whole. */
	if (error)
		error->line = 0;
	return reflect_write(schema, record, arena, data, size, error);
}
