#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do what fastipc_tutorial(7) says, from an empty directory, with what
# `make install` installs: each block of the page is a file or is run, in its
# order, and what is said to be printed is printed.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

page=$PWD/lib/man/fastipc_tutorial.7
root=$(mktemp -d) || exit 1
work=$root/work
out=$root/out
shown=("$out")

end()
{
	local pid
	while read -r pid; do
		kill "$pid"
	done <"$root/pids" 2>/dev/null
	rm -rf "$root"
}
trap end EXIT

# Cut the page into $root/N.KIND, with the name of a file in $root/N.name.
cut_page()
{
	awk -v root="$root" '
	/^\.\\" (file:|run|printed)/ {
		kind = $2
		sub(":", "", kind)
		name = $3
		next
	}
	kind && /^\.Bd/ {
		inside = 1
		n++
		print name >(root "/" n ".name")
		file = root "/" n "." kind
		next
	}
	inside && /^\.Ed/ { inside = 0; kind = ""; close(file) }
	inside { gsub(/\\&/, ""); gsub(/\\e/, "\\"); print >file }
	END { print n + 0 }' "$page"
}

# The page gives a server a second to start, which may be too little here.
has_socket()
{
	ls "$XDG_RUNTIME_DIR"/fastipc/* >/dev/null 2>&1
}
export -f eventually has_socket

mkdir -p "$work" "$root/run"
: >"$root/pids"
export XDG_RUNTIME_DIR=$root/run
export PATH=$root/usr/bin:$PATH LD_LIBRARY_PATH=$root/usr/lib
export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
make -s install DESTDIR= prefix="$root/usr" >"$out" 2>&1
result $? 'make install'

count=$(cut_page)
[ "$count" -gt 5 ]
result $? 'the page has blocks'
cd "$work" || exit 1
for ((n = 1; n <= count; n++)); do
	if [ -e "$root/$n.file" ]; then
		mv "$root/$n.file" "$(cat "$root/$n.name")"
	elif [ -e "$root/$n.run" ]; then
		sed -i 's/^sleep 1$/eventually has_socket/' "$root/$n.run"
		echo 'jobs -p >>'"$root/pids" >>"$root/$n.run"
		timeout 300 bash -e "$root/$n.run" >"$out" 2>&1
		result $? "run: $(head -n 1 "$root/$n.run")"
	else
		diff "$root/$n.printed" "$out" >"$out.diff"
		result $? "it prints: $(head -n 1 "$root/$n.printed")"
	fi
done
finish
