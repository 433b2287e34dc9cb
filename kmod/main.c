// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fastipc: rings of shared memory between two processes.
 *
 * The module makes the rings, maps them, and moves wake-ups; what is in them,
 * who may connect to whom, and under what name, is up to user space.  This file
 * has the device, /dev/fastipc, whose files can QUERY and CREATE.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "compat.h"
#include "fastipc.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static ushort fastipc_mode = 0666;
module_param_named(mode, fastipc_mode, ushort, 0444);
MODULE_PARM_DESC(mode, "Permissions of /dev/fastipc (default 0666)");

/**
 * fastipc_copy_in_sized() - fastipc_copy_in(), of an argument of another size
 * @arg: where to
 * @known: bytes of @arg
 * @uarg: the caller's
 * @size: how many bytes the caller says it has
 *
 * Return: as fastipc_copy_in().
 */
int fastipc_copy_in_sized(void *arg, size_t known, const void __user *uarg,
			  u32 *size)
{
	if (get_user(*size, (const u32 __user *)uarg))
		return -EFAULT;
	if (*size < known)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(arg, known, uarg, *size);
}

/**
 * fastipc_query() - what this module is, and what the caller may still have
 * @uarg: struct fastipc_ioc_query
 *
 * Return: 0 or a negative error number.
 */
long fastipc_query(void __user *uarg)
{
	struct fastipc_ioc_query arg;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;

	arg = (struct fastipc_ioc_query){
		.size = size,
		.abi = FASTIPC_ABI_VERSION,
		.features = FASTIPC_FEATURE_SWAP,
		.ring_min = FASTIPC_RING_MIN,
		.ring_max = FASTIPC_RING_MAX,
	};
	fastipc_limit_query(current_uid(), &arg);
	return copy_to_user(uarg, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static bool fastipc_ring_size_valid(u32 size)
{
	return size >= FASTIPC_RING_MIN && size <= FASTIPC_RING_MAX &&
	       is_power_of_2(size);
}

/*
 * Nobody else can get at the files before fd_install(), which comes last and
 * cannot fail.  Whatever fails before leaves through the same door: a file that
 * was made is closed like any other.
 */
static long fastipc_create(void __user *uarg)
{
	struct file *file[2] = { NULL, NULL };
	struct fastipc_channel *channel = NULL;
	struct fastipc_ioc_create arg;
	int i, ret;
	u32 size;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;
	if (arg.flags || !fastipc_ring_size_valid(arg.ring_size[0]) ||
	    !fastipc_ring_size_valid(arg.ring_size[1]))
		return -EINVAL;

	arg.fd[0] = -1;
	arg.fd[1] = -1;
	for (i = 0; i < 2; i++) {
		ret = get_unused_fd_flags(O_CLOEXEC);
		if (ret < 0)
			goto out;
		arg.fd[i] = ret;
	}

	channel = fastipc_channel_create(arg.ring_size);
	if (IS_ERR(channel)) {
		ret = PTR_ERR(channel);
		channel = NULL;
		goto out;
	}
	for (i = 0; i < 2; i++) {
		file[i] = fastipc_end_open(&channel->end[i]);
		if (IS_ERR(file[i])) {
			ret = PTR_ERR(file[i]);
			file[i] = NULL;
			goto out;
		}
	}
	if (copy_to_user(uarg, &arg, sizeof(arg))) {
		ret = -EFAULT;
		goto out;
	}

	fastipc_channel_publish(channel);
	for (i = 0; i < 2; i++)
		fd_install(arg.fd[i], file[i]);
	ret = 0;
out:
	trace_fastipc_create(channel, arg.ring_size, ret);
	if (ret) {
		for (i = 0; i < 2; i++) {
			if (file[i])
				fput(file[i]);
			if (arg.fd[i] >= 0)
				put_unused_fd(arg.fd[i]);
		}
	}
	if (channel)
		fastipc_channel_put(channel);
	return ret;
}

static long fastipc_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	if (_IOC_TYPE(cmd) != FASTIPC_IOC_TYPE)
		return -ENOTTY;

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(FASTIPC_IOC_QUERY):
		return fastipc_query(uarg);
	case _IOC_NR(FASTIPC_IOC_CREATE):
		return fastipc_create(uarg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations fastipc_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = fastipc_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice fastipc_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fastipc",
	.fops = &fastipc_fops,
};

static int __init fastipc_init(void)
{
	int ret;

	fastipc_limit_init();
	fastipc_wait_init();
	ret = fastipc_netlink_init();
	if (ret)
		return ret;

	fastipc_device.mode = fastipc_mode & 0777;
	ret = misc_register(&fastipc_device);
	if (ret)
		fastipc_netlink_exit();
	return ret;
}

/*
 * All files are closed, since each holds the module (fops.owner), and so are
 * all mappings, since each holds its file: there is no channel any more.
 */
static void __exit fastipc_exit(void)
{
	misc_deregister(&fastipc_device);
	fastipc_netlink_exit();
	WARN_ON(!list_empty(&fastipc_channels));
}

module_init(fastipc_init);
module_exit(fastipc_exit);

MODULE_DESCRIPTION("Rings of shared memory between two processes");
MODULE_LICENSE("Dual MIT/GPL");
