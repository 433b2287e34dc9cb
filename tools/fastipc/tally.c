/* SPDX-License-Identifier: MIT */
/* What became of the files: counts, and what went wrong with which name. */
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "tally.h"

static const char *const names[TROUBLES] = {
	[TROUBLE_DIFFERENT] = "different",   [TROUBLE_MISSING] = "missing",
	[TROUBLE_EXTRA] = "extra",	     [TROUBLE_FAILED] = "failed",
	[TROUBLE_UNREADABLE] = "unreadable",
};

const char *trouble_name(enum trouble trouble)
{
	return names[trouble];
}

static void remember(struct tally *tally, enum trouble trouble,
		     const char *name, const char *text)
{
	struct trouble_entry *entries = tally->entries;
	size_t capacity = tally->entry_capacity;

	if (tally->entry_count == capacity) {
		capacity = capacity ? 2 * capacity : 16;
		entries = realloc(entries, capacity * sizeof(*entries));
		if (!entries)
			return; /* counted and printed all the same */
		tally->entries = entries;
		tally->entry_capacity = capacity;
	}
	entries += tally->entry_count;
	entries->trouble = trouble;
	entries->name = strdup(name);
	entries->text = strdup(text);
	if (entries->name && entries->text) {
		tally->entry_count++;
	} else {
		free(entries->name);
		free(entries->text);
	}
}

void tally_trouble(struct tally *tally, enum trouble trouble, const char *name,
		   const char *text)
{
	tally->troubles[trouble]++;
	remember(tally, trouble, name, text);
	fprintf(stderr, "fastipc get: %s: ", names[trouble]);
	print_name(stderr, name);
	fprintf(stderr, "%s%s\n", text[0] ? ": " : "", text);
}

bool tally_is_clean(const struct tally *tally)
{
	return !tally->troubles[TROUBLE_DIFFERENT] &&
	       !tally->troubles[TROUBLE_MISSING] &&
	       !tally->troubles[TROUBLE_EXTRA] &&
	       !tally->troubles[TROUBLE_FAILED];
}

void tally_print_json(const struct tally *tally, FILE *out)
{
	fputc('[', out);
	for (size_t i = 0; i < tally->entry_count; i++) {
		const struct trouble_entry *entry = &tally->entries[i];
		size_t size = strlen(entry->name);

		fprintf(out, "%s{\"trouble\":\"%s\",\"path\":", i ? "," : "",
			names[entry->trouble]);
		json_string(out, entry->name, size);
		if (!is_utf8(entry->name, size)) {
			fputs(",\"path_hex\":", out);
			json_hex(out, entry->name, size);
		}
		fputs(",\"text\":", out);
		json_string(out, entry->text, strlen(entry->text));
		fputc('}', out);
	}
	fputc(']', out);
}

void tally_free(struct tally *tally)
{
	for (size_t i = 0; i < tally->entry_count; i++) {
		free(tally->entries[i].name);
		free(tally->entries[i].text);
	}
	free(tally->entries);
}
