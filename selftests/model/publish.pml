// SPDX-License-Identifier: MIT
/*
 * Publication in the slot, as in lib/src/ring/ring.h: a ring of a few words,
 * records with and without a payload word, batches of up to two, and more
 * laps than one.  Payload words look like record words.
 *
 * Memory is weaker than any CPU's: plain stores of the producer reach it in
 * any order.  A store with release reaches it after all before it; later ones
 * may pass it.
 *
 * SPIN shows that the consumer never takes a stale word for a record, reads
 * whole records only, and gets all; and that it is not so without each of the
 * parts:
 *
 * must-fail: -DNO_ZERO -DNO_RELEASE -DNO_ROOM -DNO_BATCH -DEARLY_RELEASE
 *
 * cc: -DSAFETY
 */
#define WORDS 5
#define RECORDS 4

/* Record words: no record, a record without and with a payload word. */
#define NONE 0
#define SHORT 1
#define LONG 2

/* The ring in memory, and rx_head. */
byte ring[WORDS];
byte rx_head;

/* Not there but to assert: the records published, in their order. */
chan sent = [RECORDS] of { byte, byte };

/* Stores on their way to memory: place, value, whether with release. */
chan stores = [8] of { byte, byte, bool };

#define store(at, value) stores!(at) % WORDS,value,false
#ifdef NO_RELEASE
#define store_release(at, value) store(at, value)
#else
#define store_release(at, value) stores!(at) % WORDS,value,true
#endif

proctype memory()
{
	byte at, value;
	bool release;

end:
	do
	:: atomic {
		if
		:: stores?at,value,release
		/* Out of order, but not two stores to one place. */
		:: stores??0,value,false -> at = 0
		:: stores??1,value,false -> at = 1
		:: stores??2,value,false -> at = 2
		:: stores??3,value,false -> at = 3
		:: stores??4,value,false -> at = 4
		fi;
		ring[at] = value;
		at = 0;
		value = 0;
		release = 0
	   }
	od
}

#ifdef NO_ROOM
#define fits(size) (tail - rx_head + (size) <= WORDS)
#else
#define fits(size) (tail - rx_head + (size) + 1 <= WORDS)
#endif

/* P1: the first word of a batch is kept back. */
inline commit(size)
{
	atomic {
		made++;
		/* Different from the payloads before, and like a word. */
		payload = (size == LONG -> 1 + made % 3 : 0);
		sent!size,payload
	}
	if
	:: size == LONG -> store(tail + 1, payload)
	:: else
	fi;
#ifdef NO_BATCH
	store(tail, size);
#endif
	atomic {
		if
		:: tail == published -> first = size
		:: else -> store(tail, size)
		fi;
		tail = tail + size;
		payload = 0
	}
}

inline publish()
{
#ifndef NO_ZERO
	store(tail, NONE); /* P2 */
#endif
	atomic {
		store_release(published, first); /* P3 */
		published = tail;
		first = 0
	}
}

proctype producer()
{
	byte tail, published, first, made, payload;

	do
	:: made < RECORDS && fits(SHORT) -> commit(SHORT)
	:: made < RECORDS && fits(LONG) -> commit(LONG)
	:: tail != published -> publish()
	:: made == RECORDS && tail == published -> break
	od
}

proctype consumer()
{
	byte at, taken, word, size, payload;

	do
	:: atomic {
		ring[at % WORDS] != NONE -> word = ring[at % WORDS] /* C1 */
	   }
#ifdef EARLY_RELEASE
		rx_head = at + word;
#endif
		/* Nothing that was not committed, nothing stale. */
		atomic {
			assert(nempty(sent));
			sent?size,payload;
			assert(word == size)
		}
		atomic {
			if
			:: word == LONG -> /* C2 */
				assert(ring[(at + 1) % WORDS] == payload)
			:: else
			fi;
			at = at + word;
			taken++;
			word = 0;
			size = 0;
			payload = 0
		}
#ifndef EARLY_RELEASE
	/* One by one or several at once, but before it waits. */
	:: rx_head != at -> rx_head = at /* C3 */
#endif
	:: taken == RECORDS -> break
	od
}

init {
	atomic {
		run memory();
		run producer();
		run consumer()
	}
}
