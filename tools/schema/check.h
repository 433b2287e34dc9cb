/* SPDX-License-Identifier: MIT */
/*
 * What the checks of a schema share.
 */
#ifndef FASTIPC_SCHEMA_CHECK_H
#define FASTIPC_SCHEMA_CHECK_H

#include "schema/syntax.h"

/* ---- attributes ---- */

/* The first one of a name, or NULL. */
const struct schema_attribute *
schema_find_attribute(const struct schema_attribute *list, const char *name);

/* The same; then it is used.  A second one is an error. */
const struct schema_attribute *
schema_take_attribute(struct schema_reports *reports,
		      struct schema_attribute *list, const char *name);

/* One without a value: is it there? */
bool schema_take_flag(struct schema_reports *reports,
		      struct schema_attribute *list, const char *name);

/*
 * The number in (id: N), of what may be from 0 to @most.  False if there is
 * none; that it is missing is for the caller to say.
 */
bool schema_take_id(struct schema_reports *reports,
		    struct schema_attribute *list, uint32_t most, uint32_t *id,
		    bool *is_missing);

/* Those that nobody has taken from @owner, "a table", are errors. */
void schema_check_unused(struct schema_reports *reports,
			 const struct schema_attribute *attribute,
			 const char *owner);

/* ---- numbers ---- */

struct schema_range {
	int64_t least;
	uint64_t most;
};

extern const struct schema_range schema_ranges[]; /* of bool and integers */

/* A number from @least to @most; what is not one is reported. */
bool schema_parse_integer(struct schema_reports *reports,
			  const struct schema_token *token, int64_t least,
			  uint64_t most, uint64_t *value);

/* Decimal or 0x, without a sign, of at most 64 bits; reports nothing. */
bool schema_parse_plain(const char *text, uint64_t *value);

bool schema_parse_float(struct schema_reports *reports,
			const struct schema_token *token, uint8_t type,
			uint64_t *bits);

/* The bits of a value of a type, zero-extended to 64. */
uint64_t schema_cut(uint64_t bits, uint8_t type);

/* ---- declarations ---- */

/* That of a scalar or enum that is no vector, or SCHEMA_TYPE_NAMED. */
uint8_t schema_scalar_type(const struct schema_type *type);

/* A declaration has no name of a builtin type. */
void schema_check_builtin_name(struct schema_tree *tree,
			       const struct schema_decl *decl);

/* Of two items with one name the second is reported; fills decl->names. */
void schema_check_names(struct schema_tree *tree, struct schema_decl *decl);

/* Fill decl->sorted. */
void schema_sort_items(struct schema_tree *tree, struct schema_decl *decl,
		       int (*compare)(const void *, const void *));
int schema_compare_ids(const void *left, const void *right);

/* flatc wants a name for each default of an enum that is no set of flags. */
void schema_check_enum_default(struct schema_reports *reports,
			       const struct schema_decl *decl,
			       const struct schema_item *item, bool in_struct);

void schema_check_large(struct schema_tree *tree, struct schema_decl *decl);
void schema_check_table(struct schema_tree *tree, struct schema_decl *decl);

/* Tables that no bytes can be of: each requires one more of its own kind. */
void schema_check_required(struct schema_tree *tree);

#endif
