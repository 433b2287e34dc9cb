// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How a region comes into an address space: all of it, in one piece, the ring
 * twice in a row, so that a record that wraps around is contiguous.
 *
 * A mapping has references to the pages and, like any mapping of a file, to the
 * endpoint's file: it stays valid whatever happens to the descriptors, and
 * there is no way for an access to it to fail.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "fastipc.h"

/* Neither a part of it nor another place: the double ring must stay one. */
static int fastipc_map_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static int fastipc_map_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/*
 * All pages are there from the beginning.  This is for who throws them out of
 * its own page tables, by madvise(MADV_DONTNEED): they are put back.
 */
static vm_fault_t fastipc_map_fault(struct vm_fault *vmf)
{
	const struct fastipc_region *region = vmf->vma->vm_private_data;
	unsigned long i = (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT;

	if (i >= region->nr_pages)
		i -= region->nr_pages - 1; /* the second view of the ring */
	get_page(region->pages[i]);
	vmf->page = region->pages[i];
	return 0;
}

static const struct vm_operations_struct fastipc_map_ops = {
	.may_split = fastipc_map_may_split,
	.mremap = fastipc_map_mremap,
	.fault = fastipc_map_fault,
};

/*
 * A page table at a time, since a large ring takes long.  The one thing that
 * may be missing is memory for page tables; vm_insert_pages() says EFAULT for
 * those of the upper levels.
 */
static int fastipc_map_insert(struct vm_area_struct *vma, unsigned long addr,
			      struct page **pages, unsigned long nr)
{
	while (nr) {
		unsigned long some = min_t(unsigned long, nr, PTRS_PER_PTE);
		unsigned long left = some;

		if (vm_insert_pages(vma, addr, pages, &left))
			return -ENOMEM;
		addr += some * PAGE_SIZE;
		pages += some;
		nr -= some;
		cond_resched();
	}
	return 0;
}

/* The control page, the ring, and the ring once more. */
static int fastipc_map_region(struct vm_area_struct *vma,
			      const struct fastipc_region *region)
{
	unsigned long nr = region->nr_pages;
	int ret;

	ret = fastipc_map_insert(vma, vma->vm_start, region->pages, nr);
	if (ret)
		return ret;
	return fastipc_map_insert(vma, vma->vm_start + nr * PAGE_SIZE,
				  region->pages + 1, nr - 1);
}

static void fastipc_end_set_owner(struct fastipc_end *end)
{
	struct fastipc_channel *channel = end->channel;

	spin_lock(&channel->lock);
	if (!end->owner) {
		end->owner = get_pid(task_tgid(current));
		end->owner_uid = current_uid();
		end->owner_gid = current_gid();
		get_task_comm(end->owner_comm, current);
		/* Read without the lock in wait.c, by who does not need it. */
		WRITE_ONCE(end->peer->flags,
			   end->peer->flags | FASTIPC_INFO_PEER_OWNED);
	}
	spin_unlock(&channel->lock);
}

/**
 * fastipc_end_mmap() - map the end's own region, or its peer's
 * @file: the endpoint
 * @vma: what is asked for; its offset says which of the two
 *
 * Return: 0; -EINVAL: not one of these, not the whole of it, or not shared;
 * -EPERM: executable; -EACCES: the peer's region writable; -ENOMEM.
 */
int fastipc_end_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct fastipc_end *end = file->private_data;
	bool writable = vma->vm_flags & VM_WRITE;
	struct fastipc_region *region;
	int ret;

	switch ((u64)vma->vm_pgoff << PAGE_SHIFT) {
	case FASTIPC_MAP_OWN:
		region = &end->region;
		break;
	case FASTIPC_MAP_PEER:
		region = &end->peer->region;
		break;
	default:
		return -EINVAL;
	}
	if (vma->vm_end - vma->vm_start != FASTIPC_MAP_SIZE(region->data_size))
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (writable && region != &end->region)
		return -EACCES;

	/*
	 * What is read-only stays so: mprotect() must not win the peer's region
	 * back, and who writes the own one is to be known as its owner.
	 */
	vm_flags_clear(vma, VM_MAYEXEC | (writable ? 0 : VM_MAYWRITE));
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &fastipc_map_ops;
	vma->vm_private_data = region;

	ret = fastipc_map_region(vma, region);
	if (!ret && writable)
		fastipc_end_set_owner(end);
	return ret;
}
