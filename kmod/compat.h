/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the kernels that the module is built for, Linux 6.1 and
 * later, under the names that the latest of them use.  There is no other place
 * that asks for a version.
 */
#ifndef _FASTIPC_COMPAT_H
#define _FASTIPC_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <net/genetlink.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "fastipc needs Linux 6.1 or later (freezable waits: TASK_FREEZABLE)"
#endif

#if PAGE_SIZE != 4096
#error "fastipc needs pages of 4 KiB: a control page is one, on every machine"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define hrtimer_setup_sleeper_on_stack hrtimer_init_sleeper_on_stack
#endif

/* Since 6.7, and in late releases of 6.1 and 6.6. */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN GENL_UNS_ADMIN_PERM
#endif

#endif /* _FASTIPC_COMPAT_H */
