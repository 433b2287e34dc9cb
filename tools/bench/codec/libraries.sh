#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tools/bench/codec/libraries.sh: see that the newest simdjson and yyjson that
# Debian has are there, and print the directory that has them: include/, lib/
# and versions.
#
# Debian 12 has older ones, or none.  They are taken out of the packages of a
# newer suite ($SUITE, forky unless told otherwise) into $FASTIPC_CACHE
# (~/.cache/fastipc), and not installed; they are for the benchmark alone.
set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
cache=${FASTIPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fastipc}
suite=${SUITE:-forky}

die()
{
	echo "libraries.sh: $*" >&2
	exit 1
}

note()
{
	echo "  LIBRARY $*" >&2
}

# shellcheck source=/dev/null
. "$here/../../packages.sh"

directory=$cache/codec-bench-$suite
mkdir -p "$cache"
exec 9>"$cache/.lock-codec-bench"
flock 9
if [ ! -e "$directory/versions" ]; then
	update "$suite"
	rm -rf "$directory"
	mkdir -p "$directory"
	cd "$directory"
	download "$suite" libsimdjson-dev libyyjson-dev libyyjson0
	for package in *.deb; do
		dpkg-deb -x "$package" .
	done
	ln -s usr/include include
	ln -s "$(dirname usr/lib/*/libyyjson.so.0)" lib
	# The link in the package is relative to a place where it is not.
	ln -sf libyyjson.so.0 lib/libyyjson.so
	for package in *.deb; do
		echo "$(dpkg-deb -f "$package" Package) $(dpkg-deb -f "$package" Version)"
	done >versions
	rm ./*.deb
fi
echo "$directory"
