# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# How scripts print TAP: sourced by them.  A script runs its tests by result,
# check and skip, and ends with finish, whose status is its own.  Of a test that
# fails it prints the beginnings of the files that it names in `shown`; what
# check runs prints to $log.  One that starts servers has a place for them from
# own_directory.

number=0
failures=0
shown=()

# Make the directory $work, which the caller removes, and in it that of sockets.
own_directory() # NAME
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/fastipc-$1.XXXXXX") || exit 1
	export XDG_RUNTIME_DIR=$work/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
}

result() # STATUS NAME
{
	local file

	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
		return
	fi
	echo "not ok $number - $2"
	failures=$((failures + 1))
	for file in "${shown[@]}"; do
		sed "s|^|# ${file##*/}: |" "$file" 2>/dev/null |
			cut -c -1000 | head -n 40
	done
}

check() # NAME COMMAND...
{
	"${@:2}" >"${log:?}" 2>&1
	result $? "$1"
}

# What comes when some other process has had its turn.
eventually() # COMMAND...: succeeds, within a minute
{
	local end=$((SECONDS + 60))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

skip() # NAME WHY
{
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

finish()
{
	echo "1..$number"
	[ "$failures" -eq 0 ]
}
