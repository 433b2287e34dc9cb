#!/bin/bash
# SPDX-License-Identifier: MIT
#
# SPIN finds no error in any model: every interleaving, every safety and
# liveness property of selftests/model/*.pml.  A model may choose the options
# of its verifier in a line "pan: OPTION...", of its compiler in "cc: FLAG...".
# With each -D of its lines "must-fail: -DNAME...", a part of the protocol is
# left out, and SPIN must find an error: else the model shows nothing.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

models=$PWD/selftests/model
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
shown=(log)

options() # KEY MODEL
{
	sed -n "s/.*\<$1: *\(-[^*]*\).*/\1/p" "$2"
}

# shellcheck disable=SC2046 # words are meant
build() # MODEL [-DNAME]
{
	rm -f pan "${1##*/}.trail"
	spin -a ${2:+"$2"} "$1" &&
		"${CC:-cc}" -w $(options cc "$1") -o pan pan.c
}

# shellcheck disable=SC2046 # words are meant
verify() # MODEL
{
	build "$1" && ./pan -m1000000 $(options pan "$1") &&
		[ ! -e "${1##*/}.trail" ]
}

# shellcheck disable=SC2046 # words are meant
refute() # MODEL -DNAME
{
	build "$1" "$2" && ./pan -m1000000 $(options pan "$1")
	[ -e "${1##*/}.trail" ]
}

for model in "$models"/*.pml; do
	verify "$model" >log 2>&1 && grep -q 'errors: 0$' log &&
		! grep -q 'error: max search depth too small' log
	result $? "${model##*/}"
	sed -n 's/^ *\([0-9.e+]* states, stored.*\)/# \1/p' log
	for part in $(options must-fail "$model"); do
		refute "$model" "$part" >log 2>&1
		result $? "${model##*/} fails with $part"
	done
done
finish
