// SPDX-License-Identifier: MIT
/*
 * The thread's last error, and what each errno of the library means.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <fastipc/types.h>

static _Thread_local char last_error[FASTIPC_DETAIL_SIZE];

int fastipc_fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(last_error, sizeof(last_error), format, arguments);
	va_end(arguments);
	return error;
}

void fastipc_detail_keep(char detail[FASTIPC_DETAIL_SIZE])
{
	memcpy(detail, last_error, FASTIPC_DETAIL_SIZE);
}

void fastipc_detail_restore(const char detail[FASTIPC_DETAIL_SIZE])
{
	memcpy(last_error, detail, FASTIPC_DETAIL_SIZE);
}

const char *fastipc_error_detail(void)
{
	return last_error;
}

const char *fastipc_system_error(int error)
{
	const char *text = strerrordesc_np(error);

	switch (error) {
	case EMFILE:
		return "too many open files; raise RLIMIT_NOFILE";
	case ENFILE:
		return "too many open files of all; raise fs.file-max";
	default:
		return text ? text : "unknown error";
	}
}

const char *fastipc_strerror(int error)
{
	switch (-error) {
	case 0:
		return "success";
	case EAGAIN:
		return "nothing there now, or no room now";
	case EPIPE:
		return "the peer is gone";
	case ENODATA:
		return "end of stream: the peer shut down in order";
	case ETIMEDOUT:
		return "the deadline passed";
	case EPROTO:
		return "the peer broke the protocol";
	case EBADMSG:
		return "the message is corrupt or no fastipc message";
	case ECANCELED:
		return "the call was cancelled";
	case EMSGSIZE:
		return "the message is too long";
	case EOPNOTSUPP:
		return "no handler for this message type";
	case EPROTONOSUPPORT:
		return "the peer speaks another protocol version";
	case ENOPROTOOPT:
		return "the peer speaks another schema";
	case ESOCKTNOSUPPORT:
		return "the server does not take this transport";
	case ENOTSOCK:
		return "what is there is not a server's socket";
	case EPROTOTYPE:
		return "the other end is something else than was asked for";
	case ESHUTDOWN:
		return "the server drains, and has not begun this";
	case EHOSTDOWN:
		return "no server can be used now";
	case EBADFD:
		return "the peer's memory region is not sealed";
	case ERANGE:
		return "the peer's memory region has the wrong size";
	case EUSERS:
		return "the server has no room for another connection";
	case EADDRINUSE:
		return "a live server has this name";
	case ENOENT:
		return "not found: no such server, call or handler";
	case ECONNREFUSED:
		return "nobody listens on the server's socket";
	case EBUSY:
		return "busy: too many calls in flight, or the directory is locked";
	case EALREADY:
		return "the request was answered before";
	case EDEADLK:
		return "would wait for itself";
	case ENAMETOOLONG:
		return "the name is too long";
	default:
		/* strerror() is not thread-safe; this is, and static. */
		return strerrordesc_np(-error) ? strerrordesc_np(-error)
					       : "unknown error";
	}
}
