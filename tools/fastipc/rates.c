/* SPDX-License-Identifier: MIT */
/* What each channel does in a second. */
#include <stdlib.h>

#include "rates.h"

/* A counter that runs backwards is of another channel. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds
					   : 0;
}

static struct rates rates_of(const struct channel *before,
			     const struct channel *now, double seconds)
{
	return (struct rates){
		.messages = rate(channel_all_messages(before),
				 channel_all_messages(now), seconds),
		.bytes = rate(channel_all_bytes(before), channel_all_bytes(now),
			      seconds),
		.sleeps = rate(channel_all_sleeps(before),
			       channel_all_sleeps(now), seconds),
		.wakes = rate(channel_all_wakes(before), channel_all_wakes(now),
			      seconds),
	};
}

struct rates *rates_between(const struct observation *before,
			    const struct observation *now)
{
	static const struct channel nothing;
	double seconds = (double)(now->at_ns - before->at_ns) / 1e9;
	const struct channel_list *old = &before->list;
	struct rates *rates = calloc(now->list.count + 1, sizeof(*rates));
	size_t at = 0;

	/* Both lists are sorted: one pass. */
	for (size_t i = 0; rates && i < now->list.count; i++) {
		const struct channel *channel = &now->list.channels[i];
		int order = 1;

		while (at < old->count &&
		       (order = channel_compare(&old->channels[at], channel)) <
			       0)
			at++;
		rates[i] = rates_of(order ? &nothing : &old->channels[at],
				    channel, seconds);
	}
	return rates;
}

struct rates rates_sum(const struct rates *rates, size_t count)
{
	struct rates sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		sum.messages += rates[i].messages;
		sum.bytes += rates[i].bytes;
		sum.sleeps += rates[i].sleeps;
		sum.wakes += rates[i].wakes;
	}
	return sum;
}
