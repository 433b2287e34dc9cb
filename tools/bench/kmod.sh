#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compares the transports kmod and memfd where the module is loaded, which may
# be a virtual machine (`make bench-vm`), and prints a Markdown table.  The runs
# of all measures take turns; each figure is the median of five.  Absolute times
# of an emulated machine mean nothing; ratios within one boot do.
#
#	SWAP_BENCH=path of selftests/kmod/swap_bench, for the socket pair;
#		signals and lifetime are beside it
#
# Counting system calls takes root, and a kernel with hist triggers.
set -eu -o pipefail
export LC_ALL=C

fastipc=${FASTIPC:-build/bin/fastipc}
swap_bench=${SWAP_BENCH:-build/selftests/kmod/swap_bench}
tests=$(dirname "$swap_bench")
event=/sys/kernel/tracing/events/raw_syscalls/sys_enter
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

# A server, and until a client has reached it.
serve() # TRANSPORT ARGUMENT...
{
	"$fastipc" serve bench --transport "$@" --wait sleep >/dev/null 2>&1 &
	server=$!
	until "$fastipc" ping "$1:bench" -c 1 >/dev/null 2>&1; do
		kill -0 "$server"
		sleep 0.1
	done
}

stop()
{
	kill "$server"
	wait "$server" || :
	server=''
}

# System calls of each end while a client pings the server.
count_calls() # TRANSPORT COUNT
{
	local client

	echo 'hist:keys=common_pid' >"$event/trigger"
	taskset -c 0 "$fastipc" ping "$1:bench" -f -c "$2" --wait sleep \
		>/dev/null 2>&1 &
	client=$!
	wait "$client"
	echo 'hist:keys=common_pid:pause' >>"$event/trigger"
	echo "client $client" | cat - "$event/hist"
	echo '!hist:keys=common_pid' >>"$event/trigger"
	cd "/proc/$server/task"
	printf 'server %s\n' *
	cd - >/dev/null
}

# CLIENT SERVER: system calls that each makes in a round trip in which both
# sleep, on one CPU: what a thousand more of them take.
system_calls() # TRANSPORT
{
	local count

	[ -w "$event/trigger" ] || {
		echo '? ?'
		return
	}
	serve "$1" --cpu 0
	for count in 500 1500; do
		# Who reads is not to trace itself: to a file first.
		count_calls "$1" "$count" >"$work/calls"
		awk '$1 == "client" || $1 == "server" { end[$2] = $1 }
			$2 == "common_pid:" { calls[$3] = $NF }
			END {
				for (pid in calls)
					sum[end[pid]] += calls[pid]
				print sum["client"] + 0, sum["server"] + 0
			}' "$work/calls"
	done | awk 'NR == 1 { client = $1; server = $2 }
		END { printf "%.2f %.2f\n", ($1 - client) / 1000,
			($2 - server) / 1000 }'
	stop
}

# Descriptors that a server has for each connection.
descriptors() # TRANSPORT
{
	local before after client clients=8 pids=()

	serve "$1"
	sleep 0.5 # the client's that came first are closed
	before=$(find "/proc/$server/fd" -mindepth 1 | wc -l)
	for client in $(seq "$clients"); do
		"$fastipc" ping "$1:bench" -i 0.1 >"$work/ping.$client" 2>&1 &
		pids+=("$!")
	done
	for client in $(seq "$clients"); do
		until grep -q '^reply' "$work/ping.$client"; do
			sleep 0.1
		done
	done
	after=$(find "/proc/$server/fd" -mindepth 1 | wc -l)
	kill "${pids[@]}"
	wait "${pids[@]}" || :
	stop
	awk "BEGIN { print ($after - $before) / $clients }"
}

# What a test of the module says in its log.
said() # TEST PATTERN
{
	"$tests/$1" 2>&1 | sed -n "s/^#.*:$2\$/\\1/p" | tail -n 1
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
			measure "$transport" sleep "$placement"
		done
	done
	sockets
done

echo '| measure | bar | median of 5 |'
echo '|---|---|---|'
row '64 B round trip, spin: kmod ÷ memfd' '<= 1.05' \
	"$(ratio kmod-spin-cross memfd-spin-cross)"
row '64 B, both sleep, one CPU: kmod ÷ memfd' '<= 0.90' \
	"$(ratio kmod-sleep-same memfd-sleep-same)"
row '64 B, both sleep, not pinned: kmod ÷ memfd' '<= 0.90' \
	"$(ratio kmod-sleep-free memfd-sleep-free)"
row '64 B, both sleep, two CPUs: kmod ÷ memfd' '<= 1.05' \
	"$(ratio kmod-sleep-cross memfd-sleep-cross)"
row '64 B, both sleep, one CPU: kmod ÷ a socket pair' '<= 0.60' \
	"$(ratio kmod-sleep-same socket-same)"
row '64 B, both sleep, not pinned: kmod ÷ a socket pair' '<= 0.60' \
	"$(ratio kmod-sleep-free socket-free)"
for transport in kmod memfd; do
	read -r client server_calls < <(system_calls $transport)
	bar=1
	[ $transport = kmod ] || bar='-'
	row "system calls of the client in a blocked round trip on one CPU, $transport" \
		"$bar" "$client"
	row "system calls of the server in it, $transport" "$bar" "$server_calls"
	row "descriptors of a server for each connection, $transport" '-' \
		"$(descriptors $transport)"
done
row 'SIGKILL of the peer to the return of its sleeper, less a socket'"'"'s, us' \
	'< 1000' "$(said signals 'SIGKILL to return, us: \(.*\)' |
		awk '{ print $1 - $NF }')"
row '2 x 1,024 channels at one epoll server, their clients killed: what is left' \
	'0 fds, < 40960 KiB, in slabs < 2048 KiB' \
	"$(said lifetime 'after 2 rounds of 1024 channels: \(.*\)')"
