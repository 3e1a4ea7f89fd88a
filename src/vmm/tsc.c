// SPDX-License-Identifier: Apache-2.0
#include "vmm/tsc.h"

#include <time.h>

#define INTERVAL_MIN_NS 200000
#define KHZ_MIN		100000
#define KHZ_MAX		20000000
#define TRIES		5

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t now_ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

void tsc_sample(struct tsc_sample *ret)
{
	uint64_t best = UINT64_MAX;

	/* The reading of the counter that was least interrupted lies closest to its time. */
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = now_ns(), ticks = now_ticks(), after = now_ns();

		if (after - before < best) {
			best = after - before;
			*ret = (struct tsc_sample){.ticks = ticks, .ns = before + best / 2};
		}
	}
}

unsigned int tsc_khz(const struct tsc_sample *first, const struct tsc_sample *second)
{
	uint64_t ticks = second->ticks - first->ticks, ns = second->ns - first->ns;
	uint64_t khz;

	if (!first->ticks || second->ticks <= first->ticks || second->ns < first->ns ||
	    ns < INTERVAL_MIN_NS || ticks > UINT64_MAX / 1000000)
		return 0;
	khz = ticks * 1000000 / ns;
	return khz < KHZ_MIN || khz > KHZ_MAX ? 0 : (unsigned int)khz;
}
