// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Sleeping and waking: WAIT, WAKE, SWAP, and poll().
 *
 * No wake-up is lost, for the sleeper and the waker do the same two things in
 * opposite order.  A sleeper first gets onto the list, then reads the words that
 * would keep it awake.  A waker has written a word (user space, before it made
 * the call; or a flag, here), then looks at the list, under the lock of the
 * list.  Whichever has that lock second sees what the other one did before: the
 * waker finds the sleeper on the list, or the sleeper finds the word changed.
 * Only the pollers' "armed" is read without a lock; there it takes full
 * barriers, which are named where they are.
 *
 * Sleepers are not on a wait queue, since that would wake them under its lock,
 * and who is woken on another CPU needs the lock next.  On a virtual machine
 * whose CPUs share the ones of the host, it would spin for as long as the
 * waker's CPU is not run.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>

#include "compat.h"
#include "fastipc.h"
#include "trace.h"

/**
 * struct fastipc_sleeper - a thread in WAIT or SWAP, on its stack
 * @link: in fastipc_end.sleepers, or on the list of who is waking them, under
 *	fastipc_end.sleep_lock; not any more when it is @woken
 * @task: the thread
 * @woken: somebody called WAKE.  That ends the wait, even if no word differs; a
 *	wake-up by a timer, by a signal or by chance does not.
 */
struct fastipc_sleeper {
	struct hlist_node link;
	struct task_struct *task;
	bool woken;
};

/* Returned by fastipc_wait_look() when there is nothing to return. */
#define FASTIPC_KEEP_WAITING 1

static int fastipc_wait_look(struct fastipc_end *end,
			     const struct fastipc_ioc_wait *arg)
{
	const struct fastipc_end *whose =
		arg->side == FASTIPC_SIDE_OWN ? end : end->peer;
	u32 __user *local = u64_to_user_ptr(arg->local);
	u32 flags, value;

	/*
	 * First, with acquire: if the peer is gone, then the doorbell is read
	 * as it left it, and what it rang for is not lost on us.
	 */
	flags = smp_load_acquire(&end->flags);
	if (READ_ONCE(whose->region.control->doorbell) != arg->seen)
		return 0;
	if (local) {
		if (get_user(value, local))
			return -EFAULT;
		if (value != arg->local_seen)
			return 0;
	}
	if (flags & (FASTIPC_INFO_PEER_GONE | FASTIPC_INFO_ABORTED))
		return -EPIPE;
	if (flags & FASTIPC_INFO_PEER_SHUTDOWN)
		return -ESHUTDOWN;
	return FASTIPC_KEEP_WAITING;
}

/* The clock is the caller's: a time namespace may have set it apart. */
static ktime_t fastipc_wait_deadline(const struct fastipc_ioc_wait *arg)
{
	s64 deadline = min_t(u64, arg->deadline, KTIME_MAX);
	struct timespec64 ahead = {};

	if (arg->clock == CLOCK_MONOTONIC)
		timens_add_monotonic(&ahead);
	else if (arg->clock == CLOCK_BOOTTIME)
		timens_add_boottime(&ahead);
	if (check_sub_overflow(deadline, timespec64_to_ns(&ahead), &deadline))
		return KTIME_MAX;
	return ns_to_ktime(max_t(s64, deadline, 0));
}

/* As a futex does it: with the slack that the task has. */
static void fastipc_wait_start_timer(struct hrtimer_sleeper *timer,
				     const struct fastipc_ioc_wait *arg)
{
	ktime_t deadline = fastipc_wait_deadline(arg);

	hrtimer_setup_sleeper_on_stack(timer, arg->clock, HRTIMER_MODE_ABS);
	hrtimer_set_expires_range_ns(&timer->timer, deadline,
				     current->timer_slack_ns);
	hrtimer_sleeper_start_expires(timer, HRTIMER_MODE_ABS);
}

/*
 * The caller is on the list, and has found nothing to return.  @timeout: its
 * timer runs; NULL: there is none.
 */
static int fastipc_wait_sleep(struct fastipc_end *end,
			      const struct fastipc_sleeper *sleeper,
			      const struct fastipc_ioc_wait *arg,
			      const struct hrtimer_sleeper *timeout)
{
	int ret;

	for (;;) {
		/*
		 * The barrier in here pairs with the one in try_to_wake_up(),
		 * behind the store to woken or to the timer's task: it is seen
		 * now, or else the waker sees this state.
		 */
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (!READ_ONCE(sleeper->woken) &&
		    (!timeout || READ_ONCE(timeout->task)))
			schedule();
		/* The words may be paged out: reading them may sleep, too. */
		__set_current_state(TASK_RUNNING);

		ret = fastipc_wait_look(end, arg);
		if (ret != FASTIPC_KEEP_WAITING)
			return ret;
		if (READ_ONCE(sleeper->woken))
			return 0;
		if (timeout && !READ_ONCE(timeout->task))
			return -ETIMEDOUT;
		/* Restarting is harmless: the deadline is absolute. */
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
}

/* Apart, so that a wait without a deadline does without the timer's memory. */
static noinline_for_stack int
fastipc_wait_sleep_until(struct fastipc_end *end,
			 const struct fastipc_sleeper *sleeper,
			 const struct fastipc_ioc_wait *arg)
{
	struct hrtimer_sleeper timeout;
	int ret;

	fastipc_wait_start_timer(&timeout, arg);
	ret = fastipc_wait_sleep(end, sleeper, arg, &timeout);
	hrtimer_cancel(&timeout.timer);
	destroy_hrtimer_on_stack(&timeout.timer);
	return ret;
}

static int fastipc_wait(struct fastipc_end *end,
			const struct fastipc_ioc_wait *arg)
{
	struct fastipc_sleeper sleeper = { .task = current };
	int ret;

	spin_lock(&end->sleep_lock);
	hlist_add_head(&sleeper.link, &end->sleepers);
	spin_unlock(&end->sleep_lock);

	ret = fastipc_wait_look(end, arg);
	if (ret == FASTIPC_KEEP_WAITING) {
		atomic64_inc(&end->waits);
		if (arg->deadline)
			ret = fastipc_wait_sleep_until(end, &sleeper, arg);
		else
			ret = fastipc_wait_sleep(end, &sleeper, arg, NULL);
	}

	/* Pairs with the release in fastipc_wake_sleepers(). */
	if (!smp_load_acquire(&sleeper.woken)) {
		spin_lock(&end->sleep_lock);
		if (!sleeper.woken)
			hlist_del(&sleeper.link);
		spin_unlock(&end->sleep_lock);
	}
	return ret;
}

static bool fastipc_wait_valid(const struct fastipc_ioc_wait *arg)
{
	switch (arg->clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_REALTIME:
	case CLOCK_BOOTTIME:
		break;
	default:
		return false;
	}
	return arg->side <= FASTIPC_SIDE_OWN && !arg->reserved &&
	       IS_ALIGNED(arg->local, sizeof(u32));
}

/*
 * What wakes a task with the hint that the waker is about to sleep, so that the
 * task may as well have its CPU.  Only the scheduler knows it by name; a wait
 * queue passes it on to those that are woken.
 */
static int fastipc_sync_flags __ro_after_init;

static int __init fastipc_wake_learn(struct wait_queue_entry *entry,
				     unsigned int mode, int flags, void *key)
{
	fastipc_sync_flags = flags;
	return 1;
}

/**
 * fastipc_wait_init() - learn how to wake a task whose waker is about to sleep
 */
void __init fastipc_wait_init(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(queue);
	struct wait_queue_entry entry;

	init_waitqueue_func_entry(&entry, fastipc_wake_learn);
	add_wait_queue(&queue, &entry);
	wake_up_interruptible_sync(&queue);
}

static void fastipc_wake_task(struct task_struct *task, int flags)
{
	DECLARE_WAITQUEUE(entry, task);

	default_wake_function(&entry, TASK_INTERRUPTIBLE, flags, NULL);
}

/*
 * Wakes all who are on the list when it is called, one by one, each without the
 * lock.  Meanwhile they are on a list of this call's own: who comes while it is
 * at it, maybe somebody just woken, does not keep it from its end.  Nor does
 * somebody else's WAKE find those that are still on it: they wait until this
 * task runs.
 */
static void fastipc_wake_sleepers(struct fastipc_end *end, int flags)
{
	struct fastipc_sleeper *sleeper;
	struct hlist_head sleepers;
	struct task_struct *task;
	bool last;

	/* A task that is seen on the list is not freed before this ends. */
	rcu_read_lock();
	spin_lock(&end->sleep_lock);
	hlist_move_list(&end->sleepers, &sleepers);
	while ((sleeper = hlist_entry_safe(sleepers.first,
					   struct fastipc_sleeper, link))) {
		task = sleeper->task;
		hlist_del(&sleeper->link);
		last = hlist_empty(&sleepers);
		/*
		 * Last, with release: from here on, it may leave, and its stack
		 * with it.  Before the task becomes runnable, which is a
		 * barrier; see fastipc_wait_sleep().
		 */
		smp_store_release(&sleeper->woken, true);
		spin_unlock(&end->sleep_lock);

		fastipc_wake_task(task, flags);
		if (last)
			goto out;

		spin_lock(&end->sleep_lock);
	}
	spin_unlock(&end->sleep_lock);
out:
	rcu_read_unlock();
}

static void fastipc_wake_peer(struct fastipc_end *end, int flags)
{
	struct fastipc_end *peer = end->peer;

	atomic64_inc(&end->wakes);
	/*
	 * Full barrier between the cursor that the caller stored and "armed";
	 * pairs with the one in fastipc_poll_arm().
	 */
	smp_mb__after_atomic();

	fastipc_wake_sleepers(peer, flags);

	/*
	 * All of them, exclusive ones as well: what came may be what only one
	 * waits for, and each has to come back and arm the endpoint again.  No
	 * key, for io_uring takes that for what it would find.
	 */
	if (atomic_read(&peer->armed) && atomic_xchg(&peer->armed, 0))
		wake_up_interruptible_all(&peer->pollers);
}

/**
 * fastipc_end_wake_all() - wake all sleepers of an end, exclusive ones as well
 * @end: something happened to its peer, and is in @end->flags
 */
void fastipc_end_wake_all(struct fastipc_end *end)
{
	fastipc_wake_sleepers(end, 0);
	wake_up_interruptible_all(&end->pollers);
}

/**
 * fastipc_end_wait() - WAIT
 * @end: the caller's
 * @uarg: struct fastipc_ioc_wait
 *
 * Return: as in the UAPI header.
 */
long fastipc_end_wait(struct fastipc_end *end, void __user *uarg)
{
	struct fastipc_ioc_wait arg;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;
	if (!fastipc_wait_valid(&arg))
		return -EINVAL;

	ret = fastipc_wait(end, &arg);
	trace_fastipc_wait(end, &arg, ret);
	return ret;
}

/**
 * fastipc_end_swap() - SWAP: WAKE the peer, then WAIT for it
 * @end: the caller's
 * @uarg: struct fastipc_ioc_wait
 *
 * Return: as in the UAPI header.
 */
long fastipc_end_swap(struct fastipc_end *end, void __user *uarg)
{
	struct fastipc_ioc_wait arg;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;
	if (!fastipc_wait_valid(&arg) || arg.side != FASTIPC_SIDE_PEER)
		return -EINVAL;

	fastipc_wake_peer(end, fastipc_sync_flags);
	ret = fastipc_wait(end, &arg);
	trace_fastipc_swap(end, &arg, ret);
	return ret;
}

/**
 * fastipc_end_wake() - WAKE
 * @end: the caller's
 * @uarg: struct fastipc_ioc_wake
 *
 * Return: 0, -EINVAL, -E2BIG or -EFAULT.
 */
long fastipc_end_wake(struct fastipc_end *end, void __user *uarg)
{
	struct fastipc_ioc_wake arg;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;

	switch (arg.side) {
	case FASTIPC_SIDE_PEER:
		fastipc_wake_peer(end, 0);
		break;
	case FASTIPC_SIDE_OWN:
		atomic64_inc(&end->wakes);
		fastipc_wake_sleepers(end, 0);
		break;
	default:
		return -EINVAL;
	}
	trace_fastipc_wake(end, arg.side);
	return 0;
}

/*
 * Ask the peer to ring: put into the sleep word what the owner of this end
 * would put there before it sleeps.  What other pollers asked for since the
 * last wake-up stays asked for; they sleep still.
 */
static void fastipc_poll_arm(struct fastipc_end *end, u32 want)
{
	spin_lock_irq(&end->pollers.lock);
	/*
	 * A full barrier: whoever rings since it saw the sleep word finds
	 * "armed" set.
	 */
	want |= atomic_fetch_or(want, &end->armed);
	end->epoch += FASTIPC_SLEEP_EPOCH;
	WRITE_ONCE(end->region.control->sleep,
		   FASTIPC_SLEEP_KERNEL | want | end->epoch);
	spin_unlock_irq(&end->pollers.lock);

	/*
	 * Between the sleep word and the look at the cursors; pairs with the
	 * barrier of the peer's user space between its cursor and the look at
	 * the sleep word, and with the one in fastipc_wake_peer().
	 */
	smp_mb();
}

/* Cursors are whatever their owners say; nothing depends on them but this. */
static __poll_t fastipc_poll_look(struct fastipc_end *end)
{
	const struct fastipc_control *own = end->region.control;
	const struct fastipc_control *peer = end->peer->region.control;
	__poll_t events = 0;
	u32 flags;

	/* With acquire, before the cursors: as in fastipc_wait_look(). */
	flags = smp_load_acquire(&end->flags);
	if (READ_ONCE(peer->tx_tail) != READ_ONCE(own->rx_head))
		events |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(own->tx_tail) - READ_ONCE(peer->rx_head) <=
	    end->region.data_size / 2)
		events |= EPOLLOUT | EPOLLWRNORM;
	if (flags & FASTIPC_INFO_PEER_SHUTDOWN)
		events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (flags & (FASTIPC_INFO_PEER_GONE | FASTIPC_INFO_ABORTED))
		events = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP;
	return events;
}

/**
 * fastipc_end_poll() - poll(), select(), epoll and io_uring on an endpoint
 * @file: the endpoint
 * @table: who asks, and for what
 *
 * WAKE disarms the endpoint when it wakes them; each comes here again before it
 * sleeps again, and that arms it anew.  Edge-triggered epoll does so when it
 * hands out the event, and not again: user space then leaves the word alone.
 *
 * Return: what is ready.
 */
__poll_t fastipc_end_poll(struct file *file, struct poll_table_struct *table)
{
	struct fastipc_end *end = file->private_data;
	__poll_t asked = poll_requested_events(table);
	u32 want = 0;

	poll_wait(file, &end->pollers, table);

	if (asked & (EPOLLIN | EPOLLRDNORM))
		want |= FASTIPC_WANT_DATA;
	if (asked & (EPOLLOUT | EPOLLWRNORM))
		want |= FASTIPC_WANT_SPACE;
	if (want)
		fastipc_poll_arm(end, want);
	return fastipc_poll_look(end);
}
