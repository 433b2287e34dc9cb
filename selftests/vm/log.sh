#!/bin/bash
# SPDX-License-Identifier: MIT
#
# selftests/vm/log.sh LOG: whether a kernel's log is clean: that it has none of
# the lines that tell of a mistake in the kernel.  Those it has are printed, as
# comments of TAP, with what follows each.
#
# KCSAN finds races all over a kernel.  Its reports count if a function of the
# module is in one of their stacks; of the others, only their number is told.
set -u
export LC_ALL=C

log=${1:?}

# What a kernel says when something is wrong.
complaints='BUG:|BUG at|WARNING:|RIP:|Oops|[Kk]ernel panic|Call Trace'
complaints+='|general protection fault|unable to handle|double fault'
complaints+='|possible circular locking|possible recursive locking'
complaints+='|inconsistent lock state|suspicious RCU usage|lock held when'
complaints+='|invalid wait context|bad unlock balance|lockdep'
complaints+='|KASAN|UBSAN|KCSAN|KFENCE|kmemleak|unreferenced object|ODEBUG'
complaints+='|INFO: task|hung task|blocked for more than|soft lockup|hard LOCKUP'
complaints+='|rcu.*(stall|detected)|scheduling while atomic|sleeping function'
complaints+='|refcount_t:|list_(add|del) corruption|Bad page|bad page|BUG_ON'
complaints+='|Out of memory|oom-kill|page allocation failure'
complaints+='|stack-protector|Modules linked in'

# What is said at boot, or on purpose, and is no complaint.
noise=(
	# Features announced at boot, and sizes of lockdep's tables.
	'Lock dependency validator: '
	'... MAX_LOCK'
	'kasan: KernelAddressSanitizer initialized'
	'kcsan: (enabled|strict mode|non-strict mode|selftest)'
	'kfence: initialized'
	'kmemleak: (Kernel memory leak detector|Automatic memory scanning|kmemleak)'
	'ODEBUG: selftest passed'
	'rcu: .*(RCU CPU stall|lockdep)'
	# Debian's kernel tells so of every CPU without these fixes.
	'(Spectre|MDS|TAA|MMIO|RETBleed|SRBDS|GDS|SRSO).*WARNING|WARNING: Spectre'
	# A test that runs into the limit of its own memory cgroup.
	'Memory cgroup out of memory|oom-kill:constraint=CONSTRAINT_MEMCG'
)

# The log, but KCSAN's reports without the module under another name.  A report
# ends with a line of '='; one that another complaint interrupts counts.
judged()
{
	tr -d '\r\0' <"$log" | awk '
		function flush(ours)
		{
			if (!ours)
				sub(/BUG: KCSAN: data-race/, \
					"Foreign race", lines[1])
			for (i = 1; i <= held; i++)
				print lines[i]
			held = 0
		}
		held && /BUG|WARNING|INFO:|Oops|panic/ { flush(1) }
		/BUG: KCSAN: data-race/ { held = ours = 0; start = 1 }
		start || held { lines[++held] = $0 }
		start { start = 0; ours = /fastipc_/; next }
		held && /\[fastipc\]/ { ours = 1 }
		held && /=====/ { flush(ours); next }
		!held { print }
		END { flush(1) }'
}

filtered()
{
	local pattern IFS='|'

	pattern="${noise[*]}"
	judged | grep -anE "$complaints" | grep -avE "$pattern"
}

if [ ! -s "$log" ]; then
	echo "# $log is empty"
	exit 1
fi
foreign=$(judged | grep -c 'Foreign race')
[ "$foreign" -eq 0 ] || echo "# $foreign data races without the module"
first=$(filtered | head -n 1)
[ -n "$first" ] || exit 0
echo "# $(filtered | wc -l) lines of $log:"
filtered | head -n 40 | sed 's/^/# /'
echo "# and what follows the first:"
tail -n "+${first%%:*}" "$log" | head -n 80 | tr -d '\r' | sed 's/^/#   /'
exit 1
