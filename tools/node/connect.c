// SPDX-License-Identifier: MIT
/*
 * connect(): it waits for the server's answer, so it runs in libuv's pool.
 */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct connecting {
	struct fastipc_client_options options;
	uint32_t spin_us;
	char *address;
	struct fastipc_client *client;
	int error;
	char message[256];
	napi_async_work work;
	napi_deferred deferred;
};

static bool get_u64(napi_env env, napi_value object, const char *name,
		    uint64_t *value)
{
	napi_value property;
	napi_valuetype type;
	bool lossless;

	if (napi_get_named_property(env, object, name, &property) ||
	    napi_typeof(env, property, &type) ||
	    (type != napi_undefined &&
	     napi_get_value_bigint_uint64(env, property, value, &lossless)))
		return node_throw_napi(env);
	return true;
}

/* index.js has checked names and made numbers of them. */
static bool get_options(napi_env env, napi_value object,
			struct connecting *connecting)
{
	struct fastipc_client_options *options = &connecting->options;
	uint32_t wait = options->wait, checksum = options->checksum;
	uint32_t match = options->schema_match;
	uint32_t compression = options->compression;
	uint32_t timeout_ms = (uint32_t)(options->connect_timeout_ns / 1000000);
	bool ok =
		node_option(env, object, "wait", &wait) &&
		node_option(env, object, "checksum", &checksum) &&
		node_option(env, object, "ringSize", &options->ring_size) &&
		node_option(env, object, "maxMessage", &options->max_message) &&
		node_option(env, object, "maxCalls", &options->max_calls) &&
		node_option(env, object, "streamWindow",
			    &options->stream_window) &&
		node_option(env, object, "connectTimeoutMs", &timeout_ms) &&
		node_option(env, object, "compression", &compression) &&
		node_option(env, object, "compressFrom",
			    &options->compress_from) &&
		node_option(env, object, "schemaMatch", &match) &&
		node_option(env, object, "spinUs", &connecting->spin_us) &&
		get_u64(env, object, "wire", &options->fingerprint.wire) &&
		get_u64(env, object, "full", &options->fingerprint.full);

	options->wait = (enum fastipc_wait)wait;
	options->checksum = (enum fastipc_checksum)checksum;
	options->schema_match = (enum fastipc_schema_match)match;
	options->compression = (enum fastipc_compression)compression;
	options->connect_timeout_ns = timeout_ms * 1000000ull;
	return ok;
}

static void execute(napi_env env, void *data)
{
	struct connecting *connecting = data;

	(void)env;
	connecting->error = fastipc_client_connect(
		connecting->address, &connecting->options, &connecting->client);
	if (connecting->error)
		snprintf(connecting->message, sizeof(connecting->message), "%s",
			 fastipc_error_detail());
}

static void release(napi_env env, struct connecting *connecting)
{
	/* It can fail only for lack of arguments. */
	if (connecting->work)
		(void)napi_delete_async_work(env, connecting->work);
	free(connecting->address);
	free(connecting);
}

static napi_status settle(napi_env env, struct connecting *connecting)
{
	napi_value value = NULL;
	struct addon *addon;
	napi_status status = napi_get_instance_data(env, (void **)&addon);

	if (connecting->error) {
		value = node_error(env, connecting->error, connecting->message);
		if (status || !value)
			return napi_generic_failure;
		return napi_reject_deferred(env, connecting->deferred, value);
	}
	if (status) {
		fastipc_client_close(connecting->client);
		return status;
	}
	if (node_client_new(env, addon, connecting->client, connecting->spin_us,
			    &value))
		return napi_resolve_deferred(env, connecting->deferred, value);
	status = napi_get_and_clear_last_exception(env, &value);
	if (status)
		return status;
	return napi_reject_deferred(env, connecting->deferred, value);
}

static void complete(napi_env env, napi_status status, void *data)
{
	struct connecting *connecting = data;

	/* If it was cancelled, the environment ends, and nobody waits. */
	if (status != napi_cancelled && settle(env, connecting))
		node_throw_napi(env);
	release(env, connecting);
}

static napi_value begin(napi_env env, struct connecting *connecting)
{
	napi_value promise, name;

	if (napi_create_promise(env, &connecting->deferred, &promise) ||
	    napi_create_string_utf8(env, "fastipc.connect", NAPI_AUTO_LENGTH,
				    &name) ||
	    napi_create_async_work(env, NULL, name, execute, complete,
				   connecting, &connecting->work) ||
	    napi_queue_async_work(env, connecting->work)) {
		node_throw_napi(env);
		release(env, connecting);
		return NULL;
	}
	return promise;
}

napi_value node_connect(napi_env env, napi_callback_info info)
{
	struct connecting *connecting;
	napi_value arguments[2];
	size_t count = 2;

	NODE_TRY(env,
		 napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
	connecting = calloc(1, sizeof(*connecting));
	if (!connecting)
		return node_throw(env, -ENOMEM, "no memory to connect");
	fastipc_client_options_init(&connecting->options);
	connecting->address = node_string(env, arguments[0]);
	if (!connecting->address ||
	    !get_options(env, arguments[1], connecting)) {
		release(env, connecting);
		return NULL;
	}
	return begin(env, connecting);
}
