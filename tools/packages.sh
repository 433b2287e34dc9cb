# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Debian's packages of any suite, through lists of our own: sourced by the
# scripts that take something out of packages without installing it.
#
# Nothing is installed, and nothing needs root: packages come from the mirror
# that apt knows (or $FASTIPC_MIRROR).  What sources this has `die` and `note`,
# and $cache, the directory where the lists are kept.

# Where apt gets Debian from: URI SUITE for each source.
system_sources()
{
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(CREATED_BY) $(REPO_URI) $(RELEASE)' |
		sed -n 's/^Packages //p' | sort -u
}

# The lines of a sources.list for a suite: as the system has it, or from the
# mirror that it has for another suite of Debian.
sources() # SUITE
{
	local uri suite mirror=${FASTIPC_MIRROR:-} found=''
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -e "$keys" ] && keys="[signed-by=$keys] " || keys=''
	while read -r uri suite; do
		case $suite in
		"$1" | "$1-security")
			[ "$suite" = "$1" ] && found=1
			echo "deb $keys$uri $suite main"
			;;
		esac
		case $suite in
		bookworm | trixie | forky | sid | stable | oldstable | testing)
			mirror=${mirror:-$uri}
			;;
		esac
	done < <(system_sources)
	[ -z "$found" ] || return 0
	[ -n "$mirror" ] ||
		die "apt knows no mirror of Debian: set FASTIPC_MIRROR"
	echo "deb $keys$mirror $1 main"
}

# Run apt-get or apt-cache on the lists of one suite.
apt() # SUITE COMMAND ARGUMENT...
{
	local dir=${cache:?}/apt/$1 command=$2

	shift 2
	"$command" -qq -o Dir::Etc::SourceList="$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::State="$dir/state" \
		-o Dir::Cache="$dir/cache" -o Acquire::Languages=none \
		-o APT::Sandbox::User="$(id -un)" "$@"
}

# Fetch the lists of a suite, unless they were fetched within a day.
update() # SUITE
{
	local dir=${cache:?}/apt/$1

	command -v apt-get >/dev/null ||
		die "this comes from Debian's packages: no apt-get here"
	[ -z "$(find "$dir/updated" -mmin -1440 2>/dev/null)" ] || return 0
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	sources "$1" >"$dir/sources.list"
	apt "$1" apt-get update >&2
	touch "$dir/updated"
}

# A field of the newest version of a package.
field() # SUITE PACKAGE FIELD
{
	apt "$1" apt-cache show --no-all-versions "$2" 2>/dev/null |
		sed -n "s/^$3: //p" | head -n 1
}

# Put packages into the working directory.
download() # SUITE PACKAGE...
{
	local suite=$1

	shift
	note "fetching $*"
	apt "$suite" apt-get download "$@" >&2 </dev/null
}

