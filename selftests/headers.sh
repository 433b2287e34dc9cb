#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, in C11 and in C++, with warnings that the
# library itself does not ask for; and so does the ABI header.  All of them do
# together.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

strict=(-Wall -Wextra -Wconversion -Wpedantic -Werror -fsyntax-only
	-Iuapi -Ilib/include)
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
shown=("$log")

compiles() # HEADER COMPILER FLAG...
{
	check "$1 with ${*:2}" "${@:2}" "${strict[@]}" -include "$1" /dev/null
}

for header in lib/include/fastipc/{,codec/}*.h uapi/linux/*.h; do
	compiles "$header" "${CC:-cc}" -std=c11 -x c
	compiles "$header" "${CXX:-c++}" -std=c++11 -x c++
done

# All of them together, by newer standards, in either order.
all=(lib/include/fastipc/{,codec/}*.h uapi/linux/*.h)
together() # HEADERS COMPILER FLAG...
{
	local header includes=()

	for header in $1; do
		includes+=(-include "$header")
	done
	check "all headers with ${*:2}" "${@:2}" "${strict[@]}" \
		"${includes[@]}" /dev/null
}

backwards=$(printf '%s\n' "${all[@]}" | tac | tr '\n' ' ')
for standard in c17 c2x; do
	together "${all[*]}" "${CC:-cc}" -std=$standard -x c
	together "$backwards" "${CC:-cc}" -std=$standard -x c
done
for standard in c++17 c++20; do
	together "${all[*]}" "${CXX:-c++}" -std=$standard -x c++
	together "$backwards" "${CXX:-c++}" -std=$standard -x c++
done
finish
