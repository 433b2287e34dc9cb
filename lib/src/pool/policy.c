// SPDX-License-Identifier: MIT
/*
 * The pool's decisions; see policy.h.
 */
#include "pool/policy.h"

#define SECOND 1000000000ull
/* Of what more connections could bring at best, they have to bring that. */
#define GAIN 0.25
/* A trial that failed is not made again for so long, doubling. */
#define HOLD_FIRST_NS SECOND
#define HOLD_MOST_NS (60 * SECOND)
/* Throughput is measured over no less than that, and so many calls; what
 * takes longer is not measured. */
#define MEASURE_LEAST_NS 10000000u
#define MEASURE_CALLS 50u
#define MEASURE_MOST_NS SECOND
/* Calls are slow if they are for so long. */
#define SLOW_LEAST_NS 8000000u
/* A connect beside other connections may take so long in any case. */
#define CONNECT_LEAST_NS 20000000u
/* Without trust, it is tried again after so many. */
#define TRUST_RETRY 32u
#define TRUST_LOSS 4

uint64_t fastipc_policy_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t fastipc_policy_sooner(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* ---- backoff ---- */

uint64_t fastipc_backoff_delay(uint64_t base_ns, uint64_t most_ns,
			       uint32_t failures, uint64_t random)
{
	uint64_t bound = base_ns;

	for (uint32_t i = 1; i < failures && bound < most_ns; i++)
		bound *= 2;
	if (bound > most_ns)
		bound = most_ns;
	return bound ? random % (bound + 1) : 0;
}

void fastipc_backoff_failed(struct fastipc_backoff *backoff, uint64_t now,
			    uint64_t base_ns, uint64_t most_ns, uint64_t random)
{
	if (backoff->failures < UINT32_MAX)
		backoff->failures++;
	backoff->retry_at = now + fastipc_backoff_delay(base_ns, most_ns,
							backoff->failures,
							random);
}

uint64_t fastipc_connect_limit(uint64_t mean_ns, uint32_t failures)
{
	uint64_t limit = 4 * mean_ns;

	if (limit < CONNECT_LEAST_NS)
		limit = CONNECT_LEAST_NS;
	return limit << (failures < 2 ? failures : 2);
}

/* ---- the retry budget ---- */

void fastipc_budget_init(struct fastipc_budget *budget,
			 const struct fastipc_budget_settings *settings,
			 uint64_t now)
{
	*budget = (struct fastipc_budget){
		.thousandths = settings->burst * 1000ull,
		.at = now,
	};
}

bool fastipc_budget_take(struct fastipc_budget *budget,
			 const struct fastipc_budget_settings *settings,
			 uint64_t now, uint64_t calls)
{
	uint64_t most = settings->burst * 1000ull;
	uint64_t elapsed = now > budget->at ? now - budget->at : 0;
	double earned;

	if (calls < budget->calls)
		calls = budget->calls;
	earned = (double)(calls - budget->calls) * settings->percent * 10 +
		 (double)elapsed * settings->per_second / 1e6;
	/* What is less than a thousandth is earned the next time. */
	if (earned >= 1) {
		earned += (double)budget->thousandths;
		budget->thousandths = earned < (double)most ? (uint64_t)earned
							    : most;
		budget->calls = calls;
		budget->at = now;
	}
	if (budget->thousandths < 1000)
		return false;
	budget->thousandths -= 1000;
	return true;
}

/* ---- the breaker ---- */

/* Forget the buckets whose time is over. */
static void roll(struct fastipc_breaker *breaker, uint64_t window_ns,
		 uint64_t now)
{
	uint64_t width = window_ns / FASTIPC_BREAKER_BUCKETS;
	uint64_t slice = now / (width ? width : 1);

	if (slice <= breaker->slice)
		return;
	if (slice - breaker->slice >= FASTIPC_BREAKER_BUCKETS)
		breaker->slice = slice - FASTIPC_BREAKER_BUCKETS;
	while (breaker->slice < slice) {
		uint64_t next = ++breaker->slice % FASTIPC_BREAKER_BUCKETS;

		breaker->buckets[next].good = 0;
		breaker->buckets[next].failed = 0;
	}
}

static void open_breaker(struct fastipc_breaker *breaker,
			 const struct fastipc_breaker_settings *settings,
			 uint64_t now, uint64_t random)
{
	uint64_t bound = settings->open_ns;

	for (uint32_t i = 0;
	     i < breaker->times_open && bound < settings->open_most_ns; i++)
		bound *= 2;
	if (bound > settings->open_most_ns)
		bound = settings->open_most_ns;
	breaker->times_open++;
	breaker->state = FASTIPC_BREAKER_OPEN;
	/* At least half: a breaker that closes at once protects nobody. */
	breaker->until = now + bound / 2 + random % (bound / 2 + 1);
	breaker->probing = false;
	breaker->good = 0;
}

bool fastipc_breaker_note(struct fastipc_breaker *breaker,
			  const struct fastipc_breaker_settings *settings,
			  uint64_t now, uint64_t good, uint64_t failed,
			  uint64_t random)
{
	uint64_t all_good = 0, all_failed = 0;

	roll(breaker, settings->window_ns, now);
	breaker->buckets[breaker->slice % FASTIPC_BREAKER_BUCKETS].good += good;
	breaker->buckets[breaker->slice % FASTIPC_BREAKER_BUCKETS].failed +=
		failed;
	if (breaker->state != FASTIPC_BREAKER_CLOSED || !settings->percent ||
	    !failed)
		return false;
	for (unsigned int i = 0; i < FASTIPC_BREAKER_BUCKETS; i++) {
		all_good += breaker->buckets[i].good;
		all_failed += breaker->buckets[i].failed;
	}
	if (all_failed < settings->least ||
	    all_failed * 100 < (all_good + all_failed) * settings->percent)
		return false;
	open_breaker(breaker, settings, now, random);
	return true;
}

bool fastipc_breaker_admits(struct fastipc_breaker *breaker, uint64_t now)
{
	if (breaker->state == FASTIPC_BREAKER_OPEN && now >= breaker->until)
		breaker->state = FASTIPC_BREAKER_HALF_OPEN;
	switch (breaker->state) {
	case FASTIPC_BREAKER_CLOSED:
		return true;
	case FASTIPC_BREAKER_HALF_OPEN:
		return !breaker->probing || now >= breaker->probe_ends;
	default:
		return false;
	}
}

void fastipc_breaker_begin_probe(struct fastipc_breaker *breaker,
				 const struct fastipc_breaker_settings *settings,
				 uint64_t now)
{
	breaker->probing = true;
	breaker->probe_ends = now + settings->open_most_ns;
}

bool fastipc_breaker_end_probe(struct fastipc_breaker *breaker,
			       const struct fastipc_breaker_settings *settings,
			       uint64_t now, bool good, uint64_t random)
{
	if (breaker->state != FASTIPC_BREAKER_HALF_OPEN)
		return false;
	breaker->probing = false;
	if (!good) {
		open_breaker(breaker, settings, now, random);
		return false;
	}
	if (++breaker->good < settings->probes)
		return false;
	*breaker = (struct fastipc_breaker){ .slice = breaker->slice };
	return true;
}

void fastipc_breaker_void_probe(struct fastipc_breaker *breaker)
{
	breaker->probing = false;
}

uint64_t fastipc_breaker_next(const struct fastipc_breaker *breaker)
{
	if (breaker->state == FASTIPC_BREAKER_OPEN)
		return breaker->until;
	if (breaker->state == FASTIPC_BREAKER_HALF_OPEN && breaker->probing)
		return breaker->probe_ends;
	return 0;
}

/* ---- how many connections ---- */

void fastipc_sizer_init(struct fastipc_sizer *sizer,
			const struct fastipc_sizer_settings *settings)
{
	*sizer = (struct fastipc_sizer){ .ceiling = settings->max };
}

uint32_t fastipc_sizer_most(const struct fastipc_sizer *sizer,
			    const struct fastipc_sizer_settings *settings,
			    uint64_t now)
{
	uint32_t most = settings->max;

	if (now < sizer->hold_until && sizer->ceiling < most)
		most = sizer->ceiling;
	return most > settings->min ? most : settings->min;
}

static uint64_t doubled(uint64_t ns)
{
	if (!ns)
		return HOLD_FIRST_NS;
	return 2 * ns < HOLD_MOST_NS ? 2 * ns : HOLD_MOST_NS;
}

static void hold(struct fastipc_sizer *sizer, uint64_t now, uint32_t ceiling)
{
	sizer->hold_ns = doubled(sizer->hold_ns);
	sizer->hold_until = now + sizer->hold_ns;
	sizer->ceiling = ceiling;
}

/* The time of a trial is over: how many are kept? */
static uint32_t judge(struct fastipc_sizer *sizer, uint64_t now,
		      const struct fastipc_sizer_sample *sample)
{
	uint64_t elapsed = now - sizer->trial_at;
	uint64_t calls = sample->calls - sizer->trial_calls;
	uint32_t from = sizer->trial_from, to = sizer->trial_to;
	double after = (double)calls * 1e9 / (double)elapsed;
	bool known = calls >= MEASURE_CALLS && sample->waiters;

	sizer->trial_to = 0;
	sizer->base_at = 0;
	if (to > from) {
		if (!known ||
		    after >= sizer->trial_before *
				     (1 + GAIN * (to - from) / from)) {
			sizer->hold_ns = 0;
			sizer->fewer_ns = 0;
			return to;
		}
		hold(sizer, now, from);
		return from;
	}
	if (known &&
	    after >= sizer->trial_before * (1 - GAIN * (from - to) / from)) {
		hold(sizer, now, to);
		sizer->fewer_at = now;
		return to;
	}
	sizer->fewer_ns = doubled(sizer->fewer_ns);
	sizer->fewer_at = now + sizer->fewer_ns;
	return from;
}

static uint32_t try_size(struct fastipc_sizer *sizer, uint64_t now,
			 const struct fastipc_sizer_sample *sample,
			 uint32_t size, double before)
{
	sizer->trial_from = sample->size;
	sizer->trial_to = size;
	sizer->trial_before = before;
	sizer->trial_calls = sample->calls;
	sizer->trial_at = now;
	return size;
}

/* Callers wait: how many connections should there be? */
static uint32_t resize_queue(struct fastipc_sizer *sizer,
			     const struct fastipc_sizer_settings *settings,
			     uint64_t now, uint32_t most,
			     const struct fastipc_sizer_sample *sample)
{
	uint64_t calls, elapsed;

	if (sizer->trial_to) {
		uint64_t tried = now - sizer->trial_at;

		if (tried < settings->trial_ns ||
		    (sample->calls - sizer->trial_calls < MEASURE_CALLS &&
		     tried < MEASURE_MOST_NS))
			return sizer->trial_to;
		return judge(sizer, now, sample);
	}
	if (!sizer->base_at) {
		sizer->base_at = now;
		sizer->base_calls = sample->calls;
		return sample->size;
	}
	elapsed = now - sizer->base_at;
	calls = sample->calls - sizer->base_calls;
	/* By Little's law a call takes this long, if all are in use. */
	if (elapsed >= SLOW_LEAST_NS && sample->size < most &&
	    elapsed * sample->size / (calls + 1) > 2 * sample->connect_ns) {
		uint32_t wanted = sample->size + sample->waiters + 1;

		sizer->base_at = 0;
		return wanted < most ? wanted : most;
	}
	if (elapsed < MEASURE_LEAST_NS)
		return sample->size;
	if (calls < MEASURE_CALLS) {
		if (elapsed > MEASURE_MOST_NS)
			sizer->base_at = 0;
		return sample->size;
	}
	if (sample->size > settings->min && sample->size > 1 &&
	    now >= sizer->fewer_at)
		return try_size(sizer, now, sample,
				sample->size / 2 > settings->min
					? sample->size / 2
					: settings->min + !settings->min,
				(double)calls * 1e9 / (double)elapsed);
	if (sample->size < most)
		return try_size(sizer, now, sample,
				2 * sample->size < most ? 2 * sample->size
							: most,
				(double)calls * 1e9 / (double)elapsed);
	/* Measured anew, before the next trial. */
	sizer->base_at = 0;
	return sample->size;
}

/* When fewer would have done for idle_ns: one fewer. */
static uint32_t shrink(struct fastipc_sizer *sizer,
		       const struct fastipc_sizer_settings *settings,
		       uint64_t now, uint32_t size, uint32_t wanted)
{
	if (wanted >= size || !settings->idle_ns) {
		sizer->idle_since = 0;
		return wanted > size ? wanted : size;
	}
	if (!sizer->idle_since) {
		sizer->idle_since = now;
		sizer->idle_peak = 0;
	}
	if (wanted > sizer->idle_peak)
		sizer->idle_peak = wanted;
	if (now - sizer->idle_since < settings->idle_ns)
		return size;
	if (size <= sizer->idle_peak) {
		/* They were needed when this began: are they still? */
		sizer->idle_since = now;
		sizer->idle_peak = wanted;
		return size;
	}
	/* After the first the others go faster: the demand is known. */
	sizer->idle_since = now - settings->idle_ns + settings->idle_ns / 8;
	return size - 1;
}

uint32_t fastipc_sizer_tick(struct fastipc_sizer *sizer,
			    const struct fastipc_sizer_settings *settings,
			    uint64_t now,
			    const struct fastipc_sizer_sample *sample)
{
	uint32_t most = fastipc_sizer_most(sizer, settings, now);
	uint32_t wanted = sample->peak + 1;

	if (wanted < settings->min)
		wanted = settings->min;
	if (wanted > most)
		wanted = most;
	if (sample->waiters && sample->size >= settings->min) {
		sizer->idle_since = 0;
		wanted = resize_queue(sizer, settings, now, most, sample);
		/* The ceiling may be another now. */
		most = fastipc_sizer_most(sizer, settings, now);
		return wanted < most ? wanted : most;
	}
	sizer->trial_to = 0;
	sizer->base_at = 0;
	if (sample->size > most) {
		sizer->idle_since = 0;
		return most;
	}
	return shrink(sizer, settings, now, sample->size, wanted);
}

/* ---- turns ---- */

void fastipc_turns_init(struct fastipc_turns *turns)
{
	*turns = (struct fastipc_turns){ .trust = 1 };
}

bool fastipc_turn_keep(struct fastipc_turns *turns, uint64_t now,
		       uint64_t turn_ends)
{
	if (now >= turn_ends)
		return false;
	if (turns->trust > 0)
		return true;
	if (++turns->handed < TRUST_RETRY)
		return false;
	turns->handed = 0;
	turns->trust = 1;
	return true;
}

void fastipc_turn_returned(struct fastipc_turns *turns, uint64_t idle_ns)
{
	if (idle_ns > FASTIPC_TURN_RETURN_NS)
		turns->trust = turns->trust > 0 ? turns->trust - TRUST_LOSS : 0;
	else if (turns->trust < FASTIPC_TURN_TRUST_MOST)
		turns->trust++;
}

/* ---- which endpoint ---- */

/* a / weight of a < b / weight of b, without a division. */
static bool less(uint64_t a, uint32_t weight_a, uint64_t b, uint32_t weight_b)
{
	return (double)a * weight_b < (double)b * weight_a;
}

int fastipc_choose(const struct fastipc_choice *choices, uint32_t count)
{
	int best = -1;

	for (uint32_t i = 0; i < count; i++) {
		const struct fastipc_choice *other, *one = &choices[i];

		if (!one->admits)
			continue;
		if (best < 0) {
			best = (int)i;
			continue;
		}
		other = &choices[best];
		if (!one->weight)
			continue;
		if (!other->weight ||
		    less(one->in_use, one->weight, other->in_use,
			 other->weight) ||
		    (!less(other->in_use, other->weight, one->in_use,
			   one->weight) &&
		     less(one->given, one->weight, other->given,
			  other->weight)))
			best = (int)i;
	}
	return best;
}

/* -log2(x / 2^64), within 0.01; the library does without libm. */
static double minus_log2(uint64_t x)
{
	int zeros = __builtin_clzll(x | 1);
	double rest = (double)(x << zeros) / 9223372036854775808.0 - 1;

	return zeros + 1 - (rest + 0.344 * rest * (1 - rest));
}

int fastipc_choose_sticky(const struct fastipc_choice *choices, uint32_t count,
			  uint64_t key)
{
	double best_score = 0;
	int best = -1;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t state = key ^ (0x2545f4914f6cdd1dull * (i + 1));
		uint64_t random = fastipc_policy_random(&state);
		double score;

		if (!choices[i].admits)
			continue;
		score = choices[i].weight ? choices[i].weight /
						    (minus_log2(random) + 1e-9)
					  : (double)random * 1e-30;
		if (best < 0 || score > best_score) {
			best = (int)i;
			best_score = score;
		}
	}
	return best;
}
