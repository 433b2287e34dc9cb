#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the shared library exports is what its version script lists, and that
# is what the public headers declare.  The static library defines no name
# without our prefix.  And the library imports nothing that would print, end
# the process or install a signal handler: it promises not to.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

lib=${O:-build}/lib
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")

same() # NAME FILE FILE
{
	check "$1" diff -u "$2" "$3"
}

gcc -std=c11 -Ilib/include -fsyntax-only -aux-info "$work/aux" \
	-x c lib/include/fastipc/fastipc.h || exit 1
sed -n 's|^/\* lib/include/.*:N[CF] \*/ extern .*\b\(fastipc_[a-z0-9_]*\) (.*|\1|p' \
	"$work/aux" | sort >"$work/declared"
sed -n 's/^\t\([a-z0-9_]*\);$/\1/p' lib/libfastipc.map >"$work/listed"
nm -D --defined-only "$lib"/libfastipc.so |
	awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort >"$work/exported"
nm -g --defined-only "$lib"/libfastipc.a |
	awk 'NF == 3 && $3 !~ /^fastipc_/ { print $3 }' >"$work/foreign"
nm -D --undefined-only "$lib"/libfastipc.so |
	awk '{ sub(/@.*/, "", $2); print $2 }' | grep -xE \
	'(__)?(v?f?printf|f?puts|putchar|perror|v?warnx?|v?errx?|v?syslog)(_chk)?|abort|_?exit|__assert_fail|signal|sigaction' \
	>"$work/forbidden"

same 'the version script is sorted' "$work/listed" <(sort "$work/listed")
same 'headers declare what the version script lists' \
	"$work/declared" <(sort "$work/listed")
same 'the library exports what the version script lists' \
	"$work/exported" <(sort "$work/listed")
same 'every name in the static library has the prefix' \
	"$work/foreign" /dev/null
same 'the library prints, aborts and catches nothing' \
	"$work/forbidden" /dev/null
finish
