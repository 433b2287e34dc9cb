#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `fastipc bench load`: what it asks of a server, what it notices, and what a
# server has left of it afterwards.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-build/bin/fastipc}
work=$(mktemp -d "${TMPDIR:-/tmp}/fastipc-load.XXXXXX") || exit 1
export XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR" "$work/served" "$work/other"
log=$work/log
shown=("$log" "$work/found" "$work/err")
server=''
trap 'kill $server 2>/dev/null; wait; rm -rf "$work"' EXIT

head -c $((11 << 20)) /dev/urandom >"$work/served/bytes"
head -c $((11 << 20)) /dev/urandom >"$work/other/bytes"

serve() # NAME DIRECTORY
{
	"$fastipc" serve "$1" --dir "$2" --quiet 2>"$work/err" &
	server="$server $!"
	for _ in {1..100}; do
		"$fastipc" ping "$1" -c 1 >"$log" 2>&1 && return
		sleep 0.05
	done
}

load() # ARGUMENTS of the load, with --json
{
	"$fastipc" bench load one --file "$work/served/bytes" --json "$@" \
		>"$work/found" 2>"$work/err"
}

# A figure of the last load, on the outermost level.
figure()
{
	sed -n "s/.*[{,]\"$1\":\\([^,}]*\\)[,}].*/\\1/p" "$work/found" |
		head -n 1
}

is_clean()
{
	[ "$(figure 'done')" -gt 0 ] && [ "$(figure corrupt)" -eq 0 ] &&
		grep -q '"errors":{}' "$work/found"
}

clean() # ARGUMENTS of the load
{
	load "$@" && is_clean
}

serve one "$work/served"
pid=${server# }
descriptors=$(find "/proc/$pid/fd" | wc -l)

check 'mixed sizes, flat out' clean --connections 6 --processes 2 --duration 1
check 'mixed sizes on a schedule' \
	clean --connections 6 --processes 2 --duration 1 --rate 50
check 'streamed responses' \
	clean --connections 6 --processes 2 --duration 1 --streams 100
check 'each answer was streamed' \
	grep -q "\"done\":$(figure 'done').*\"streams\":{\"count\":$(figure 'done')" \
	"$work/found"
check 'bursts' clean --connections 6 --duration 2.2 --rate 20 --bursts --size 1K
check 'churn' clean --connections 6 --processes 2 --duration 1 --churn 50 --size 1K
check 'connections were made anew' [ "$(figure connects)" -gt 6 ]
check 'a pool' clean --connections 6 --processes 2 --duration 1 --threads 4
check 'all took a connection of it' grep -q '"hits":[1-9]' "$work/found"
check 'kills' clean --connections 6 --processes 3 --duration 2 --kills 3 \
	--streams 20
check 'processes were killed' [ "$(figure killed)" -gt 0 ]

# What was left in the middle is given up, too.
for _ in {1..100}; do
	left=$(find "/proc/$pid/fd" | wc -l)
	[ "$left" -le "$descriptors" ] && break
	sleep 0.1
done
check 'the server has the descriptors that it had' \
	[ "$left" -eq "$descriptors" ]

# It is to notice if one byte is wrong.
serve two "$work/other"
shown+=("$work/other.out")
check 'a load that gets other bytes' "$fastipc" bench load two --json \
	--file "$work/served/bytes" --connections 2 --duration 1 --streams 100
cp "$log" "$work/found"
check 'says so' [ "$(figure corrupt)" -gt 0 ]
check 'of all of them' [ "$(figure 'done')" -eq 0 ]

refused() # COMMAND...
{
	! "$@"
}

check 'no server is an error' refused "$fastipc" bench load none \
	--file "$work/served/bytes" --connections 2 --duration 1
check 'too small a file is an error' refused "$fastipc" bench load one \
	--file "$log" --connections 2 --duration 1
finish
