/* SPDX-License-Identifier: MIT */
/*
 * For vectors: what two bytes beside each other show of errors in UTF-8, as
 * utf8.c tells.
 */
#ifndef FASTIPC_UTF8_TABLES_H
#define FASTIPC_UTF8_TABLES_H

/* What is wrong with a byte and the one before it. */
#define TOO_SHORT 0x01	    /* 11______ 0_______, 11______ 11______ */
#define TOO_LONG 0x02	    /* 0_______ 10______ */
#define OVERLONG_3 0x04	    /* 11100000 100_____ */
#define TOO_LARGE 0x08	    /* 11110100 101_____ and so on */
#define SURROGATE 0x10	    /* 11101101 101_____ */
#define OVERLONG_2 0x20	    /* 1100000_ 10______ */
#define TOO_LARGE_1000 0x40 /* 11110101 1000____ and so on */
#define OVERLONG_4 0x40	    /* 11110000 1000____ */
#define TWO_CONTS 0x80	    /* 10______ 10______: right, or not, by the lead */
#define CARRY (TOO_SHORT | TOO_LONG | TWO_CONTS)

/* By the upper half of the byte before. */
#define BYTE_1_HIGH \
	TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, \
		TOO_LONG, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, \
		(char)TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT, \
		TOO_SHORT | OVERLONG_3 | SURROGATE, \
		TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4
/* By its lower half. */
#define BYTE_1_LOW \
	(char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), \
		(char)(CARRY | OVERLONG_2), (char)CARRY, (char)CARRY, \
		(char)(CARRY | TOO_LARGE), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), \
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000)
/* By the upper half of the byte itself. */
#define BYTE_2_HIGH \
	TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, \
		TOO_SHORT, TOO_SHORT, \
		(char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | \
		       TOO_LARGE_1000 | OVERLONG_4), \
		(char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | \
		       TOO_LARGE), \
		(char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | \
		       TOO_LARGE), \
		(char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | \
		       TOO_LARGE), \
		TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT

#endif
