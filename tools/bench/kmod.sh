#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compares the transports kmod and memfd where the module is loaded, which may
# be a virtual machine (`make bench-vm`), and prints a Markdown table.  The runs
# of all measures take turns; each figure is the median of five.  Absolute times
# of an emulated machine mean nothing; ratios within one boot do.
#
#	SWAP_BENCH=path of selftests/kmod/swap_bench, for the socket pair
set -eu -o pipefail
export LC_ALL=C

fastipc=${FASTIPC:-build/bin/fastipc}
swap_bench=${SWAP_BENCH:-build/selftests/kmod/swap_bench}
runs=${RUNS:-5}
seconds=${SECONDS_EACH:-1}
work=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
export XDG_RUNTIME_DIR

value() # KEY: of the JSON object on standard input
{
	sed -n "s/.*[{,]\"$1\":\\([0-9.]*\\)[,}].*/\\1/p"
}

median()
{
	sort -g | awk '{ v[NR] = $1 } END { printf "%.3g", NR % 2 ? \
		v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

measure() # TRANSPORT WAIT PLACEMENT
{
	"$fastipc" bench rtt --size 64 --transport "$1" --wait "$2" \
		--placement "$3" --duration "$seconds" --json \
		2>>"$work/errors" >"$work/last" || {
		cat "$work/errors" >&2
		exit 1
	}
	value p50_ns <"$work/last" >>"$work/$1-$2-$3"
}

# Pairs of the same turn are compared, then the median is taken.
ratio() # NAME NAME
{
	paste "$work/$1" "$work/$2" | awk '{ print $1 / $2 }' | median
}

sockets() # one line for each placement
{
	"$swap_bench" 200 | sed -n 's/^# \(same\|cross\) CPU/\1/p
		s/^# unpinned/free/p' | awk '{ print $1, $4 }' | while read -r name ns; do
		echo "$ns" >>"$work/socket-$name"
	done
}

# System calls that the client makes for each of a thousand round trips in
# which both ends sleep.
system_calls() # TRANSPORT
{
	local calls=0 transport=$1 count=1000

	command -v strace >/dev/null || {
		echo '?'
		return
	}
	"$fastipc" serve calls --transport "$transport" --wait block \
		>/dev/null 2>&1 &
	server=$!
	until "$fastipc" ping "$transport:calls" -c 1 >/dev/null 2>&1; do
		kill -0 "$server"
		sleep 0.1
	done
	strace -f -c -o "$work/strace" "$fastipc" ping "$transport:calls" \
		-f -c "$count" --wait block >/dev/null 2>&1
	calls=$(awk '$NF == "ioctl" || $NF ~ /^futex/ { sum += $4 }
		END { print sum + 0 }' "$work/strace")
	kill "$server"
	wait "$server" || :
	server=''
	awk "BEGIN { printf \"%.2f\", $calls / $count }"
}

row() # MEASURE BAR VALUE
{
	printf '| %s | %s | %s |\n' "$@"
}

# In a virtual machine it runs as a test, and says so in TAP.
if [ -e /fastipc/tests ]; then
	exec > >(sed 's/^/# /'; echo 'ok 1 - measured'; echo '1..1')
fi

for _ in $(seq "$runs"); do
	for transport in memfd kmod; do
		measure "$transport" spin cross
		for placement in same free cross; do
			measure "$transport" block "$placement"
		done
	done
	sockets
done

echo '| measure | bar | median of 5 |'
echo '|---|---|---|'
row '64 B round trip, spin: kmod ÷ memfd' '<= 1.05' \
	"$(ratio kmod-spin-cross memfd-spin-cross)"
row '64 B, block, one CPU: kmod ÷ memfd' '<= 0.90' \
	"$(ratio kmod-block-same memfd-block-same)"
row '64 B, block, not pinned: kmod ÷ memfd' '<= 0.90' \
	"$(ratio kmod-block-free memfd-block-free)"
row '64 B, block, two CPUs: kmod ÷ memfd' '<= 1.05' \
	"$(ratio kmod-block-cross memfd-block-cross)"
row '64 B, block, one CPU: kmod ÷ a socket pair' '<= 0.60' \
	"$(ratio kmod-block-same socket-same)"
row '64 B, block, not pinned: kmod ÷ a socket pair' '<= 0.60' \
	"$(ratio kmod-block-free socket-free)"
row 'system calls of the client in a blocked round trip (strace), kmod' 1 \
	"$(system_calls kmod)"
