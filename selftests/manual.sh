#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The manual is in step: each public function has a page with the declaration
# that its header has, each constant and each member of a public struct is told
# of, and each option that a command's --help has is in that command's section.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")
bin=${O:-build}/bin
# What generated code alone uses is not for the manual.
headers=(lib/include/fastipc/{channel,client,discover,loan,pool,server}.h
	lib/include/fastipc/{stream,topic,types}.h
	lib/include/fastipc/codec/memory.h)

# The headers as one line each for a declaration, without comments.
declarations()
{
	cat "${headers[@]}" | gcc -fpreprocessed -dD -E -P - 2>/dev/null |
		grep -v '^#' | tr '\n\t' '  ' |
		sed 's/ \+/ /g; s/extern "C" {//g; s/{ [^{}]*return[^{}]*}/;/g
		s/static inline //g; s/\(struct\|enum\) fastipc_[a-z_]* {[^{}]*};/\n/g
		s/;/;\n/g'
}

# "TYPE NAME(ARGUMENTS)", spaced in one way.
one_way()
{
	sed 's/^ *//; s/ *\([(),*]\) */\1/g; s/ *;$//; s/ *$//' | sort
}

declared()
{
	declarations | grep -v typedef |
		grep -E '\bfastipc_[a-z0-9_]+ ?\(.*\) ?;' | one_way
}

# Of the synopses: .Ft, and .Fn or .Fo to .Fc.
told()
{
	find lib/man -name '*.3' -type f -exec awk '
	/^\.Sh/ { synopsis = /SYNOPSIS/ }
	!synopsis { next }
	/^\.Ft / { type = substr($0, 5) }
	/^\.Fn / || /^\.Fo / {
		name = $2
		rest = substr($0, length($1 $2) + 3)
		text = ""
	}
	/^\.Fa / { rest = substr($0, 5) }
	/^\.F[noa] / && $0 !~ /^\.Fo / {
		while (match(rest, /"[^"]*"|[^" ]+/)) {
			word = substr(rest, RSTART, RLENGTH)
			gsub(/"/, "", word)
			text = text (text == "" ? "" : ",") word
			rest = substr(rest, RSTART + RLENGTH)
		}
	}
	/^\.Fn / || /^\.Fc/ {
		if (name !~ /^\(/) print type " " name "(" text ")"
	}' {} + | one_way
}

# Names that no page has.
untold() # NAME...
{
	printf '%s\n' "$@" | sort -u |
		grep -vxFf <(cat lib/man/*.[1-9] | grep -oE '[A-Za-z_][A-Za-z0-9_]*')
}

constants()
{
	cat "${headers[@]}" | gcc -fpreprocessed -dD -E -P - 2>/dev/null |
		grep -oE '\bFASTIPC_[A-Z0-9_]+' | grep -v '_H$'
}

members()
{
	cat "${headers[@]}" | gcc -fpreprocessed -dD -E -P - 2>/dev/null |
		tr '\n\t' '  ' |
		grep -oE '(struct|enum) fastipc_[a-z_]+ \{[^{}]*\};' |
		sed 's/^[^{]*{//' | grep -oE '[a-z_0-9]+(\[[^]]*\])? ?[,;]|[(][*][a-z_]+' |
		grep -oE '[a-z][a-z0-9_]*'
}

pages()
{
	local name missing=0

	for name in $(declared | sed 's/(.*//; s/.*[ *]//'); do
		[ -e "lib/man/$name.3" ] || {
			echo "there is no lib/man/$name.3"
			missing=1
		}
	done
	return $missing
}

# The options of --help that the section of fastipc(1) does not have.
options() # COMMAND...
{
	local section=$*

	"$bin/fastipc" "$@" --help </dev/null |
		grep -oE '^ {2,6}(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' |
		grep -vxE -- '--(help|usage|version)' | sort >"$work/help"
	awk -v section=".Ss fastipc $section" '
		/^\.S[sh]/ { inside = $0 == section }
		inside && /^\.It Fl/ { print }' lib/man/fastipc.1 |
		grep -oE ' -[a-z][a-z-]+' | sed 's/^ /-/' | sort >"$work/section"
	diff "$work/help" "$work/section"
}

diff <(declared) <(told) >"$log"
result $? 'each declaration is in the manual as it is in the header'
[ "$(declared | wc -l)" -gt 100 ]
result $? 'and there are many'
check 'each function has a page' pages
mapfile -t names < <(constants)
! untold "${names[@]}" >"$log"
result $? 'each constant is told of'
mapfile -t names < <(members)
! untold "${names[@]}" >"$log"
result $? 'each member of a struct is told of'
for command in serve get call ping publish subscribe ls stat top monitor \
	disconnect decode encode bench 'bench publish' 'bench loan' 'bench load'; do
	read -ra words <<<"$command"
	check "options of fastipc $command" options "${words[@]}"
done
finish
