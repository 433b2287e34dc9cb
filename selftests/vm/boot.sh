#!/bin/bash
# SPDX-License-Identifier: MIT
#
# selftests/vm/boot.sh DIRECTORY [shell]: boot DIRECTORY/vmlinuz in QEMU with
# DIRECTORY/initramfs (which initramfs.sh makes), and print as TAP what the
# tests there print, one more test for the guest's end, and one for its kernel
# log; or give a shell in it.  The logs stay in DIRECTORY: kernel.log and
# tests.log; what the guest sends besides in files.tar.
#
# KVM is used where it can boot this kernel, emulation elsewhere ($VM_ACCEL
# names one: kvm, tcg).  The guest is killed after $VM_TIMEOUT seconds (3000).
# With $VM_COUNT it has one CPU, each instruction of which takes it 1 ns by its
# own clock: what it measures is the same in each boot, whatever the host does.
# Nor are there timeouts and stalls in it when the host is too busy to run it for
# a minute: VM_COUNT=1 make check-vm T=selftests/kmod SKIP=kmod/tool.sh (whose
# processes spin for seconds, each of them 10^9 instructions).
set -u
export LC_ALL=C

here=$(dirname "$0")
directory=${1:?}
mode=${2:-tests}
timeout=${VM_TIMEOUT:-3000}
cache=${FASTIPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fastipc}
cpus=2
memory=${VM_MEMORY:-2G}
pid=''

end()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Run QEMU, for some seconds at most (0: for ever), in place of this process.
qemu() # ACCELERATOR SECONDS APPEND ARGUMENT...
{
	local accelerator=$1 seconds=$2 append=$3
	local machine=(-accel 'tcg,thread=multi' -cpu 'max,-la57')

	shift 3
	if [ "$accelerator" = kvm ]; then
		machine=(-accel kvm -cpu host)
	else
		[ "$accelerator" != count ] ||
			machine=(-accel 'tcg,thread=single' \
				-icount 'shift=0,sleep=off' -cpu 'max,-la57')
		# The emulated TSC is one for all CPUs, which the kernel would
		# not believe; without it, each look at the clock is an access
		# to a device.  Emulated CPUs do not speculate, and walk a
		# fifth level of page tables at a price.  The kernel's look
		# whether its timer works ends in a panic if the host does not
		# run it meanwhile.
		append+=' tsc=reliable mitigations=off no_timer_check'
	fi
	exec timeout -k 5 --foreground "$seconds" qemu-system-x86_64 \
		"${machine[@]}" -smp "$cpus" -m "$memory" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$directory/vmlinuz" -initrd "$directory/initramfs" \
		-append "console=ttyS0 panic=-1 $append" "$@"
}

# Whether KVM boots this kernel: /dev/kvm may be there, and not work for it.
# The answer is kept for the host's kernel.
kvm_works()
{
	local answer

	answer=$cache/kvm-$(uname -r)
	if [ ! -e "$answer" ]; then
		mkdir -p "$cache"
		echo no >"$answer"
		if [ -w /dev/kvm ] && (qemu kvm 20 'fastipc.mode=nothing' \
			-serial stdio </dev/null 2>/dev/null) |
			grep -q '^fastipc-end'; then
			echo yes >"$answer"
		fi
	fi
	[ "$(cat "$answer")" = yes ]
}

accelerator=${VM_ACCEL:-}
if [ -n "${VM_COUNT:-}" ]; then
	accelerator=count
	cpus=1
fi
if [ -z "$accelerator" ]; then
	accelerator=tcg
	kvm_works && accelerator=kvm
fi

if [ "$mode" = shell ]; then
	read -r rows columns < <(stty size 2>/dev/null || echo 24 80)
	(qemu "$accelerator" 0 "quiet fastipc.mode=shell \
		fastipc.rows=$rows fastipc.columns=$columns" \
		-serial mon:stdio)
	exit
fi

# ---- the tests ----

rm -f "$directory"/{kernel,tests}.log "$directory/files.tar"
qemu "$accelerator" "$timeout" 'loglevel=8 fastipc.mode=tests' \
	-serial "file:$directory/kernel.log" \
	-serial "file:$directory/tests.log" \
	-serial "file:$directory/files.tar" </dev/null &
pid=$!
wait "$pid"
status=$?
pid=''

number=0
result() # STATUS NAME
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
	fi
}

# The guest's tests count as this one's; its plans and totals do not.
group=''
while IFS= read -r line; do
	case $line in
	'# '*[\ :]*[\ :]*) ;;
	'# '*/*) group=${line#\# } ;;
	esac
	case $line in
	'not ok '*'# SKIP'*)
		# cmocka says so of what was skipped.
		number=$((number + 1))
		echo "ok $number - $group:${line#*ok}"
		;;
	'ok '* | 'not ok '*)
		number=$((number + 1))
		echo "${line%%ok *}ok $number - $group:${line#*ok}"
		;;
	1..[0-9]* | 'TAP version'* | '#  RUN '* | '#            OK '*) ;;
	*' passed, '*' failed' | *' skipped' | 'FAILED '* | 'fastipc-end'*) ;;
	*) echo "$line" ;;
	esac
done < <(tr -d '\r' <"$directory/tests.log")

[ "$status" -ne 124 ] || echo "# killed after $timeout s"
ran=$number
grep -q '^fastipc-end 0' <(tr -d '\r' <"$directory/tests.log")
result $? "the guest ran all and ended ($accelerator)"
"$here/log.sh" "$directory/kernel.log"
result $? "the kernel's log has no complaint"
[ "$ran" -gt 0 ]
result $? "there was a test"
echo "1..$number"
