// SPDX-License-Identifier: MIT
/*
 * When to spin before sleeping: the adaptive policy.
 *
 * Spinning pays while the expected wait is shorter than what sleeping costs,
 * the cost of being woken (Karlin et al., "Competitive randomized algorithms
 * for non-uniform problems": spin as long as a sleep costs and you are never
 * worse than twice the best).  What a wake-up costs differs by a factor of
 * ten between machines, so it is measured: the ringer stamps the time.
 */
#include "channel/channel.h"

#define WAKE_GUESS_NS 50000u
#define WAKE_MOST_NS 1000000u
#define BUDGET_LEAST_NS 20000u
#define BUDGET_MOST_NS 200000u
/* A spin is tried this often when waits have been too long for it. */
#define RETRY_EVERY 16u

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

/* Exponentially weighted, 1/8 for the new sample. */
static uint32_t mean(uint32_t old, uint64_t sample)
{
	return (uint32_t)((old * 7ull + sample) / 8);
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
