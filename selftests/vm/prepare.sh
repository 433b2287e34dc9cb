#!/bin/bash
# SPDX-License-Identifier: MIT
#
# selftests/vm/prepare.sh DIRECTORY KERNEL TEST...: make what boot.sh boots:
# DIRECTORY/vmlinuz, of the directory KERNEL (see kernel.sh), and
# DIRECTORY/initramfs, with the module $MODULE (fastipc.ko; none if empty), the
# build directory $O's command fastipc, and the tests, which the guest runs in
# this order by selftests/run.  $VM_FILES are programs that they use.
#
# The programs come from this system, with the libraries that ldd names; what
# is not among them is busybox's.  Nothing needs root.
set -eu -o pipefail
export LC_ALL=C

here=$(dirname "$0")
directory=${1:?} kernel=${2:?}
shift 2
out=${O:-build}
tree=$directory/tree

programs='bash cat chmod chown cmp cp cut date dd df diff dirname basename
	du env expr false find grep head id ln ls mkdir mkfifo mktemp mv
	nproc od paste printf pwd readlink realpath rm rmdir sed seq setpriv
	sha256sum sleep sort stat stdbuf stty sync tail tee test timeout touch
	tr true truncate tty uname uniq wc xargs awk taskset'
# For a shell, and not needed.
optional='strace less unshare'

# Copy a program or library to the same path in the tree, with what it is
# linked to.
add() # FILE
{
	local file

	for file in "$1" $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		[ -e "$tree$file" ] || install -D "$file" "$tree$file"
	done
}

# Where a file of the project is in the guest.
inside() # FILE
{
	case $1 in
	"$out"/*) echo "fastipc/build/${1#"$out"/}" ;;
	*) echo "fastipc/$1" ;;
	esac
}

rm -rf "$tree"
mkdir -p "$tree"/{dev,proc,sys,tmp,run,root,home/user,etc,usr/{bin,sbin,lib,lib64,busybox}}
for name in bin sbin lib lib64; do
	ln -s "usr/$name" "$tree/$name"
done
for name in $programs $optional; do
	# The path of the program itself: of awk, say, that of mawk.
	if path=$(type -P "$name"); then
		add "$(realpath "$path")"
		[ -e "$tree/usr/bin/$name" ] ||
			ln -s "$(realpath "$path")" "$tree/usr/bin/$name"
	elif [[ " ${optional} " != *" $name "* ]]; then
		echo "prepare.sh: there is no program '$name'" >&2
		exit 1
	fi
done
install "$(type -P busybox)" "$tree/usr/bin/busybox"
install "$here/init" "$tree/init"
printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' \
	'user:x:1000:1000:user:/home/user:/bin/bash' \
	'nobody:x:65534:65534:nobody:/:/bin/false' >"$tree/etc/passwd"
printf '%s\n' 'root:x:0:' 'user:x:1000:' 'nogroup:x:65534:' >"$tree/etc/group"

# shellcheck disable=SC2086 # words are meant
for file in selftests/{run,tap.sh} "$out/bin/fastipc" ${VM_FILES:-} "$@"; do
	install -D "$file" "$tree/$(inside "$file")"
	# A program: less its debugging information, and its libraries.
	if ldd "$file" >/dev/null 2>&1; then
		[ -n "${VM_KEEP_DEBUG:-}" ] ||
			strip -g "$tree/$(inside "$file")"
		for library in $(ldd "$file" | grep -o '/[^ ]*'); do
			add "$library"
		done
	fi
done
for test in "$@"; do
	test=$(inside "$test")
	echo "${test#fastipc/}"
done >"$tree/fastipc/tests"
if [ -n "${MODULE:-}" ]; then
	install "$MODULE" "$tree/fastipc/fastipc.ko"
	echo "$MODULE" >"$directory/module"
fi

(cd "$tree" && find . -mindepth 1 -print0 | sort -z |
	cpio -0 -o -H newc -R 0:0 --quiet) >"$directory/initramfs"
rm -rf "$tree"
cp "$kernel/vmlinuz" "$directory/vmlinuz"
