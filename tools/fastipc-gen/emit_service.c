// SPDX-License-Identifier: MIT
/*
 * What a service S becomes: for each method M the type of its messages, a
 * call S_M() for clients, and S_M_reply() for handlers; or, of a stream,
 * S_M_open() and what is sent and received on it; and S_handlers, which
 * S_serve() adds to a server.
 */
#include "gen.h"

#include "names.h"

static const struct gen_table *
request_of(const struct gen *gen, const struct fastipc_schema_method *method)
{
	return &gen->tables[method->request];
}

static const struct gen_table *
response_of(const struct gen *gen, const struct fastipc_schema_method *method)
{
	return &gen->tables[method->response];
}

static bool is_stream(const struct fastipc_schema_method *method)
{
	return method->flags &
	       (FASTIPC_METHOD_CLIENT_STREAM | FASTIPC_METHOD_SERVER_STREAM);
}

typedef void (*emit_service_fn)(struct gen *gen, const char *name,
				const struct fastipc_schema_service *service);

static void each_service(struct gen *gen, emit_service_fn emit)
{
	for (uint16_t i = 0; i < gen->schema->service_count; i++) {
		const struct fastipc_schema_service *service =
			&gen->schema->services[i];

		if (gen_is_own(gen, service) && service->method_count)
			emit(gen, gen_identifier(gen, service->name), service);
	}
}

/* ---- the header ---- */

static void emit_types(struct gen *gen, const char *name,
		       const struct fastipc_schema_service *service)
{
	put_doc(gen, "", service->doc);
	put(gen, "enum {\n");
	for (uint16_t i = 0; i < service->method_count; i++) {
		const struct fastipc_schema_method *method =
			&service->methods[i];

		put_doc(gen, "\t", method->doc);
		put(gen, "\t%s_%s_TYPE = 0x%04x,\n", name, method->name,
		    method->type);
	}
	put(gen, "};\n\n");
}

void emit_service_types(struct gen *gen)
{
	each_service(gen, emit_types);
}

/* What calls and streams need of each table. */
static void emit_table(struct gen *gen, const struct gen_table *table)
{
	put(gen,
	    "/* %s_encode(), for fastipc_client_call_value() and its like. */\n"
	    "int %s_encoder(const void *value, void *data, size_t capacity,\n"
	    "\t\tsize_t *size);\n"
	    "/*\n"
	    " * One that was received; its value lies in the buffer.  Zero it"
	    " before its\n"
	    " * first use, use it again and again, and free the buffer at the"
	    " end.\n"
	    " */\n"
	    "struct %s_received {\n"
	    "\tstruct %s_reader value;\n"
	    "\tstruct fastipc_buffer buffer;\n"
	    "};\n\n",
	    table->name, table->name, table->name, table->name);
}

static void emit_call(struct gen *gen, const char *name,
		      const struct fastipc_schema_method *method)
{
	const char *request = request_of(gen, method)->name;
	const char *response = response_of(gen, method)->name;

	put_doc(gen, "", method->doc);
	put(gen,
	    "static inline int %s_%s(struct fastipc_client *client,\n"
	    "\t\tconst struct %s *request,\n"
	    "\t\tstruct %s_received *response, uint64_t deadline)\n"
	    "{\n"
	    "\tconst int error = fastipc_client_call_value(client,\n"
	    "\t\t%s_%s_TYPE, %s_encoder, request,\n"
	    "\t\t&response->buffer, deadline);\n\n"
	    "\tif (FASTIPC_UNLIKELY(error))\n"
	    "\t\treturn error;\n"
	    "\treturn %s_read(fastipc_buffer_snapshot(&response->buffer),\n"
	    "\t\t&response->value);\n"
	    "}\n\n",
	    name, method->name, request, response, name, method->name, request,
	    response);
}

static void emit_reply(struct gen *gen, const char *name,
		       const struct fastipc_schema_method *method)
{
	const char *response = response_of(gen, method)->name;

	put(gen,
	    "/* Answer it: as fastipc_request_reply_value(). */\n"
	    "static inline int %s_%s_reply(struct fastipc_request *request,\n"
	    "\t\tconst struct %s *response)\n"
	    "{\n"
	    "\treturn fastipc_request_reply_value(request, %s_encoder,\n"
	    "\t\tresponse);\n"
	    "}\n\n",
	    name, method->name, response, response);
}

/* Messages of one direction of a stream. */
static void emit_direction(struct gen *gen, const char *name,
			   const struct fastipc_schema_method *method,
			   const char *direction, const char *table)
{
	put(gen,
	    "/* As fastipc_stream_write_value(). */\n"
	    "static inline int %s_%s_send_%s(struct fastipc_stream *stream,\n"
	    "\t\tconst struct %s *value, unsigned int flags,\n"
	    "\t\tuint64_t deadline)\n"
	    "{\n"
	    "\treturn fastipc_stream_write_value(stream, %s_encoder, value,\n"
	    "\t\tflags, deadline);\n"
	    "}\n\n",
	    name, method->name, direction, table, table);
	put(gen,
	    "/* As fastipc_stream_read(); -EBADMSG what came is none. */\n"
	    "static inline int %s_%s_receive_%s(struct fastipc_stream *stream,\n"
	    "\t\tstruct %s_received *received, uint64_t deadline)\n"
	    "{\n"
	    "\tconst int error = fastipc_stream_read(stream,\n"
	    "\t\t&received->buffer, deadline);\n\n"
	    "\tif (FASTIPC_UNLIKELY(error))\n"
	    "\t\treturn error;\n"
	    "\treturn %s_read(fastipc_buffer_snapshot(&received->buffer),\n"
	    "\t\t&received->value);\n"
	    "}\n\n",
	    name, method->name, direction, table, table);
}

static void emit_stream(struct gen *gen, const char *name,
			const struct fastipc_schema_method *method)
{
	put_doc(gen, "", method->doc);
	put(gen,
	    "int %s_%s_open(struct fastipc_client *client,\n"
	    "\t\tconst struct %s *request,\n"
	    "\t\tconst struct fastipc_stream_options *options,\n"
	    "\t\tstruct fastipc_stream **stream);\n\n",
	    name, method->name, request_of(gen, method)->name);
	if (method->flags & FASTIPC_METHOD_CLIENT_STREAM)
		emit_direction(gen, name, method, "request",
			       request_of(gen, method)->name);
	emit_direction(gen, name, method, "response",
		       response_of(gen, method)->name);
}

static void emit_handlers(struct gen *gen, const char *name,
			  const struct fastipc_schema_service *service)
{
	put(gen,
	    "/*\n"
	    " * What a server does; NULL: not this.  A handler does what"
	    " <fastipc/server.h> says\n"
	    " * of one; its request was checked, and lies in the message's"
	    " bytes.\n"
	    " */\n"
	    "struct %s_handlers {\n",
	    name);
	for (uint16_t i = 0; i < service->method_count; i++) {
		const struct fastipc_schema_method *method =
			&service->methods[i];

		put(gen,
		    "\tint (*%s)(struct fastipc_request *request,\n"
		    "\t\tstruct %s_reader value, void *context);\n",
		    names_escape(gen->arena, method->name),
		    request_of(gen, method)->name);
	}
	put(gen,
	    "\tvoid *context;\n"
	    "};\n\n"
	    "/*\n"
	    " * Add them to a server, or remove them: all, or none and the error"
	    " of\n"
	    " * fastipc_server_add_handler().  The struct must live as long as"
	    " they are there.\n"
	    " */\n"
	    "int %s_serve(struct fastipc_server *server,\n"
	    "\t\tconst struct %s_handlers *handlers);\n"
	    "void %s_withdraw(struct fastipc_server *server,\n"
	    "\t\tconst struct %s_handlers *handlers);\n"
	    "/* For the options of clients and servers. */\n"
	    "extern const struct fastipc_fingerprint %s_fingerprint;\n\n",
	    name, name, name, name, name);
}

static void emit_interface(struct gen *gen, const char *name,
			   const struct fastipc_schema_service *service)
{
	put(gen, "/* ---- service %s ---- */\n\n", service->name);
	emit_handlers(gen, name, service);
	for (uint16_t i = 0; i < service->method_count; i++) {
		if (is_stream(&service->methods[i])) {
			emit_stream(gen, name, &service->methods[i]);
			continue;
		}
		emit_call(gen, name, &service->methods[i]);
		emit_reply(gen, name, &service->methods[i]);
	}
}

void emit_services(struct gen *gen)
{
	put(gen, "/* ---- to send and receive ---- */\n\n");
	for (uint16_t i = 0; i < gen->schema->table_count; i++)
		if (gen_is_own(gen, &gen->schema->tables[i]))
			emit_table(gen, &gen->tables[i]);
	each_service(gen, emit_interface);
}

/* ---- the source ---- */

static void emit_encoder(struct gen *gen, const struct gen_table *table)
{
	put(gen,
	    "int %s_encoder(const void *value, void *data, size_t capacity,\n"
	    "\t\tsize_t *size)\n"
	    "{\n"
	    "\tconst struct %s *const table = (const struct %s *)value;\n"
	    "\tint error;\n\n"
	    "\tif (FASTIPC_LIKELY(capacity < FASTIPC_GATHER_ROOM))\n"
	    "\t\treturn %s_encode(table, data, capacity, size);\n"
	    "\tfastipc_gather_begin(%s_encoder, data);\n"
	    "\terror = %s_encode(table, data, capacity, size);\n"
	    "\tfastipc_gather_end();\n"
	    "\treturn error;\n"
	    "}\n\n",
	    table->name, table->name, table->name, table->name, table->name,
	    table->name);
}

static void emit_open(struct gen *gen, const char *name,
		      const struct fastipc_schema_method *method)
{
	const char *request = request_of(gen, method)->name;

	put(gen,
	    "int %s_%s_open(struct fastipc_client *client,\n"
	    "\t\tconst struct %s *request,\n"
	    "\t\tconst struct fastipc_stream_options *options,\n"
	    "\t\tstruct fastipc_stream **stream)\n"
	    "{\n"
	    "\tuint8_t data[16384];\n"
	    "\tsize_t size = 0;\n"
	    "\tint error = %s_encode(request, data, sizeof(data), &size);\n\n"
	    "\tif (!error)\n"
	    "\t\terror = fastipc_stream_open(client, %s_%s_TYPE, data,\n"
	    "\t\t\tsize, options, stream);\n"
	    "\treturn error;\n"
	    "}\n\n",
	    name, method->name, request, request, name, method->name);
}

static void emit_trampoline(struct gen *gen, const char *name,
			    const struct fastipc_schema_method *method)
{
	const char *member = names_escape(gen->arena, method->name);
	const char *request = request_of(gen, method)->name;

	put(gen,
	    "static int %s_%s_handle(struct fastipc_request *request,\n"
	    "\t\tvoid *context)\n"
	    "{\n"
	    "\tconst struct %s_handlers *handlers =\n"
	    "\t\t(const struct %s_handlers *)context;\n"
	    "\tstruct %s_reader value;\n\n"
	    "\tif (FASTIPC_UNLIKELY(%s_read(\n"
	    "\t\t\tfastipc_request_snapshot(request), &value)))\n"
	    "\t\treturn fastipc_request_fail(request, -EBADMSG,\n"
	    "\t\t\t\"the request is no %s\");\n"
	    "\treturn handlers->%s(request, value, handlers->context);\n"
	    "}\n\n",
	    name, method->name, name, name, request, request,
	    gen->schema->tables[method->request].name, member);
}

static void emit_serve(struct gen *gen, const char *name,
		       const struct fastipc_schema_service *service)
{
	put(gen,
	    "void %s_withdraw(struct fastipc_server *server,\n"
	    "\t\tconst struct %s_handlers *handlers)\n"
	    "{\n",
	    name, name);
	for (uint16_t i = 0; i < service->method_count; i++)
		put(gen,
		    "\tif (handlers->%s)\n"
		    "\t\tfastipc_server_remove_handler(server, %s_%s_TYPE);\n",
		    names_escape(gen->arena, service->methods[i].name), name,
		    service->methods[i].name);
	put(gen,
	    "}\n\n"
	    "int %s_serve(struct fastipc_server *server,\n"
	    "\t\tconst struct %s_handlers *handlers)\n"
	    "{\n"
	    "\tstruct %s_handlers added;\n"
	    "\tint error;\n\n"
	    "\tif (!server || !handlers)\n"
	    "\t\treturn -EINVAL;\n"
	    "\tmemset(&added, 0, sizeof(added));\n",
	    name, name, name);
	for (uint16_t i = 0; i < service->method_count; i++) {
		const char *method = service->methods[i].name;
		const char *member = names_escape(gen->arena, method);

		put(gen,
		    "\tif (handlers->%s) {\n"
		    "\t\terror = fastipc_server_add_handler(server,\n"
		    "\t\t\t%s_%s_TYPE, %s_%s_handle,\n"
		    "\t\t\t(void *)(uintptr_t)handlers);\n"
		    "\t\tif (error)\n"
		    "\t\t\tgoto undo;\n"
		    "\t\tadded.%s = handlers->%s;\n"
		    "\t}\n",
		    member, name, method, name, method, member, member);
	}
	put(gen,
	    "\treturn 0;\n"
	    "undo:\n"
	    "\t%s_withdraw(server, &added);\n"
	    "\treturn error;\n"
	    "}\n\n"
	    "const struct fastipc_fingerprint %s_fingerprint = {\n"
	    "\tUINT64_C(0x%016llx), UINT64_C(0x%016llx)\n"
	    "};\n\n",
	    name, name, (unsigned long long)service->wire,
	    (unsigned long long)service->full);
}

static void emit_implementation(struct gen *gen, const char *name,
				const struct fastipc_schema_service *service)
{
	for (uint16_t i = 0; i < service->method_count; i++) {
		if (is_stream(&service->methods[i]))
			emit_open(gen, name, &service->methods[i]);
		emit_trampoline(gen, name, &service->methods[i]);
	}
	emit_serve(gen, name, service);
}

void emit_service_code(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->table_count; i++)
		if (gen_is_own(gen, &gen->schema->tables[i]))
			emit_encoder(gen, &gen->tables[i]);
	each_service(gen, emit_implementation);
}
