#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tools/deps on systems that lack something, with apt and without: what is
# missing is installed, or named, and then nothing goes on; and `make run` and
# `make check` ask for it by themselves.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")
make=$(type -P make)

# A system that has what is here, but LZ4, as long as there is no $work/lz4.
program() # NAME: what it does is read
{
	rm -f "$work/bin/$1"
	cat >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

make_system()
{
	local file

	mkdir "$work/bin"
	for file in /usr/bin/* /bin/* /usr/local/bin/*; do
		[ -e "$work/bin/${file##*/}" ] ||
			ln -s "$file" "$work/bin/${file##*/}"
	done
	program pkg-config <<-END
		#!/bin/sh
		case " \$* " in
		*lz4*) [ -e "$work/lz4" ] || exit 1 ;;
		esac
		exec $(type -P pkg-config) "\$@"
	END
	program sudo <<-'END'
		#!/bin/sh
		exec "$@"
	END
	without_apt
}

without_apt()
{
	rm -f "$work"/bin/{apt-get,apt,aptitude} "$work/lz4" "$work/asked"
}

with_apt() # COMMAND: that installs
{
	without_apt
	program apt-get <<-END
		#!/bin/sh
		echo "\$*" >>"$work/asked"
		case " \$* " in
		*' install '*) $1 ;;
		esac
	END
}

deps() # SET...
{
	PATH=$work/bin tools/deps "$@" >"$work/out" 2>&1
	local status=$?

	cat "$work/out"
	return $status
}

is_content()
{
	: >"$work/lz4"
	deps run && [ ! -s "$work/out" ] && rm "$work/lz4"
}

# On another system: its name, no other's, and no more.
is_named()
{
	deps run && return 1
	[ "$(cat "$work/out")" = 'fastipc needs these, which are not installed (names as in Debian): liblz4-dev' ]
}

is_installed()
{
	with_apt ": >'$work/lz4'"
	deps run && grep -qx '.* install liblz4-dev' "$work/asked"
}

is_not_to_be_had()
{
	with_apt false
	deps run && return 1
	grep -qx 'apt-get did not install: liblz4-dev' "$work/out"
}

# Before anything is built.
stops() # TARGET
{
	without_apt
	PATH=$work/bin "$make" O="$work/build" "$1" >"$work/out" 2>&1 &&
		return 1
	cat "$work/out"
	grep -q 'not installed .*: .*liblz4-dev' "$work/out" &&
		! find "$work/build" -name '*.o' 2>/dev/null | grep .
}

# The system of these tests has it, or they could not have been built.
pkg-config --exists liblz4 || exit 1
make_system
check 'all is there: not a word' is_content
check 'without apt: what is missing is named, and it stops' is_named
check 'with apt: it is installed' is_installed
check 'apt has it not: that is said, and it stops' is_not_to_be_had
for target in deps run check check-asan check-vm; do
	check "make $target sees to it, first of all" stops "$target"
done
finish
