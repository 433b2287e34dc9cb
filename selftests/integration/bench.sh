#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `fastipc bench`: each test prints the same 19 keys on one line, and the pool's
# some of its own behind them, the schedule of --rate is watched, bad words on
# the command line are refused, and neither an interrupt nor the death of one
# end leaves a process or a file behind.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-${O:-build}/bin/fastipc}
keys='test transport size checksum wait placement count p50_ns p90_ns p99_ns
p999_ns max_ns msgs_per_s bytes_per_s cacheline_rtt_ns memcpy_bytes_per_s
futex_rtt_ns cpu_ns_per_msg server_rss_kib'
pool_keys='pool_reuse_percent pool_connections pool_take_ns pool_take_8_ns
recovery_p50_ns recovery_p99_ns reconnect_p50_ns reconnect_p99_ns'
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log" "$work/err")

# Both ends on one CPU, where there is no other.
cross=cross
alone=()
if [ "$(nproc)" -lt 2 ]; then
	cross=free
	alone=(--placement free)
fi

last=()
bench() # ARGUMENT...: its JSON is in $work/out, what it says in $work/err
{
	local placed=("${alone[@]}")

	last=("$@")
	[ "${1-}" != loan ] || placed=() # is of no CPU
	"$fastipc" bench ${1+"$1"} "${placed[@]}" "${@:2}" --json \
		>"$work/out" 2>"$work/err"
}

value() # KEY: of the JSON
{
	sed -n "s/.*[{,]\"$1\":\\([^,}]*\\).*/\\1/p" "$work/out"
}

# One line, one object, exactly the keys, in their order; values are numbers,
# plain strings, or null.
well_formed() # [KEYS: that come last]
{
	local found wanted="$keys${1:+ $1}"

	cat "$work/out"
	[ "$(wc -l <"$work/out")" -eq 1 ] || return 1
	found=$(sed 's/^{//; s/}$//; s/,/\n/g' "$work/out" |
		sed -n 's/^"\([a-z0-9_]*\)":\([0-9.]*\|null\|"[a-z]*"\)$/\1/p')
	[ "$found" = "$(tr ' ' '\n' <<<"$wanted")" ]
}

# Of the last bench; or, if it was for so short that the machine stood still
# meanwhile, of one that takes longer.
positive() # KEY...
{
	are_positive "$@" ||
		{ bench "${last[@]}" --duration 5 && are_positive "$@"; }
}

are_positive() # KEY...
{
	local key

	for key in "$@"; do
		value "$key" | grep -qx '[0-9.]*[1-9][0-9.]*' || {
			echo "$key is $(value "$key")"
			return 1
		}
	done
}

null() # KEY...
{
	local key

	for key in "$@"; do
		[ "$(value "$key")" = null ] || return 1
	done
}

runs() # ARGUMENT...: it works and prints what it must
{
	bench "$@" && well_formed && positive count server_rss_kib
}

nothing_found()
{
	! find "${TMPDIR:-/tmp}" "${XDG_RUNTIME_DIR:-/nonexistent}" \
		-maxdepth 1 -name 'fastipc-bench-*' 2>/dev/null | grep .
}

# What is killed leaves its directory to its parent.
nothing_left()
{
	eventually nothing_found
}

exits() # STATUS ARGUMENT...
{
	bench "${@:2}"
	local status=$?

	cat "$work/err"
	[ "$status" -eq "$1" ] && [ -s "$work/err" ]
}

rtt()
{
	runs rtt --duration 0.2 --wait "$1" --checksum "$2" --placement "$3" &&
		positive p50_ns p90_ns p99_ns p999_ns max_ns msgs_per_s \
			bytes_per_s memcpy_bytes_per_s futex_rtt_ns &&
		[ "$(value wait)" = "\"$1\"" ] &&
		[ "$(value checksum)" = "\"$2\"" ] &&
		[ "$(value placement)" = "\"$3\"" ]
}

stream()
{
	runs stream --duration 0.2 --size "$1" --checksum "$2" &&
		positive msgs_per_s bytes_per_s &&
		null p50_ns p90_ns p99_ns p999_ns max_ns
}

connects()
{
	runs connect --duration 0.2 --wait block && positive p50_ns msgs_per_s
}

idles()
{
	runs idle --duration 0.2 --connections 100 --wait block &&
		[ "$(value count)" -eq 100 ] &&
		grep -q 'each idle connection costs' "$work/err"
}

streams()
{
	bench streams --duration 0.2 &&
		positive stream_bytes_per_s streams_bytes_per_s streams_ratio \
			streams_jain call_p99_ns call_beside_large_p99_ns \
			large_bytes_per_s && null p50_ns msgs_per_s
}

pools()
{
	bench pool --duration 0.2 --threads 8 --connections 4 &&
		well_formed "$pool_keys" &&
		positive count p50_ns msgs_per_s pool_reuse_percent \
			pool_connections pool_take_ns pool_take_8_ns &&
		{ [ "$(value transport)" != '"memfd"' ] ||
			positive recovery_p99_ns reconnect_p99_ns; }
}

# A copy of the large would take a thousand times as long as the small; a busy
# machine gets more tries.
lends() # ARGUMENT...
{
	for _ in {1..9}; do
		bench loan --duration 0.2 "$@" && cat "$work/out" &&
			[ "$(value test)" = '"loan"' ] &&
			positive count small_ns large_ns ratio || return 1
		[ "$(value ratio | cut -d. -f1)" -ge 10 ] || return 0
	done
	return 1
}

# A fast rate is not held, and that is said; a slow one is, unless the machine
# stands still meanwhile.
rate_is_watched()
{
	runs rtt --duration 0.2 --wait block --rate 1e8 &&
		grep -q 'rate was not held' "$work/err" || return 1
	for _ in {1..9}; do
		runs rtt --duration 0.2 --wait block --rate 100 || return 1
		grep 'rate was not held' "$work/err" || return 0
	done
	return 1
}

# The program that measures the codec is beside the command, or is not there.
codec_is_beside()
{
	mkdir -p "$work/bin" && cp "$fastipc" "$work/bin/fastipc" || return 1
	"$work/bin/fastipc" bench codec >"$work/out" 2>"$work/err"
	[ $? -eq 1 ] && grep 'make bench-codec' "$work/err" || return 1
	printf '#!/bin/sh\necho "codec: $*"\n' >"$work/bin/fastipc-bench-codec"
	chmod +x "$work/bin/fastipc-bench-codec"
	[ "$("$work/bin/fastipc" bench codec --json)" = 'codec: --json' ]
}

for_people()
{
	"$fastipc" bench rtt "${alone[@]}" --duration 0.1 --runs 2 --wait block \
		>"$work/out" 2>"$work/err" || return 1
	cat "$work/out"
	grep -q 'repeated because' "$work/out" &&
		[ "$(grep -c 'p50 / futex ' "$work/out")" -eq 3 ] &&
		grep -q 'medians of 2 runs' "$work/out"
}

server_of() # PID: of its server process
{
	grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null |
		tr -dc '0-9\n' | grep .
}

gone() # PID
{
	[ ! -d "/proc/$1" ] ||
		grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

# The signal SIGNAL to the client or the server: status, and nobody left.
ended_by() # SIGNAL client|server STATUS [TEST]
{
	local client server status

	# env: a background job of a script would ignore SIGINT.
	env --default-signal=INT "$fastipc" bench "${4:-rtt}" "${alone[@]}" \
		--duration 600 --wait block >"$work/out" 2>"$work/err" &
	client=$!
	server=$(eventually server_of "$client") || return 1
	sleep 0.3
	if [ "$2" = client ]; then
		kill "-$1" "$client"
	else
		kill "-$1" "$server"
	fi
	wait "$client"
	status=$?
	cat "$work/err"
	[ "$status" -eq "$3" ] && eventually gone "$server" && nothing_left
}

# Where a process may run: the first CPUs that this one may use, or all of them.
cpus() # PID
{
	sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$1/status"
}

run_there() # CLIENT SERVER: each on the CPUs of these
{
	[ "$(cpus "$client")" = "$1" ] && [ "$(cpus "$server")" = "$2" ]
}

# Both ends are where --placement says, as long as they measure.
placed() # PLACEMENT
{
	local client server status all first second

	all=$(cpus self)
	read -r first second _ < <(tr , '\n' <<<"$all" |
		while IFS=- read -r from to; do seq "$from" "${to:-$from}"; done |
		head -n 2 | xargs)
	env --default-signal=INT "$fastipc" bench rtt --placement "$1" \
		--duration 600 --wait block >"$work/out" 2>"$work/err" &
	client=$!
	server=$(eventually server_of "$client")
	case $1 in
	cross) eventually run_there "$first" "$second" ;;
	same) eventually run_there "$first" "$first" ;;
	free) sleep 1 && run_there "$all" "$all" ;;
	esac
	status=$?
	echo "client on $(cpus "$client"), server on $(cpus "$server") of $all"
	kill -INT "$client"
	wait "$client"
	return "$status"
}

check 'rtt, spin' rtt spin off "$cross"
check 'rtt, adaptive' rtt adaptive full "$cross"
check 'rtt, block, one CPU' rtt block header same
check 'there is no cache line to move on one CPU' null cacheline_rtt_ns
check 'rtt, block, not pinned' rtt block full free
check 'stream' stream 64 full
check 'stream, larger than the ring' stream 1M off
check 'connect' connects
check 'idle' idles
check 'streams' streams
check 'pool' pools
check 'loans' lends
check 'loans, asleep, of a byte and of more than a page' \
	lends --wait block --small 1 --size 16M
if [ "$cross" = cross ]; then
	check 'cross: on two CPUs' placed cross
else
	skip 'cross: on two CPUs' 'there is one'
fi
check 'same: on one CPU' placed same
check 'free: on all that there are' placed free
check 'the rate is watched' rate_is_watched
check 'for people: runs, repeats and medians' for_people
check 'no message at all is a message' runs rtt --size 0 --duration 0.1
check 'a ring of another size' runs rtt --ring 64K --duration 0.1
check 'nothing is left behind' nothing_left
check 'no test: usage' exits 2
check 'unknown test: usage' exits 2 nonsense
check 'unknown transport: usage' exits 2 rtt --transport pigeon
check 'bad size: usage' exits 2 rtt --size 12x
check 'size over the limit: usage' exits 2 rtt --size 2G
check 'bad checksum: usage' exits 2 rtt --checksum md5
check 'bad wait: usage' exits 2 rtt --wait never
check 'bad placement: usage' exits 2 rtt --placement moon
check 'bad rate: usage' exits 2 rtt --rate 0
check 'bad duration: usage' exits 2 rtt --duration 0
check 'bad number of threads: usage' exits 2 pool --threads 0
check 'a pool of too many connections: usage' exits 2 pool --connections 5000
check 'two tests: usage' exits 2 rtt stream
check 'a loan of nothing: usage' exits 2 loan --size 0
check 'loan does not come first: usage' exits 2 --json loan
check 'codec does not come first: usage' exits 2 --json codec
check 'codec: a program beside the command' codec_is_beside
[ -e /dev/fastipc ] ||
	check 'the transport of a missing module' exits 1 rtt --transport kmod
check 'a ring that is no power of two' exits 1 rtt --ring 65537
check 'SIGINT' ended_by INT client 130
check 'SIGTERM' ended_by TERM client 130
check 'the client is killed' ended_by KILL client 137
check 'the server is killed' ended_by KILL server 1
check 'SIGINT in the middle of calls by a pool' ended_by INT client 130 pool
check 'the server of a pool is killed' ended_by KILL server 1 pool
finish
