// SPDX-License-Identifier: MIT
/* Calls the server of hello_server.c once, and prints its reply. */
#include <fastipc/fastipc.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *text = argc > 1 ? argv[1] : "hello, world";
	struct fastipc_buffer reply = { 0 }; /* grows as needed */
	struct fastipc_client *client = NULL;
	int error;

	error = fastipc_client_connect("hello", NULL, &client);
	if (!error) {
		error = fastipc_client_call(client, 1, text, strlen(text),
					    &reply,
					    fastipc_after_ns(1000000000));
		if (!error)
			printf("%.*s\n", (int)reply.size, (char *)reply.data);
	}
	if (error)
		fprintf(stderr, "hello_client: %s\n", fastipc_error_detail());
	fastipc_client_close(client); /* NULL is allowed */
	fastipc_buffer_free(&reply);
	return error ? 1 : 0;
}
