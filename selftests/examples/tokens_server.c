// SPDX-License-Identifier: MIT
/* Answers token by token, as they come: tokens_client reads them. */
#include <errno.h>
#include <fastipc/fastipc.h>
#include <stdio.h>

static int answer(struct fastipc_request *request, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	if (!stream)
		return -EPROTOTYPE; /* it was a plain call */
	for (const char *token = context; *token; token++)
		fastipc_stream_write(stream, token, 1, 0, 0);
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
	return 0;
}

int main(void)
{
	struct fastipc_server *server;

	if (fastipc_server_create("tokens", NULL, &server) == 0 &&
	    fastipc_server_add_handler(server, 1, answer,
				       (void *)"It is 42.\n") == 0)
		fastipc_server_run(server); /* until the process is killed */
	fprintf(stderr, "tokens_server: %s\n", fastipc_error_detail());
	return 1;
}
