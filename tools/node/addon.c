// SPDX-License-Identifier: MIT
/*
 * The addon's beginning; classes, errors and arguments as Node-API has them.
 */
#include "addon.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

napi_value node_throw_napi(napi_env env)
{
	const napi_extended_error_info *info;
	const char *message = NULL;
	bool pending = false;

	/* What it says is gone with the next call. */
	if (napi_get_last_error_info(env, &info) == napi_ok)
		message = info->error_message;
	if (napi_is_exception_pending(env, &pending) == napi_ok && !pending &&
	    napi_throw_type_error(env, "EINVAL",
				  message ? message : "Node-API failed") !=
		    napi_ok)
		return NULL;
	return NULL;
}

napi_value node_error(napi_env env, int error, const char *message)
{
	const char *name = strerrorname_np(-error);
	napi_value code, text, number, object;
	char unnamed[16];

	if (!name) {
		snprintf(unnamed, sizeof(unnamed), "E%d", -error);
		name = unnamed;
	}
	if (!message || !message[0])
		message = fastipc_strerror(error);
	if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) ||
	    napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) ||
	    napi_create_error(env, code, text, &object) ||
	    napi_create_int32(env, error, &number) ||
	    napi_set_named_property(env, object, "errno", number))
		return NULL;
	return object;
}

napi_value node_throw(napi_env env, int error, const char *message)
{
	napi_value object = node_error(env, error, message);

	if (!object || napi_throw(env, object) != napi_ok)
		return node_throw_napi(env);
	return NULL;
}

/* ---- arguments ---- */

bool node_bytes(napi_env env, napi_value value, const void **data, size_t *size)
{
	napi_typedarray_type array;
	napi_valuetype type;
	bool is_array = false;
	void *bytes = NULL;

	*data = NULL;
	*size = 0;
	if (napi_typeof(env, value, &type) ||
	    napi_is_typedarray(env, value, &is_array))
		return node_throw_napi(env);
	if (type == napi_undefined)
		return true;
	if (is_array && napi_get_typedarray_info(env, value, &array, size,
						 &bytes, NULL, NULL))
		return node_throw_napi(env);
	if (!is_array || array != napi_uint8_array)
		return node_throw(env, -EINVAL,
				  "a message is a Buffer or a Uint8Array");
	/* That of an empty one may be NULL. */
	*data = bytes ? bytes : (void *)"";
	return true;
}

bool node_deadline(napi_env env, napi_value value, uint64_t *deadline)
{
	napi_valuetype type;
	double ms = INFINITY;

	if (napi_typeof(env, value, &type) ||
	    (type != napi_undefined && napi_get_value_double(env, value, &ms)))
		return node_throw_napi(env);
	if (isnan(ms))
		return node_throw(env, -EINVAL, "deadlineMs is not a number");
	/* A hundred years are for ever. */
	if (ms > 3e12)
		*deadline = FASTIPC_NO_DEADLINE;
	else
		*deadline = fastipc_after_ns(ms > 0 ? (uint64_t)(ms * 1e6) : 0);
	return true;
}

bool node_option(napi_env env, napi_value object, const char *name,
		 uint32_t *value)
{
	napi_valuetype type;
	napi_value property;

	if (napi_get_named_property(env, object, name, &property) ||
	    napi_typeof(env, property, &type) ||
	    (type != napi_undefined &&
	     napi_get_value_uint32(env, property, value)))
		return node_throw_napi(env);
	return true;
}

char *node_string(napi_env env, napi_value value)
{
	size_t size;
	char *text;

	if (napi_get_value_string_utf8(env, value, NULL, 0, &size)) {
		node_throw_napi(env);
		return NULL;
	}
	text = malloc(size + 1);
	if (!text) {
		node_throw(env, -ENOMEM, "no memory for a string");
	} else if (napi_get_value_string_utf8(env, value, text, size + 1,
					      &size)) {
		free(text);
		text = NULL;
		node_throw_napi(env);
	}
	if (text && strlen(text) != size) {
		free(text);
		text = NULL;
		node_throw(env, -EINVAL, "a name has no NUL in it");
	}
	return text;
}

/* ---- classes ---- */

/* Their objects come from connect() and stream() alone. */
static napi_value construct(napi_env env, napi_callback_info info)
{
	napi_value self, argument;
	napi_valuetype type;
	size_t count = 1;

	NODE_TRY(env,
		 napi_get_cb_info(env, info, &count, &argument, &self, NULL));
	NODE_TRY(env, napi_typeof(env, argument, &type));
	if (count != 1 || type != napi_external)
		return node_throw(env, -EINVAL, "use connect() and stream()");
	return self;
}

bool node_define_class(napi_env env, const char *name,
		       const struct method *methods, size_t count,
		       napi_ref *class)
{
	napi_property_descriptor *properties =
		calloc(count, sizeof(*properties));
	napi_value constructor;
	napi_status status;

	if (!properties)
		return node_throw(env, -ENOMEM, "no memory for a class");
	for (size_t i = 0; i < count; i++)
		properties[i] = (napi_property_descriptor){
			.utf8name = methods[i].name,
			.method = methods[i].call,
			.attributes = napi_default_method,
		};
	status = napi_define_class(env, name, NAPI_AUTO_LENGTH, construct, NULL,
				   count, properties, &constructor);
	free(properties);
	if (status || napi_create_reference(env, constructor, 1, class))
		return node_throw_napi(env);
	return true;
}

bool node_new(napi_env env, napi_ref class, void *wrapped,
	      napi_finalize finalize, napi_value *object, napi_ref *reference)
{
	napi_value constructor, key;

	if (napi_get_reference_value(env, class, &constructor) ||
	    napi_create_external(env, wrapped, NULL, NULL, &key) ||
	    napi_new_instance(env, constructor, 1, &key, object) ||
	    napi_wrap(env, *object, wrapped, finalize, NULL, reference))
		return node_throw_napi(env);
	return true;
}

/* ---- the module ---- */

static void forget(napi_env env, void *data, void *hint)
{
	struct addon *addon = data;

	(void)env; /* and with it go the references */
	(void)hint;
	free(addon);
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		{ .utf8name = "connect",
		  .method = node_connect,
		  .attributes = napi_default_method },
		{ .utf8name = "loadSchema",
		  .method = node_load_schema,
		  .attributes = napi_default_method },
	};
	struct addon *addon = calloc(1, sizeof(*addon));

	if (!addon)
		return node_throw(env, -ENOMEM, "no memory for the addon");
	if (napi_set_instance_data(env, addon, forget, NULL) != napi_ok) {
		free(addon);
		return node_throw_napi(env);
	}
	if (!node_client_class(env, addon) || !node_stream_class(env, addon))
		return NULL;
	NODE_TRY(env, napi_define_properties(env, exports, 2, functions));
	return exports;
}
