#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compares the transports kmod and memfd by the instructions that a round trip
# takes, of user space and kernel together, in a virtual machine with one CPU
# that counts them as its clock ($VM_COUNT of selftests/vm/boot.sh; `make
# bench-vm`), and prints a Markdown table.  That is not time, but the same in
# each run.
#
#	SWAP_BENCH=path of selftests/kmod/swap_bench, for the bare exchanges
set -eu -o pipefail
export LC_ALL=C

fastipc=${FASTIPC:-build/bin/fastipc}
swap_bench=${SWAP_BENCH:-build/selftests/kmod/swap_bench}

call() # TRANSPORT
{
	"$fastipc" bench rtt --size 64 --transport "$1" --wait sleep \
		--placement same --duration 0.2 --json 2>/dev/null |
		sed -n 's/.*"p50_ns":\([0-9]*\).*/\1/p'
}

row() # MEASURE BAR VALUE
{
	printf '| %s | %s | %s |\n' "$@"
}

ratio() # A B
{
	awk "BEGIN { printf \"%.2f\", $1 / $2 }"
}

# In a virtual machine it runs as a test, and says so in TAP.
if [ -e /fastipc/tests ]; then
	exec > >(sed 's/^/# /'; echo 'ok 1 - counted'; echo '1..1')
fi

kmod=$(call kmod)
memfd=$(call memfd)
read -r swap futex socket < <("$swap_bench" 50 |
	sed -n 's/^# same CPU *\([0-9]*\) *\([0-9]*\) *\([0-9]*\) .*/\1 \2 \3/p')

echo '| instructions of a round trip in which both sleep, one CPU | bar | |'
echo '|---|---|---|'
row 'a call with 64 B, checksum full: kmod / memfd' '-' "$kmod / $memfd"
row 'a word: SWAP / futex / 64 B through a socket pair' '-' \
	"$swap / $futex / $socket"
row 'a call: kmod ÷ memfd' '<= 0.90' "$(ratio "$kmod" "$memfd")"
row 'a word: SWAP ÷ futex' '<= 0.90' "$(ratio "$swap" "$futex")"
row 'a call over kmod ÷ a socket pair' '<= 0.60' "$(ratio "$kmod" "$socket")"
row 'a word by SWAP ÷ a socket pair' '<= 0.60' "$(ratio "$swap" "$socket")"
