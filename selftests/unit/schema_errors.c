// SPDX-License-Identifier: MIT
/*
 * Schemas that are wrong: each error with its line, its column and its hint,
 * and all of them in one run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/schema.h"

/* What is expected: line:column: message, and below in brackets the hint. */
static const struct {
	const char *source;
	const char *errors;
} wrong[] = {
	{ "table A {\n"
	  "\tx: int (id: 0)\n"
	  "}",
	  "2:16: expected ';' behind the field, found '}'\n" },
	{ "table A { x int (id: 0); }",
	  "1:13: expected ':' and the type of the field, found "
	  "'int'\n" },
	{ "table A { x: (id: 0); }", "1:14: expected a type, found '('\n" },
	{ "table A { x: int (id: 0), y: int (id: 1); }",
	  "1:25: expected ';' behind the field, found ','\n" },
	{ "table A {\n"
	  "  x: int (id: 0);\n"
	  "\n"
	  "table B { }\n",
	  "2:18: expected '}', found 'table'\n"
	  "\t[the table 'A' of line 1 has no end]\n" },
	{ "table A { x: int (id: 0);",
	  "1:26: expected '}', found the end of the file\n"
	  "\t[the table 'A' of line 1 has no end]\n" },
	{ "/* nothing */", "1:14: expected a declaration, found the end of the "
			   "file\n" },
	{ "table { x: int (id: 0); }", "1:7: expected a name, found '{'\n" },
	{ "table A { x: int (id: ); }",
	  "1:23: expected a number or a string, found ')'\n" },
	{ "table A { x: int (id: 0,); }",
	  "1:25: expected the name of an attribute, found ')'\n" },
	{ "table A { x: a. (id: 0); }",
	  "1:17: expected a name behind '.', found '('\n" },
	{ "table A { x: [int (id: 0); }", "1:19: expected ']', found '('\n" },
	{ "table A { }\n"
	  "};\n"
	  "table B { }",
	  "2:1: expected a declaration, found '}'\n"
	  "\t[remove it]\n"
	  "2:2: expected a declaration, found ';'\n"
	  "\t[remove it]\n" },
	{ "tabel A { x: int; }\n"
	  "union U { A }",
	  "1:1: expected a declaration (as table, struct, "
	  "enum, union, rpc_service), found 'tabel'\n"
	  "\t[did you mean 'table'?]\n"
	  "2:11: there is no type 'A' here\n"
	  "\t[declare it, or include the file that does]\n" },
	{ "message A { }", "1:1: expected a declaration (as table, struct, "
			   "enum, union, rpc_service), found 'message'\n"
			   "\t[did you mean 'table'?]\n" },
	{ "{ \"x\": 1 }", "1:1: expected a declaration, found data\n"
			  "\t[remove it: a schema has none]\n" },
	{ "native_include \"x.h\";",
	  "1:1: native_include is not in the subset\n"
	  "\t[remove it: it is about generated C++]\n" },
	{ "namespace a.1;", "1:12: expected ';' behind the namespace, found "
			    "'.1'\n" },
	{ "root_type;", "1:10: expected the name of a table, found ';'\n" },
	{ "attribute;", "1:10: expected the name of an attribute, in quotes, "
			"found ';'\n" },
	{ "table A { } # no", "1:13: the character '#' has no meaning here\n"
			      "1:15: expected a declaration (as table, struct, "
			      "enum, union, rpc_service), found 'no'\n" },
	{ "table \303\204 { }",
	  "1:7: names are of the letters a to z and A to Z, "
	  "digits, and '_'\n"
	  "1:10: expected a name, found '{'\n" },
	{ "table A { } \001", "1:13: the byte 0x01 has no meaning here\n" },
	{ "// \377\376\n"
	  "/// \300\200\n"
	  "table A { }",
	  "1:4: the byte 0xff is not UTF-8\n"
	  "\t[save the file as UTF-8]\n"
	  "2:5: the byte 0xc0 is not UTF-8\n"
	  "\t[save the file as UTF-8]\n" },
	{ "table A { x: int (id: 0); /// no\n"
	  "}",
	  "1:27: a comment with /// has to be on a line of its "
	  "own\n"
	  "\t[move it above what it describes, or write // "
	  "here]\n" },
	{ "/* no end", "1:1: this comment has no end\n"
		       "\t[expected '*/']\n" },
	{ "file_extension \"no end\n"
	  "table A { }",
	  "1:1: file_extension has no effect: a message has no "
	  "file header\n"
	  "1:16: this string has no end on its line\n"
	  "\t[expected \"]\n"
	  "1:23: expected ';' behind it, found 'table'\n" },
	{ "file_extension \"\\q\";",
	  "1:1: file_extension has no effect: a message has no "
	  "file header\n"
	  "1:17: this escape in a string means nothing\n" },
	{ "table A { }\n"
	  "include \"x.fbs\";",
	  "2:9: an include behind other statements: includes "
	  "come first\n"
	  "2:9: a schema in memory cannot include a file\n" },
	{ "include \"x.fbs\";",
	  "1:9: a schema in memory cannot include a file\n" },
	{ "table A { x: unit (id: 0); y: uint32_t (id: 1); z: "
	  "Nothing (id: 2); }",
	  "1:14: there is no type 'unit' here\n"
	  "\t[did you mean 'uint'?]\n"
	  "1:31: there is no type 'uint32_t' here\n"
	  "\t[did you mean 'uint'?]\n"
	  "1:52: there is no type 'Nothing' here\n"
	  "\t[declare it, or include the file that does]\n" },
	{ "namespace a;\n"
	  "table Item { }\n"
	  "namespace b;\n"
	  "table B { x: Item (id: 0); }",
	  "4:14: there is no type 'Item' here\n"
	  "\t[did you mean 'a.Item'?]\n" },
	{ "table A { x: E (id: 0); }\n"
	  "enum E : byte { X }",
	  "1:14: the enum 'E' is used before it is declared, "
	  "in line 2\n"
	  "\t[move its declaration up: only tables and structs "
	  "may come later]\n" },
	{ "namespace a;\n"
	  "table A { x: b.B (id: 0); }\n"
	  "namespace a.b;\n"
	  "table B { }",
	  "2:14: 'b.B' is declared later, and this is not its "
	  "whole name\n"
	  "\t[write 'a.b.B']\n" },
	{ "namespace a;\n"
	  "table A { x: B (id: 0); }\n"
	  "namespace b;\n"
	  "table B { }\n"
	  "namespace a;\n"
	  "table B { }",
	  "2:14: 'B' may be 'a.B' or 'b.B'\n"
	  "\t[write its whole name, or declare it before]\n" },
	{ "enum E : byte { X }\n"
	  "namespace a;\n"
	  "table E { }\n"
	  "table T { x: E (id: 0); }",
	  "4:14: 'E' may be 'a.E' or 'E'\n"
	  "\t[write its whole name, or declare it before]\n" },
	{ "table A { }\n"
	  "enum A : byte { X }",
	  "2:6: 'A' is declared twice\n"
	  "\t[the other one is a table, at t:1]\n" },
	{ "table A { }\n"
	  "rpc_service A (id: 0) { M(A):A (id: 0); }",
	  "2:13: 'A' is declared twice\n"
	  "\t[the other one is a table, at t:1]\n" },
	{ "table int { }", "1:7: 'int' is the name of a type already\n"
			   "\t[choose another name]\n" },
	{ "table A { x: int (id: 0); x: int (id: 1); }",
	  "1:27: 'x' is there twice in 'A'\n"
	  "\t[the first one is in line 1]\n" },
	{ "table A { A: int (id: 0); }",
	  "1:11: a field cannot have the name of the table "
	  "'A'\n"
	  "\t[choose another name]\n" },
	{ "root_type A;\n"
	  "table A { }",
	  "1:11: 'A' is declared later, in line 2\n"
	  "\t[move the root_type behind it]\n" },
	{ "struct A { x: int; }\n"
	  "root_type A;",
	  "2:11: 'A' is a struct: the root is a table\n" },
	{ "root_type A;", "1:11: there is no table 'A' here\n"
			  "\t[declare it, or include the file that does]\n" },
	{ "table A { } root_type A; root_type A;",
	  "1:36: a second root_type\n" },
	{ "table A { x: int; y: int (id: 0); z: string; }",
	  "1:11: expected an id for 'x'\n"
	  "\t[(id: 1) is free]\n"
	  "1:35: expected an id for 'z'\n"
	  "\t[(id: 2) is free]\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: U; b: int (id: 0); }",
	  "2:11: expected an id for 'a'\n"
	  "\t[(id: 2) is free, and the one before it, which its "
	  "type has]\n" },
	{ "table A { x: int (id: 0); y: int (id: 0); }",
	  "1:39: the id 0 of 'y' is taken by 'x', in line 1\n"
	  "\t[(id: 1) is free]\n" },
	{ "table A { x: int (id: 0); y: int (id: 2); }",
	  "1:27: 'y' has the id 2, but none has the id 1\n"
	  "\t[ids count from 0 without a gap, and a union has "
	  "two: keep a field that is no longer used, and add "
	  "(deprecated)]\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: U (id: 0); }",
	  "2:21: a union takes the id before its own too, for "
	  "its type: its id is 1 at least\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: int (id: 0); b: U (id: 1); }",
	  "2:37: the id 0 of 'b' is taken by 'a', in line 2\n"
	  "\t[(id: 2) is free]\n" },
	{ "table A { x: int (id: -1); y: int (id: 70000); z: "
	  "int (id: \"0\"); w: int (id); }",
	  "1:23: expected a number from 0 to 65533, found -1\n"
	  "1:40: expected a number from 0 to 65533, found "
	  "70000\n"
	  "1:56: expected a number for 'id', as in (id: 0)\n"
	  "1:74: expected a number for 'id', as in (id: 0)\n" },
	{ "table A { x: int (id: 0, id: 0); }", "1:26: a second 'id'\n" },
	{ "table A { x: int (id: 010); }",
	  "1:23: expected an integer, found '010'\n"
	  "\t[write it in decimal, without zeros in front, or "
	  "as 0x1f]\n" },
	{ "table A { x: [ubyte] (id: 0, nested_flatbuffer: "
	  "\"A\"); y: int (id: 1, key); }",
	  "1:30: the attribute 'nested_flatbuffer' is not in "
	  "the subset\n"
	  "\t[use the table itself as the type, or remove it to "
	  "keep the bytes]\n"
	  "1:70: the attribute 'key' is not in the subset\n"
	  "\t[remove it: sort and search in the program]\n" },
	{ "table A { x: int (id: 0, depracated); }",
	  "1:26: there is no attribute 'depracated'\n"
	  "\t[did you mean 'deprecated'?]\n" },
	{ "table A { x: int (id: 0, mine); }",
	  "1:26: there is no attribute 'mine'\n"
	  "\t[if it is one of yours, declare it before: "
	  "attribute \"mine\";]\n" },
	{ "table A (large) { }",
	  "1:10: the attribute 'large' is used before it is "
	  "declared\n"
	  "\t[write above: attribute \"large\";]\n" },
	{ "attribute \"large\";\n"
	  "table A { }\n"
	  "struct S (large) { x: int; }",
	  "3:11: the attribute 'large' cannot be on a struct\n"
	  "\t[it is for a table]\n" },
	{ "attribute \"large\";\n"
	  "table A (large) { }\n"
	  "table B { x: A (id: 0); y: [A] (id: 1); }\n"
	  "union U { A }\n"
	  "table C { x: U (id: 1); }",
	  "3:14: 'A' is large, so 'B' has to be large too\n"
	  "\t[write: table B (large) { ... }]\n"
	  "3:29: 'A' is large, so 'B' has to be large too\n"
	  "\t[write: table B (large) { ... }]\n"
	  "5:14: 'A' is large, so 'C' has to be large too\n"
	  "\t[write: table C (large) { ... }]\n" },
	{ "table A { x: int (id: 0, required); y: string (id: "
	  "1, required, deprecated); }",
	  "1:11: 'x' cannot be required: it is a scalar\n"
	  "\t[only strings, vectors, tables and unions can "
	  "be]\n"
	  "1:37: 'y' is required and deprecated: nobody could "
	  "write it\n" },
	{ "struct S { x: int; }\n"
	  "table A { x: S (id: 0, required); }",
	  "2:11: 'x' cannot be required: it is a struct\n"
	  "\t[only strings, vectors, tables and unions can "
	  "be]\n" },
	{ "table A { x: string (id: 0, required: 1); }",
	  "1:39: 'required' has no value: expected ',' or ')'\n" },
	{ "struct S (force_align: 16) { x: int (id: 0); }",
	  "1:11: the attribute 'force_align' is not in the "
	  "subset\n"
	  "\t[remove it: nothing is aligned in a message]\n"
	  "1:38: the attribute 'id' cannot be on a field of a "
	  "struct\n"
	  "\t[it is for a field of a table, an rpc_service, or "
	  "a method]\n" },
	{ "table A { x: A (id: 0, required); }",
	  "1:11: no 'A' can be written: what it requires here "
	  "requires more without end\n"
	  "\t[remove a 'required']\n" },
	{ "table A { x: byte = 128 (id: 0); y: ubyte = -1 (id: "
	  "1); z: ulong = 18446744073709551616 (id: 2); }",
	  "1:21: expected a number from -128 to 127, found "
	  "128\n"
	  "1:45: expected a number from 0 to 255, found -1\n"
	  "1:68: expected a number from 0 to "
	  "18446744073709551615, found 18446744073709551616\n" },
	{ "table A { x: int = 1.5 (id: 0); y: int = 010 (id: "
	  "1); z: int = x (id: 2); w: int = \"1\" (id: 3); }",
	  "1:20: expected an integer, found '1.5'\n"
	  "\t[write it in decimal, without zeros in front, or "
	  "as 0x1f]\n"
	  "1:42: expected an integer, found '010'\n"
	  "\t[write it in decimal, without zeros in front, or "
	  "as 0x1f]\n"
	  "1:64: expected a number, found 'x'\n"
	  "1:84: expected a number, found a string\n"
	  "\t[write it without quotes]\n" },
	{ "table A { x: bool = 2 (id: 0); y: bool = yes (id: "
	  "1); }",
	  "1:21: expected a number from 0 to 1, found 2\n"
	  "1:42: expected true or false, found 'yes'\n" },
	{ "table A { x: float = 1e39 (id: 0); y: double = "
	  "0x1p3 (id: 1); z: float = 5. (id: 2); }",
	  "1:22: 1e39 is too large for a float\n"
	  "1:48: expected a number, found '0x1p3'\n"
	  "1:74: expected a number, found '5.'\n" },
	{ "table A { x: string = \"a\" (id: 0); y: [int] = [] "
	  "(id: 1); z: string = null (id: 2); }",
	  "1:23: only scalars have defaults\n"
	  "\t[remove it: what is absent can be told from what "
	  "is empty]\n"
	  "1:47: only scalars have defaults\n"
	  "\t[remove it: what is absent can be told from what "
	  "is empty]\n"
	  "1:71: only scalars have defaults\n"
	  "\t[remove '= null': this may be absent without it]\n" },
	{ "enum E : ubyte { Red, Green }\n"
	  "table A { x: E = Gren (id: 0); y: E = 7 (id: 1); z: "
	  "E = E.Red (id: 2); }",
	  "2:18: 'E' has no value 'Gren'\n"
	  "\t[did you mean 'Green'?]\n"
	  "2:39: 'E' has no value 7, which is the default of "
	  "'y'\n"
	  "2:57: expected the name of a value, found a path\n"
	  "\t[write only the last part of it]\n" },
	{ "enum E : ubyte { Red = 1 }\n"
	  "table A { x: E (id: 0); }\n"
	  "struct S { x: E; }",
	  "2:11: 'E' has no value 0, which is the default of "
	  "'x'\n"
	  "\t[write a default as in '= Red', or add a value "
	  "0]\n"
	  "3:12: 'E' has no value 0, which is the default of "
	  "'x'\n"
	  "\t[add a value 0]\n" },
	{ "enum E { A }", "1:8: expected ':' and an integer type behind the "
			  "name, found '{'\n"
			  "\t[write it as in: enum E : ubyte { ... }]\n" },
	{ "enum E : float { A }",
	  "1:10: expected an integer type, found 'float'\n"
	  "\t[an enum is one of byte, ubyte, short, ushort, "
	  "int, uint, long, ulong]\n" },
	{ "enum E : bool { A }",
	  "1:10: expected an integer type, found 'bool'\n"
	  "\t[an enum is one of byte, ubyte, short, ushort, "
	  "int, uint, long, ulong]\n" },
	{ "enum E : ubyte { A = 256, B = -1 }",
	  "1:22: expected a number from 0 to 255, found 256\n"
	  "1:31: expected a number from 0 to 255, found -1\n" },
	{ "enum E : ubyte { A = 255, B }",
	  "1:27: the value of 'B' would be above 255\n" },
	{ "enum E : ubyte { A, B = 0 }",
	  "1:21: 'B' has the value of 'A', in line 1\n" },
	{ "enum E : ubyte { A, A }", "1:21: 'A' is there twice in 'E'\n"
				     "\t[the first one is in line 1]\n" },
	{ "enum E : byte (bit_flags) { A }",
	  "1:10: expected an unsigned type for bit_flags, "
	  "found 'byte'\n"
	  "\t[write 'ubyte']\n" },
	{ "enum E : ubyte (bit_flags) { A = 8 }",
	  "1:34: expected a number from 0 to 7, found 8\n" },
	{ "enum E : ubyte { }", "1:6: expected at least one value in 'E'\n" },
	{ "struct S { x: int; }\n"
	  "union U { S, string }",
	  "2:11: expected a table, found the struct 'S'\n"
	  "\t[put it into a table of its own]\n"
	  "2:14: expected a table, found the type 'string'\n"
	  "\t[put it into a table of its own]\n" },
	{ "table A { } union U { A, A }", "1:26: 'A' is there twice in 'U'\n"
					  "\t[the first one is in line 1]\n" },
	{ "table A { } union U { A = 256, NONE: A }",
	  "1:27: expected a number from 1 to 255, found 256\n"
	  "1:32: NONE is what a union is that has none\n" },
	{ "union U { }", "1:7: expected at least one table in 'U'\n" },
	{ "struct S { x: int; }\n"
	  "table A { x: [[int]] (id: 0); y: [int:4] (id: 1); }",
	  "2:14: a vector of vectors\n"
	  "\t[expected a type: put the inner vector into a "
	  "table, and use a vector of these]\n"
	  "2:38: an array of a fixed length\n"
	  "\t[expected ']': use fields of their own, or in a "
	  "table a vector]\n" },
	{ "table A { } union U { A }\n"
	  "table T { x: [U] (id: 1); }",
	  "2:15: a vector of unions\n"
	  "\t[put the union into a table, and use a vector of "
	  "these]\n" },
	{ "struct S { x: string; y: [int]; z: S; w: int = 1; }",
	  "1:15: a struct has only scalars, enums and structs\n"
	  "\t[make 'S' a table]\n"
	  "1:27: a struct has only scalars, enums and structs\n"
	  "\t[make 'S' a table]\n"
	  "1:36: 'S' would contain itself\n"
	  "\t[make it a table]\n"
	  "1:48: a field of a struct has no default\n"
	  "\t[remove it, or make 'S' a table]\n" },
	{ "struct A { x: B; }\n"
	  "struct B { x: int; }",
	  "1:15: 'B' is used before it is declared, in line 2\n"
	  "\t[move its declaration up]\n" },
	{ "struct A { }",
	  "1:8: expected at least one field in the struct 'A'\n" },
	{ "table A { x: [int] (id: 0); x_length: int (id: 1); }",
	  "1:29: 'x_length' is a name that 'x', in line 1, has "
	  "for itself\n"
	  "\t[choose another name]\n" },
	{ "table A { } rpc_service S { M(A):A; }",
	  "1:25: expected an id for 'S'\n"
	  "\t[write: rpc_service S (id: 0) { ... }]\n"
	  "1:29: expected an id for 'M'\n"
	  "\t[(id: 0) is free]\n" },
	{ "table A { } struct B { x: int; } rpc_service S (id: "
	  "255) { M(B):A (id: 256); N(int):A (id: 0); }",
	  "1:53: expected a number from 0 to 254, found 255\n"
	  "1:62: expected a table, found the struct 'B'\n"
	  "\t[put it into a table of its own]\n"
	  "1:72: expected a number from 0 to 255, found 256\n"
	  "1:80: expected a table, found the type 'int'\n"
	  "\t[put it into a table of its own]\n" },
	{ "table A { }\n"
	  "rpc_service S (id: 1) { M(A):A (id: 1); N(A):A (id: "
	  "1); }\n"
	  "rpc_service T (id: 1) { M(A):A (id: 0); }",
	  "2:41: 'N' has the id of 'M', in line 2\n"
	  "3:13: 'T' has the id of the rpc_service 'S'\n"
	  "\t[it is at t:2]\n" },
	{ "table A { } rpc_service S (id: 1) { M(A):A (id: 0, "
	  "streaming: server); N(A):A (id: 1, streaming: "
	  "\"both\"); }",
	  "1:63: expected a number or a string, found "
	  "'server'\n"
	  "\t[write \"server\", in quotes]\n"
	  "1:87: expected \"client\", \"server\", \"bidi\" or \"none\" "
	  "for 'streaming'\n" },
	{ "table A { } rpc_service S (id: 1) { }",
	  "1:25: expected at least one method in 'S'\n" },
	{ "table A { } rpc_service S (id: 1) { M(A) (id: 0); }",
	  "1:42: expected ':' and the table that it returns, "
	  "found '('\n" },
	{ "table A { } rpc_service S (id: 1) { M(A):A (id: 3); "
	  "N(A):A; O(A):A; }",
	  "1:53: expected an id for 'N'\n"
	  "\t[(id: 4) is free]\n"
	  "1:61: expected an id for 'O'\n"
	  "\t[(id: 5) is free]\n" },
	{ "table A {\n"
	  "  x: unit (id: 0);\n"
	  "  y: int\n"
	  "  z: [[int]] (id: 2);\n"
	  "}\n"
	  "enum E { X }\n"
	  "struct S { s: string; }\n",
	  "2:6: there is no type 'unit' here\n"
	  "\t[did you mean 'uint'?]\n"
	  "3:3: expected an id for 'y'\n"
	  "\t[(id: 1) is free]\n"
	  "3:9: expected ';' behind the field, found 'z'\n"
	  "4:6: a vector of vectors\n"
	  "\t[expected a type: put the inner vector into a "
	  "table, and use a vector of these]\n"
	  "6:8: expected ':' and an integer type behind the "
	  "name, found '{'\n"
	  "\t[write it as in: enum E : ubyte { ... }]\n"
	  "7:15: a struct has only scalars, enums and structs\n"
	  "\t[make 'S' a table]\n" },
};

/* The errors as above; the caller frees it. */
static char *tell(const struct schema_errors *errors)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (size_t i = 0; i < errors->count; i++) {
		const struct schema_error *error = &errors->list[i];

		fprintf(stream, "%u:%u: %s\n", error->line, error->column,
			error->message);
		if (error->hint)
			fprintf(stream, "\t[%s]\n", error->hint);
	}
	fclose(stream);
	return text;
}

static int load(const char *text, size_t size, struct schema_errors *errors)
{
	struct fastipc_schema *schema;
	int error = schema_load_text("t", text, size, errors, &schema);

	assert_true(!error == !!schema);
	schema_free(schema);
	return error;
}

static void each_error_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct schema_errors errors = { 0 };
		const char *source = wrong[i].source;
		int error = load(source, strlen(source), &errors);
		char *told = tell(&errors);

		assert_string_equal(told, wrong[i].errors);
		assert_int_equal(error, -EINVAL);
		assert_true(errors.errors > 0);
		free(told);
		schema_errors_free(&errors);
		assert_null(errors.list);
	}
}

/* Whatever is cut off, and whatever one byte is: no crash, and a verdict. */
static void any_text_has_an_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *source = wrong[i].source;
		size_t size = strlen(source);

		for (size_t cut = 0; cut <= size; cut++) {
			struct schema_errors errors = { 0 };
			char *part = malloc(cut + 1);

			assert_non_null(part);
			memcpy(part, source, cut);
			part[cut] = "{}();:\"\\/\0\xe2[.=,"[cut % 15];
			load(part, cut, &errors);
			schema_errors_free(&errors);
			load(part, cut + 1, &errors);
			schema_errors_free(&errors);
			free(part);
		}
	}
}

static void errors_are_printed_with_their_source(void **state)
{
	static const char source[] =
		"table A {\n"
		"\tx: unit (id: 0); // \033[1m\xc3\xa4 \xff\n"
		"}\n";
	struct schema_errors errors = { 0 };
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	assert_int_equal(load(source, sizeof(source) - 1, &errors), -EINVAL);
	schema_errors_print(&errors, stream);
	fclose(stream);
	assert_string_equal(text, "t:2:5: error: there is no type 'unit' here\n"
				  "  \tx: unit (id: 0); // ?[1m\xc3\xa4 ?\n"
				  "  \t   ^\n"
				  "  hint: did you mean 'uint'?\n"
				  "t:2:29: error: the byte 0xff is not UTF-8\n"
				  "  \tx: unit (id: 0); // ?[1m\xc3\xa4 ?\n"
				  "  \t                          ^\n"
				  "  hint: save the file as UTF-8\n");
	free(text);
	schema_errors_free(&errors);
}

static void only_utf8_is_accepted(void **state)
{
	static const struct {
		const char *bytes;
		bool good;
	} texts[] = {
		{ "\x7f", true },
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\x80", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xc2", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xe2\x82", false },
		{ "\xe2\x82x", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct schema_errors errors = { 0 };
		char text[64];
		int size = snprintf(text, sizeof(text), "table A { } //%s",
				    texts[i].bytes);

		assert_int_equal(load(text, (size_t)size, &errors),
				 texts[i].good ? 0 : -EINVAL);
		assert_int_equal(errors.errors, !texts[i].good);
		schema_errors_free(&errors);
	}
}

static void long_lines_are_cut(void **state)
{
	char source[4096];
	struct schema_errors errors = { 0 };

	(void)state;
	memset(source, ' ', sizeof(source));
	memcpy(source + 2000, "table A { x: unit (id: 0); }", 28);
	assert_int_equal(load(source, sizeof(source), &errors), -EINVAL);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.list[0].column, 2014);
	assert_true(strlen(errors.list[0].source) < 200);
	assert_memory_equal(errors.list[0].source + errors.list[0].caret,
			    "unit", 4);
	schema_errors_free(&errors);
}

static void notes_are_not_errors(void **state)
{
	static const char source[] = "attribute \"mine\";\n"
				     "file_identifier \"ABCD\";\n"
				     "table A (mine) { }\n";
	struct schema_errors errors = { 0 };

	(void)state;
	assert_int_equal(load(source, sizeof(source) - 1, &errors), 0);
	assert_int_equal(errors.count, 2);
	assert_int_equal(errors.errors, 0);
	assert_int_equal(errors.list[0].severity, SCHEMA_NOTE);
	assert_int_equal(errors.list[0].line, 2);
	assert_int_equal(errors.list[1].line, 3);
	schema_errors_free(&errors);
}

static void fifty_errors_are_told(void **state)
{
	struct schema_errors errors = { 0 };
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	for (int i = 0; i < 70; i++)
		fprintf(stream, "table T%d { x: nothing_%d (id: 0); }\n", i, i);
	fclose(stream);
	assert_int_equal(load(text, size, &errors), -EINVAL);
	assert_int_equal(errors.count, SCHEMA_ERRORS_MAX);
	assert_int_equal(errors.errors, 70);
	for (uint32_t i = 0; i < SCHEMA_ERRORS_MAX; i++)
		assert_int_equal(errors.list[i].line, i + 1);
	free(text);
	stream = open_memstream(&text, &size);
	assert_non_null(stream);
	schema_errors_print(&errors, stream);
	fclose(stream);
	assert_non_null(strstr(text, "and 20 errors more\n"));
	free(text);
	schema_errors_free(&errors);
}

/* ---- limits: at each, and one past it ---- */

/* HEAD, COUNT times ITEM with the number in it, TAIL; 0 or -EINVAL. */
static int load_many(const char *head, const char *item, unsigned int first,
		     unsigned int count, const char *tail,
		     struct schema_errors *errors)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int error;

	assert_non_null(stream);
	fputs(head, stream);
	for (unsigned int i = first; i < first + count; i++) {
		for (const char *c = item; *c; c++) {
			if (*c == '#')
				fprintf(stream, "%u", i);
			else
				fputc(*c, stream);
		}
	}
	fputs(tail, stream);
	fclose(stream);
	error = load(text, size, errors);
	free(text);
	return error;
}

static void assert_limit(const char *head, const char *item, unsigned int limit,
			 const char *tail, const char *message)
{
	struct schema_errors errors = { 0 };

	assert_int_equal(load_many(head, item, 0, limit, tail, &errors), 0);
	assert_int_equal(load_many(head, item, 0, limit + 1, tail, &errors),
			 -EINVAL);
	assert_int_equal(errors.errors, 1);
	assert_string_equal(errors.list[0].message, message);
	schema_errors_free(&errors);
}

static void limits_are_where_they_are_said_to_be(void **state)
{
	(void)state;
	assert_limit("table A {", "f#: string (id: #);", 63, "}",
		     "'f63' is variable field 64 of 'A': at most 63 are "
		     "allowed");
	assert_limit("table A {", "f#: ubyte (id: #);", 1023, "}",
		     "with 'f1023' the scalars and structs of 'A' have 1024 "
		     "bytes: at most 1023 are allowed");
	assert_limit("attribute \"large\"; table A (large) {",
		     "f#: string (id: #);", 4096, "}",
		     "'f4096' is variable field 4097 of 'A': at most 4096 are "
		     "allowed");
	assert_limit(
		"attribute \"large\"; struct S {", "f#: ubyte;", 65533,
		"} table A (large) { s: S (id: 0); t: ubyte (id: 1); }",
		"with 't' the scalars and structs of 'A' have 65536 bytes: "
		"at most 65535 are allowed");
	assert_limit("struct S {", "f#: ubyte;", 65530,
		     "} struct T { s: S; a: int; b: byte; }",
		     "the struct 'T' is larger than 65,535 bytes from here on");
	assert_limit("enum E : int {", "v#,", SCHEMA_COUNT_MAX, "}",
		     "more than 65534 entries in 'E'");
	assert_limit("", "table T# { }", SCHEMA_COUNT_MAX, "",
		     "more than 65534 of kind table");
	assert_limit("table A { } union U {", "m#: A,", 255, "}",
		     "the value of 'm255' would be above 255");
}

/* Their numbers have 16 bits in the descriptors. */
static void bits_have_a_place_in_front(void **state)
{
	static const char head[] = "attribute \"large\"; struct S {";
	static const char tail[] =
		"} table A (large) { s: S (id: 0); "
		"b1: bool (id: 1); b2: bool (id: 2); b3: bool (id: 3); "
		"b4: bool (id: 4); b5: bool (id: 5); b6: bool (id: 6); "
		"b7: bool (id: 7); b8: bool (id: 8); b9: bool (id: 9); "
		"b10: bool (id: 10); b11: bool (id: 11); b12: bool (id: 12); "
		"b13: bool (id: 13); b14: bool (id: 14); %s}";
	struct schema_errors errors = { 0 };
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), tail, "");
	assert_int_equal(load_many(head, "f#: ubyte;", 0, 8190, text, &errors),
			 0);
	snprintf(text, sizeof(text), tail, "b15: bool (id: 15); ");
	assert_int_equal(load_many(head, "f#: ubyte;", 0, 8190, text, &errors),
			 -EINVAL);
	assert_int_equal(errors.errors, 1);
	assert_string_equal(errors.list[0].message,
			    "the bit of 'b15' would be number 65535 of 'A': at "
			    "most 65534 are allowed");
	schema_errors_free(&errors);
}

static void structs_are_64_deep(void **state)
{
	(void)state;
	for (int depth = 64; depth <= 65; depth++) {
		struct schema_errors errors = { 0 };
		char *text = NULL;
		size_t size;
		FILE *stream = open_memstream(&text, &size);

		assert_non_null(stream);
		fputs("struct S1 { x: byte; }\n", stream);
		for (int i = 2; i <= depth; i++)
			fprintf(stream, "struct S%d { x: S%d; }\n", i, i - 1);
		fclose(stream);
		assert_int_equal(load(text, size, &errors),
				 depth == 64 ? 0 : -EINVAL);
		assert_int_equal(errors.errors, depth - 64);
		free(text);
		schema_errors_free(&errors);
	}
}

static void names_are_of_255_bytes(void **state)
{
	char name[257];

	(void)state;
	memset(name, 'n', 256);
	name[256] = '\0';
	for (int length = 253; length <= 254; length++) {
		struct schema_errors errors = { 0 };
		char text[400];
		int size = snprintf(text, sizeof(text),
				    "namespace a; table %.*s { }", length,
				    name);

		assert_int_equal(load(text, (size_t)size, &errors),
				 length == 253 ? 0 : -EINVAL);
		schema_errors_free(&errors);
		size = snprintf(text, sizeof(text), "table %.*s { }",
				length + 2, name);
		assert_int_equal(load(text, (size_t)size, &errors),
				 length == 253 ? 0 : -EINVAL);
		schema_errors_free(&errors);
	}
}

static void sources_are_of_4_mib(void **state)
{
	struct schema_errors errors = { 0 };
	char *text = malloc(SCHEMA_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', SCHEMA_FILE_MAX + 1);
	memcpy(text, "table A { }", 11);
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), 0);
	assert_int_equal(load(text, SCHEMA_FILE_MAX + 1, &errors), -EFBIG);
	assert_int_equal(errors.errors, 1);
	assert_int_equal(errors.list[0].line, 0);
	assert_string_equal(errors.list[0].message,
			    "'t' is larger than 4194304 bytes");
	schema_errors_free(&errors);
	/* Much of the same costs no more than its size. */
	memset(text, '/', SCHEMA_FILE_MAX);
	for (size_t i = 3; i < SCHEMA_FILE_MAX; i += 4)
		text[i] = '\n';
	memcpy(text + SCHEMA_FILE_MAX - 12, "\ntable A { }", 12);
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), 0);
	for (size_t i = 0; i < SCHEMA_FILE_MAX; i++)
		text[i] = "a."[i % 2];
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '[', SCHEMA_FILE_MAX);
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '{', SCHEMA_FILE_MAX);
	memcpy(text, "table A ", 8);
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '"', SCHEMA_FILE_MAX);
	assert_int_equal(load(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	schema_errors_free(&errors);
	free(text);
}

/* ---- files ---- */

static char directory[] = "/tmp/schema.XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return !mkdtemp(directory) || chdir(directory) || mkdir("a", 0700) ||
	       mkdir("b", 0700);
}

static int remove_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return chdir("/") || system(command);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void includes_are_found(void **state)
{
	const char *const directories[] = { "b", NULL };
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;
	const struct schema_source *sources;
	size_t count;

	(void)state;
	put("a/main.fbs", "include \"near.fbs\"; include \"far.fbs\";\n"
			  "include \"../b/far.fbs\";\n"
			  "table A { n: Near (id: 0); f: far.Far (id: 1); }");
	put("a/near.fbs", "include \"main.fbs\"; table Near { }");
	put("b/near.fbs", "table Wrong { }");
	put("b/far.fbs", "namespace far; table Far { }");
	assert_int_equal(
		schema_load("a/main.fbs", directories, &errors, &schema), 0);
	assert_int_equal(schema->table_count, 3);
	sources = schema_sources(schema, &count);
	assert_int_equal(count, 3);
	assert_string_equal(sources[0].path, "a/main.fbs");
	assert_int_equal(sources[0].include_count, 2);
	assert_int_equal(sources[0].includes[1], 2);
	assert_string_equal(sources[1].name, "near.fbs");
	assert_string_equal(sources[2].path, "b/far.fbs");
	assert_int_equal(
		schema_source_of(
			schema,
			&schema->tables[schema_find_table(schema, "far.Far")]),
		2);
	assert_int_equal(
		schema_source_of(
			schema,
			&schema->tables[schema_find_table(schema, "A")]),
		0);
	schema_free(schema);
}

static void errors_of_includes_have_their_file(void **state)
{
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;

	(void)state;
	put("a/main.fbs", "include \"bad.fbs\"; include \"none.fbs\";\n"
			  "include \"../b\"; table A { x: unit (id: 0); }");
	put("a/bad.fbs", "table B { x: unit (id: 0); }");
	assert_int_equal(schema_load("a/main.fbs", NULL, &errors, &schema),
			 -EINVAL);
	assert_null(schema);
	assert_int_equal(errors.count, 4);
	assert_string_equal(errors.list[0].message,
			    "there is no file 'none.fbs'");
	assert_string_equal(errors.list[1].message,
			    "cannot read '../b': Is a directory");
	assert_string_equal(errors.list[2].file, "a/main.fbs");
	assert_int_equal(errors.list[2].line, 2);
	assert_string_equal(errors.list[3].file, "a/bad.fbs");
	schema_errors_free(&errors);
	assert_int_equal(schema_load("a/nothing.fbs", NULL, &errors, &schema),
			 -ENOENT);
	assert_int_equal(errors.list[0].line, 0);
	schema_errors_free(&errors);
}

static void includes_are_32_deep(void **state)
{
	(void)state;
	for (int depth = 32; depth <= 33; depth++) {
		struct schema_errors errors = { 0 };
		struct fastipc_schema *schema;

		for (int i = 1; i <= depth; i++) {
			char path[32], text[64];

			snprintf(path, sizeof(path), "a/f%d.fbs", i);
			snprintf(text, sizeof(text), "include \"f%d.fbs\";",
				 i + 1);
			put(path, i < depth ? text : "table A { }");
		}
		assert_int_equal(schema_load("a/f1.fbs", NULL, &errors,
					     &schema),
				 depth == 32 ? 0 : -EINVAL);
		schema_errors_free(&errors);
		schema_free(schema);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_is_told),
		cmocka_unit_test(any_text_has_an_end),
		cmocka_unit_test(errors_are_printed_with_their_source),
		cmocka_unit_test(only_utf8_is_accepted),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(notes_are_not_errors),
		cmocka_unit_test(fifty_errors_are_told),
		cmocka_unit_test(limits_are_where_they_are_said_to_be),
		cmocka_unit_test(bits_have_a_place_in_front),
		cmocka_unit_test(structs_are_64_deep),
		cmocka_unit_test(names_are_of_255_bytes),
		cmocka_unit_test(sources_are_of_4_mib),
		cmocka_unit_test(includes_are_found),
		cmocka_unit_test(errors_of_includes_have_their_file),
		cmocka_unit_test(includes_are_32_deep),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
