#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Measures the numbers of the README and prints them as a Markdown table; it
# takes three to five minutes.  Each is the median of five runs.  The runs of all
# the measures take turns, so that a machine that changes its speed meanwhile
# changes it for all of them.
set -eu -o pipefail
export LC_ALL=C

fastipc=${FASTIPC:-build/bin/fastipc}
runs=${RUNS:-5}
seconds=${SECONDS_EACH:-1}
work=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The benchmarks, each under a name.
declare -A commands=(
	[spin-off]='rtt --wait spin --checksum off'
	[spin-full]='rtt --wait spin --checksum full'
	[block-cross]='rtt --wait block'
	[block-same]='rtt --wait block --placement same'
	[block-free]='rtt --wait block --placement free'
	[adaptive-cross]='rtt'
	[spin-cross]='rtt --wait spin'
	[adaptive-same]='rtt --placement same'
	[adaptive-idle]='idle --connections 1'
	[block-1M]='rtt --wait block --size 1M'
	[stream-off]='stream --wait spin --checksum off'
	[stream-full]='stream --wait spin --checksum full'
	[stream-1M-off]='stream --wait spin --size 1M --ring 1M --checksum off'
	[stream-1M-full]='stream --wait spin --size 1M --ring 1M --checksum full'
	[spin-1M-off]='rtt --wait spin --size 1M --ring 1M --checksum off'
	[idle]='idle --connections 1024'
)
order='spin-off spin-full spin-cross adaptive-cross block-cross block-1M
block-same adaptive-same block-free adaptive-idle stream-off stream-full
stream-1M-off stream-1M-full spin-1M-off idle'

measure() # NAME: one run more
{
	local arguments

	read -ra arguments <<<"${commands[$1]}"
	"$fastipc" bench "${arguments[@]}" --duration "$seconds" --json \
		>>"$work/$1" 2>>"$work/$1.err" || {
		cat "$work/$1.err" >&2
		exit 1
	}
}

# What `fastipc serve` keeps resident while one client fetches all it has.
measure_serve()
{
	local client most=0 now

	"$fastipc" serve readme --dir "${DIR:-/usr/include}" >/dev/null 2>&1 &
	server=$!
	until "$fastipc" ping readme -c 1 >/dev/null 2>&1; do
		kill -0 "$server"
		sleep 0.1
	done
	"$fastipc" get readme -r . --stdout >/dev/null 2>"$work/serve.err" &
	client=$!
	while kill -0 "$client" 2>/dev/null; do
		now=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' \
			"/proc/$server/status")
		[ "$now" -le "$most" ] || most=$now
		sleep 0.02
	done
	wait "$client" || {
		cat "$work/serve.err" >&2
		exit 1
	}
	kill "$server"
	wait "$server" || :
	server=''
	echo "$most" >>"$work/serve"
}

values() # NAME KEY: one line for each run
{
	sed -n "s/.*[{,]\"$2\":\\([0-9.]*\\)[,}].*/\\1/p" "$work/$1"
}

# The median of what EXPRESSION gives for each line of up to four numbers,
# a, b, c and d; of the first, by default.
median() # [EXPRESSION]
{
	awk "{ a = \$1; b = \$2; c = \$3; d = \$4; print ${1:-a} }" | sort -g |
		awk '{ v[NR] = $1 } END { printf "%.3g", NR % 2 ? \
			v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

quotient() # NAME KEY KEY
{
	paste <(values "$1" "$2") <(values "$1" "$3") |
		median 'a / b'
}

# The p50 of two tests; each in terms of what the machine took in its run.
compare() # NAME NAME REFERENCE
{
	paste <(values "$1" p50_ns) <(values "$1" "$3") \
		<(values "$2" p50_ns) <(values "$2" "$3") |
		median '(a / b) / (c / d)'
}

said() # NAME SED-EXPRESSION: a number from what it says on standard error
{
	sed -n "s/.*$2.*/\\1/p" "$work/$1.err" | median
}

row() # MEASURE BAR VALUE NAME...
{
	local line="| $1 | $2 | $3 |" name between=' '

	for name in "${@:4}"; do
		line+="$between\`fastipc ${commands[$name]:+bench }"
		line+="${commands[$name]:-$name}\`"
		between=', '
	done
	echo "$line |"
}

note() # TEXT: progress, where a person watches
{
	[ ! -t 2 ] || printf '\r\033[K%s' "$1" >&2
}

XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
export XDG_RUNTIME_DIR
for run in $(seq "$runs"); do
	for name in $order; do
		note "run $run of $runs: ${commands[$name]}"
		measure "$name"
	done
	note "run $run of $runs: serve"
	measure_serve
done
note ''

echo "| measure | bar | median of $runs | command |"
echo '|---|---|---|---|'
row '64 B round trip, spin, checksum off: p50 ÷ cache-line round trip' \
	'<= 1.30' "$(quotient spin-off p50_ns cacheline_rtt_ns)" spin-off
row 'the same, checksum full' '<= 1.60' \
	"$(quotient spin-full p50_ns cacheline_rtt_ns)" spin-full
row '64 B, spin, checksum off: p99 ÷ cache-line round trip' '<= 2.0' \
	"$(quotient spin-off p99_ns cacheline_rtt_ns)" spin-off
row 'the same, checksum full' '<= 2.3' \
	"$(quotient spin-full p99_ns cacheline_rtt_ns)" spin-full
for placement in cross same free; do
	row "64 B, block, placement $placement: p50 ÷ futex round trip" \
		'<= 1.15' \
		"$(quotient "block-$placement" p50_ns futex_rtt_ns)" \
		"block-$placement"
done
row '64 B, adaptive, cross: p50 ÷ spin p50' '<= 1.2' \
	"$(compare adaptive-cross spin-cross cacheline_rtt_ns)" \
	adaptive-cross spin-cross
row '64 B, adaptive, same: p50 ÷ block p50' '<= 1.2' \
	"$(compare adaptive-same block-same futex_rtt_ns)" \
	adaptive-same block-same
row 'adaptive, no calls: CPU of both ends' '< 1 %' \
	"$(said adaptive-idle 'idle CPU of both ends \([0-9.]*\)') %" \
	adaptive-idle
row '1 MiB round trip, block, cross: p50 ÷ p50 of 64 B' '<= 4' \
	"$(compare block-1M block-cross futex_rtt_ns)" block-1M block-cross
for checksum in off full; do
	row "64 B one way, checksum $checksum: messages in a cache-line round trip" \
		"$([ $checksum = off ] && echo '>= 6' || echo '>= 4')" \
		"$(paste <(values "stream-$checksum" msgs_per_s) \
			<(values "stream-$checksum" cacheline_rtt_ns) |
			median 'a * b / 1e9')" \
		"stream-$checksum"
done
for checksum in off full; do
	row "1 MiB one way, checksum $checksum: bytes/s ÷ memcpy bytes/s" \
		"$([ $checksum = off ] && echo '>= 0.85' || echo '>= 0.5')" \
		"$(quotient "stream-1M-$checksum" bytes_per_s \
			memcpy_bytes_per_s)" \
		"stream-1M-$checksum"
done
row '1 MiB round trip, spin, checksum off: p50 ÷ one memcpy' '<= 2.5' \
	"$(paste <(values spin-1M-off p50_ns) \
		<(values spin-1M-off memcpy_bytes_per_s) |
		median 'a / (1048576 / b * 1e9)')" \
	spin-1M-off
row "resident memory of \`fastipc serve\`, one busy connection" '< 3 MiB' \
	"$(median 'a / 1024' <"$work/serve") MiB" \
	"serve NAME --dir ${DIR:-/usr/include}"
row '1,024 connections, all calling: each costs the idle server' \
	'<= 24 KiB' \
	"$(said idle 'costs the server \([0-9.]*\) KiB') KiB" idle
echo
printf 'Raw round trips meanwhile: cache line %s ns, futex %s us across CPUs, ' \
	"$(values spin-off cacheline_rtt_ns | median)" \
	"$(values block-cross futex_rtt_ns | median 'a / 1000')"
printf '%s us on one CPU; memcpy of 1 MiB %s GB/s.\n' \
	"$(values block-same futex_rtt_ns | median 'a / 1000')" \
	"$(values stream-1M-off memcpy_bytes_per_s | median 'a / 1e9')"
