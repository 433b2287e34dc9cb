#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Generated headers compile without a warning, in C11 and C++11, by gcc and by
# clang, and a program in C++ writes, reads and calls by them; and what would be
# wrong with them does not compile at all: memory that
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
# A message, and a call that goes nowhere: all that is linked is C.
cat >"$work/program.cc" <<'END'
#include <cerrno>
#include <string>
#include <vector>

#include "service.fastipc.h"

int main()
{
	chat_Line line;
	chat_Line_init(&line);
	line.author = fastipc_string_of("Ada");
	line.tone = chat_Tone_Loud;
	std::vector<unsigned char> bytes(chat_Line_size(&line));
	size_t size = 0;
	chat_Line_reader reader;

	if (chat_Line_encode(&line, bytes.data(), bytes.size(), &size) ||
	    chat_Line_read(fastipc_snapshot_of(bytes.data(), size), &reader))
		return 1;
	fastipc_string author = chat_Line_author(reader);
	if (std::string(author.data, author.size) != "Ada" ||
	    chat_Line_tone(reader) != chat_Tone_Loud ||
	    chat_Line_view_tone(chat_Line_view_of(fastipc_shared_of(
		    bytes.data(), size))) != chat_Tone_Loud)
		return 2;
	chat_Asked asked;
	chat_Asked_init(&asked);
	chat_Lines_received lines = {};
	return chat_Room_Last(nullptr, &asked, &lines, 0) == -EINVAL ? 0 : 3;
}
END
in_cpp() # COMPILER
{
	local as

	# As what it is linked with.
	as=$(grep -o -e '-fsanitize=[a-z,]*' -e --coverage "${O:-build}/flags")
	# shellcheck disable=SC2046,SC2086 # words are meant
	"$1" -std=c++11 "${strict[@]}" $as -o "$work/program" \
		"$work/program.cc" "$codec/service.fastipc.o" \
		"${O:-build}/lib/libfastipc.a" -pthread \
		$(pkg-config --libs liburcu-bp liblz4 libzstd) &&
		"$work/program"
}
check 'a program in C++' in_cpp "${CXX:-c++}"

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
