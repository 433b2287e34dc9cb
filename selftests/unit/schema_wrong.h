/* SPDX-License-Identifier: MIT */
/*
 * Schemas that are wrong, and what is to be said of each.
 */
#ifndef SELFTESTS_UNIT_SCHEMA_WRONG_H
#define SELFTESTS_UNIT_SCHEMA_WRONG_H

/* What is expected: line:column: message, and below in brackets the hint. */
static const struct {
	const char *source;
	const char *errors;
} wrong[] = {
	{ "table A {\n"
	  "\tx: int (id: 0)\n"
	  "}",
	  "2:16: expected ';' behind the field, found '}'\n"
	  "\t[write ';' there]\n" },
	{ "table A { x int (id: 0); }",
	  "1:13: expected ':' and the type of the field, found 'int'\n"
	  "\t[write it as in: x: int (id: 0);]\n" },
	{ "table A { x: (id: 0); }",
	  "1:14: expected a type, found '('\n"
	  "\t[write a type there is, as int, string or [string]]\n" },
	{ "table A { x: int (id: 0), y: int (id: 1); }",
	  "1:25: expected ';' behind the field, found ','\n"
	  "\t[write ';' there]\n" },
	{ "table A {\n"
	  "  x: int (id: 0);\n"
	  "\n"
	  "table B { }\n",
	  "2:18: expected '}', found 'table'\n"
	  "\t[the table 'A' of line 1 has no end]\n" },
	{ "table A { x: int (id: 0);",
	  "1:26: expected '}', found the end of the file\n"
	  "\t[the table 'A' of line 1 has no end]\n" },
	{ "/* nothing */",
	  "1:14: expected a declaration, found the end of the file\n"
	  "\t[write it as in: table Note { ... }]\n" },
	{ "table { x: int (id: 0); }",
	  "1:7: expected a name, found '{'\n"
	  "\t[write it as in: table Note { ... }]\n" },
	{ "table A { x: int (id: ); }",
	  "1:23: expected a number or a string, found ')'\n"
	  "\t[write it as in: (id: 0)]\n" },
	{ "table A { x: int (id: 0,); }",
	  "1:25: expected the name of an attribute, found ')'\n"
	  "\t[write it as in: (id: 0, required)]\n" },
	{ "table A { x: a. (id: 0); }",
	  "1:17: expected a name behind '.', found '('\n"
	  "\t[write it as in: notes.Note]\n" },
	{ "table A { x: [int (id: 0); }",
	  "1:19: expected ']', found '('\n"
	  "\t[a vector is written as in: [int]]\n" },
	{ "table A { }\n"
	  "};\n"
	  "table B { }",
	  "2:1: expected a declaration, found '}'\n"
	  "\t[remove it]\n"
	  "2:2: expected a declaration, found ';'\n"
	  "\t[remove it]\n" },
	{ "tabel A { x: int; }\n"
	  "union U { A }",
	  "1:1: expected a declaration (as table, struct, enum, union, "
	  "rpc_service), found 'tabel'\n"
	  "\t[did you mean 'table'?]\n"
	  "2:11: there is no type 'A' here\n"
	  "\t[declare it, or include the file that does]\n" },
	{ "message A { }",
	  "1:1: expected a declaration (as table, struct, enum, union, "
	  "rpc_service), found 'message'\n"
	  "\t[did you mean 'table'?]\n" },
	{ "{ \"x\": 1 }", "1:1: expected a declaration, found data\n"
			  "\t[remove it: a schema has none]\n" },
	{ "native_include \"x.h\";",
	  "1:1: native_include is not in the subset\n"
	  "\t[remove it: it is about generated C++]\n" },
	{ "namespace a.1;",
	  "1:12: expected ';' behind the namespace, found '.1'\n"
	  "\t[write ';' there]\n" },
	{ "root_type;", "1:10: expected the name of a table, found ';'\n"
			"\t[write the name of one, as in: Note]\n" },
	{ "attribute;",
	  "1:10: expected the name of an attribute, in quotes, found ';'\n"
	  "\t[write it as in: attribute \"mine\";]\n" },
	{ "table A { } # no",
	  "1:13: the character '#' has no meaning here\n"
	  "\t[remove it: a comment begins with //]\n"
	  "1:15: expected a declaration (as table, struct, enum, union, "
	  "rpc_service), found 'no'\n"
	  "\t[write it as in: table Note { ... }]\n" },
	{ "table \303\204 { }",
	  "1:7: names are of the letters a to z and A to Z, digits, and '_'\n"
	  "\t[choose another name]\n"
	  "1:10: expected a name, found '{'\n"
	  "\t[write it as in: table Note { ... }]\n" },
	{ "table A { } \001", "1:13: the byte 0x01 has no meaning here\n"
			      "\t[remove it]\n" },
	{ "// \377\376\n"
	  "/// \300\200\n"
	  "table A { }",
	  "1:4: the byte 0xff is not UTF-8\n"
	  "\t[save the file as UTF-8]\n"
	  "2:5: the byte 0xc0 is not UTF-8\n"
	  "\t[save the file as UTF-8]\n" },
	{ "table A { x: int (id: 0); /// no\n"
	  "}",
	  "1:27: a comment with /// has to be on a line of its own\n"
	  "\t[move it above what it describes, or write // here]\n" },
	{ "/* no end", "1:1: this comment has no end\n"
		       "\t[expected '*/']\n" },
	{ "file_extension \"no end\n"
	  "table A { }",
	  "1:1: file_extension has no effect: a message has no file header\n"
	  "1:16: this string has no end on its line\n"
	  "\t[expected \"]\n"
	  "1:23: expected ';' behind it, found 'table'\n"
	  "\t[write ';' there]\n" },
	{ "file_extension \"\\q\";",
	  "1:1: file_extension has no effect: a message has no file header\n"
	  "1:17: this escape in a string means nothing\n"
	  "\t[write \\\\ for a backslash]\n" },
	{ "table A { }\n"
	  "include \"x.fbs\";",
	  "2:9: an include behind other statements: includes come first\n"
	  "\t[move it up, to the first lines]\n"
	  "2:9: a schema in memory cannot include a file\n"
	  "\t[put it into a file]\n" },
	{ "include \"x.fbs\";",
	  "1:9: a schema in memory cannot include a file\n"
	  "\t[put it into a file]\n" },
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
	  "1:14: the enum 'E' is used before it is declared, in line 2\n"
	  "\t[move its declaration up: only tables and structs may come "
	  "later]\n" },
	{ "namespace a;\n"
	  "table A { x: b.B (id: 0); }\n"
	  "namespace a.b;\n"
	  "table B { }",
	  "2:14: 'b.B' is declared later, and this is not its whole name\n"
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
	  "1:11: a field cannot have the name of the table 'A'\n"
	  "\t[choose another name]\n" },
	{ "root_type A;\n"
	  "table A { }",
	  "1:11: 'A' is declared later, in line 2\n"
	  "\t[move the root_type behind it]\n" },
	{ "struct A { x: int; }\n"
	  "root_type A;",
	  "2:11: 'A' is a struct: the root is a table\n"
	  "\t[name a table, or remove it]\n" },
	{ "root_type A;", "1:11: there is no table 'A' here\n"
			  "\t[declare it, or include the file that does]\n" },
	{ "table A { } root_type A; root_type A;", "1:36: a second root_type\n"
						   "\t[remove one of them]\n" },
	{ "table A { x: int; y: int (id: 0); z: string; }",
	  "1:11: expected an id for 'x'\n"
	  "\t[(id: 1) is free]\n"
	  "1:35: expected an id for 'z'\n"
	  "\t[(id: 2) is free]\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: U; b: int (id: 0); }",
	  "2:11: expected an id for 'a'\n"
	  "\t[(id: 2) is free, and the one before it, which its type has]\n" },
	{ "table A { x: int (id: 0); y: int (id: 0); }",
	  "1:39: the id 0 of 'y' is taken by 'x', in line 1\n"
	  "\t[(id: 1) is free]\n" },
	{ "table A { x: int (id: 0); y: int (id: 2); }",
	  "1:27: 'y' has the id 2, but none has the id 1\n"
	  "\t[ids count from 0 without a gap, and a union has two: keep a "
	  "field that is no longer used, and add (deprecated)]\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: U (id: 0); }",
	  "2:21: a union takes the id before its own too, for its type: "
	  "its id is 1 at least\n"
	  "\t[raise it by one, and those of the fields behind it]\n" },
	{ "table A { } union U { A }\n"
	  "table T { a: int (id: 0); b: U (id: 1); }",
	  "2:37: the id 0 of 'b' is taken by 'a', in line 2\n"
	  "\t[(id: 2) is free]\n" },
	{ "table A { x: int (id: -1); y: int (id: 70000); z: "
	  "int (id: \"0\"); w: int (id); }",
	  "1:23: expected a number from 0 to 65533, found -1\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:40: expected a number from 0 to 65533, found 70000\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:56: expected a number for 'id', as in (id: 0)\n"
	  "\t[write a number, without quotes]\n"
	  "1:74: expected a number for 'id', as in (id: 0)\n"
	  "\t[write a number, without quotes]\n" },
	{ "table A { x: int (id: 0, id: 0); }", "1:26: a second 'id'\n"
						"\t[remove one of them]\n" },
	{ "table A { x: int (id: 010); }",
	  "1:23: expected an integer, found '010'\n"
	  "\t[write it in decimal, without zeros in front, or as 0x1f]\n" },
	{ "table A { x: [ubyte] (id: 0, nested_flatbuffer: "
	  "\"A\"); y: int (id: 1, key); }",
	  "1:30: the attribute 'nested_flatbuffer' is not in the subset\n"
	  "\t[use the table itself as the type, or remove it to keep the "
	  "bytes]\n"
	  "1:70: the attribute 'key' is not in the subset\n"
	  "\t[remove it: sort and search in the program]\n" },
	{ "table A { x: int (id: 0, depracated); }",
	  "1:26: there is no attribute 'depracated'\n"
	  "\t[did you mean 'deprecated'?]\n" },
	{ "table A { x: int (id: 0, mine); }",
	  "1:26: there is no attribute 'mine'\n"
	  "\t[if it is one of yours, declare it before: attribute \"mine\";]\n" },
	{ "table A (large) { }",
	  "1:10: the attribute 'large' is used before it is declared\n"
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
	  "\t[only strings, vectors, tables and unions can be]\n"
	  "1:37: 'y' is required and deprecated: nobody could write it\n"
	  "\t[remove one of the two]\n" },
	{ "struct S { x: int; }\n"
	  "table A { x: S (id: 0, required); }",
	  "2:11: 'x' cannot be required: it is a struct\n"
	  "\t[only strings, vectors, tables and unions can be]\n" },
	{ "table A { x: string (id: 0, required: 1); }",
	  "1:39: 'required' has no value: expected ',' or ')'\n"
	  "\t[remove ':' and what follows]\n" },
	{ "struct S (force_align: 16) { x: int (id: 0); }",
	  "1:11: the attribute 'force_align' is not in the subset\n"
	  "\t[remove it: nothing is aligned in a message]\n"
	  "1:38: the attribute 'id' cannot be on a field of a struct\n"
	  "\t[it is for a field of a table, an rpc_service, or a method]\n" },
	{ "table A { x: A (id: 0, required); }",
	  "1:11: no 'A' can be written: what it requires here requires "
	  "more without end\n"
	  "\t[remove a 'required']\n" },
	{ "table A { x: byte = 128 (id: 0); y: ubyte = -1 (id: "
	  "1); z: ulong = 18446744073709551616 (id: 2); }",
	  "1:21: expected a number from -128 to 127, found 128\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:45: expected a number from 0 to 255, found -1\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:68: expected a number from 0 to 18446744073709551615, found "
	  "18446744073709551616\n"
	  "\t[choose one of these, or a wider type]\n" },
	{ "table A { x: int = 1.5 (id: 0); y: int = 010 (id: "
	  "1); z: int = x (id: 2); w: int = \"1\" (id: 3); }",
	  "1:20: expected an integer, found '1.5'\n"
	  "\t[write it in decimal, without zeros in front, or as 0x1f]\n"
	  "1:42: expected an integer, found '010'\n"
	  "\t[write it in decimal, without zeros in front, or as 0x1f]\n"
	  "1:64: expected a number, found 'x'\n"
	  "\t[names are values of enums only]\n"
	  "1:84: expected a number, found a string\n"
	  "\t[write it without quotes]\n" },
	{ "table A { x: bool = 2 (id: 0); y: bool = yes (id: "
	  "1); }",
	  "1:21: expected a number from 0 to 1, found 2\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:42: expected true or false, found 'yes'\n"
	  "\t[names are values of enums only]\n" },
	{ "table A { x: float = 1e39 (id: 0); y: double = "
	  "0x1p3 (id: 1); z: float = 5. (id: 2); }",
	  "1:22: 1e39 is too large for a float\n"
	  "\t[choose a smaller number, or a wider type]\n"
	  "1:48: expected a number, found '0x1p3'\n"
	  "\t[write it as in 1.5, or 2e-3]\n"
	  "1:74: expected a number, found '5.'\n"
	  "\t[write it as in 1.5, or 2e-3]\n" },
	{ "table A { x: string = \"a\" (id: 0); y: [int] = [] "
	  "(id: 1); z: string = null (id: 2); }",
	  "1:23: only scalars have defaults\n"
	  "\t[remove it: what is absent can be told from what is empty]\n"
	  "1:47: only scalars have defaults\n"
	  "\t[remove it: what is absent can be told from what is empty]\n"
	  "1:71: only scalars have defaults\n"
	  "\t[remove '= null': this may be absent without it]\n" },
	{ "enum E : ubyte { Red, Green }\n"
	  "table A { x: E = Gren (id: 0); y: E = 7 (id: 1); z: "
	  "E = E.Red (id: 2); }",
	  "2:18: 'E' has no value 'Gren'\n"
	  "\t[did you mean 'Green'?]\n"
	  "2:39: 'E' has no value 7, which is the default of 'y'\n"
	  "\t[write the name of one that it has]\n"
	  "2:57: expected the name of a value, found a path\n"
	  "\t[write only the last part of it]\n" },
	{ "enum E : ubyte { Red = 1 }\n"
	  "table A { x: E (id: 0); }\n"
	  "struct S { x: E; }",
	  "2:11: 'E' has no value 0, which is the default of 'x'\n"
	  "\t[write a default as in '= Red', or add a value 0]\n"
	  "3:12: 'E' has no value 0, which is the default of 'x'\n"
	  "\t[add a value 0]\n" },
	{ "enum E { A }",
	  "1:8: expected ':' and an integer type behind the name, found '{'\n"
	  "\t[write it as in: enum E : ubyte { ... }]\n" },
	{ "enum E : float { A }",
	  "1:10: expected an integer type, found 'float'\n"
	  "\t[an enum is one of byte, ubyte, short, ushort, int, uint, "
	  "long, ulong]\n" },
	{ "enum E : bool { A }",
	  "1:10: expected an integer type, found 'bool'\n"
	  "\t[an enum is one of byte, ubyte, short, ushort, int, uint, "
	  "long, ulong]\n" },
	{ "enum E : ubyte { A = 256, B = -1 }",
	  "1:22: expected a number from 0 to 255, found 256\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:31: expected a number from 0 to 255, found -1\n"
	  "\t[choose one of these, or a wider type]\n" },
	{ "enum E : ubyte { A = 255, B }",
	  "1:27: the value of 'B' would be above 255\n"
	  "\t[give it a smaller value]\n" },
	{ "enum E : ubyte { A, B = 0 }",
	  "1:21: 'B' has the value of 'A', in line 1\n"
	  "\t[give it another one]\n" },
	{ "enum E : ubyte { A, A }", "1:21: 'A' is there twice in 'E'\n"
				     "\t[the first one is in line 1]\n" },
	{ "enum E : byte (bit_flags) { A }",
	  "1:10: expected an unsigned type for bit_flags, found 'byte'\n"
	  "\t[write 'ubyte']\n" },
	{ "enum E : ubyte (bit_flags) { A = 8 }",
	  "1:34: expected a number from 0 to 7, found 8\n"
	  "\t[choose one of these, or a wider type]\n" },
	{ "enum E : ubyte { }", "1:6: expected at least one value in 'E'\n"
				"\t[write one between { and }]\n" },
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
	  "\t[choose one of these, or a wider type]\n"
	  "1:32: NONE is what a union is that has none\n"
	  "\t[remove it: it is there without being written]\n" },
	{ "union U { }", "1:7: expected at least one table in 'U'\n"
			 "\t[write one between { and }]\n" },
	{ "struct S { x: int; }\n"
	  "table A { x: [[int]] (id: 0); y: [int:4] (id: 1); }",
	  "2:14: a vector of vectors\n"
	  "\t[expected a type: put the inner vector into a table, and use "
	  "a vector of these]\n"
	  "2:38: an array of a fixed length\n"
	  "\t[expected ']': use fields of their own, or in a table a vector]\n" },
	{ "table A { } union U { A }\n"
	  "table T { x: [U] (id: 1); }",
	  "2:15: a vector of unions\n"
	  "\t[put the union into a table, and use a vector of these]\n" },
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
	{ "struct A { }", "1:8: expected at least one field in the struct 'A'\n"
			  "\t[write one between { and }, as in: x: int;]\n" },
	{ "table A { x: [int] (id: 0); x_length: int (id: 1); }",
	  "1:29: 'x_length' is a name that 'x', in line 1, has for itself\n"
	  "\t[choose another name]\n" },
	{ "table A { } rpc_service S { M(A):A; }",
	  "1:25: expected an id for 'S'\n"
	  "\t[write: rpc_service S (id: 0) { ... }]\n"
	  "1:29: expected an id for 'M'\n"
	  "\t[(id: 0) is free]\n" },
	{ "table A { } struct B { x: int; } rpc_service S (id: "
	  "255) { M(B):A (id: 256); N(int):A (id: 0); }",
	  "1:53: expected a number from 0 to 254, found 255\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:62: expected a table, found the struct 'B'\n"
	  "\t[put it into a table of its own]\n"
	  "1:72: expected a number from 0 to 255, found 256\n"
	  "\t[choose one of these, or a wider type]\n"
	  "1:80: expected a table, found the type 'int'\n"
	  "\t[put it into a table of its own]\n" },
	{ "table A { }\n"
	  "rpc_service S (id: 1) { M(A):A (id: 1); N(A):A (id: "
	  "1); }\n"
	  "rpc_service T (id: 1) { M(A):A (id: 0); }",
	  "2:41: 'N' has the id of 'M', in line 2\n"
	  "\t[give it another one]\n"
	  "3:13: 'T' has the id of the rpc_service 'S'\n"
	  "\t[it is at t:2]\n" },
	{ "table A { } rpc_service S (id: 1) { M(A):A (id: 0, "
	  "streaming: server); N(A):A (id: 1, streaming: "
	  "\"both\"); }",
	  "1:63: expected a number or a string, found 'server'\n"
	  "\t[write \"server\", in quotes]\n"
	  "1:87: expected \"client\", \"server\", \"bidi\" or \"none\" for "
	  "'streaming'\n"
	  "\t[write it as in: (id: 0, streaming: \"server\")]\n" },
	{ "table A { } rpc_service S (id: 1) { }",
	  "1:25: expected at least one method in 'S'\n"
	  "\t[write one between { and }, as in: Find(Query):Found (id: 0);]\n" },
	{ "table A { } rpc_service S (id: 1) { M(A) (id: 0); }",
	  "1:42: expected ':' and the table that it returns, found '('\n"
	  "\t[write it as in: Find(Query):Found (id: 0);]\n" },
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
	  "\t[write ';' there]\n"
	  "4:6: a vector of vectors\n"
	  "\t[expected a type: put the inner vector into a table, and use "
	  "a vector of these]\n"
	  "6:8: expected ':' and an integer type behind the name, found '{'\n"
	  "\t[write it as in: enum E : ubyte { ... }]\n"
	  "7:15: a struct has only scalars, enums and structs\n"
	  "\t[make 'S' a table]\n" },
};

#endif
