#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The command fastipc as a person and a script use it: each subcommand against
# a server in another process, its JSON, its exit codes, and bad input.
# $FASTIPC is the command; prints TAP.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/../tap.sh"

fastipc=${FASTIPC:-build/bin/fastipc}
servers=()
open=''

own_directory tool
tree=$work/tree
out=$work/out
err=$work/err
shown=("$out" "$err")

end()
{
	local pid
	for pid in "${servers[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait
	chmod -R u+rwx "$work"
	rm -rf "$work" "${open:-$work}"
}
trap end EXIT
trap 'exit 143' INT TERM

# Run fastipc; its output to $out and $err.
run()
{
	"$fastipc" "$@" >"$out" 2>"$err" </dev/null
}

# Run fastipc and check its exit code, and its stderr for a pattern.
expect() # CODE PATTERN ARGUMENT...
{
	local code=$1 pattern=$2 status
	shift 2
	run "$@"
	status=$?
	if [ "$status" -ne "$code" ]; then
		echo "# exit code $status, not $code: fastipc $*"
		return 1
	fi
	grep -q -e "$pattern" "$err" || {
		echo "# no '$pattern' on stderr: fastipc $*"
		return 1
	}
}

# Run fastipc until its output has a line that matches: who is asked may be slow
# to answer, or to notice that another client has gone.
shows() # PATTERN ARGUMENT...
{
	eventually shows_now "$@"
}

shows_now() # PATTERN ARGUMENT...
{
	run "${@:2}" && grep -qE -e "$1" "$out"
}

# One line of JSON: an object or an array, with these keys.
json() # FILE KEY...
{
	local file=$1 key
	shift
	if command -v jq >/dev/null; then
		jq -e . "$file" >/dev/null || return 1
	fi
	[ "$(wc -l <"$file")" -eq 1 ] || return 1
	grep -q '^[[{].*[]}]$' "$file" || return 1
	for key; do
		grep -q "\"$key\":" "$file" || {
			echo "# no key $key"
			return 1
		}
	done
}

# Start a server and wait until it answers; its pid in $server.
serve() # NAME ARGUMENT...
{
	"$fastipc" serve "$@" >"$work/serve.out" 2>"$work/serve.err" &
	server=$!
	servers+=("$server")
	eventually answers_or_ended "$1" && kill -0 "$server" 2>/dev/null &&
		return
	echo "# the server did not start:"
	sed 's/^/# /' "$work/serve.err"
	return 1
}

answers_or_ended() # NAME
{
	"$fastipc" ping "$1" -q -c 1 >/dev/null 2>&1 ||
		! kill -0 "$server" 2>/dev/null
}

stop() # PID [SIGNAL]
{
	kill "-${2:-TERM}" "$1"
	wait "$1" 2>/dev/null
}

make_tree()
{
	mkdir -p "$tree/sub/deep" "$tree/empty directory"
	: >"$tree/empty"
	echo hello >"$tree/hello.txt"
	echo deep >"$tree/sub/deep/file"
	seq 100000 >"$tree/sub/numbers"
	echo 1 >"$tree/with space"
	echo 2 >"$tree/"$'new\nline'
	echo 3 >"$tree/"$'not \xff utf8'
	echo 4 >"$tree/-r"
	echo 5 >"$tree/quote\"back\\slash"
	ln -s hello.txt "$tree/link"
	ln -s ../../hello.txt "$tree/sub/deep/up"
	ln -s nothing "$tree/dangling"
	ln -s /etc/passwd "$tree/outside"
	ln -s ../secret "$tree/above"
	ln -s .. "$tree/sub/round"
	mkfifo "$tree/pipe"
	head -c 65536 /dev/zero >"$tree/exactly one piece"
	head -c 65537 /dev/zero >"$tree/one byte more"
	echo secret >"$work/secret"
	mkdir "$tree/many"
	(cd "$tree/many" && seq -f 'file number %.0f of a long list' 3000 |
		xargs -d '\n' touch)
}

# ---- without a server ----

expect 2 'missing'
result $? "no command is a usage error"
expect 2 "no command 'frobnicate'" frobnicate
result $? "an unknown command is a usage error"
ok=0
for arguments in "serve" "get" "get x" "call x" "call x y" "call x 70000" \
	"ping" "ls x" "serve x --threads 0" "serve x --ring 3000" \
	"serve x --wait maybe" "serve x --checksum crc" "serve x --mode 9" \
	"ping x -c 0" "ping x -i -1" "get x y -j 0" "ls --nonsense" \
	"stat x y" "stat -i 0" "stat --json --prometheus" "top -s z" \
	"top x y" "monitor x" \
	"disconnect" "disconnect x"; do
	# shellcheck disable=SC2086 # words are meant
	expect 2 'fastipc' $arguments || ok=1
done
result $ok "bad arguments are usage errors"

run --help && grep -q 'serve' "$out" && grep -q 'Examples' "$out" &&
	run --version && grep -q '^fastipc [0-9]' "$out"
result $? "--help lists the commands, --version has a number"
ok=0
for command in serve get call ping ls stat top monitor disconnect decode \
	encode; do
	run $command --help && grep -q 'Examples' "$out" || ok=1
done
result $ok "each command's --help has examples"

expect 1 "fastipc get: cannot connect to 'nobody': .*" get nobody file &&
	expect 1 'cannot connect' call nobody 1 &&
	expect 1 'cannot connect' ping nobody -c 1
result $? "no server: an error that says so"
long=$(printf 'n%.0s' {1..65})
expect 1 'longer than' serve "$long" && expect 1 'longer than' get "$long" x &&
	expect 1 'longer than' serve "/$(printf 'p%.0s' {1..200})/s"
result $? "a name or path too long"
[ -e /dev/fastipc ] || expect 1 '/dev/fastipc' serve tool --transport kmod
result $? "a transport that is not there"
FASTIPC_TRANSPORT=pigeon expect 1 'auto, memfd or kmod' ping nobody
result $? "a transport of the environment that there is not"
expect 1 "cannot serve '$work/none'" serve tool --dir "$work/none"
result $? "a directory that is not there"
expect 2 'exclude each other' serve memfd:tool --transport kmod
result $? "a transport, and a NAME of another"
run ls --json && json "$out" && [ "$(cat "$out")" = '[]' ]
result $? "ls without servers is an empty list"
expect 1 "cannot ask 'nobody'" stat nobody &&
	expect 1 "cannot ask 'nobody'" top nobody --batch -n 1
result $? "stat and top of a server that is not there"
run stat && grep -q '^0 servers, ' "$out" && grep -q '^module: ' "$out"
result $? "stat without servers"
expect 1 'no terminal' top
result $? "top needs a terminal, or --batch"
if [ -e /dev/fastipc ]; then
	skip "what only the module can do, without it" "it is loaded"
else
	expect 1 'the module is not loaded' monitor &&
		expect 1 'the module is not loaded' disconnect 1 &&
		run stat --json && grep -q '"module":null' "$out" &&
		run stat && grep -q '^module: not loaded' "$out"
	result $? "what only the module can do, without it"
fi

# ---- with one ----

make_tree
serve tool --dir "$tree" --threads 2
result $? "serve"
first=$server
grep -q "^serving tool (dir $tree, transport auto, pid $first)" \
	"$work/serve.out"
result $? "serve says what it serves"

expect 1 "cannot serve under 'tool'" serve tool --dir "$tree"
result $? "the name is in use"

run call tool 1 --data 'hello there' && [ "$(cat "$out")" = 'hello there' ]
result $? "call echoes --data"
head -c 3000000 /dev/urandom >"$work/random"
run call tool 1 --file "$work/random" -o "$work/echoed" &&
	cmp -s "$work/random" "$work/echoed"
result $? "call echoes a file of 3 MB"
run call tool 0x1 --data $'a"b\n\xff' --json &&
	json "$out" type status text hex size time_ns &&
	grep -q '"hex":"6122620aff"' "$out" && grep -q '"text":null' "$out"
result $? "call --json"
! run call nobody 1 --json && json "$out" name type one_way status time_ns \
	size error text hex && grep -q '"status":-2,' "$out" &&
	grep -q '"error":"there is no server' "$out"
result $? "call --json without a server"
run call tool 5 --data x --one-way && [ ! -s "$out" ]
result $? "call --one-way"
expect 1 'type 999' call tool 999 --data x
result $? "a type without a handler"
head -c 17000000 /dev/zero >"$work/large"
expect 1 'type 1: .*raise .*max_message' call tool 1 --file "$work/large"
result $? "a message over the limit"

run ping tool -c 3 -i 0.01 && [ "$(grep -c '^reply from tool' "$out")" -eq 3 ] &&
	grep -q "reply from tool ($first): seq=1 time=" "$out" &&
	grep -q '3 sent, 3 replies, 0 % lost' "$out"
result $? "ping prints each round trip and a summary"
run ping tool -f -c 500 -s 100 --json &&
	json "$out" sent replies p50_ns p99_ns max_ns &&
	grep -q '"replies":500' "$out"
result $? "ping --json of echoes"
"$fastipc" ping tool -i 60 >"$out" 2>"$err" &
ping=$!
eventually grep -q '^reply' "$out"
kill -INT "$ping"
wait "$ping" && grep -q '1 sent, 1 replies' "$out"
result $? "SIGINT ends ping with its summary"

shows "^tool .* $first " ls
result $? "ls shows the server"
shows "$XDG_RUNTIME_DIR/fastipc/tool" ls -l
result $? "ls -l shows its path"
shows "\"pid\":$first," ls --json &&
	json "$out" name pid connections uptime_seconds path
result $? "ls --json"

shows '^tool .* auto +[0-9]+ +[0-9.]+ .?B ' ls -l &&
	shows '"requests":' ls --json &&
	json "$out" requests bytes_received bytes_sent sleeps wakes
result $? "ls -l and ls --json show what was served"

"$fastipc" ping tool -i 0.01 >"$out.ping" 2>"$err" &
ping=$!
eventually grep -q '^reply .* seq=4 ' "$out.ping"
one_channel()
{
	run stat tool &&
		grep -qE "^ *[0-9]+ +(memfd|kmod) +tool +$first fastipc, \
$ping fastipc +$(id -u), $(id -u) +256K, 256K .* open" "$out" &&
		grep -qE '^1 servers, 1 channels \(' "$out"
}
eventually one_channel
result $? "stat shows a connection: both processes, the server first"
shows "\"server\":\"tool\",\"uid\":$(id -u)," stat --json &&
	json "$out" channels totals module ends server &&
	grep -q "\"ends\":\[{\"pid\":$first,\"comm\":\"fastipc\"," "$out" &&
	grep -qE '"bytes_sent":[1-9][0-9]*,"bytes_received":[1-9]' "$out" &&
	grep -qE '"messages_received":[1-9]' "$out"
result $? "stat --json"
run stat --prometheus tool &&
	grep -qx 'fastipc_server_connections{server="tool"} [1-9][0-9]*' "$out" &&
	grep -qx '# TYPE fastipc_server_requests_total counter' "$out" &&
	! grep -vE '^# (HELP|TYPE) |^fastipc_[a-z_]+({[^}]*})? [0-9.e+]+$' "$out"
result $? "stat --prometheus"
shows "^ *[0-9]+ +(memfd|kmod) +tool .* [1-9][0-9.]* +[1-9][0-9.]* .?B" \
	top tool --batch -n 1 -i 0.3
result $? "top shows what it does in a second"
shows '"messages_per_s":[1-9]' top --json -n 1 -i 0.3
result $? "top --json shows the same"
kill -INT "$ping"
wait "$ping"
# A process with a pool, for a while.
truncate -s 10M "$work/bytes"
"$fastipc" bench load tool --file "$work/bytes" --connections 2 --processes 1 \
	--threads 2 --size 100 --duration 600 >"$work/pool.out" 2>&1 &
pool=$!
pool_called()
{
	run stat tool &&
		grep -qE '^pool +[0-9]+ fastipc +[12] .* 1/1 +[1-9][0-9]* ' "$out"
}
eventually pool_called && grep -qE '^POOL +PROCESS +OPEN +IN USE ' "$out"
result $? "stat shows a pool"
shows '"pools":\[{"name":"pool","pid":[0-9]+,"comm":"fastipc",' stat --json &&
	json "$out" pools connections in_use hits waits reconnects ejections \
		latency p99_ns servers &&
	grep -qE '"servers":\[{"address":"tool",.*"calls":[1-9]' "$out"
result $? "stat --json shows it, too"
run stat --prometheus tool &&
	grep -qE '^fastipc_pool_hits_total{pool="pool",pid="[0-9]+",id="1"} [1-9]' \
		"$out" &&
	grep -qE '^fastipc_pool_call_seconds_bucket{.*,le="\+Inf"} [1-9]' "$out" &&
	! grep -vE '^# (HELP|TYPE) |^fastipc_[a-z_]+({[^}]*})? [0-9.e+]+$' "$out"
result $? "stat --prometheus shows it, too"
shows '^pool +[0-9]+ fastipc .* 1/1 +[1-9][0-9.]* ' top --batch -n 1 -i 0.3 &&
	grep -qE '^POOL .* CALLS/s' "$out"
result $? "top shows what a pool does in a second"
shows '"calls_per_s":[1-9]' top --json -n 1 -i 0.3
result $? "top --json shows the same of it"
kill "$pool"
wait "$pool"
no_pool()
{
	run stat && ! grep -q '^POOL' "$out"
}
eventually no_pool && run stat --prometheus && ! grep -q _pool_ "$out"
result $? "a process that has gone has no pool"
twice()
{
	run stat -n 2 -i 0.01 && [ "$(grep -c '^1 servers, ' "$out")" -eq 2 ]
}
eventually twice
result $? "stat again and again"
run top --batch -n 2 -i 0.01 -s w &&
	[ "$(grep -c '^fastipc top - ' "$out")" -eq 2 ] &&
	grep -q '^ID .*WAKES/s' "$out"
result $? "top --batch"
run top --json -n 1 -i 0.01 && json "$out" channels totals
result $? "top --json"
if command -v script >/dev/null; then
	# shellcheck disable=SC2094 # it reads what comes, to type then
	(
		eventually grep -q 'sorted by .*messages' "$out"
		printf b
		eventually grep -q 'sorted by .*bytes' "$out"
		printf q
	) | script -qec "'$fastipc' top -i 0.1" /dev/null >"$out" 2>"$err" &&
		grep -q "sorted by .*messages" "$out" &&
		grep -q "sorted by .*bytes" "$out"
	result $? "top on a terminal takes keys, and ends with q"
else
	skip "top on a terminal takes keys, and ends with q" "no script(1)"
fi

run get tool hello.txt --stdout && cmp -s "$out" "$tree/hello.txt"
result $? "get --stdout"
run get tool hello.txt sub/numbers -o "$work/some" &&
	cmp -s "$work/some/hello.txt" "$tree/hello.txt" &&
	cmp -s "$work/some/sub/numbers" "$tree/sub/numbers"
result $? "get -o keeps the paths"
expect 1 'it exists' get tool hello.txt -o "$work/some"
result $? "get does not replace a file"
run get tool hello.txt -o "$work/some" --force
result $? "get --force does"
expect 1 'No such file' get tool absent -o "$work/some"
result $? "a file that is not there"
expect 1 'a directory' get tool sub -o "$work/some"
result $? "a directory without -r"

run get tool -r . -o "$work/all" &&
	(cd "$tree" && find . -type f -print0 | sort -z |
		xargs -0 sha256sum) >"$work/originals" &&
	(cd "$work/all" && find . -type f ! -name link ! -name up -print0 |
		sort -z | xargs -0 sha256sum) >"$work/copies" &&
	cmp -s "$work/originals" "$work/copies" &&
	cmp -s "$work/all/link" "$tree/hello.txt" &&
	cmp -s "$work/all/sub/deep/up" "$tree/hello.txt"
result $? "get -r copies a tree with strange names"
# A bar is drawn and rubbed out again, on a terminal that listens.
on_a_terminal() # ARGUMENT...: of get; what the terminal gets to $out
{
	script -qec "'$fastipc' get tool -r . --verify '$tree' $*" /dev/null \
		</dev/null >"$out" 2>"$err"
}
bar='\[#*  *\] *[0-9]* %  [0-9]* of [0-9]* files  .*/s'
if command -v script >/dev/null; then
	on_a_terminal && grep -q "$bar" "$out" &&
		grep -q 'no difference' "$out" &&
		[ "$(tr '\r' '\n' <"$out" | grep -c "^$bar")" -ge 1 ] &&
		tr '\r' '\n' <"$out" | grep -qx $'\e\\[Kfetched .*'
	result $? "get draws a progress bar on a terminal, and rubs it out"
	on_a_terminal --quiet && ! grep -q "$bar" "$out" &&
		on_a_terminal "2>/dev/null" && ! grep -q "$bar" "$out" &&
		run get tool -r . --verify "$tree" && ! grep -q "$bar" "$err"
	result $? "but neither with --quiet, nor where there is none"
else
	skip "get draws a progress bar on a terminal, and rubs it out" \
		"no script(1)"
	skip "but neither with --quiet, nor where there is none" "no script(1)"
fi
[ -z "$(find "$work/all" "$work/some" -name '.fastipc*')" ]
result $? "no temporary file is left"
run get tool -r . --verify "$tree" --json &&
	json "$out" files bytes seconds msgs_per_s bytes_per_s p50_ns p99_ns \
		p999_ns transport server rss_kib pss_kib &&
	grep -q '"clean":true' "$out" && grep -q "\"pid\":$first," "$out"
result $? "get --verify finds no difference"
grep -q '"skipped":{"directory_links":1,"dangling":1,"outside":2,"special":1}' \
	"$out"
result $? "get counts what it skips, and why"
files=$(find "$tree" -type f -printf . | wc -c)
grep -q "\"files\":$((files + 2))," "$out"
result $? "get counts every file"
ok=0
for path in dangling outside pipe; do
	expect 1 "failed: $path: " get tool "$path" --stdout || ok=1
done
result $ok "a PATH that cannot be had is not skipped"
expect 1 'failed: .*: the path is too long' get tool \
	"$(printf '%05000d' 0)" --stdout
result $? "a path that is too long is said to be"
run get tool -r . --verify "$tree" -j 1 --checksum off --wait block &&
	grep -q 'no difference' "$out" && grep -q 'p99.9' "$out"
result $? "get's report for people"

printf X | dd of="$work/all/sub/numbers" bs=1 seek=300000 conv=notrunc \
	2>/dev/null
expect 1 'different: sub/numbers: first at byte 300000' \
	get tool -r . --verify "$work/all"
result $? "--verify finds one byte changed"
cp "$tree/sub/numbers" "$work/all/sub/numbers"
echo longer >>"$work/all/sub/numbers"
expect 1 'different: sub/numbers: .*longer' get tool -r . --verify "$work/all"
result $? "--verify finds bytes added at the end"
cp "$tree/sub/numbers" "$work/all/sub/numbers"
rm "$work/all/hello.txt"
: >"$work/all/sub/more"
expect 1 'extra: hello.txt' get tool -r . --verify "$work/all" &&
	grep -q 'missing: sub/more' "$err"
result $? "--verify finds files missing and extra"
printf X >"$work/all/"$'not \xff utf8'
run get tool -r . --verify "$work/all" --json
[ $? -eq 1 ] && json "$out" path_hex && grep -q '"clean":false' "$out" &&
	grep -q '"path_hex":"6e6f7420ff2075746638"' "$out" &&
	grep -q 'not \\xff utf8' "$err"
result $? "a strange name in the report and in its JSON"

ok=0
for path in ../secret sub/../../secret /etc/passwd outside above \
	sub/round/../../secret /proc/self/root/etc/passwd; do
	expect 1 'leaves the served directory\|Invalid cross-device' \
		call tool 2 --data "$path" || ok=1
done
result $ok "the server refuses paths that lead outside"
expect 1 'without' get tool ../secret --stdout &&
	expect 1 'without' get tool /etc/passwd --stdout
result $? "get refuses them, too"
expect 1 'not a regular file\|medium' call tool 2 --data pipe
result $? "a pipe is refused, without waiting for it"

head -c 40000000 /dev/urandom >"$tree/40 MB"
run get tool '40 MB' -o "$work/big" && cmp -s "$tree/40 MB" "$work/big/40 MB"
result $? "get a file of 40 MB, in pieces"
expect 1 '.' call tool 2 --data '40 MB'
result $? "one message of 40 MB is refused"

if [ "$(id -u)" -ne 0 ]; then
	chmod 000 "$tree/hello.txt"
	expect 1 'failed: hello.txt: Permission denied' get tool hello.txt \
		--stdout
	result $? "an unreadable file is named"
	run get tool -r . --verify "$tree" && grep -q '3 unreadable' "$out"
	result $? "what nobody may read (a file, two links) is skipped and counted"
	chmod 644 "$tree/hello.txt"
else
	skip "an unreadable file is named" "root reads everything"
	skip "what nobody may read (a file, two links) is skipped and counted" \
		"root reads everything"
fi

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
	setpriv --reuid=65534 --clear-groups test -x "$fastipc"; then
	# $TMPDIR may be closed to others: only the mode is to decide.
	open=$(mktemp -d /tmp/fastipc-open.XXXXXX) && chmod 755 "$open"
	serve "$open/socket" --dir "$tree"
	setpriv --reuid=65534 --clear-groups "$fastipc" ping \
		"$open/socket" -c 1 >"$out" 2>"$err"
	[ $? -eq 1 ] && grep -q 'may not connect' "$err"
	result $? "another user may not connect"
	stop "$server"
	serve "$open/socket" --dir "$tree" --mode 0666
	setpriv --reuid=65534 --clear-groups "$fastipc" ping \
		"$open/socket" -c 1 >"$out" 2>"$err"
	result $? "--mode 0666 lets another user connect"
	stop "$server"
	mkdir -m 700 "$open/closed"
	mkdir "$open/theirs" && chown 65534 "$open/theirs"
	timeout 60 setpriv --reuid=65534 --clear-groups "$fastipc" serve \
		"$open/theirs/socket" --dir "$open/closed" >"$out" 2>"$err"
	[ $? -eq 1 ] && grep -q '(Permission denied): --dir is to name' "$err"
	result $? "a directory that may not be entered is not served"
else
	skip "another user may not connect" "needs root and setpriv"
	skip "--mode 0666 lets another user connect" "needs root and setpriv"
	skip "a directory that may not be entered is not served" \
		"needs root and setpriv"
fi

# ---- the ends of servers ----

stop "$first"
result $? "SIGTERM ends the server with 0"
[ ! -e "$XDG_RUNTIME_DIR/fastipc/tool" ]
result $? "SIGTERM leaves no socket file"

# ---- compression ----

for algorithm in lz4 zstd; do
	serve tool --dir "$tree" --json --compress "$algorithm"
	run get tool -r . --verify "$tree" --compress=zstd --json &&
		grep -q '"clean":true' "$out"
	result $? "get --verify finds no difference in what $algorithm made small"
	seq 20000 >"$work/request"
	run call tool 1 --file "$work/request" --compress &&
		cmp -s "$work/request" "$out"
	result $? "call --compress gets its bytes back"
	stop "$server" && tail -n 1 "$work/serve.out" >"$out" &&
		grep -q '"compressed_received":{"messages":1,' "$out" &&
		grep -q '"compressed_sent":{"messages":[1-9]' "$out"
	result $? "the server counts what it compressed"
done
serve tool --dir "$tree" --compress zstd
run call tool 1 --file "$work/request" && cmp -s "$work/request" "$out" &&
	stop "$server" && ! grep -q compressed "$work/serve.out"
result $? "nothing is compressed for a client that does not ask for it"
expect 2 'takes lz4, zstd' serve x --compress gzip &&
	expect 2 'takes lz4, zstd' get x y --compress=gzip
result $? "there is no other compression"

serve tool --dir "$tree" --json && json "$work/serve.out" event pid transport
result $? "serve --json says when it is ready"
stop "$server" INT && tail -n 1 "$work/serve.out" >"$out" &&
	json "$out" event requests bytes_sent peak_rss_kib
result $? "serve --json ends with a summary"

serve tool --dir "$tree"
"$fastipc" ping tool -i 0.01 >"$out" 2>"$err" &
ping=$!
eventually grep -q reply "$out" # it is connected
stop "$server" KILL
wait "$ping"
[ $? -eq 1 ] && grep -q 'no reply' "$err"
result $? "ping ends when the server is killed"
[ -S "$XDG_RUNTIME_DIR/fastipc/tool" ] && run ls --json &&
	[ "$(cat "$out")" = '[]' ] &&
	expect 1 'cannot connect' ping tool -c 1
result $? "a killed server's socket is stale, and not listed"
serve tool --dir "$tree"
result $? "a stale socket is replaced"
run get tool hello.txt --stdout
stop "$server" && grep -q '^served [0-9]* requests .* on [0-9]* connections' \
	"$work/serve.out"
result $? "serve ends with a summary for people"

serve "$work/run/by.path" --dir "$tree" --quiet &&
	run get "$work/run/by.path" hello.txt --stdout &&
	cmp -s "$out" "$tree/hello.txt" && stop "$server" &&
	[ ! -s "$work/serve.out" ]
result $? "a server at a path of its own, quiet"
serve memfd:prefixed --transport memfd --dir "$tree" &&
	grep -q '^serving prefixed (.*, transport memfd, ' "$work/serve.out" &&
	stop "$server"
result $? "a NAME that says the transport"

finish
