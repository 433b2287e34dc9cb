/* SPDX-License-Identifier: MIT */
/*
 * The loans of one end of a connection: what of its bulk area is whose.
 *
 * A piece is the application's until it is sent, then the peer's until that
 * gives it back or the connection ends.  The area stays mapped as long as the
 * application has a piece of it.
 *
 * Thread-safety: any thread.
 */
#ifndef FASTIPC_LOANS_H
#define FASTIPC_LOANS_H

#include <fastipc/loan.h>

#include "frame/cargo.h"

struct loans;

/*
 * There is room again after somebody was told that there is none, and not by
 * the peer's doing.  Any thread, which may have any lock: it must not wait.
 */
typedef void (*fastipc_loans_room_fn)(void *owner);

/* Of @bulk, which it keeps a reference to.  -ENOMEM. */
int fastipc_loans_create(struct fastipc_bulk *bulk, fastipc_loans_room_fn room,
			 void *owner, struct loans **loans);
/* The owner is not told of anything from here on.  NULL is allowed. */
void fastipc_loans_disown(struct loans *loans);
/* The connection is over: what the peer had is free.  NULL is allowed. */
void fastipc_loans_end(struct loans *loans);

/* -EAGAIN no room now; -EMSGSIZE; -EINVAL; -ENOMEM.  @loans may be NULL:
 * -EOPNOTSUPP. */
int fastipc_loans_take(struct loans *loans, size_t size,
		       struct fastipc_loan **loan);
/* The peer gives @id back.  -EPROTO it does not have it. */
int fastipc_loans_returned(struct loans *loans, uint64_t id);

/*
 * The cargo of a message on a connection with these @loans and @channel.  Has
 * the attachment's loan from then on, also on error.
 * -EINVAL not a loan of this connection; -EOPNOTSUPP; -EBADF; -EMFILE; -ENOMEM.
 */
int fastipc_loans_attach(struct loans *loans,
			 const struct fastipc_channel *channel,
			 const struct fastipc_attachment *attachment,
			 struct fastipc_cargo **cargo);
/* The cargo is not sent, and its loan is the application's again. */
void fastipc_loans_detach(struct fastipc_cargo *cargo);

#endif
