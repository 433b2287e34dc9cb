// SPDX-License-Identifier: MIT
/*
 * When to spin before sleeping: the adaptive policy.
 *
 * Spinning pays while the expected wait is shorter than what sleeping costs,
 * the cost of being woken (Karlin et al., "Competitive randomized algorithms
 * for non-uniform problems": spin as long as a sleep costs and you are never
 * worse than twice the best).  What a wake-up costs differs by a factor of
 * ten between machines, so it is measured: the ringer stamps the time.
 *
 * On the peer's own CPU a spin only keeps the peer from writing.  There the CPU
 * is given away once, by sched_yield(), also by those who block, since that takes
 * less CPU than a sleep: the peer runs at once, and if it gives
 * way as well when it has answered, neither end sleeps, rings or is woken.  But
 * others may be waiting for that CPU, too; who yields to them comes last, and
 * may wait for all their time slices, where one who wakes up would not.  So
 * when it takes long, again and again, many of the next waits sleep.
 */
#include "channel/channel.h"

#define WAKE_GUESS_NS 50000u
#define WAKE_MOST_NS 1000000u
#define BUDGET_LEAST_NS 20000u
#define BUDGET_MOST_NS 200000u
/* A spin is tried this often when waits have been too long for it. */
#define RETRY_EVERY 16u
/* Less than a scheduler's time slice, more than an answer takes. */
#define WAY_MOST_NS 200000u
/* Once to give way takes longer, so many waits sleep instead that they take
 * some ten times as long as the last way did. */
#define STAY_EACH_NS 400u
#define STAY_MOST 65536u

void fastipc_wait_policy_init(struct fastipc_wait_policy *policy,
			      enum fastipc_wait mode)
{
	*policy = (struct fastipc_wait_policy){
		.mode = mode,
		.wake_ns = WAKE_GUESS_NS,
	};
}

uint64_t fastipc_wait_budget(const struct fastipc_wait_policy *policy)
{
	uint64_t budget = 2ull * policy->wake_ns;

	if (budget < BUDGET_LEAST_NS)
		return BUDGET_LEAST_NS;
	return budget < BUDGET_MOST_NS ? budget : BUDGET_MOST_NS;
}

bool fastipc_wait_should_spin(struct fastipc_wait_policy *policy)
{
	if (policy->mode != FASTIPC_WAIT_ADAPTIVE)
		return policy->mode == FASTIPC_WAIT_SPIN;
	if (policy->wait_ns <= fastipc_wait_budget(policy) ||
	    ++policy->skipped >= RETRY_EVERY) {
		policy->skipped = 0;
		return true;
	}
	return false;
}

bool fastipc_wait_should_give_way(struct fastipc_wait_policy *policy)
{
	if (policy->mode != FASTIPC_WAIT_ADAPTIVE &&
	    policy->mode != FASTIPC_WAIT_BLOCK)
		return false;
	if (!policy->stay)
		return true;
	policy->stay--;
	return false;
}

/* Exponentially weighted, 1/8 for the new sample. */
static uint32_t mean(uint32_t old, uint64_t sample)
{
	return (uint32_t)((old * 7ull + sample) / 8);
}

void fastipc_wait_learn_way(struct fastipc_wait_policy *policy, bool found,
			    uint64_t ns)
{
	uint64_t stay = ns / STAY_EACH_NS;

	if (!found) {
		/* However long it took, nothing was kept waiting. */
		policy->stay = RETRY_EVERY - 1;
		return;
	}
	policy->way_ns = mean(policy->way_ns,
			      ns < 4 * WAY_MOST_NS ? ns : 4 * WAY_MOST_NS);
	if (policy->way_ns <= WAY_MOST_NS)
		return;
	policy->stay = stay < STAY_MOST ? (uint32_t)stay : STAY_MOST;
	/* Then one more that takes long is enough. */
	policy->way_ns = WAY_MOST_NS * 3 / 4;
}

void fastipc_wait_learn(struct fastipc_wait_policy *policy, uint64_t ns)
{
	/* One very long wait must not switch spinning off for long. */
	uint64_t most = 4 * fastipc_wait_budget(policy);

	policy->wait_ns = mean(policy->wait_ns, ns < most ? ns : most);
}

void fastipc_wait_learn_wake(struct fastipc_wait_policy *policy,
			     uint64_t rung_ns, uint64_t now)
{
	/* The stamp is the peer's: a lie is bounded here, and only costs CPU. */
	uint64_t cost = now - rung_ns;

	if (now > rung_ns && cost < WAKE_MOST_NS)
		policy->wake_ns = mean(policy->wake_ns, cost);
}
