// SPDX-License-Identifier: MIT
/* A server named "hello": it answers with the request in capital letters. */
#include <ctype.h>
#include <errno.h>
#include <fastipc/fastipc.h>
#include <stdio.h>

static int shout(struct fastipc_request *request, void *context)
{
	const unsigned char *text = fastipc_request_data(request);
	size_t size = fastipc_request_size(request);
	char loud[100];

	(void)context;
	if (size > sizeof(loud))
		return -EMSGSIZE; /* the client's call fails with it */
	for (size_t i = 0; i < size; i++)
		loud[i] = (char)toupper(text[i]);
	return fastipc_request_reply(request, loud, size);
}

int main(void)
{
	struct fastipc_server *server;

	if (fastipc_server_create("hello", NULL, &server) == 0 &&
	    fastipc_server_add_handler(server, 1, shout, NULL) == 0)
		fastipc_server_run(server); /* until the process is killed */
	fprintf(stderr, "hello_server: %s\n", fastipc_error_detail());
	return 1;
}
