#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make install` puts a library that programs find by pkg-config, and
# `make uninstall` takes all of it away again.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
prefix=/opt/fipc
includes=$root$prefix/include/fastipc
export LD_LIBRARY_PATH=$root$prefix/lib
export PKG_CONFIG_PATH=$LD_LIBRARY_PATH/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
log=$root/log
shown=("$log")

flags() # PKG-CONFIG-ARGUMENT...
{
	pkg-config "$@" libfastipc | xargs -n 1
}

build() # OUTPUT FLAG...
{
	"${CC:-cc}" -Wall -Werror -o "$1" "$root/program.c" "${@:2}" &&
		[ "$("$1")" = "$(cat lib/VERSION)" ]
}

nothing_left()
{
	rm "$root"/{program.c,shared,static}
	find "$root" ! -type d ! -path "$log" | grep . && return 1
	[ ! -e "$includes" ] && [ ! -e "${includes%/*}/linux" ]
}

cat >"$root/program.c" <<'EOF'
#include <fastipc/fastipc.h>
#include <linux/fastipc.h>
#include <stdio.h>

int main(void)
{
	struct fastipc_end_info info = { .state = FASTIPC_STATE_OPEN };

	fastipc_client_close(NULL);
	if (info.state == FASTIPC_STATE_DEAD)
		return 1;
	return puts(fastipc_version()) < 0;
}
EOF

check 'make install' make -s install DESTDIR="$root" prefix="$prefix"
check 'the command runs' "$root$prefix/bin/fastipc" --version
check 'pkg-config knows the version' \
	pkg-config --exact-version="$(cat lib/VERSION)" libfastipc
mapfile -t shared < <(flags --cflags --libs)
check 'a program links to the shared library' build "$root/shared" \
	"${shared[@]}"
check 'the program names the soname' \
	sh -c "readelf -d $root/shared | grep -q 'libfastipc.so.0\]'"
mapfile -t static < <(flags --static --cflags --libs)
check 'a program links to the static library' build "$root/static" \
	"${static[@]/-lfastipc/-l:libfastipc.a}"
check 'the program needs no shared library of ours' \
	sh -c "! readelf -d $root/static | grep libfastipc"
check 'make uninstall' make -s uninstall DESTDIR="$root" prefix="$prefix"
check 'nothing is left' nothing_left
finish
