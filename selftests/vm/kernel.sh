#!/bin/bash
# SPDX-License-Identifier: MIT
#
# selftests/vm/kernel.sh NAME: see that the kernel NAME is there, and print the
# directory that has it:
#
#	vmlinuz		the kernel to boot
#	build		what modules are built against (KDIR)
#	release		what `uname -r` says there
#
# The names: debian-VERSION[-rt] is Debian's own kernel, taken out of its
# packages; FLAVOUR-VERSION, where config/FLAVOUR is a file beside this script,
# is built from Debian's source package, of config/base and config/FLAVOUR:
#
#	debian-6.1  debian-6.12  debian-6.1-rt	as Debian's users run them
#	debug-6.1	KASAN, lockdep, kmemleak, fault injection, gcov, ...
#	kcsan-6.1	KCSAN
#	plain-7		of the newest 7.x
#
# and source-VERSION is the unpacked source alone.  kselftest has the headers
# of the kernel's selftests and checkpatch.pl, out of the source of 6.1.
#
# Nothing is installed, and nothing needs root: packages come from the mirror
# that apt knows (or $FASTIPC_MIRROR), through lists of their own.  All is kept
# in $FASTIPC_CACHE (~/.cache/fastipc); a kernel is built again when its
# configuration changes, and is taken anew from Debian only when it is removed
# there.
set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
cache=${FASTIPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fastipc}
jobs=${JOBS:-$(nproc)}

die()
{
	echo "kernel.sh: $*" >&2
	exit 1
}

note()
{
	echo "  KERNEL  $*" >&2
}

# shellcheck source=/dev/null
. "$here/../../tools/packages.sh"

# The suite that has a version of the kernel.
suite_of() # VERSION
{
	case $1 in
	6.1 | 6.1-rt) echo bookworm ;;
	6.12 | 6.12-rt) echo bookworm-backports ;;
	7 | 7.*) echo trixie-backports ;;
	*) die "no suite is known for Linux $1" ;;
	esac
}

# ---- what there is ----

# Debian's own kernel: its image, and its headers of the same version.
take_debian() # VERSION
{
	local suite meta image release version headers common kbuild package

	suite=$(suite_of "$1")
	update "$suite"
	meta=linux-image-amd64
	[ "$1" = "${1%-rt}" ] || meta=linux-image-rt-amd64
	image=$(field "$suite" $meta Depends | sed 's/[ ,].*//')
	release=${image#linux-image-}
	version=$(field "$suite" "$image" Version)
	headers=linux-headers-$release
	[[ -n $version && $release == "${1%-rt}".* ]] ||
		die "no image of Linux $1 in $suite: it has '$image'"
	[ "$(field "$suite" "$headers" Version)" = "$version" ] ||
		die "$suite has no $headers of version $version, as $image"
	common=$(field "$suite" "$headers" Depends |
		grep -o 'linux-headers-[^ ,]*-common[^ ,]*')
	kbuild=$(field "$suite" "$headers" Depends |
		grep -o 'linux-kbuild-[^ ,]*')
	download "$suite" "$image=$version" "$headers=$version" \
		"$common=$version" "$kbuild=$version"

	for package in "$headers" "$common" "$kbuild"; do
		dpkg-deb -x "$package"_*.deb .
	done
	dpkg-deb --fsys-tarfile "$image"_*.deb |
		tar x "./boot/vmlinuz-$release"
	rm ./*.deb
	# The headers refer to each other by the paths of their packages.
	sed -i "s|/usr/src/|$PWD/usr/src/|g" "usr/src/$headers/Makefile"
	ln -sf "boot/vmlinuz-$release" vmlinuz
	ln -sfn "usr/src/$headers" build
	echo "$release" >release
}

# The package that has the source of a version: 7 is the newest 7.x.
source_package() # SUITE VERSION
{
	apt "$1" apt-cache search --names-only "^linux-source-$2(\.[0-9]+)?\$" |
		sed 's/ .*//' | sort -V | tail -n 1
}

# The tar file of a kernel's source, on standard output; the unpacked source
# less its leading directory, into the working directory.
take_source() # VERSION [MEMBER...]
{
	local suite package members=()

	suite=$(suite_of "$1")
	update "$suite"
	package=$(source_package "$suite" "$1")
	[ -n "$package" ] || die "no source of Linux $1 in $suite"
	shift
	members=("${@/#/$package/}")
	download "$suite" "$package"
	note "unpacking $package"
	dpkg-deb --fsys-tarfile "$package"_*.deb |
		tar xO "./usr/src/$package.tar.xz" |
		tar xJ --strip-components=1 ${members[@]+"${members[@]}"}
	rm "$package"_*.deb
}

# A kernel built from source, as the files of $fragments say.
build_kernel() # VERSION
{
	local source config=$PWD/config line option missing=''

	source=$("$here/kernel.sh" "source-$1")
	mkdir -p build
	note "building $name in $PWD (minutes; its log is build.log)"
	{
		make -C "$source" O="$PWD/build" tinyconfig
		cat "${fragments[@]}" >"$config"
		(cd build && "$source/scripts/kconfig/merge_config.sh" -m \
			.config "$config")
		make -C build olddefconfig
	} >build.log 2>&1 || die "see $PWD/build.log"
	# What depends on something else is dropped without a word.  (What 6.1
	# has and another version does not know is not missed there.)
	while IFS= read -r line; do
		case $line in
		CONFIG_*=n) line="# ${line%=n} is not set" ;;
		CONFIG_*) ;;
		*) continue ;;
		esac
		grep -qxF "$line" build/.config && continue
		option=${line#\# } option=${option#CONFIG_}
		[ "$1" != 6.1 ] && ! grep -qrx --include='Kconfig*' \
			"[[:space:]]*config ${option%%[= ]*}" "$source" ||
			missing+=" $line"
	done <"$config"
	[ -z "$missing" ] || die "the configuration has not:$missing"
	make -C build -j"$jobs" bzImage modules >>build.log 2>&1 ||
		die "see $PWD/build.log"
	ln -sf build/arch/x86/boot/bzImage vmlinuz
	make -s -C build kernelrelease >release
	# Nothing of the kernel itself is linked again.
	find build -name '*.o' ! -path 'build/scripts/*' \
		! -path 'build/tools/*' -delete
	rm -f build/vmlinux build/.tmp_vmlinux* build/vmlinux.a
}

# ---- one name ----

[ $# -eq 1 ] || die "usage: selftests/vm/kernel.sh NAME"
name=$1
directory=$cache/$name
flavour=${name%%-*}
version=${name#*-}
case $name in
debian-[0-9]* | source-[0-9]* | kselftest) ;;
*-[0-9]*)
	fragments=("$here/config/base")
	[ "$flavour" = plain ] || fragments+=("$here/config/$flavour")
	[ -e "${fragments[-1]}" ] || die "no file config/$flavour"
	hash=$(cat "${fragments[@]}" | sha256sum)
	directory+=-${hash:0:12}
	;;
*) die "no kernel is named '$name'" ;;
esac

mkdir -p "$cache"
exec 9>"$cache/.lock-$name"
flock 9
if [ ! -e "$directory/.complete" ]; then
	mkdir -p "$directory"
	cd "$directory"
	case $name in
	debian-*) take_debian "$version" ;;
	source-*) take_source "$version" ;;
	kselftest)
		take_source 6.1 tools/testing/selftests/kselftest.h \
			tools/testing/selftests/kselftest_harness.h \
			scripts/checkpatch.pl scripts/spelling.txt \
			scripts/const_structs.checkpatch
		;;
	*) build_kernel "$version" ;;
	esac
	touch .complete
fi
echo "$directory"
