// SPDX-License-Identifier: MIT
/*
 * Loans, from the area to the peer and back.
 */
#include "rpc/loans.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "rpc/extents.h"
#include "transport/bulk.h"
#include "transport/passing.h"

#define PAGE 4096u
#define SLOTS_FIRST 16u
#define NO_SLOT UINT32_MAX

struct fastipc_loan {
	struct loans *loans;
	uint64_t id;	/* changes with each use of its slot: << 32 | slot */
	size_t size;	/* bytes that were asked for */
	uint32_t first; /* page */
	bool lent;
};

/* Where a loan that is out is found by its id. */
struct slot {
	struct fastipc_loan *loan; /* NULL: free */
	uint32_t next;		   /* free */
};

struct loans {
	pthread_mutex_t lock;
	uint32_t references; /* the connection's, each loan's that is not out */
	bool over;
	bool wanted;		    /* somebody found no room */
	fastipc_loans_room_fn room; /* NULL: nobody is to be told */
	void *owner;
	uint32_t uses; /* counted up, for ids */
	struct fastipc_bulk *bulk;
	struct extents *extents;
	struct slot *slots;
	uint32_t slot_count, free_slot;
};

static uint32_t pages_of(size_t size)
{
	return (uint32_t)((size + PAGE - 1) / PAGE);
}

int fastipc_loans_create(struct fastipc_bulk *bulk, fastipc_loans_room_fn room,
			 void *owner, struct loans **result)
{
	unsigned int order = (unsigned int)__builtin_ctzll(bulk->size / PAGE);
	struct loans *loans = calloc(1, sizeof(*loans));

	*result = NULL;
	if (loans)
		loans->extents = fastipc_extents_create(order);
	if (!loans || !loans->extents) {
		free(loans);
		return fastipc_fail(-ENOMEM, "no memory to keep account of a "
					     "bulk area");
	}
	pthread_mutex_init(&loans->lock, NULL);
	loans->references = 1;
	loans->room = room;
	loans->owner = owner;
	loans->free_slot = NO_SLOT;
	loans->bulk = fastipc_bulk_ref(bulk);
	*result = loans;
	return 0;
}

/* Drops the lock, and with the last reference all. */
static void unlock_unref(struct loans *loans)
{
	bool last = !--loans->references;

	pthread_mutex_unlock(&loans->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&loans->lock);
	fastipc_bulk_unref(loans->bulk);
	fastipc_extents_free(loans->extents);
	free(loans->slots);
	free(loans);
}

/* Out of its slot, its pages free. */
static void forget(struct loans *loans, struct fastipc_loan *loan)
{
	uint32_t slot = (uint32_t)loan->id;

	loans->slots[slot] = (struct slot){ .next = loans->free_slot };
	loans->free_slot = slot;
	fastipc_extents_give(loans->extents, loan->first, pages_of(loan->size));
	free(loan);
}

void fastipc_loans_disown(struct loans *loans)
{
	if (!loans)
		return;
	pthread_mutex_lock(&loans->lock);
	loans->room = NULL;
	pthread_mutex_unlock(&loans->lock);
}

void fastipc_loans_end(struct loans *loans)
{
	if (!loans)
		return;
	pthread_mutex_lock(&loans->lock);
	loans->over = true;
	loans->room = NULL;
	for (uint32_t i = 0; i < loans->slot_count; i++)
		if (loans->slots[i].loan && loans->slots[i].loan->lent)
			forget(loans, loans->slots[i].loan);
	unlock_unref(loans);
}

/* ---- taking ---- */

static int grow_slots(struct loans *loans)
{
	uint32_t count = loans->slot_count ? 2 * loans->slot_count
					   : SLOTS_FIRST;
	struct slot *slots = realloc(loans->slots, count * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = loans->slot_count; i < count; i++)
		slots[i] = (struct slot){ .next = i + 1 < count ? i + 1
								: NO_SLOT };
	loans->free_slot = loans->slot_count;
	loans->slots = slots;
	loans->slot_count = count;
	return 0;
}

static int enter(struct loans *loans, struct fastipc_loan *loan)
{
	uint32_t slot;
	int error = loans->free_slot == NO_SLOT ? grow_slots(loans) : 0;

	if (error)
		return error;
	error = fastipc_extents_take(loans->extents, pages_of(loan->size),
				     &loan->first);
	if (error)
		return error;
	slot = loans->free_slot;
	loans->free_slot = loans->slots[slot].next;
	loans->slots[slot].loan = loan;
	loan->id = (uint64_t)++loans->uses << 32 | slot;
	loans->references++;
	return 0;
}

int fastipc_loans_take(struct loans *loans, size_t size,
		       struct fastipc_loan **result)
{
	struct fastipc_loan *loan;
	int error;

	*result = NULL;
	if (!loans)
		return fastipc_fail(-EOPNOTSUPP,
				    "nothing can be lent here: this end must "
				    "have a bulk_size, and the other a "
				    "bulk_max of at least that");
	if (!size)
		return fastipc_fail(-EINVAL, "a loan has a byte at least");
	if (size > loans->bulk->size)
		return fastipc_fail(-EMSGSIZE,
				    "a loan of %zu bytes is larger than the "
				    "area of %llu: raise bulk_size",
				    size,
				    (unsigned long long)loans->bulk->size);
	loan = calloc(1, sizeof(*loan));
	if (!loan)
		return fastipc_fail(-ENOMEM, "no memory for a loan");
	loan->loans = loans;
	loan->size = size;
	pthread_mutex_lock(&loans->lock);
	error = enter(loans, loan);
	loans->wanted |= error == -EAGAIN;
	pthread_mutex_unlock(&loans->lock);
	if (!error) {
		*result = loan;
		return 0;
	}
	free(loan);
	if (error == -ENOMEM)
		return fastipc_fail(error, "no memory for a loan");
	return fastipc_fail(error, "the peer has not given back enough of the "
				   "area, or it is in pieces");
}

void *fastipc_loan_data(const struct fastipc_loan *loan)
{
	return loan->loans->bulk->base + (size_t)loan->first * PAGE;
}

size_t fastipc_loan_size(const struct fastipc_loan *loan)
{
	return loan->size;
}

void fastipc_loan_free(struct fastipc_loan *loan)
{
	struct loans *loans;

	if (!loan)
		return;
	loans = loan->loans;
	pthread_mutex_lock(&loans->lock);
	forget(loans, loan);
	if (loans->wanted && loans->room) {
		loans->wanted = false;
		loans->room(loans->owner);
	}
	unlock_unref(loans);
}

/* ---- out, and back ---- */

/* The peer has it from now on. */
static void lend(struct fastipc_loan *loan)
{
	struct loans *loans = loan->loans;

	pthread_mutex_lock(&loans->lock);
	loan->lent = true;
	if (loans->over)
		forget(loans, loan);
	unlock_unref(loans);
}

int fastipc_loans_returned(struct loans *loans, uint64_t id)
{
	uint32_t slot = (uint32_t)id;
	struct fastipc_loan *loan = NULL;

	if (!loans)
		return -EPROTO;
	pthread_mutex_lock(&loans->lock);
	if (slot < loans->slot_count)
		loan = loans->slots[slot].loan;
	if (loan && (loan->id != id || !loan->lent))
		loan = NULL;
	if (loan)
		forget(loans, loan);
	pthread_mutex_unlock(&loans->lock);
	return loan ? 0 : -EPROTO;
}

/* ---- going along with a message ---- */

struct attached {
	struct fastipc_cargo cargo;
	struct fastipc_loan *loan; /* NULL: none */
};

static void done(struct fastipc_cargo *cargo, bool sent)
{
	struct attached *attached = (struct attached *)cargo;

	if (attached->loan && sent)
		lend(attached->loan);
	else
		fastipc_loan_free(attached->loan);
	free(attached);
}

void fastipc_loans_detach(struct fastipc_cargo *cargo)
{
	struct attached *attached = (struct attached *)cargo;

	attached->loan = NULL;
	fastipc_cargo_drop(cargo);
}

static int duplicate(struct fastipc_cargo *cargo, const int *fds,
		     unsigned int count)
{
	for (; cargo->count < count; cargo->count++) {
		int fd = fcntl(fds[cargo->count], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return fastipc_fail(-errno,
					    "cannot duplicate descriptor %d: "
					    "%s",
					    fds[cargo->count],
					    strerrordesc_np(errno));
		cargo->fds[cargo->count] = fd;
	}
	return 0;
}

static int check(const struct loans *loans,
		 const struct fastipc_channel *channel,
		 const struct fastipc_attachment *attachment)
{
	const struct fastipc_passing *passing = channel->link.passing;
	unsigned int most = passing ? passing->peer_most : 0;

	if (attachment->loan && attachment->loan->loans != loans)
		return fastipc_fail(-EINVAL,
				    "a loan goes to the connection that it is "
				    "of");
	if (attachment->descriptor_count > most)
		return fastipc_fail(-EOPNOTSUPP,
				    "%u descriptors cannot go along: both ends "
				    "must have set max_descriptors, and the "
				    "peer takes %u",
				    attachment->descriptor_count, most);
	if (attachment->descriptor_count && !attachment->descriptors)
		return fastipc_fail(-EINVAL, "descriptors is NULL");
	return 0;
}

int fastipc_loans_attach(struct loans *loans,
			 const struct fastipc_channel *channel,
			 const struct fastipc_attachment *attachment,
			 struct fastipc_cargo **result)
{
	struct fastipc_loan *loan = attachment->loan;
	struct attached *attached;
	int error = check(loans, channel, attachment);

	*result = NULL;
	if (!error && !loan && !attachment->descriptor_count)
		return 0;
	attached = error ? NULL : calloc(1, sizeof(*attached));
	if (!attached) {
		fastipc_loan_free(loan);
		return error ? error
			     : fastipc_fail(-ENOMEM, "no memory to send what "
						     "goes along");
	}
	attached->cargo.done = done;
	attached->loan = loan;
	if (loan)
		attached->cargo.piece = (struct fastipc_piece){
			.id = loan->id,
			.offset = (uint64_t)loan->first * PAGE,
			.length = loan->size,
		};
	error = duplicate(&attached->cargo, attachment->descriptors,
			  attachment->descriptor_count);
	if (error)
		fastipc_cargo_drop(&attached->cargo);
	else
		*result = &attached->cargo;
	return error;
}
