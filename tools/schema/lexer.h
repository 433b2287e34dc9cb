/* SPDX-License-Identifier: MIT */
/*
 * The words of a schema.
 */
#ifndef FASTIPC_SCHEMA_LEXER_H
#define FASTIPC_SCHEMA_LEXER_H

#include "schema/arena.h"
#include "schema/report.h"

/* Punctuation is its own kind: '{', ';'... */
enum schema_token_kind {
	SCHEMA_TOKEN_END = 0,
	SCHEMA_TOKEN_NAME = 256,
	SCHEMA_TOKEN_NUMBER, /* with its sign; also -inf, and what is none */
	SCHEMA_TOKEN_STRING,
};

struct schema_token {
	int kind;
	struct schema_place place;
	const char *start; /* in the source */
	uint32_t length;
	const char *text; /* of a name, a number; of a string what it means */
	const char *doc;  /* the comment before it, or NULL */
};

struct schema_lexer {
	const struct schema_file *file;
	struct schema_arena *arena;
	struct schema_reports *reports;
	uint32_t offset;
	uint32_t line;
	uint32_t begin; /* of the text, behind a byte order mark */
	char *doc;	/* the lines of /// since the last token */
	size_t doc_size;
	size_t doc_room;
	struct schema_token token; /* the next one */
	struct schema_place end;   /* where the one before it ends */
};

/* Look at the first token of a file; an invalid byte is reported. */
void schema_lexer_start(struct schema_lexer *lexer,
			const struct schema_file *file,
			struct schema_arena *arena,
			struct schema_reports *reports);

/* Go on to the next token. */
void schema_lexer_next(struct schema_lexer *lexer);

/* Bytes of the UTF-8 character at @text, of which there are @size; or 0. */
uint32_t schema_utf8_length(const unsigned char *text, uint32_t size);

#endif
