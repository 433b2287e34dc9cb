#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `fastipc publish` and `fastipc subscribe` as a script uses them.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-build/bin/fastipc}
own_directory topic
trap 'rm -rf "$work"' EXIT
shown=("$work"/err{0,1,2,3})

await() # NAME
{
	eventually [ -S "$XDG_RUNTIME_DIR/fastipc/$1" ] || echo '# no socket'
}

last_is() # TOPIC TEXT
{
	[ "$("$fastipc" subscribe "$1" --history 1 -n 1 -W 60 2>"$work/err1")" = \
		"$2" ]
}

seq 5000 >"$work/lines"
"$fastipc" publish numbers -n 3 --ring 64K <"$work/lines" 2>"$work/err0" &
publisher=$!
await numbers
subscribers=()
for i in 1 2 3; do
	"$fastipc" subscribe numbers --policy block -W 60 --checksum full \
		>"$work/out$i" 2>"$work/err$i" &
	subscribers+=($!)
done
wait "$publisher"
result $? 'publish ends with its input'
for i in 1 2 3; do
	wait "${subscribers[i - 1]}"
	result $? "subscriber $i ends with the topic"
	cmp -s "$work/lines" "$work/out$i"
	result $? "subscriber $i has all lines"
done

mkfifo "$work/fifo"
"$fastipc" publish late <"$work/fifo" 2>"$work/err0" &
publisher=$!
exec 3>"$work/fifo"
seq 100 >&3
await late
eventually last_is late 100
"$fastipc" subscribe late --history 3 -n 3 -W 60 >"$work/out" 2>"$work/err1"
result $? 'a late subscriber'
[ "$(tr '\n' ' ' <"$work/out")" = '98 99 100 ' ]
result $? 'it has the last lines'
"$fastipc" subscribe late --history 1 --policy latest -n 1 --json \
	>"$work/out" 2>"$work/err1"
[ "$(cat "$work/out")" = \
	'{"lost":0,"size":3,"text":"100","hex":null}' ]
result $? 'as JSON'
"$fastipc" subscribe late -W 0.1 >"$work/out" 2>"$work/err1"
[ $? -eq 1 ] && grep -q 'before the deadline' "$work/err1"
result $? 'nothing comes'
listed() # NAME
{
	"$fastipc" ls | grep -q "^$1 "
}
eventually listed late
result $? 'ls shows the topic'
"$fastipc" publish late </dev/null 2>"$work/err1"
[ $? -eq 1 ]
result $? 'the name is taken'
exec 3>&-
wait "$publisher"
result $? 'the topic ends'
"$fastipc" subscribe late 2>"$work/err1"
[ $? -eq 1 ]
result $? 'no such topic'
"$fastipc" subscribe late --policy never 2>"$work/err1"
[ $? -eq 2 ]
result $? 'no such policy'
timeout 500 "$fastipc" bench publish --duration 0.05 --json \
	>"$work/out" 2>"$work/err1" && grep -q '"poll_ratio":' "$work/out"
result $? 'bench publish'
finish
