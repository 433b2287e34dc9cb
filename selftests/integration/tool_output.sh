#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the command fastipc cannot write is not lost in silence: it says so, fails,
# and leaves no half of a file behind.  $FASTIPC is the command; prints TAP.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-build/bin/fastipc}
own_directory output
mkdir "$work/tree"
err=$work/err
shown=("$err")
server=

end()
{
	[ -z "$server" ] || kill "$server" 2>/dev/null
	wait
	rm -rf "$work"
}
trap end EXIT
trap 'exit 143' INT TERM

# One line that says it, and exit code 1.
fails_on_full_disk() # ARGUMENT...
{
	local status

	"$fastipc" "$@" >/dev/full 2>"$err" </dev/null
	status=$?
	[ "$status" -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ] &&
		grep -q "^fastipc $1: cannot write" "$err"
}

# A megabyte, of which 300 KiB fit: as much as connections need.
get_too_much()
{
	(
		ulimit -f 300
		exec "$fastipc" get output large -o "$work/copy" --quiet
	) 2>"$err"
	[ $? -eq 1 ] && grep -q '^fastipc get: failed: large: ' "$err" &&
		[ -z "$(ls -A "$work/copy")" ]
}

# The same of a reply.
call_too_much()
{
	(
		ulimit -f 300
		exec "$fastipc" call output 2 --data large -o "$work/copy/reply"
	) 2>"$err"
	[ $? -eq 1 ] && grep -q '^fastipc call: cannot write the reply: ' "$err" &&
		[ -z "$(ls -A "$work/copy")" ]
}

# What a closed descriptor leaves is not for a connection to take.
is_not_written() # ARGUMENT...
{
	"$fastipc" "$@" 2>"$err" </dev/null >&-
	[ $? -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ] &&
		grep -q "^fastipc $1: cannot write" "$err"
}

answers()
{
	"$fastipc" ping output -q -c 1 >/dev/null 2>&1
}

head -c 1000000 /dev/zero >"$work/tree/large"
"$fastipc" serve output --dir "$work/tree" --quiet &
server=$!
eventually answers || exit 1

for arguments in 'ls --json' 'ping output -c 1' 'ping output -c 1 --json' stat \
	'stat --json' 'stat --prometheus' 'top --json -n 1 -i 0.01' \
	'call output 1 --data hi'; do
	read -ra words <<<"$arguments"
	fails_on_full_disk "${words[@]}"
	result $? "$arguments says that it cannot write"
done
get_too_much
result $? "a file that may not grow is no file, and no half of one"
call_too_much
result $? "nor is a reply"
for arguments in 'ls --json' 'ping output -c 1' 'call output 1 --data hi'; do
	read -ra words <<<"$arguments"
	is_not_written "${words[@]}"
	result $? "$arguments says that standard output is closed"
done

# What a handler fails with is not said in the library's words.
"$fastipc" call output 2 --data nothing.txt 2>"$err"
[ $? -eq 1 ] && [ "$(cat "$err")" = \
	'fastipc call: type 2: the call failed: No such file or directory' ]
result $? "a handler's error is in its own words"
"$fastipc" bench load 2>"$err"
[ $? -eq 2 ] && grep -q '^fastipc bench load: ' "$err"
result $? "bench load says who it is"
finish
