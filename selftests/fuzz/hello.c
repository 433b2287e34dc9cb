// SPDX-License-Identifier: MIT
/* HELLO: any datagram is refused, or gives a HELLO that makes sense. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "transport/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int sockets[2];
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];
	int ret;

	if (!sockets[1])
		EXPECT(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				   sockets));
	if (!size || size > 4096)
		return 0;
	EXPECT(send(sockets[0], data, size, MSG_DONTWAIT) == (ssize_t)size);
	ret = fastipc_hello_receive(sockets[1], &hello, fds);
	EXPECT(!ret || ret == -EBADMSG || ret == -EPROTONOSUPPORT);
	EXPECT(ret || hello.size == size);
	for (int i = 0; i < FASTIPC_HELLO_FDS; i++)
		EXPECT(fds[i] == -1);
	return 0;
}
