#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The command fastipc and the module: what stat, top, ls and monitor show of
# channels that the module made, what an ordinary user sees of them, and what
# disconnect does.  For root, with the module loaded; $FASTIPC is the command;
# prints TAP.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-build/bin/fastipc}
started=()
parameters=/sys/module/fastipc/parameters

own_directory kmod
# $TMPDIR may be closed to others: this is a directory that all can reach.
open=$(mktemp -d /tmp/fastipc-open.XXXXXX) || exit 1
chmod 755 "$open"
mkdir -m 700 "$open/run" && chown 1000:1000 "$open/run"
address=$open/socket
user=(env "XDG_RUNTIME_DIR=$open/run" "TMPDIR=$open/run" setpriv --reuid=1000 --regid=1000
	--clear-groups)
out=$work/out
err=$work/err
shown=("$out" "$err" "$work/bench.err")

end()
{
	local pid
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait
	rm -rf "$work" "$open"
}
trap end EXIT
trap 'exit 143' INT TERM

run() # ARGUMENT...: of fastipc; its output to $out and $err
{
	"$fastipc" "$@" >"$out" 2>"$err" </dev/null
}

as_user() # ARGUMENT...
{
	"${user[@]}" "$fastipc" "$@" >"$out" 2>"$err" </dev/null
}

# Run fastipc until its output has a line that matches: who is asked may be slow
# to answer.
shows() # PATTERN ARGUMENT...
{
	eventually shows_now "$@"
}

shows_now() # PATTERN ARGUMENT...
{
	run "${@:2}" && grep -qE -e "$1" "$out"
}

# Start fastipc in the background; its pid in $pid, its output in $work/NAME.
start() # NAME ARGUMENT...
{
	"$fastipc" "${@:2}" >"$work/$1" 2>"$work/$1.err" </dev/null &
	pid=$!
	started+=("$pid")
}

serve() # NAME ARGUMENT...
{
	start "serve" serve "$@"
	server=$pid
	eventually grep -q '^serving' "$work/serve"
}

client() # NAME ARGUMENT...: one that pings
{
	start "ping" ping "$@"
	client=$pid
	eventually grep -q '^reply' "$work/ping"
}

stop() # PID
{
	kill "$1"
	wait "$1" 2>/dev/null
}

# A number of the module's totals.
total() # KEY
{
	"$fastipc" stat --json | sed -n "s/.*\"module\":{.*\"$1\":\([0-9]*\).*/\1/p"
}

many()
{
	[ "$(total channels)" -ge 200 ]
}

is_total() # KEY NUMBER
{
	[ "$(total "$1")" = "$2" ]
}

# Until the events come: a monitor that has not subscribed yet misses some.
monitor() # ARGUMENT...
{
	start "monitor" monitor "$@"
	monitor=$pid
	eventually monitored
}

monitored()
{
	"$fastipc" ping "$address" -q -c 1 >/dev/null 2>&1
	[ -s "$work/monitor" ]
}

# The first event may be the end of a channel that is older than the monitor.
monitored_event() # PATTERN
{
	monitored && has_event "$1"
}

# Whether it has ended; there may be need of more events.
monitor_ended()
{
	monitored && ! kill -0 "$monitor" 2>/dev/null
}

has_event() # PATTERN
{
	grep -q -e "$1" "$work/monitor"
}

[ -e /dev/fastipc ] && eventually is_total channels 0
result $? "the module is loaded, and has no channel yet"
run stat && grep -q '^module: 0 channels' "$out"
result $? "stat without channels shows the module's totals"

serve kmod:tool --dir /usr && client tool -i 0.05
result $? "a server and a client"
shows "^ *[0-9]+ +kmod +tool +$server fastipc, $client fastipc \
.* 256K, 256K .* open *$" stat
result $? "stat shows their channel: the server's name, and the server first"
grep -qE '^1 servers, 1 channels \(1 kmod\)' "$out" &&
	grep -qE '^module: 1 channels' "$out"
result $? "stat's totals"
shows '"transport":"kmod","server":"tool","uid":0' stat --json &&
	grep -q "\"ends\":\[{\"pid\":$server,\"comm\":\"fastipc\",\"uid\":0" "$out" &&
	grep -qE '"messages_sent":[1-9]' "$out" &&
	grep -qE '"bytes_received":[1-9]' "$out"
result $? "stat --json"
id=$(sed 's/.*{"id":\([0-9]*\),.*/\1/' "$out")
shows "^tool +$server +1 " ls && ! grep -q '^-' "$out"
result $? "ls shows the server and its connection, and nobody else"
shows "^ *$id +kmod +tool .* [1-9][0-9.]* +[1-9][0-9.]* " \
	top --batch -n 1 -i 0.5
result $? "top shows what it does"
twice()
{
	run top --json -n 2 -i 0.2 &&
		[ "$(grep -cE '"messages_per_s":[1-9]' "$out")" -eq 2 ]
}
eventually twice
result $? "top --json"

# One that is found by no name.
start "nameless" serve "kmod:$address" --dir /usr --mode 0666
nameless=$pid
eventually grep -q '^serving' "$work/nameless" &&
	start "other" ping "$address" -i 0.05 &&
	eventually grep -q '^reply' "$work/other"
other=$pid
run stat && grep -qE "kmod +- +$other fastipc, $nameless fastipc" "$out"
result $? "a channel between processes that have no name"
run ls && grep -qE "^- +($other|$nameless) +1 " "$out"
result $? "ls lists it without a name"
run stat tool && ! grep -q " $other fastipc" "$out" &&
	grep -q " $client fastipc" "$out"
result $? "stat of one server"
run stat "$address" && grep -q " $other fastipc" "$out" &&
	! grep -q " $client fastipc" "$out"
result $? "stat of a server by its path"

# ---- an ordinary user ----

as_user stat --json && grep -q '"channels":\[\],' "$out" &&
	grep -q '"module":{"channels":2,' "$out"
result $? "another user sees no channels of root's"
"${user[@]}" "$fastipc" ping "$address" -i 0.05 >"$work/theirs" \
	2>"$work/theirs.err" </dev/null &
theirs=$!
started+=("$theirs")
eventually grep -q '^reply' "$work/theirs"
as_user stat && [ "$(grep -c 'kmod' "$out")" -eq 2 ] &&
	grep -qE "$theirs .*1000, 0 " "$out"
result $? "another user sees the channel that it created"
run stat && [ "$(grep -c '^ *[0-9]* *kmod' "$out")" -eq 3 ]
result $? "root sees all"
as_user monitor
[ $? -eq 1 ] && grep -q 'CAP_NET_ADMIN' "$err"
result $? "another user may not monitor"
as_user disconnect "$id"
[ $? -eq 1 ] && grep -q 'CAP_NET_ADMIN' "$err" && kill -0 "$client"
result $? "another user may not disconnect root's channel"
own=$("$fastipc" stat --json | sed "s/.*\"id\":\([0-9]*\),[^{]*\[{\"pid\":$theirs.*/\1/")
as_user disconnect "$own" && ! wait "$theirs" &&
	grep -q 'no reply' "$work/theirs.err"
result $? "but its own"

# ---- events ----

monitor
result $? "monitor prints events"
eventually monitored_event \
	'created  channel [0-9]* by uid 0, rings of 256K and 256K$' &&
	eventually has_event "hangup   channel [0-9]* of .* dead after"
result $? "created, and hung up"
run disconnect "$id" && ! wait "$client" && grep -q 'no reply' "$work/ping.err"
result $? "disconnect ends the client"
eventually has_event "hangup   channel $id of .*: aborted after .* messages$"
result $? "which is an event, too"
eventually is_total channels 1 && kill -0 "$server"
result $? "the server lives on"
run disconnect "$id"
[ $? -eq 1 ] && grep -q 'there is none' "$err"
result $? "disconnect of a channel that is not there"

before=$(total limit_hits)
most=$(cat "$parameters/max_uid_channels")
echo 1 >"$parameters/max_uid_channels"
run ping "kmod:$address" -c 1
[ $? -eq 1 ]
result $? "a channel over the limit is refused"
echo "$most" >"$parameters/max_uid_channels"
is_total limit_hits $((before + 1)) &&
	eventually has_event 'limit    uid 0: channels of a user$'
result $? "which is counted, and an event"
stop "$monitor"

monitor --json -n 4
result $? "monitor --json prints events"
eventually monitor_ended && wait "$monitor" &&
	[ "$(wc -l <"$work/monitor")" -eq 4 ] &&
	[ "$(grep -cE '^\{"time":[0-9.]*,"event":"(created|hangup)","id":[0-9]*,.*\}$' \
		"$work/monitor")" -eq 4 ]
result $? "and ends after as many as it was told"

# ---- which transport ----

# What the two processes of a benchmark talk through.
talks_over() # TRANSPORT WORD...: of env, the last is the command
{
	env "${@:2}" bench rtt --wait block --placement free \
		--duration 0.1 --json >"$out" 2>"$err" </dev/null &&
		grep -q "\"transport\":\"$1\"" "$out"
}

talks_over kmod -u FASTIPC_TRANSPORT "$fastipc"
result $? "who asks for no transport gets the module"
talks_over kmod FASTIPC_TRANSPORT=auto "$fastipc" &&
	talks_over kmod FASTIPC_TRANSPORT= "$fastipc" &&
	talks_over memfd FASTIPC_TRANSPORT=memfd "$fastipc"
result $? "the environment may ask for one"
mode=$(stat -c %a /dev/fastipc)
chmod 000 /dev/fastipc
"${user[@]}" env -u FASTIPC_TRANSPORT "$fastipc" bench rtt --wait block \
	--placement free --duration 0.1 --json >"$out" 2>"$err" </dev/null &&
	grep -q '"transport":"memfd"' "$out"
result $? "who may not open the device does without"
as_user bench rtt --transport kmod
[ $? -eq 1 ] && grep -q 'no permission to open /dev/fastipc: change' "$err"
result $? "or is told, if it asked for that"
chmod "$mode" /dev/fastipc

# ---- both transports ----

start "both" serve both --dir /usr
both=$pid
eventually grep -q '^serving' "$work/both"
start "kmod" ping kmod:both -i 0.05
over_kmod=$pid
start "memfd" ping memfd:both -i 0.05
over_memfd=$pid
eventually grep -q '^reply' "$work/kmod" &&
	eventually grep -q '^reply' "$work/memfd"
shows "kmod +both +$both fastipc, $over_kmod fastipc" stat both &&
	grep -qE "memfd +both +$both fastipc, $over_memfd fastipc" "$out" &&
	grep -qE '^1 servers, 2 channels \(1 kmod\)' "$out"
result $? "a server's connections over both transports, in one table"
both_work()
{
	run top both --batch -n 1 -i 0.5 -s i && [ "$(grep -cE \
		"(kmod|memfd) +both .* [1-9][0-9.]* +[1-9]" "$out")" -eq 2 ]
}
eventually both_work
result $? "and what both do in a second"
stop "$over_kmod"
stop "$over_memfd"
stop "$both"

# ---- many ----

stop "$other"
start "bench" bench idle --connections 200 --transport kmod --duration 600
eventually many
run stat --json && [ "$(grep -o '"id":' "$out" | wc -l)" -ge 200 ] &&
	[ "$(grep -o '"id":[0-9]*' "$out" | sort -u | wc -l)" -ge 200 ]
result $? "a dump of 200 channels has each"
kill -INT "$pid"
wait "$pid"
eventually is_total channels 0
result $? "and all go"

stop "$server"
stop "$nameless"
eventually is_total channels 0
result $? "nothing is left"
finish
