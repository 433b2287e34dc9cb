#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The language of schemas is a subset of flatc's: what fastipc-gen accepts,
# Debian's flatc accepts, and it means the same.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

bin=${O:-build}/bin
gen=${FASTIPC_GEN:-$bin/fastipc-gen}
fastipc=${FASTIPC:-$bin/fastipc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")

both_accept() # FILE
{
	"$gen" -o "$work/out" "$1" && flatc --schema -b -o "$work/out" "$1"
}

accepts() # NAME: the schema on standard input
{
	cat >"$work/case.fbs"
	check "both accept $1" both_accept "$work/case.fbs"
}

refuses() # NAME: the schema on standard input
{
	cat >"$work/case.fbs"
	check "fastipc-gen refuses $1, as flatc does" neither_accepts
}

neither_accepts()
{
	! "$gen" -o "$work/out" "$work/case.fbs" &&
		! flatc --schema -b -o "$work/out" "$work/case.fbs"
}

# JSON that has been a message of ours is the same message of flatc's.
same_meaning() # SCHEMA TYPE JSON
{
	flatc -b --root-type "$2" -o "$work/before" "$1" "$3" &&
		"$fastipc" encode "$1" "$2" "$3" >"$work/message" &&
		"$fastipc" decode "$1" "$2" "$work/message" \
			>"$work/$(basename "$3")" &&
		flatc -b --root-type "$2" -o "$work/after" "$1" \
			"$work/$(basename "$3")" &&
		cmp "$work/before/"*.bin "$work/after/"*.bin
}

while read -r schema; do
	check "both accept $schema" both_accept "$schema"
done < <(find lib tools selftests examples -name '*.fbs' 2>/dev/null | sort)

accepts "numbers in all ways to write them" <<'END'
enum E : short { A = -0x10, B, C = +7, }
table T {
  a: byte = -128 (id: 0); b: ulong = 18446744073709551615 (id: 1);
  c: float = -1.5e-3 (id: 2); d: double = .5 (id: 3);
  e: double = -inf (id: 4); f: float = nan (id: 5); g: bool = true (id: 6);
  h: bool = 1 (id: 7); i: int = 0x7fffffff (id: 8); j: E = B (id: 9);
  k: E = "C" (id: 10); l: E = -16 (id: 11); m: int = null (id: 12);
}
END
accepts "values of unions" <<'END'
table A { } table B { }
union U { A = 9, second: B = 3, B, again: A, }
table T { u: U (id: 1); }
END
accepts "sets of flags" <<'END'
enum E : ulong (bit_flags) { A, B = 63 }
table T { a: E (id: 0); b: E = "A B" (id: 1); c: E = 6 (id: 2); }
END
accepts "names in namespaces" <<'END'
namespace a.b; table T { later: Later (id: 0); whole: a.c.T (id: 1); }
struct S { x: byte; }
table Later { t: T (id: 0); s: S (id: 1); }
namespace a.c; table T { s: b.S (id: 0); l: [a.b.Later] (id: 1); }
union U { T, a.b.T, b.Later }
namespace ; table End { u: a.c.U (id: 1); }
root_type a.b.T;
END
accepts "words that are fields" <<'END'
table T { table: int (id: 0); int: string (id: 1); true: bool (id: 2); }
END
accepts "comments and attributes" <<'END'
/// doc
/// doc
attribute "large"; attribute mine; file_identifier "ABCD";
file_extension 'x';
/* of
   lines */ table T (large, mine: 1, mine) { // end
  /// doc
  x: string (id: 0x0, required);
  /// at the end
}
END
accepts "services" <<'END'
rpc_service S (id: 254) { A(T):T (id: 0, streaming: "bidi", idempotent);
  /// doc
  B(T):a.U (id: 255); }
table T { } namespace a; table U { }
END
accepts "a byte order mark" < <(printf '\357\273\277table T { }\r\n')

refuses "a text without declarations" <<<'// none'
refuses "a declaration that comes too late" <<'END'
table T { e: E (id: 0); } enum E : byte { A }
END
refuses "structs in wrong order" <<'END'
struct A { b: B; } struct B { x: int; }
END
refuses "part of the name of a later type" <<'END'
namespace a; table T { x: b.B (id: 0); } namespace a.b; table B { }
END
refuses "a default that is no value" <<'END'
enum E : byte { A = 1 } table T { e: E (id: 0); }
END
refuses "what is large without a declaration" <<'END'
table T (large) { }
END
refuses "a gap in ids" <<'END'
table T { x: int (id: 1); }
END
refuses "a name that a vector has for itself" <<'END'
table T { x: [int] (id: 0); x_length: int (id: 1); }
END

cat >"$work/meaning.fbs" <<'END'
namespace m;
enum Kind : byte { Zero, Minus = -3, Next, Big = 100 }
enum Set : ushort (bit_flags) { One, Two, Ten = 10 }
struct In { a: ubyte; b: double; k: Kind; }
struct Out { i: In; t: bool; j: In; }
table Leaf { v: long = -7 (id: 0); s: string (id: 1); }
table Other { f: float = 0.1 (id: 0); }
union Any { Leaf = 4, Other, third: Leaf = 2 }
table Root {
  last: [string] (id: 20);
  a: byte = -5 (id: 0); b: ushort = 65535 (id: 1); c: bool = true (id: 2);
  d: double = 1e-3 (id: 3); e: Kind = Minus (id: 4); f: Set = "One Ten" (id: 5);
  g: ulong = null (id: 6); h: bool = null (id: 7); i: Kind = null (id: 8);
  j: Out (id: 9); k: string (id: 10, required); l: [Out] (id: 11);
  m: Any (id: 13); n: Any (id: 15); o: [Root] (id: 16); p: [ubyte] (id: 17);
  q: [Kind] (id: 18); r: Leaf (id: 19);
}
END
cat >"$work/least.json" <<'END'
{ "k": "" }
END
cat >"$work/all.json" <<'END'
{ "a": 0, "b": 7, "c": false, "d": -2.5, "e": "Next", "f": "Two", "g": 0,
  "h": false, "i": "Big",
  "j": { "i": { "a": 1, "b": 2.5, "k": "Minus" }, "t": true,
	 "j": { "a": 255, "b": -1e300, "k": "Zero" } },
  "k": "äöü \"\\\n\u20ac",
  "l": [ { "i": { "a": 1, "b": 0, "k": "Next" }, "t": false,
	   "j": { "a": 0, "b": 0.5, "k": "Big" } } ],
  "m_type": "third", "m": { "v": 9223372036854775807 },
  "n_type": "Other", "n": { "f": 3.25 },
  "o": [ { "k": "x", "m_type": "Leaf", "m": { "s": "y" } }, { "k": "" } ],
  "p": [ 0, 1, 255 ], "q": [ "Zero", "Minus", "Big" ], "r": { },
  "last": [ "", "a", "" ] }
END
cat >"$work/defaults.json" <<'END'
{ "a": -5, "b": 65535, "c": true, "d": 1e-3, "e": "Minus", "f": 1025,
  "k": "k", "l": [], "m_type": "NONE", "r": { "v": -7 }, "last": [] }
END
for json in least all defaults; do
	rm -rf "$work/before" "$work/after"
	check "the values of $json.json mean the same" \
		same_meaning "$work/meaning.fbs" m.Root "$work/$json.json"
done

finish
