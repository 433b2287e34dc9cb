// SPDX-License-Identifier: MIT
/* Calls whichever of two servers is there, through a pool. */
#include <fastipc/fastipc.h>
#include <stdio.h>

int main(void)
{
	const struct fastipc_pool_address servers[] = { { "hello", 1 },
							{ "spare", 0 } };
	struct fastipc_buffer reply = { 0 };
	struct fastipc_pool_call_options call;
	struct fastipc_pool *pool = NULL;
	int error = fastipc_pool_create(servers, 2, NULL, &pool);

	fastipc_pool_call_options_init(&call);
	call.idempotent = true; /* may be sent again if a server dies */
	for (int i = 0; !error && i < 3; i++) {
		call.deadline = fastipc_after_ns(1000000000);
		error = fastipc_pool_call(pool, 1, "hi", 2, &reply, &call);
		if (!error)
			printf("%.*s\n", (int)reply.size, (char *)reply.data);
	}
	if (error)
		fprintf(stderr, "pool: %s\n", fastipc_error_detail());
	fastipc_pool_destroy(pool); /* NULL is allowed */
	fastipc_buffer_free(&reply);
	return error ? 1 : 0;
}
