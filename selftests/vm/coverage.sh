#!/bin/bash
# SPDX-License-Identifier: MIT
#
# selftests/vm/coverage.sh DIRECTORY: print how many lines of each file of the
# module ran in the guest of boot.sh DIRECTORY, and those that did not.  The
# module was built there with GCOV_PROFILE=y.
set -eu -o pipefail
export LC_ALL=C

directory=$(realpath "${1:?}")
build=$(dirname "$(cat "$directory/module")")
work=$directory/gcov

rm -rf "$work"
mkdir -p "$work"
cd "$work"
tar xf "$directory/files.tar" || {
	echo "coverage.sh: no counts came from the guest" >&2
	exit 1
}
# gcov looks for the .gcno of a .gcda beside it.
find . -name '*.gcda' -exec mv -t . {} +
cp "$build"/kmod/*.gcno .
gcov -p ./*.gcda >gcov.log 2>&1

# NAME LINES MISSED, then the lines missed.
for file in *#kmod#*.[ch].gcov; do
	awk -F: -v name="kmod/${file##*#kmod#}" '
		$1 ~ /^ *[0-9]+\*?$/ { ran++ }
		$1 ~ /#####|=====/ {
			missed++
			line = $0
			sub(/^[^:]*: */, "", line)
			lines = lines "\n" name ":" line
		}
		END { printf "%s %d %d%s\n", name, ran + missed, missed, lines }
	' "$file"
done | sed 's/\.gcov / /; s/\.gcov:/:/' >lines

grep -v ':' lines | sort | awk '
	BEGIN { printf "%-20s %6s %6s %8s\n", "file", "lines", "missed", "covered" }
	function row(name, lines, missed)
	{
		printf "%-20s %6d %6d %6.1f %%\n", name, lines, missed,
			100 * (lines - missed) / lines
	}
	$2 { row($1, $2, $3); lines += $2; missed += $3 }
	END { if (lines) row("all", lines, missed) }'
echo
grep ':' lines || echo 'No line was missed.'
