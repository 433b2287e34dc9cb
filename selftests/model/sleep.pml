// SPDX-License-Identifier: MIT
/*
 * Sleeping and ringing, as told in lib/src/channel/channel.h: a client sends
 * requests and then takes the replies; a server takes, replies and releases
 * in any of the orders that the library has.  Each sleeps, on the futex or on
 * the socket, when it can not go on.
 *
 * Memory is that of x86: each end has a store buffer, first in first out,
 * which drains at any time; a full barrier waits until it is empty.  What an
 * end reads of its own is private to it, so nothing is forwarded.
 *
 * Two counters are left out.  A sleep word has its epoch so that it differs
 * from all before it: `rung` is whether the peer's sleep word, as it is now in
 * memory, was rung.  A doorbell is compared with what it was: `moved` is
 * whether it was bumped since it was looked at.
 *
 * SPIN shows that nobody sleeps for ever (no invalid end state) and that no
 * epoch is rung twice; and that it is not so without each of the parts:
 *
 * must-fail: -DNO_S3 -DNO_R2 -DNO_S4 -DNO_COMPARE -DLATE_S1
 * must-fail: -DNO_RUNG -DNO_EPOCH -DNO_TELL
 *
 * cc: -DSAFETY
 */
#define MESSAGES 3
#define SLOTS 2

/* The sleep word, as in uapi/linux/fastipc.h. */
#define FUTEX 1
#define POLL 2
#define DATA 4
#define SPACE 8

#define CLIENT 0
#define SERVER 1
#define peer (1 - me)

/* Control pages, by owner, as memory has them. */
byte tail[2];	  /* records published */
byte head[2];	  /* records of the peer's that were released */
byte sleeping[2]; /* the sleep word */
bool moved[2];	  /* the doorbell */

bool rung[2]; /* by who rang */

/* The kernel's. */
bool blocked[2];  /* on the futex */
bool readable[2]; /* the socket */

mtype = { TAIL, HEAD, SLEEP };
chan buffer[2] = [3] of { mtype, byte };

proctype drain(byte me)
{
	byte value;

end:
	do
	:: atomic { buffer[me]?TAIL(value) -> tail[me] = value; value = 0 }
	:: atomic { buffer[me]?HEAD(value) -> head[me] = value; value = 0 }
	:: atomic {
		buffer[me]?SLEEP(value) ->
		sleeping[me] = value;
#ifndef NO_EPOCH
		rung[peer] = false;
#endif
		value = 0
	   }
	od
}

#define store(what, value) buffer[me]!what(value)
#define full_barrier() (empty(buffer[me]))

#define data_ready() (tail[peer] != taken)
#define space_ready() (sent - head[peer] < SLOTS)
#define ready(want) \
	(((want & DATA) && data_ready()) || ((want & SPACE) && space_ready()))

/* Each step touches shared memory once, and has what is private beside it. */
inline notify(what)
{
#ifndef NO_R2
	full_barrier(); /* R2 */
#endif
	atomic {
		word = sleeping[peer]; /* R3 */
		if
#ifdef NO_RUNG
		:: word & (what) ->
#else
		:: (word & (what)) && !rung[me] ->
#endif
			assert(!rung[me]);
			rung[me] = true
		:: else -> word = 0
		fi
	}
	if
	:: atomic {
		/* A locked instruction: drains the buffer, too. */
		word && full_barrier() -> moved[me] = true /* R4 */
	   }
		atomic {
			if
			:: word & FUTEX -> blocked[peer] = false
			:: else -> readable[peer] = true
			fi;
			word = 0
		}
	:: !word
	fi
}

inline tell_space()
{
	if
	:: told != taken && !keeps ->
		told = taken;
		notify(SPACE)
	:: else
	fi
}

/* S1 to S5, again and again. */
inline await(want)
{
	do
	:: ready(want) -> break
	:: else ->
#ifndef LATE_S1
		moved[peer] = false; /* S1 */
#endif
		atomic {
			if
			:: mode = FUTEX
			:: mode = POLL
			fi;
			store(SLEEP, want | mode) /* S2 */
		}
#ifndef NO_S3
		full_barrier(); /* S3 */
#endif
#ifdef LATE_S1
		moved[peer] = false;
#endif
		if
#ifndef NO_S4
		:: ready(want) /* S4 */
#endif
		:: else ->
			if
			:: mode == FUTEX -> atomic { /* S5 */
				if
#ifndef NO_COMPARE
				:: moved[peer]
#endif
				:: else -> blocked[me] = true
				fi
			   }
				!blocked[me]
			:: else -> readable[me]
			fi
		fi;
		store(SLEEP, 0);
		atomic {
			if
			:: mode == POLL -> readable[me] = false
			:: else
			fi;
			mode = 0
		}
	od
}

inline publish()
{
	atomic {
		sent++;
		store(TAIL, sent)
	}
}

inline release()
{
	atomic {
		keeps = false;
		store(HEAD, taken)
	}
}

#define PRIVATE \
	byte sent, taken, told, word, mode; \
	bool keeps

proctype client(byte me)
{
	PRIVATE;

	do
	:: sent < MESSAGES ->
		await(SPACE);
		publish();
		notify(DATA)
	:: else -> break
	od;
	do
	:: taken < MESSAGES ->
#ifndef NO_TELL
		tell_space();
#endif
		await(DATA);
		taken++;
		release();
		if
		:: tell_space()
		:: true /* later: a small record */
		fi
	:: else -> break
	od;
	tell_space()
}

proctype server(byte me)
{
	PRIVATE;

	do
	:: sent < MESSAGES ->
		tell_space();
		await(DATA);
		taken++;
		if
		:: release()
		:: keeps = true /* the reply is made from it, in place */
		fi;
		tell_space();
		await(SPACE);
		publish();
		if
		:: notify(DATA)
		:: atomic {
			if
			:: !keeps -> told = taken
			:: else
			fi
		   }
			notify(DATA | SPACE) /* though none may be free */
		fi;
		if
		:: keeps -> release()
		:: else
		fi
	:: else -> break
	od;
	tell_space()
}

init {
	atomic {
		run drain(CLIENT);
		run drain(SERVER);
		run client(CLIENT);
		run server(SERVER)
	}
}
