/* SPDX-License-Identifier: MIT */
/* Channels as an observer sees them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

const char *channel_transport_name(const struct channel *channel)
{
	return channel->transport == CHANNEL_KMOD ? "kmod" : "memfd";
}

uint64_t channel_messages(const struct channel *channel, unsigned int from)
{
	uint64_t sent = channel->ends[from].messages_sent;
	uint64_t received = channel->ends[!from].messages_received;

	return sent > received ? sent : received;
}

uint64_t channel_all_messages(const struct channel *channel)
{
	return channel_messages(channel, 0) + channel_messages(channel, 1);
}

uint64_t channel_all_bytes(const struct channel *channel)
{
	return channel->ends[0].bytes_sent + channel->ends[1].bytes_sent;
}

uint64_t channel_all_sleeps(const struct channel *channel)
{
	return channel->ends[0].sleeps + channel->ends[1].sleeps;
}

uint64_t channel_all_wakes(const struct channel *channel)
{
	return channel->ends[0].wakes + channel->ends[1].wakes;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int channel_compare(const struct channel *a, const struct channel *b)
{
	int order = compare(a->transport, b->transport);

	/* A memfd channel's id is its server process's. */
	if (!order && a->transport == CHANNEL_MEMFD)
		order = strcmp(a->server, b->server);
	if (!order && a->transport == CHANNEL_MEMFD)
		order = compare((uint64_t)a->ends[0].pid,
				(uint64_t)b->ends[0].pid);
	return order ? order : compare(a->id, b->id);
}

int channel_list_add(struct channel_list *list, const struct channel *channel)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		struct channel *more =
			realloc(list->channels, capacity * sizeof(*channel));

		if (!more)
			return -ENOMEM;
		list->channels = more;
		list->capacity = capacity;
	}
	list->channels[list->count++] = *channel;
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	return channel_compare(a, b);
}

void channel_list_sort(struct channel_list *list)
{
	if (list->count)
		qsort(list->channels, list->count, sizeof(*list->channels),
		      compare_entries);
}

void channel_list_free(struct channel_list *list)
{
	free(list->channels);
	*list = (struct channel_list){ 0 };
}
