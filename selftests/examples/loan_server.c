// SPDX-License-Identifier: MIT
/* Counts the newlines of what it is lent, where it is: loan_client lends. */
#include <fastipc/fastipc.h>
#include <stdio.h>

static int count_lines(struct fastipc_request *request, void *context)
{
	struct fastipc_shared lent = fastipc_request_lent(request);
	const volatile char *text = lent.data; /* the client may change it */
	size_t lines = 0;

	(void)context;
	for (size_t i = 0; i < lent.size && text[i]; i++)
		lines += text[i] == '\n';
	return fastipc_request_reply(request, &lines, sizeof(lines));
}

int main(void)
{
	struct fastipc_server_options options;
	struct fastipc_server *server;

	fastipc_server_options_init(&options);
	options.bulk_max = 64 << 20; /* of clients' memory that it maps */
	if (fastipc_server_create("lines", &options, &server) == 0 &&
	    fastipc_server_add_handler(server, 1, count_lines, NULL) == 0)
		fastipc_server_run(server); /* until the process is killed */
	fprintf(stderr, "loan_server: %s\n", fastipc_error_detail());
	return 1;
}
