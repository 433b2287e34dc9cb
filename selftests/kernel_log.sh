#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Whether selftests/vm/log.sh sees what a kernel's log has to tell: each of the
# reports below, which kernels print, and no complaint in an ordinary boot.
# Prints TAP.
set -u
export LC_ALL=C
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

cd "$(dirname "$0")" || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
shown=("$log.out")

boot='[    0.000000] Linux version 6.1.0-56-amd64 (gcc-12) SMP PREEMPT_DYNAMIC
[    0.000000] Kernel command line: console=ttyS0 panic=-1 loglevel=8
[    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc.
[    0.000000] ... MAX_LOCKDEP_SUBCLASSES:  8
[    0.000000] kasan: KernelAddressSanitizer initialized
[    0.010000] rcu: RCU lockdep checking is enabled.
[    0.010000] ODEBUG: selftest passed
[    0.800000] kmemleak: Kernel memory leak detector initialized (mem pool)
[    3.200000] Run /init as init process
[    3.900000] fastipc: loading out-of-tree module taints kernel.
[    3.900001] fastipc: module verification failed: signature and/or required key missing - tainting kernel
[   56.900000] reboot: Restarting system'

expect() # clean|complaint NAME [LINE]
{
	local found=clean

	printf '%s\n' "$boot" ${3+"$3"} >"$log"
	vm/log.sh "$log" >"$log.out" || found=complaint
	[ "$found" = "$1" ]
	result $? "$2"
	rm "$log.out"
}

expect clean 'an ordinary boot'
expect clean 'a memory cgroup that is full' \
	'[   9.1] Memory cgroup out of memory: Killed process 99 (limits)'

# What KCSAN prints of two functions, and of what called the first.
race() # FUNCTION FUNCTION CALLER
{
	cat <<-END
		[   12.1] ==================================================================
		[   12.1] BUG: KCSAN: data-race in $1 / $2
		[   12.1] write to 0xffff888003c5a000 of 8 bytes by task 77 on cpu 1:
		[   12.1]  $1+0x1/0x2
		[   12.1]  $3
		[   12.1] read to 0xffff888003c5a000 of 8 bytes by task 78 on cpu 0:
		[   12.1]  $2+0x1/0x2
		[   12.1] Reported by Kernel Concurrency Sanitizer on:
		[   12.1] CPU: 0 PID: 78 Comm: fastipc Tainted: G           O
		[   12.1] ==================================================================
	END
}

expect clean 'a data race of others' \
	"$(race __mod_timer run_timer_softirq do_nanosleep+0x1/0x2)"
expect complaint 'a data race below the module' \
	"$(race list_add list_del 'fastipc_wait+0x1/0x2 [fastipc]')"
expect complaint 'a data race of the module after one of others' \
	"$(race __mod_timer run_timer_softirq do_nanosleep+0x1/0x2
	race fastipc_wait fastipc_wake do_syscall_64+0x1/0x2)"
expect complaint 'a mistake after a data race of others' \
	"$(race __mod_timer run_timer_softirq do_nanosleep+0x1/0x2
	echo 'BUG: scheduling while atomic: waiting/77/0x00000002')"
expect complaint 'a mistake in the middle of a data race of others' \
	"$(race __mod_timer run_timer_softirq do_nanosleep+0x1/0x2 |
		sed '5i BUG: scheduling while atomic: waiting/77/0x00000002')"

while IFS= read -r line; do
	expect complaint "${line:0:60}" "[   12.345678] $line"
done <<'END'
WARNING: CPU: 1 PID: 77 at kmod/channel.c:101 fastipc_wake+0x1/0x2 [fastipc]
BUG: unable to handle page fault for address: ffffc90000a8f000
BUG: KASAN: slab-use-after-free in fastipc_wake+0x1/0x2 [fastipc]
BUG: KCSAN: data-race in fastipc_wait+0x1/0x2 / fastipc_wake+0x1/0x2
BUG: sleeping function called from invalid context at mm/slab.h:274
BUG: scheduling while atomic: waiting/77/0x00000002
BUG: Bad page state in process mapping  pfn:12345
BUG: Bad rss-counter state mm:00000000 type:MM_SHMEMPAGES val:1
kernel BUG at kmod/map.c:12!
RIP: 0010:fastipc_map+0x10/0x20 [fastipc]
general protection fault, probably for non-canonical address
UBSAN: shift-out-of-bounds in kmod/main.c:51:7
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
WARNING: lock held when returning to user space!
refcount_t: underflow; use-after-free.
list_del corruption. prev->next should be ffff8880
ODEBUG: free active (active state 0) object type: hrtimer
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
unreferenced object 0xffff888003c5a000 (size 512):
INFO: task waiting:77 blocked for more than 60 seconds.
watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [waiting:77]
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100
waiting: page allocation failure: order:0, mode:0xdc0(GFP_KERNEL)
Out of memory: Killed process 77 (exhaustion)
END
: >"$log"
! vm/log.sh "$log" >/dev/null
result $? 'an empty log is no clean one'
finish
