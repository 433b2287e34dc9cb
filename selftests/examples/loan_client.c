// SPDX-License-Identifier: MIT
/* Reads a text into memory that it lends loan_server; no byte is copied. */
#include <fastipc/fastipc.h>
#include <stdio.h>

int main(void)
{
	struct fastipc_client_options options;
	struct fastipc_attachment along = { 0 };
	struct fastipc_client *client = NULL;
	size_t size = 64 << 20, lines = 0;
	struct fastipc_buffer reply = { &lines, 0, sizeof(lines), true };

	fastipc_client_options_init(&options);
	options.bulk_size = size;
	if (fastipc_client_connect("lines", &options, &client) == 0 &&
	    fastipc_client_loan(client, size, 0, &along.loan) == 0) {
		char *text = fastipc_loan_data(along.loan);

		text[fread(text, 1, size - 1, stdin)] = '\0';
		if (fastipc_client_call_with(client, 1, NULL, 0, &along, &reply,
					     NULL, 0) == 0)
			printf("%zu lines\n", lines);
	}
	if (reply.size != sizeof(lines))
		fprintf(stderr, "loan_client: %s\n", fastipc_error_detail());
	fastipc_client_close(client);
	return reply.size != sizeof(lines);
}
