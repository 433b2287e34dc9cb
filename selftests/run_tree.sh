#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make run`: it says what it measured, and fails if a byte, a file or the
# server's end is not as it should be.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

real=$(realpath "${FASTIPC:-build/bin/fastipc}")
own_directory tree
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

make_trees()
{
	mkdir -p "$work/tree/sub" && seq 30000 >"$work/tree/numbers" &&
		echo hello >"$work/tree/sub/hello" &&
		cp -r "$work/tree" "$work/changed" &&
		printf X | dd of="$work/changed/numbers" bs=1 seek=100000 \
			conv=notrunc 2>/dev/null &&
		cp -r "$work/tree" "$work/fewer" && rm "$work/fewer/sub/hello"
}

run_tree() # COMMAND DIRECTORY
{
	FASTIPC=$1 tools/run "$2"
}

# Twice the two files, one call and many at a time; and the echoes.
says_all()
{
	run_tree "$real" "$work/tree" >"$work/out" || return 1
	cat "$work/out"
	[ "$(grep -cE '^fetched 2 files, [0-9.]+ .?B, in [0-9.]+ .?s ' \
		"$work/out")" -eq 2 ] &&
		[ "$(grep -cE '^  throughput  [0-9.]+ msgs/s, [0-9.]+ GB/s$' \
			"$work/out")" -eq 2 ] &&
		[ "$(grep -cE \
			'^  round trip  p50 .*, p99 .*, p99.9 .*, max ' \
			"$work/out")" -eq 2 ] &&
		[ "$(grep -cE '^  transport   (memfd|kmod), ' "$work/out")" \
			-eq 2 ] &&
		[ "$(grep -cE '^  server      pid [0-9]+, RSS [0-9]+ KiB' \
			"$work/out")" -eq 2 ] &&
		[ "$(grep -c 'no difference' "$work/out")" -eq 2 ] &&
		grep -qE '^  round trip  min ' "$work/out" &&
		[ "$(tail -n 1 "$work/out")" = \
			'All files came through byte for byte.' ]
}

# A fastipc that serves another directory than it is told.
serves() # DIRECTORY
{
	cat >"$work/other" <<-END
		#!/bin/bash
		for word; do
			[ "\$word" != "$work/tree" ] || [ "\$1" != serve ] ||
				word=$1
			words+=("\$word")
		done
		exec "$real" "\${words[@]}"
	END
	chmod +x "$work/other"
}

# It ends with an error, and names what it found.
finds() # DIRECTORY PATTERN
{
	serves "$1"
	run_tree "$work/other" "$work/tree" >"$work/out" 2>&1 && return 1
	cat "$work/out"
	grep -q "$2" "$work/out" && grep -q '^run: FAILED' "$work/out" &&
		! grep -q 'byte for byte' "$work/out"
}

# What dies when it is told to end has not ended well.
finds_a_bad_end()
{
	cat >"$work/other" <<-END
		#!/bin/bash
		[ "\$1" = serve ] || exec "$real" "\$@"
		"$real" "\$@" &
		trap 'kill \$!; wait \$!; exit 7' TERM
		wait
	END
	run_tree "$work/other" "$work/tree" >"$work/out" 2>&1 && return 1
	cat "$work/out"
	grep -q '^run: FAILED' "$work/out"
}

finds_no_server()
{
	printf '#!/bin/sh\nexit 1\n' >"$work/other"
	run_tree "$work/other" "$work/tree" >"$work/out" 2>&1 && return 1
	grep 'did not start' "$work/out"
}

finds_no_directory()
{
	run_tree "$real" "$work/none" >"$work/out" 2>&1 && return 1
	grep 'DIR=' "$work/out"
}

nothing_left()
{
	! find "$TMPDIR" "$XDG_RUNTIME_DIR" -mindepth 1 | grep .
}

make_trees || exit 1
check 'it tells all that it measured' says_all
check 'one byte that differs' finds "$work/changed" \
	'different: numbers: first at byte 100000'
check 'a file that is missing' finds "$work/fewer" 'missing: sub/hello'
check 'a server that does not end well' finds_a_bad_end
check 'a server that does not start' finds_no_server
check 'a directory that is not there' finds_no_directory
check 'nothing is left behind' nothing_left
finish
