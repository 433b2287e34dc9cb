#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Generated headers compile without a warning, in C11 and C++11, by gcc and by
# clang; and what would be wrong with them does not compile at all: memory that
# may change where it must not, one table's handle for another's.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

codec=${O:-build}/selftests/codec
sources=selftests/codec
strict=(-Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror -Ilib/include
	-I"$codec")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")

header() # HEADER COMPILER FLAG...
{
	"${@:2}" "${strict[@]}" -fsyntax-only -include "$1" /dev/null
}

body() # STATEMENT...
{
	cat <<-EOF
	#include "everything.fastipc.h"
	int use(struct codec_test_All *value, struct fastipc_snapshot snapshot,
		struct fastipc_shared shared, struct fastipc_sealed sealed,
		struct codec_test_All_reader all, struct codec_test_All_view view,
		struct codec_test_Leaf_reader leaf, const struct codec_test_Leaf *new_leaf);
	int use(struct codec_test_All *value, struct fastipc_snapshot snapshot,
		struct fastipc_shared shared, struct fastipc_sealed sealed,
		struct codec_test_All_reader all, struct codec_test_All_view view,
		struct codec_test_Leaf_reader leaf, const struct codec_test_Leaf *new_leaf)
	{
		(void)value, (void)snapshot, (void)shared, (void)sealed;
		(void)all, (void)view, (void)leaf, (void)new_leaf;
		$*
		return 0;
	}
	EOF
}

compiles() # STATEMENT
{
	body "$1" >"$work/use.c"
	"${CC:-cc}" -std=c11 "${strict[@]}" -fsyntax-only "$work/use.c" &&
		"${CXX:-c++}" -std=c++11 "${strict[@]}" -fsyntax-only -x c++ \
			"$work/use.c"
}

# In neither language.
refused() # STATEMENT
{
	body "$1" >"$work/use.c"
	! "${CC:-cc}" -std=c11 "${strict[@]}" -fsyntax-only "$work/use.c" &&
		! "${CXX:-c++}" -std=c++11 "${strict[@]}" -fsyntax-only -x c++ \
			"$work/use.c"
}

for schema in "$sources"/*.fbs; do
	name=$(basename "$schema" .fbs)
	[ -f "$codec/$name.fastipc.h" ] || continue
	for compiler in gcc clang; do
		check "$name.fastipc.h in C11 by $compiler" \
			header "$name.fastipc.h" "$compiler" -std=c11 -x c
	done
	for compiler in g++ clang++; do
		check "$name.fastipc.h in C++11 by $compiler" \
			header "$name.fastipc.h" "$compiler" -std=c++11 -x c++
	done
done

check 'the right use compiles' compiles '
	return codec_test_All_read(snapshot, &all) +
		codec_test_All_read_sealed(sealed, &all) +
		(int)codec_test_All_view_of(shared).record.size +
		(int)codec_test_All_text(all).size +
		codec_test_Leaf_number(leaf) + value->yes +
		(int)codec_test_All_view_text(view).size;
	codec_test_All_set_any_Leaf(value, new_leaf);'
check 'no reader of shared memory' refused \
	'return codec_test_All_read(shared, &all);'
check 'no sealed reader of shared memory' refused \
	'return codec_test_All_read_sealed(shared, &all);'
check 'no sealed reader of a snapshot' refused \
	'return codec_test_All_read_sealed(snapshot, &all);'
check 'no reader of sealed memory but by its own function' refused \
	'return codec_test_All_read(sealed, &all);'
check 'no view of a snapshot' refused \
	'view = codec_test_All_view_of(snapshot);'
check 'no view for a reader' refused \
	'return (int)codec_test_All_text(view).size;'
check 'no reader for a view' refused \
	'return (int)codec_test_All_view_text(all).size;'
check 'no reader of another table' refused \
	'return (int)codec_test_All_text(leaf).size;'
check 'no reader of another table to be filled' refused \
	'return codec_test_All_read(snapshot, &leaf);'
check 'no reader assigned to another' refused 'leaf = all;'
check 'no sub-table of another type' refused 'value->all = new_leaf;'
check 'no alternative of another type' refused \
	'codec_test_All_set_any_Leaf(value, value);'
check 'no string for shared bytes' refused \
	'struct fastipc_string text = codec_test_All_view_text(view); (void)text;'
check 'no shared bytes as a snapshot' refused \
	'snapshot = fastipc_snapshot_of(shared.data, shared.size);'
check 'no vector of another type' refused \
	'return (int)fastipc_u32_vector_at(codec_test_All_u64s(all), 0);'
check 'no pointer into a message' refused \
	'*codec_test_All_bytes(all).data = 1;'
finish
