#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The command fastipc-gen: what it writes for make, how it tells what became
# incompatible, and that what it cannot do ends it with an error that names it.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

gen=${O:-build}/bin/fastipc-gen
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")

# It prints this text.
says() # TEXT ARGUMENT...
{
	"$gen" "${@:2}" 2>&1 | grep -F -e "$1"
}

exits() # STATUS ARGUMENT...
{
	"$gen" "${@:2}"
	[ $? -eq "$1" ]
}

# It fails, with 1, and says why in one line.
fails() # TEXT ARGUMENT...
{
	local status

	"$gen" "${@:2}" >"$work/error" 2>&1
	status=$?
	cat "$work/error"
	[ "$status" -eq 1 ] && grep -qF -e "$1" "$work/error"
}

fails_usage() # TEXT ARGUMENT...
{
	exits 2 "${@:2}" && says "$1" "${@:2}"
}

mkdir "$work/in" "$work/a #\$b"
echo 'table Part { x: int (id: 0); }' >"$work/in/part.fbs"
cat >"$work/a #\$b/whole.fbs" <<'END'
include "part.fbs";
table Whole { part: Part (id: 0); }
END

# Make finds what it depends on, and lives with one that is gone.
depends()
{
	"$gen" -I "$work/in" -o "$work/out/deep" --depfile "$work/dep" \
		"$work/a #\$b/whole.fbs" || return
	cat "$work/dep"
	cat "$work/dep" - >"$work/Makefile" <<-'END'
		%.fastipc.h: ; @echo '$^'
	END
	make -sB -f "$work/Makefile" "$work/out/deep/whole.fastipc.h" \
		>"$work/made" || return
	grep -F "$work/a #\$b/whole.fbs" "$work/made" &&
		grep -F "$work/in/part.fbs" "$work/made" || return
	rm "$work/in/part.fbs"
	make -sB -f "$work/Makefile" "$work/out/deep/whole.fastipc.h"
}
check 'a depfile names all schemas that were read' depends

cat >"$work/told.fbs" <<'END'
/// Of the enum.
enum Kind : ubyte {
  /// Of the value.
  Red }
/// Of the struct.
struct Point {
  /// Of the member.
  x: int; }
/// Of the table */ and its
/// second line.
table Note {
  /// Of the field.
  text: string (id: 0); }
/// Of the union.
union Any {
  /// Of the alternative.
  Note }
/// Of the service.
rpc_service Notes (id: 1) {
  /// Of the method.
  Find(Note):Note (id: 0); }
END
# Each of them, as a comment that ends where it should.
tells()
{
	local header=$work/out/told.fastipc.h what

	"$gen" -o "$work/out" "$work/told.fbs" || return
	for what in enum value struct member field union alternative service \
		method; do
		grep -q "^[[:space:]]*/\* Of the $what\. \*/\$" "$header" ||
			{ echo "nothing of the $what"; return 1; }
	done
	grep -A1 '^ \* Of the table \* / and its$' "$header" |
		grep -q '^ \* second line\.$' &&
		"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -Ilib/include \
			-fsyntax-only "$header"
}
check 'comments are carried into the header' tells

check '--version' says 'fastipc-gen ' --version
check '--help' says 'depfile' --help

echo 'table T { a: int (id: 0); }' >"$work/old.fbs"
echo 'table T { a: int (id: 0); b: string (id: 1); }' >"$work/more.fbs"
echo 'table T { b: int (id: 0); }' >"$work/renamed.fbs"
echo 'table T { a: long (id: 0); }' >"$work/wider.fbs"
for level in wire json source; do
	check "--check: a field more is compatible ($level)" \
		exits 0 --check --level "$level" "$work/old.fbs" "$work/more.fbs"
done
check '--check: a name is not in the bytes' \
	exits 0 --check "$work/old.fbs" "$work/renamed.fbs"
check '--check: but in JSON' \
	exits 1 --check --level json "$work/old.fbs" "$work/renamed.fbs"
check '--check: and in sources' \
	exits 1 --check --level source "$work/old.fbs" "$work/renamed.fbs"
check '--check: another type is told' \
	fails 'T.a' --check "$work/old.fbs" "$work/wider.fbs"
check '--check: a schema that is not there' \
	fails 'none.fbs' --check "$work/old.fbs" "$work/none.fbs"
full_output()
{
	! "$gen" --check "$work/old.fbs" "$work/wider.fbs" >/dev/full
}
check '--check: nowhere to print to' full_output

check 'no schema: usage' fails_usage 'a schema is missing'
check 'two schemas: usage' fails_usage 'one schema at a time' a.fbs b.fbs
check 'three: usage' fails_usage 'too many files' a.fbs b.fbs c.fbs
check 'one to check: usage' fails_usage 'compares two' --check a.fbs
check 'a level there is not: usage' fails_usage "not 'all'" --level all a.fbs
check 'a level of nothing: usage' fails_usage 'no --check' --level json a.fbs
check '--check with -o: usage' fails_usage 'writes no files' \
	--check -o out a.fbs b.fbs
check '--check with --depfile: usage' fails_usage 'writes no files' \
	--check --depfile a.d a.fbs b.fbs
includes=()
for ((i = 0; i < 100; i++)); do
	includes+=(-I "$work")
done
check 'too many -I: usage' fails_usage 'times -I' "${includes[@]}" a.fbs

check 'a schema that is not there' fails 'none.fbs' "$work/none.fbs"
check 'an output that is a file' \
	fails "$work/log" -o "$work/log" "$work/old.fbs"
check 'an output below a file' \
	fails "$work/log" -o "$work/log/in" "$work/old.fbs"
mkdir -p "$work/taken/old.fastipc.h"
check 'a header that is a directory' \
	fails 'old.fastipc.h' -o "$work/taken" "$work/old.fbs"
check 'a depfile in no directory' \
	fails 'none/dep' -o "$work/out" --depfile "$work/none/dep" \
	"$work/old.fbs"

finish
