/* SPDX-License-Identifier: MIT */
/* The files that a server has beneath some paths. */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "listing.h"
#include "print.h"
#include "tree.h"

/* The directories still to be listed, and what listing them needs. */
struct walk {
	struct listing *listing;
	struct fastipc_client *client;
	struct fastipc_buffer reply;
	struct tally *tally;
	uint64_t timeout_ns;
	char **pending;
	size_t count;
	size_t capacity;
};

/* One more element; NULL without memory. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t more = *capacity ? 2 * *capacity : 64;

	if (count < *capacity)
		return array;
	array = reallocarray(array, more, size);
	if (array)
		*capacity = more;
	return array;
}

static int add_file(struct listing *listing, char *name,
		    const struct file_status *status)
{
	struct listed_file *files;

	files = grow(listing->files, listing->count, &listing->capacity,
		     sizeof(*files));
	if (!files) {
		free(name);
		return -ENOMEM;
	}
	listing->files = files;
	files += listing->count++;
	files->name = name;
	files->size = le64toh(status->size);
	files->mode = le32toh(status->mode);
	listing->bytes += files->size;
	return 0;
}

static int add_unreadable(struct listing *listing, char *name)
{
	char **names = reallocarray(listing->unreadable,
				    listing->unreadable_count + 1,
				    sizeof(*names));

	if (!names) {
		free(name);
		return -ENOMEM;
	}
	listing->unreadable = names;
	names[listing->unreadable_count++] = name;
	return 0;
}

static int add_pending(struct walk *walk, char *name)
{
	char **pending = grow(walk->pending, walk->count, &walk->capacity,
			      sizeof(*pending));

	if (!pending) {
		free(name);
		return -ENOMEM;
	}
	walk->pending = pending;
	pending[walk->count++] = name;
	return 0;
}

/* What to do with @name, which this takes over. */
static int add_by_kind(struct walk *walk, char *name,
		       const struct file_status *status)
{
	uint32_t kind = le32toh(status->kind);

	switch (kind) {
	case KIND_FILE:
		return add_file(walk->listing, name, status);
	case KIND_DIRECTORY:
		return add_pending(walk, name);
	case KIND_UNREADABLE:
		return add_unreadable(walk->listing, name);
	default:
		if (kind <= KIND_UNREADABLE)
			walk->listing->skipped[kind]++;
		free(name);
		return 0;
	}
}

static int distrust(const char *why)
{
	complain("get", "the server cannot be trusted: %s", why);
	return -EPROTO;
}

static char *join(const char *directory, const char *name, size_t length)
{
	size_t before = strlen(directory);
	char *path = malloc(before + length + 2);

	if (!path)
		return NULL;
	memcpy(path, directory, before);
	if (before)
		path[before++] = '/';
	memcpy(path + before, name, length);
	path[before + length] = '\0';
	return path;
}

static int add_entry(struct walk *walk, const char *directory, const char *name,
		     size_t length, const struct file_status *status)
{
	char *path;

	if (memchr(name, '/', length) || memchr(name, '\0', length))
		return distrust("it lists a name with '/' or NUL in it");
	path = join(directory, name, length);
	if (!path)
		return -ENOMEM;
	if (!tree_name_is_safe(path)) {
		free(path);
		return distrust("it lists an empty name, '.' or '..'");
	}
	if (strlen(path) >= PATH_MAX - sizeof(struct range_request)) {
		tally_trouble(walk->tally, TROUBLE_FAILED, path,
			      "the path is too long");
		free(path);
		return 0;
	}
	return add_by_kind(walk, path, status);
}

/* Take one page of @directory's names; *@cursor is where the next begins. */
static int take_page(struct walk *walk, const char *directory, uint64_t *cursor)
{
	const char *at = walk->reply.data;
	size_t left = walk->reply.size;
	struct list_reply head;
	struct list_entry entry;
	int error = 0;

	if (left < sizeof(head))
		return distrust("a listing is cut short");
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	left -= sizeof(head);
	*cursor = le64toh(head.cursor);
	if (!head.entries && *cursor != LIST_END)
		return distrust("a listing does not end");
	for (uint32_t i = le32toh(head.entries); i && !error; i--) {
		size_t length;

		if (left < sizeof(entry))
			return distrust("a listing is cut short");
		memcpy(&entry, at, sizeof(entry));
		length = le16toh(entry.name_length);
		at += sizeof(entry);
		left -= sizeof(entry);
		if (left < length)
			return distrust("a listing is cut short");
		error = add_entry(walk, directory, at, length, &entry.status);
		at += length;
		left -= length;
	}
	return error;
}

/* Errors of one path; all others are of the connection. */
static bool is_of_the_path(int error)
{
	switch (error) {
	case -EACCES:
	case -ENOENT:
	case -ENOTDIR:
	case -EXDEV:
	case -ELOOP:
	case -EPERM:
	case -ENAMETOOLONG:
	case -EINVAL:
	case -EIO:
	case -EMFILE:
	case -ENFILE:
		return true;
	default:
		return false;
	}
}

static int failed(struct walk *walk, const char *path, int error)
{
	if (error == -EACCES) {
		char *name = strdup(path);

		return name ? add_unreadable(walk->listing, name) : -ENOMEM;
	}
	if (!is_of_the_path(error)) {
		complain_error("get", error, "cannot list '%s'",
			       path[0] ? path : ".");
		return error;
	}
	tally_trouble(walk->tally, TROUBLE_FAILED, path[0] ? path : ".",
		      tree_error_text(error));
	return 0;
}

static int list_directory(struct walk *walk, const char *directory)
{
	const size_t length = strlen(directory);
	const size_t size = sizeof(struct list_request) + length;
	char request[sizeof(struct list_request) + PATH_MAX];
	uint64_t cursor = 0;

	memcpy(request + sizeof(struct list_request), directory, length + 1);
	while (cursor != LIST_END) {
		struct list_request from = { htole64(cursor) };
		int error;

		memcpy(request, &from, sizeof(from));
		error = fastipc_client_call(walk->client, TYPE_LIST, request,
					    size, &walk->reply,
					    fastipc_after_ns(walk->timeout_ns));
		if (error)
			return failed(walk, directory, error);
		error = take_page(walk, directory, &cursor);
		if (error)
			return error;
	}
	walk->listing->directories++;
	return 0;
}

static int list_pending(struct walk *walk)
{
	int error = 0;

	while (walk->count && !error) {
		char *directory = walk->pending[--walk->count];

		error = list_directory(walk, directory);
		free(directory);
	}
	return error;
}

/* Why @path, which was asked for by its name, cannot be had; NULL: it can. */
static const char *refused(uint32_t kind, bool recursive)
{
	switch (kind) {
	case KIND_DIRECTORY:
		return recursive ? NULL : tree_error_text(-EISDIR);
	case KIND_DANGLING:
		return "a link that leads nowhere";
	case KIND_OUTSIDE:
		return tree_error_text(-EXDEV);
	case KIND_SPECIAL:
		return tree_error_text(-EMEDIUMTYPE);
	default:
		return NULL;
	}
}

static int add_path(struct walk *walk, char *path, bool recursive)
{
	struct file_status status;
	const char *why;
	int error;

	error = fastipc_client_call(walk->client, TYPE_STAT, path, strlen(path),
				    &walk->reply,
				    fastipc_after_ns(walk->timeout_ns));
	if (!error && walk->reply.size != sizeof(status))
		error = distrust("a file's status has the wrong size");
	else if (error)
		error = failed(walk, path, error);
	else {
		memcpy(&status, walk->reply.data, sizeof(status));
		if (le32toh(status.kind) == KIND_DIRECTORY_LINK)
			status.kind =
				htole32(KIND_DIRECTORY); /* named: meant */
		why = refused(le32toh(status.kind), recursive);
		if (!why)
			return add_by_kind(walk, path, &status);
		tally_trouble(walk->tally, TROUBLE_FAILED, path, why);
	}
	free(path);
	return error;
}

/* "./a//b/" is a/b; "." is "". */
static char *normal(const char *path)
{
	char *to = malloc(strlen(path) + 1);
	size_t size = 0;

	while (to && *path) {
		size_t length = strcspn(path, "/");

		if (length && !(length == 1 && path[0] == '.')) {
			if (size)
				to[size++] = '/';
			memcpy(to + size, path, length);
			size += length;
		}
		path += length;
		path += strspn(path, "/");
	}
	if (to)
		to[size] = '\0';
	return to;
}

int listing_add(struct listing *listing, struct fastipc_client *client,
		const char *path, bool recursive, uint64_t timeout_ns,
		struct tally *tally)
{
	struct walk walk = { .listing = listing,
			     .client = client,
			     .tally = tally,
			     .timeout_ns = timeout_ns };
	char *start = normal(path);
	const char *why = NULL;
	int error;

	if (!start)
		return -ENOMEM;
	if (path[0] == '/' || (start[0] && !tree_name_is_safe(start)))
		why = "a PATH is relative to the served directory, without "
		      "'..'";
	else if (strlen(start) >= PATH_MAX - sizeof(struct range_request))
		why = "the path is too long";
	if (why) {
		tally_trouble(tally, TROUBLE_FAILED, path, why);
		free(start);
		return 0;
	}
	error = add_path(&walk, start, recursive);
	if (!error)
		error = list_pending(&walk);
	while (walk.count)
		free(walk.pending[--walk.count]);
	free(walk.pending);
	fastipc_buffer_free(&walk.reply);
	return error;
}

static int by_name(const void *left, const void *right)
{
	const struct listed_file *a = left, *b = right;

	return strcmp(a->name, b->name);
}

void listing_sort(struct listing *listing)
{
	size_t kept = 0;

	if (listing->count)
		qsort(listing->files, listing->count, sizeof(*listing->files),
		      by_name);
	for (size_t i = 0; i < listing->count; i++) {
		struct listed_file *file = &listing->files[i];

		if (kept && !by_name(&listing->files[kept - 1], file)) {
			listing->bytes -= file->size;
			free(file->name);
			continue;
		}
		listing->files[kept++] = *file;
	}
	listing->count = kept;
}

bool listing_has(const struct listing *listing, const char *name)
{
	struct listed_file key = { .name = (char *)name };

	return listing->count && bsearch(&key, listing->files, listing->count,
					 sizeof(key), by_name);
}

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->files[i].name);
	for (size_t i = 0; i < listing->unreadable_count; i++)
		free(listing->unreadable[i]);
	free(listing->files);
	free(listing->unreadable);
}
