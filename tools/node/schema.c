// SPDX-License-Identifier: MIT
/*
 * A .fbs file as a plain object: the descriptors of <fastipc/schema.h>, of
 * which codec.js makes readers and writers.
 */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/schema.h"

/* What is made; after a failure all is NULL, and an exception is pending. */
struct maker {
	napi_env env;
	bool failed;
};

static void note(struct maker *maker, napi_status status)
{
	if (status && !maker->failed) {
		maker->failed = true;
		node_throw_napi(maker->env);
	}
}

static void put(struct maker *maker, napi_value object, const char *name,
		napi_value value)
{
	if (!maker->failed)
		note(maker,
		     napi_set_named_property(maker->env, object, name, value));
}

static void put_number(struct maker *maker, napi_value object, const char *name,
		       double number)
{
	napi_value value = NULL;

	if (!maker->failed)
		note(maker, napi_create_double(maker->env, number, &value));
	put(maker, object, name, value);
}

/* An index, a bit, an offset; or -1. */
static void put_place(struct maker *maker, napi_value object, const char *name,
		      uint16_t place)
{
	put_number(maker, object, name,
		   place == FASTIPC_SCHEMA_NONE ? -1 : place);
}

static void put_text(struct maker *maker, napi_value object, const char *name,
		     const char *text)
{
	napi_value value = NULL;

	if (!maker->failed)
		note(maker, napi_create_string_utf8(maker->env, text,
						    NAPI_AUTO_LENGTH, &value));
	put(maker, object, name, value);
}

static void put_bits(struct maker *maker, napi_value object, const char *name,
		     uint64_t bits)
{
	napi_value value = NULL;

	if (!maker->failed)
		note(maker,
		     napi_create_bigint_uint64(maker->env, bits, &value));
	put(maker, object, name, value);
}

/* An object with a name, at the end of @list. */
static napi_value add(struct maker *maker, napi_value list, uint32_t index,
		      const char *name)
{
	napi_value object = NULL;

	if (!maker->failed)
		note(maker, napi_create_object(maker->env, &object));
	put_text(maker, object, "name", name);
	if (!maker->failed)
		note(maker, napi_set_element(maker->env, list, index, object));
	return object;
}

static napi_value put_list(struct maker *maker, napi_value object,
			   const char *name)
{
	napi_value list = NULL;

	if (!maker->failed)
		note(maker, napi_create_array(maker->env, &list));
	put(maker, object, name, list);
	return list;
}

static void put_fields(struct maker *maker, napi_value object,
		       const struct fastipc_schema_field *fields, size_t count)
{
	napi_value list = put_list(maker, object, "fields");

	for (uint32_t i = 0; i < count && !maker->failed; i++) {
		const struct fastipc_schema_field *field = &fields[i];
		napi_value made = add(maker, list, i, field->name);

		put_number(maker, made, "type", field->type);
		put_number(maker, made, "flags", field->flags);
		put_place(maker, made, "ref", field->ref);
		put_place(maker, made, "offset", field->offset);
		put_place(maker, made, "bit", field->bit);
		put_place(maker, made, "presence", field->presence);
		put_place(maker, made, "variable", field->variable);
		put_bits(maker, made, "defaultBits", field->default_bits);
	}
}

static void put_tables(struct maker *maker, napi_value object,
		       const struct fastipc_schema *schema)
{
	napi_value list = put_list(maker, object, "tables");

	for (uint32_t i = 0; i < schema->table_count && !maker->failed; i++) {
		const struct fastipc_schema_table *table = &schema->tables[i];
		napi_value made = add(maker, list, i, table->name);

		put_number(maker, made, "flags", table->flags);
		put_number(maker, made, "fixedSize", table->fixed_size);
		put_number(maker, made, "variables", table->variables);
		put_fields(maker, made, table->fields, table->field_count);
	}
	list = put_list(maker, object, "structs");
	for (uint32_t i = 0; i < schema->struct_count && !maker->failed; i++) {
		const struct fastipc_schema_struct *one = &schema->structs[i];
		napi_value made = add(maker, list, i, one->name);

		put_number(maker, made, "size", one->size);
		put_fields(maker, made, one->fields, one->field_count);
	}
}

static void put_enums(struct maker *maker, napi_value object,
		      const struct fastipc_schema *schema)
{
	napi_value list = put_list(maker, object, "enums");

	for (uint32_t i = 0; i < schema->enum_count && !maker->failed; i++) {
		const struct fastipc_schema_enum *one = &schema->enums[i];
		napi_value made = add(maker, list, i, one->name);
		napi_value values = put_list(maker, made, "values");

		put_number(maker, made, "type", one->type);
		put_number(maker, made, "flags", one->flags);
		for (uint32_t j = 0; j < one->value_count; j++)
			put_bits(maker,
				 add(maker, values, j, one->values[j].name),
				 "bits", one->values[j].bits);
	}
	list = put_list(maker, object, "unions");
	for (uint32_t i = 0; i < schema->union_count && !maker->failed; i++) {
		const struct fastipc_schema_union *any = &schema->unions[i];
		napi_value made = add(maker, list, i, any->name);
		napi_value members = put_list(maker, made, "members");

		for (uint32_t j = 0; j < any->member_count; j++) {
			napi_value member =
				add(maker, members, j, any->members[j].name);

			put_number(maker, member, "table",
				   any->members[j].table);
			put_number(maker, member, "value",
				   any->members[j].value);
		}
	}
}

static void put_services(struct maker *maker, napi_value object,
			 const struct fastipc_schema *schema)
{
	napi_value list = put_list(maker, object, "services");

	for (uint32_t i = 0; i < schema->service_count && !maker->failed; i++) {
		const struct fastipc_schema_service *service =
			&schema->services[i];
		napi_value made = add(maker, list, i, service->name);
		napi_value methods = put_list(maker, made, "methods");

		for (uint32_t j = 0; j < service->method_count; j++) {
			const struct fastipc_schema_method *method =
				&service->methods[j];
			napi_value one = add(maker, methods, j, method->name);

			put_number(maker, one, "type", method->type);
			put_number(maker, one, "request", method->request);
			put_number(maker, one, "response", method->response);
			put_number(maker, one, "flags", method->flags);
		}
	}
}

static napi_value make(napi_env env, const struct fastipc_schema *schema)
{
	struct maker maker = { .env = env };
	napi_value object = NULL;

	note(&maker, napi_create_object(env, &object));
	put_place(&maker, object, "root", schema->root);
	put_bits(&maker, object, "wire", schema->wire);
	put_bits(&maker, object, "full", schema->full);
	put_tables(&maker, object, schema);
	put_enums(&maker, object, schema);
	put_services(&maker, object, schema);
	return maker.failed ? NULL : object;
}

/* All that is wrong, as fastipc-gen prints it. */
static void throw_errors(napi_env env, int error,
			 const struct schema_errors *errors)
{
	size_t size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (stream) {
		schema_errors_print(errors, stream);
		if (fclose(stream) == 0)
			node_throw(env, error, text);
		else
			node_throw(env, error, NULL);
	} else {
		node_throw(env, error, NULL);
	}
	free(text);
}

/* (path, directories to look for what it includes, ending with null) */
napi_value node_load_schema(napi_env env, napi_callback_info info)
{
	struct schema_errors errors = { 0 };
	const char **directories = NULL;
	struct fastipc_schema *schema;
	napi_value arguments[2], value;
	uint32_t count = 0, have = 0;
	size_t given = 2;
	char *path;
	int error;

	NODE_TRY(env,
		 napi_get_cb_info(env, info, &given, arguments, NULL, NULL));
	NODE_TRY(env, napi_get_array_length(env, arguments[1], &count));
	path = node_string(env, arguments[0]);
	directories = calloc(count + 1u, sizeof(*directories));
	while (path && directories && have < count &&
	       !napi_get_element(env, arguments[1], have, &value) &&
	       (directories[have] = node_string(env, value)))
		have++;
	value = NULL;
	if (path && directories && have == count) {
		error = schema_load(path, directories, &errors, &schema);
		if (error < 0) {
			throw_errors(env, error, &errors);
		} else {
			value = make(env, schema);
			schema_free(schema);
		}
		schema_errors_free(&errors);
	} else if (!directories) {
		node_throw(env, -ENOMEM, "no memory for names");
	}
	while (directories && have--)
		free((void *)directories[have]);
	free((void *)directories);
	free(path);
	return value;
}
