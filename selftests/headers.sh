#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, in C11 and in C++, with warnings that the
# library itself does not ask for; and so does the ABI header.
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
finish
