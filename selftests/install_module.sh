#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make kmod-install` puts the module where modprobe finds it, or its sources
# where DKMS does, and `make kmod-uninstall` takes all of it away again; in a
# directory of its own, for the kernel that is booted in QEMU.  For a kernel
# that is too old it says so.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"{,.bin,.build,.log,.old}' EXIT
log=$root.log
shown=("$log")
export O=$root.build DESTDIR=$root

headers()
{
	KDIR=$(selftests/vm/kernel.sh debian-6.1)/build && export KDIR
}

# The same headers, of a kernel that calls itself 6.0.
headers_too_old()
{
	local version=include/generated/uapi/linux/version.h

	cp -rs "$(realpath "$KDIR")" "$root.old" && rm "$root.old/$version" &&
		sed 's/^\(#define LINUX_VERSION_CODE\) .*/\1 393216/' \
			"$KDIR/$version" >"$root.old/$version"
}

build_says() # TEXT
{
	local error

	error=$(KDIR=$root.old make -s kmod 2>&1) && return 1
	echo "$error"
	grep -qF "$1" <<<"$error"
}

# modprobe would load it: depmod has found it.
installed()
{
	local module

	module=$(find "$root/lib/modules" -name 'fastipc.ko*') &&
		[ -s "$module" ] && modinfo -F description "$module" &&
		grep '/fastipc.ko' "$root"/lib/modules/*/modules.dep
}

# All that DKMS builds it of.
has_sources()
{
	local source

	source=$(echo "$root"/usr/src/fastipc-*) &&
		grep -q '^PACKAGE_VERSION="[0-9.]*"$' "$source/dkms.conf" &&
		make -s -C "$KDIR" M="$source" modules && rm -rf "$source"/*.ko
}

nothing_left()
{
	find "$root" -name '*fastipc*' | grep . && return 1
	! grep -s fastipc "$root"/lib/modules/*/modules.dep
}

# A dkms that is asked for nothing: with DESTDIR a packager runs it later.
dkms_there()
{
	mkdir "$root.bin" && printf '#!/bin/sh\nexit 1\n' >"$root.bin/dkms" &&
		chmod +x "$root.bin/dkms"
}

export PATH=$PATH:/usr/sbin:/sbin
check 'headers of a kernel' headers
check 'headers of one that is too old' headers_too_old
check 'the build names the reason' build_says 'fastipc needs Linux 6.1 or later'
if command -v dkms >"$log"; then
	skip 'the module itself' 'dkms is installed, and is used instead'
else
	check 'make kmod-install' make -s kmod-install
	check 'modprobe would find it' installed
	check 'make kmod-uninstall' make -s kmod-uninstall
	check 'nothing is left' nothing_left
	check 'make kmod-install, before DKMS is there' make -s kmod-install
	dkms_there
	export PATH=$root.bin:$PATH
fi
check 'make kmod-install, with DKMS' make -s kmod-install
check 'DKMS can build it' has_sources
check 'make kmod-uninstall, with DKMS' make -s kmod-uninstall
check 'nothing of that is left' nothing_left
finish
