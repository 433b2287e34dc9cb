/* SPDX-License-Identifier: MIT */
/*
 * A schema as it is written: what the parser makes, and what the later steps
 * add to it.
 *
 *	parse    sources to declarations and their items
 *	resolve  names of types to declarations
 *	check    attributes, ids, values, defaults
 *	layout   places of fields
 *	build    descriptors and fingerprints
 *
 * What is broken has been reported; later steps say nothing more about it.
 */
#ifndef FASTIPC_SCHEMA_SYNTAX_H
#define FASTIPC_SCHEMA_SYNTAX_H

#include "schema/lexer.h"
#include "schema/names.h"

enum schema_kind {
	SCHEMA_TABLE,
	SCHEMA_STRUCT,
	SCHEMA_ENUM,
	SCHEMA_UNION,
	SCHEMA_SERVICE,
	SCHEMA_KINDS,
};

struct schema_name {
	const char *text; /* "Item" or "a.b.Item"; NULL: none */
	struct schema_place place;
};

struct schema_attribute {
	struct schema_attribute *next;
	struct schema_name name;
	struct schema_token value; /* of kind END: none */
	bool declared;		   /* by an attribute statement before */
	bool used;
};

#define SCHEMA_TYPE_NAMED 0xffu /* not a builtin one: of a declaration */

struct schema_type {
	struct schema_name name;
	bool is_vector;
	uint8_t builtin; /* enum fastipc_type, or NAMED */
	struct schema_decl *decl;
	struct schema_symbol *symbol; /* until all is declared */
};

/* A field, a value of an enum, a member of a union, or a method. */
struct schema_item {
	struct schema_item *next;
	struct schema_name name;
	const char *doc;
	bool broken;
	struct schema_type type; /* of a member its table, of a method what it
				    takes */
	struct schema_type response;
	struct schema_token value; /* = ...; of kind END: none */
	struct schema_attribute *attributes;
	/* what check and layout find: as in the descriptors */
	uint8_t flags;
	uint32_t id;
	uint64_t bits;
	uint32_t offset;
	uint32_t bit;
	uint32_t presence;
	uint32_t variable;
};

struct schema_decl {
	struct schema_decl *next;
	enum schema_kind kind;
	uint32_t order; /* in which they were declared */
	uint32_t index; /* among its kind */
	const struct schema_file *file;
	struct schema_name name; /* without the namespace */
	const char *qualified;
	const char *space; /* the namespace, "" if there is none */
	const char *doc;
	struct schema_attribute *attributes;
	bool broken; /* some items are missing */
	bool is_cut; /* what is in front of its items is not all there */
	bool is_duplicate;
	struct schema_type type; /* under an enum */
	struct schema_item *items;
	uint32_t item_count;
	struct schema_item **sorted; /* by id or value */
	struct schema_map names;     /* of its items */
	uint32_t pending;	     /* required tables not known to end */
	uint32_t flags;
	uint32_t id;
	uint32_t size;	    /* of a struct, of a table's fixed section */
	uint32_t variables; /* of a table */
	uint32_t depth;	    /* of structs in a struct */
};

/* root_type */
struct schema_root {
	struct schema_name name;
	const char *space;
	uint32_t order; /* declarations before it */
};

struct schema_tree {
	struct schema_arena *arena;
	struct schema_reports *reports;
	struct schema_decl *first;
	struct schema_decl **last;
	uint32_t order;
	uint32_t counts[SCHEMA_KINDS];
	struct schema_map attributes; /* that were declared */
	struct schema_map declared;   /* by qualified name, all kinds */
	struct schema_root root;
	struct schema_decl *root_table;
	/* Reads what a file includes, and all that it declares. */
	void (*include)(struct schema_tree *tree,
			const struct schema_file *from,
			const struct schema_token *name);
	void *loader;
};

void schema_parse(struct schema_tree *tree, const struct schema_file *file);
void schema_resolve(struct schema_tree *tree);
void schema_check_all(struct schema_tree *tree);
void schema_layout(struct schema_tree *tree);

/* "table", "struct"... */
const char *schema_kind_name(enum schema_kind kind);

/* A scalar or string by name; SCHEMA_TYPE_NAMED if it is none. */
uint8_t schema_builtin_type(const char *name);

/* The declaration that @name means in @space once all is declared, or NULL. */
struct schema_decl *schema_visible(const struct schema_tree *tree,
				   const char *space, const char *name);

/* In memory of the arena. */
char *schema_join(struct schema_arena *arena, const char *space,
		  const char *name);

#endif
