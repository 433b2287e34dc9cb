#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make kmod-install` puts the module where modprobe finds it, or its sources
# where DKMS does, and `make kmod-uninstall` takes all of it away again; in a
# directory of its own, for the kernel that is booted in QEMU.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"{,.bin,.build,.log}' EXIT
log=$root.log
shown=("$log")
export O=$root.build DESTDIR=$root

headers()
{
	KDIR=$(selftests/vm/kernel.sh debian-6.1)/build && export KDIR
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
if command -v dkms >"$log"; then
	skip 'the module itself' 'dkms is installed, and is used instead'
	check 'headers of a kernel' headers
else
	check 'headers of a kernel' headers
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
