// SPDX-License-Identifier: MIT
/* Prints what tokens_server answers, token by token. */
#include <errno.h>
#include <fastipc/fastipc.h>
#include <stdio.h>

int main(void)
{
	struct fastipc_buffer token = { 0 };
	struct fastipc_stream *stream = NULL;
	struct fastipc_client *client = NULL;
	int error = fastipc_client_connect("tokens", NULL, &client);

	if (!error)
		error = fastipc_stream_open(client, 1, "?", 1, NULL, &stream);
	while (!error) {
		error = fastipc_stream_read(stream, &token,
					    fastipc_after_ns(1000000000));
		if (!error)
			printf("%.*s", (int)token.size, (char *)token.data);
	}
	if (error != -ENODATA) /* that is the orderly end */
		fprintf(stderr, "tokens_client: %s\n", fastipc_error_detail());
	fastipc_stream_close(stream); /* NULL is allowed */
	fastipc_client_close(client);
	fastipc_buffer_free(&token);
	return error != -ENODATA;
}
