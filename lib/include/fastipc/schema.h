/* SPDX-License-Identifier: MIT */
/*
 * A schema as data: what fastipc-gen knows of a .fbs file, and puts into the
 * code that it generates.  fastipc_schema(5) tells the language, and
 * fastipc_codec(7) the bytes that follow from it.
 *
 * Everything here is constant.  Types refer to each other by their index in
 * the schema's arrays; no index is out of bounds, and no struct holds itself.
 */
#ifndef FASTIPC_SCHEMA_H
#define FASTIPC_SCHEMA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of a field, or of the elements of a vector. */
enum fastipc_type {
	FASTIPC_TYPE_BOOL = 0,
	FASTIPC_TYPE_I8 = 1,
	FASTIPC_TYPE_U8 = 2,
	FASTIPC_TYPE_I16 = 3,
	FASTIPC_TYPE_U16 = 4,
	FASTIPC_TYPE_I32 = 5,
	FASTIPC_TYPE_U32 = 6,
	FASTIPC_TYPE_I64 = 7,
	FASTIPC_TYPE_U64 = 8,
	FASTIPC_TYPE_F32 = 9,
	FASTIPC_TYPE_F64 = 10,
	FASTIPC_TYPE_STRING = 11,
	FASTIPC_TYPE_STRUCT = 12,
	FASTIPC_TYPE_TABLE = 13,
	FASTIPC_TYPE_UNION = 14, /* of tables; never in a vector */
};

/* No index, no bit, no offset. */
#define FASTIPC_SCHEMA_NONE 0xffffu

/* fastipc_schema_field.flags */
#define FASTIPC_FIELD_VECTOR 1u	    /* of elements of its type */
#define FASTIPC_FIELD_REQUIRED 2u   /* variable, and never absent */
#define FASTIPC_FIELD_OPTIONAL 4u   /* a scalar that may be absent (= null) */
#define FASTIPC_FIELD_DEPRECATED 8u /* keeps its place; no accessors */

struct fastipc_schema_field {
	const char *name;
	const char *doc; /* its comment, lines separated by \n; or NULL */
	uint32_t line;	 /* where it is declared; 0: not known */
	uint16_t id;	 /* (id: N); in a struct: its position from 0 */
	uint8_t type;	 /* enum fastipc_type */
	uint8_t flags;	 /* FASTIPC_FIELD_* */
	/*
	 * Index of the enum, struct, table or union that the type names; of
	 * scalars, the enum or none.
	 */
	uint16_t ref;
	/*
	 * Byte in the fixed section (or in the struct) where its scalar, its
	 * struct, or its union's type is; none if it has none there, as a bool
	 * in a table, which has only the bit below.
	 */
	uint16_t offset;
	/* A table's bool: number of its bit, 8 * byte + bit; or none. */
	uint16_t bit;
	/*
	 * Of a bit that is 1 if: an optional scalar or a struct is present; a
	 * string, vector or table is present though it has no bytes.  Or none.
	 */
	uint16_t presence;
	/* Which variable field of the table it is, from 0; or none. */
	uint16_t variable;
	uint16_t reserved;
	/* Its bits, zero-extended; of an open enum, as its scalar. */
	uint64_t default_bits;
};

/* fastipc_schema_table.flags */
#define FASTIPC_TABLE_LARGE 1u /* (large): 32-bit header and ENDs */

struct fastipc_schema_table {
	const char *name; /* qualified: "a.b.Name" */
	const char *doc;
	uint32_t line;
	uint32_t flags;	     /* FASTIPC_TABLE_* */
	uint16_t fixed_size; /* bytes of the fixed section, untrimmed */
	uint16_t variables;  /* how many variable fields */
	uint16_t field_count;
	uint16_t reserved;
	const struct fastipc_schema_field *fields; /* in order of id */
	uint64_t wire; /* fingerprint of the type and all below it: bytes */
	uint64_t full; /* the same with all names */
};

struct fastipc_schema_struct {
	const char *name;
	const char *doc;
	uint32_t line;
	uint16_t size; /* bytes, without padding */
	uint16_t field_count;
	const struct fastipc_schema_field *fields; /* scalars and structs */
};

struct fastipc_schema_value {
	const char *name;
	const char *doc;
	uint32_t line;
	uint32_t reserved;
	uint64_t bits; /* as default_bits */
};

/* fastipc_schema_enum.flags */
#define FASTIPC_ENUM_FLAGS 1u /* (bit_flags): values are sets of bits */

struct fastipc_schema_enum {
	const char *name;
	const char *doc;
	uint32_t line;
	uint32_t flags; /* FASTIPC_ENUM_* */
	uint16_t type;	/* enum fastipc_type: an integer */
	uint16_t value_count;
	uint32_t reserved;
	const struct fastipc_schema_value *values; /* in order of declaration */
};

struct fastipc_schema_member {
	const char *name; /* of the alternative; NONE is not listed */
	const char *doc;
	uint32_t line;
	uint16_t table; /* index */
	uint8_t value;	/* what the union's type is for it: 1 to 255 */
	uint8_t reserved;
};

struct fastipc_schema_union {
	const char *name;
	const char *doc;
	uint32_t line;
	uint32_t member_count;
	const struct fastipc_schema_member *members; /* in order of value */
};

/* fastipc_schema_method.flags */
#define FASTIPC_METHOD_CLIENT_STREAM 1u /* (streaming: "client") */
#define FASTIPC_METHOD_SERVER_STREAM 2u /* "server"; "bidi" is both */
#define FASTIPC_METHOD_IDEMPOTENT 4u	/* (idempotent) */

struct fastipc_schema_method {
	const char *name;
	const char *doc;
	uint32_t line;
	uint16_t id;	   /* (id: N), 0 to 255 */
	uint16_t type;	   /* of its messages: service id * 256 + id */
	uint16_t request;  /* table index */
	uint16_t response; /* table index */
	uint32_t flags;	   /* FASTIPC_METHOD_* */
};

struct fastipc_schema_service {
	const char *name;
	const char *doc;
	uint32_t line;
	uint16_t id; /* (id: N), 0 to 254 */
	uint16_t method_count;
	const struct fastipc_schema_method *methods; /* in order of id */
	uint64_t wire; /* fingerprint of its methods and their tables */
	uint64_t full;
};

struct fastipc_schema {
	uint32_t size; /* of this struct */
	uint16_t root; /* table index of root_type, or none */
	uint16_t table_count;
	uint16_t struct_count;
	uint16_t enum_count;
	uint16_t union_count;
	uint16_t service_count;
	const struct fastipc_schema_table *tables;
	const struct fastipc_schema_struct *structs;
	const struct fastipc_schema_enum *enums;
	const struct fastipc_schema_union *unions;
	const struct fastipc_schema_service *services;
	uint64_t wire; /* of all that the schema declares */
	uint64_t full;
};

#ifdef __cplusplus
}
#endif

#endif
