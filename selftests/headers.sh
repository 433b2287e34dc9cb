#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, in C11 and in C++, with warnings that the
# library itself does not ask for; and so does the ABI header.
set -u

strict=(-Wall -Wextra -Wconversion -Wpedantic -Werror -fsyntax-only
	-Iuapi -Ilib/include)
tests=0

compiles() # HEADER COMPILER FLAG...
{
	tests=$((tests + 1))
	if "${@:2}" "${strict[@]}" -include "$1" /dev/null; then
		echo "ok $tests - $1 with ${*:2}"
	else
		echo "not ok $tests - $1 with ${*:2}"
	fi
}

for header in lib/include/fastipc/*.h uapi/linux/*.h; do
	compiles "$header" "${CC:-cc}" -std=c11 -x c
	compiles "$header" "${CXX:-c++}" -std=c++11 -x c++
done
echo "1..$tests"
