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
own_directory load
mkdir -m 700 "$work/served" "$work/other"
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
	eventually "$fastipc" ping "$1" -c 1 >"$log" 2>&1
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

due() # LEAST MOST
{
	[ "$(figure due)" -ge "$1" ] && [ "$(figure due)" -le "$2" ] &&
		[ "$(figure 'done')" -le "$2" ]
}

clean() # ARGUMENTS of the load
{
	load "$@" && is_clean
}

# How many descriptors the server has.
descriptors()
{
	find "/proc/$pid/fd" | wc -l
}

# The same, once the last client is forgotten.
settled()
{
	local now last='' same=0

	for _ in {1..100}; do
		now=$(descriptors)
		same=$((now == last ? same + 1 : 0))
		[ "$same" -lt 5 ] || break
		last=$now
		sleep 0.1
	done
	echo "$now"
}

as_before()
{
	[ "$(descriptors)" -le "$before" ]
}

serve one "$work/served"
pid=${server# }
before=$(settled)

check 'mixed sizes, flat out' clean --connections 6 --processes 2 --duration 1
check 'small ones and larger ones' \
	grep -q '"1K":{"count":[1-9].*"16K":{"count":[1-9]' "$work/found"
check 'mixed sizes on a schedule' \
	clean --connections 6 --processes 2 --duration 1 --rate 50
check 'as many as are due, and no more' due 1 60
check 'streamed responses' \
	clean --connections 6 --processes 2 --duration 1 --streams 100
check 'each answer was streamed' \
	grep -q "\"done\":$(figure 'done').*\"streams\":{\"count\":$(figure 'done')" \
	"$work/found"
check 'no bursts' clean --connections 6 --duration 2.2 --rate 20 --size 1K
check 'as many as are due then' due 1 60
# A machine that stands still meanwhile may miss one.
bursts()
{
	for _ in {1..9}; do
		clean --connections 6 --duration 2.2 --rate 20 --bursts \
			--size 1K || return 1
		! due 61 300 || return 0
	done
	return 1
}
check 'bursts are more than the rate' bursts
check 'all are of the size' \
	grep -q "\"1K\":{\"count\":$(figure 'done')" "$work/found"
check 'churn' clean --connections 6 --processes 2 --duration 1 --churn 50 --size 1K
check 'connections were made anew' [ "$(figure connects)" -gt 6 ]
check 'a pool' clean --connections 6 --processes 2 --duration 1 --threads 4
check 'all took a connection of it' grep -q '"hits":[1-9]' "$work/found"
check 'kills' clean --connections 6 --processes 3 --duration 2 --kills 3 \
	--streams 20
check 'processes were killed' [ "$(figure killed)" -gt 0 ]
check 'and replaced' [ "$(figure connects)" -ge 8 ]

# What was left in the middle is given up, too.
check 'the server has the descriptors that it had' eventually as_before

# It is to notice if one byte is wrong.
serve two "$work/other"
shown+=("$work/other.out")
check 'a load that gets other bytes' "$fastipc" bench load two --json \
	--file "$work/served/bytes" --connections 2 --duration 1 --streams 100
cp "$log" "$work/found"
check 'says so' [ "$(figure corrupt)" -gt 0 ]
check 'of all of them' [ "$(figure 'done')" -eq 0 ]

# hello_server answers in capital letters: few of 100 random bytes have none.
hello=${O:-build}/selftests/examples/hello_server

capitals() # ARGUMENTS of the load
{
	"$fastipc" bench load hello --json --file "$work/served/bytes" \
		--connections 2 --duration 1 --size 100 "$@" >"$work/found" &&
		[ "$(figure corrupt)" -gt $((100 * $(figure 'done'))) ]
}

if [ -x "$hello" ]; then
	"$hello" &
	server="$server $!"
	eventually [ -e "$XDG_RUNTIME_DIR/fastipc/hello" ]
	check 'calls that get other bytes' capitals
	check 'calls of a pool that do' capitals --threads 2
else
	skip 'calls that get other bytes' 'hello_server is not built'
fi

refused() # COMMAND...
{
	! "$@"
}

check 'no server is an error' refused "$fastipc" bench load none \
	--file "$work/served/bytes" --connections 2 --duration 1
head -c 1M "$work/served/bytes" >"$work/small"
check 'too small a file is an error' refused "$fastipc" bench load one \
	--file "$work/small" --connections 2 --duration 1
cp "$log" "$work/err"
check 'and is told' grep -q '10 MiB at least' "$work/err"
finish
