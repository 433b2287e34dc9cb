#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The test vectors in the man page fastipc_codec(7), as it is in the tree: the
# command makes these bytes of that JSON and the JSON of these bytes, and
# refuses what is said to be refused.  The schema is the page's, too.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

page=lib/man/fastipc_codec.7
vectors=0

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The displays behind the heading: the first one to a file, the others out.
displays()
{
	awk -v schema="$work/page.fbs" '
		/^\.Sh/ { section = /TEST VECTORS/ }
		/^\.Ed/ { display = 0 }
		section && display {
			gsub(/\\e/, "\\")
			if (number == 1) print > schema
			else print
		}
		section && /^\.Bd/ { display = 1; number++ }' "$page"
}

# "same|reads|refused TYPE" of a line, its JSON, its digits: is it true?
agrees() # KIND TYPE JSON HEX
{
	local kind=$1 type=$2 json=$3 hex=$4 got

	vectors=$((vectors + 1))
	[ "$hex" != - ] || hex=
	got=$(printf %s "$hex" |
		"$FASTIPC" decode --hex -c "$work/page.fbs" "$type" 2>&1)
	case $? in
	0) [ "$kind" != refused ] && [ "$got" = "$json" ] ;;
	1) [ "$kind" = refused ] ;;
	*) false ;;
	esac || {
		echo "# $type $hex: $got"
		return 1
	}
	[ "$kind" = same ] || return 0
	got=$(printf %s "$json" |
		"$FASTIPC" encode --hex "$work/page.fbs" "$type" 2>&1)
	[ "$got" = "$hex" ] || {
		echo "# $type $json: $got"
		return 1
	}
}

# One line for each: the digits are on lines of their own, indented.
displays | awk '
	/^ / { $1 = $1; line = line (digits++ ? " " : "\t") $0; next }
	{ if (line != "") print line; line = $0; digits = 0 }
	END { print line }' >"$work/vectors"

failed=0
while IFS=$'\t' read -r what hex; do
	case $what in
	'refused '*) agrees refused "${what#* }" '' "$hex" || failed=1 ;;
	'reads '*)
		what=${what#* }
		agrees reads "${what%% *}" "${what#* }" "$hex" || failed=1
		;;
	*) agrees same "${what%% *}" "${what#* }" "$hex" || failed=1 ;;
	esac
done <"$work/vectors"
[ "$vectors" -ge 25 ] || failed=1
result $failed "the $vectors test vectors of the man page"

# And a message that goes through files, with what can go wrong.
printf '{"label": "x",\n "kind": "Function"}' >"$work/wrong.json"
got=$("$FASTIPC" encode "$work/page.fbs" Item "$work/wrong.json" 2>&1)
[ $? -eq 1 ] && [[ $got == *"wrong.json:2: kind: no value 'Function'"* ]]
result $? "an error names the line and the field"
got=$("$FASTIPC" decode "$work/page.fbs" Nothing </dev/null 2>&1)
[ $? -eq 1 ] && [[ $got == *"v.Note, v.Item, v.Log"* ]]
result $? "an unknown type is told with those that are known"
printf 'table {\n' >"$work/wrong.fbs"
got=$("$FASTIPC" decode "$work/wrong.fbs" Item </dev/null 2>&1)
[ $? -eq 1 ] && [[ $got == *"wrong.fbs:1:"* ]]
result $? "an error of the schema names its line"
printf '{"label": "x", "any_type": "Item", "any": {"tags": ["y"]}}' |
	"$FASTIPC" encode "$work/page.fbs" v.Item >"$work/message" &&
	"$FASTIPC" decode "$work/page.fbs" v.Item "$work/message" |
	"$FASTIPC" encode "$work/page.fbs" v.Item - |
		cmp - "$work/message"
result $? "a message is the same after its way through JSON"
finish
