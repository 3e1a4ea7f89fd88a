// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "test.h"
#include "vmm/tsc.h"

static unsigned int khz(uint64_t ticks_a, uint64_t ns_a, uint64_t ticks_b, uint64_t ns_b)
{
	struct tsc_sample a = {ticks_a, ns_a}, b = {ticks_b, ns_b};

	return tsc_khz(&a, &b);
}

static void test_figures(void)
{
	CHECK_INT(khz(1000, 0, 2001000, 1000000), ==, 2000000);
	CHECK_INT(khz(1, 5, 2400001, 1000005), ==, 2400000);
	CHECK_INT(khz(1, 0, 3000000000, UINT64_C(1000000000)), ==, 2999999);
}

static void test_unknown(void)
{
	CHECK_INT(khz(0, 0, 0, 1000000), ==, 0);
	CHECK_INT(khz(1, 0, 400001, 199999), ==, 0);
	CHECK_INT(khz(5, 0, 4, 1000000), ==, 0);
	CHECK_INT(khz(1, 1000000, 2000001, 0), ==, 0);
	CHECK_INT(khz(1, 0, 1000, 1000000), ==, 0);
	CHECK_INT(khz(1, 0, UINT64_MAX, 1000000), ==, 0);
	CHECK_INT(khz(1, 0, 100000000, 1000000), ==, 0);
}

/* Two samples of this machine agree with a longer look at it. */
static void test_machine(void)
{
	struct tsc_sample a, b, c;
	unsigned int brief, thorough;

	tsc_sample(&a);
	do
		tsc_sample(&b);
	while (b.ns - a.ns < 300000);
	do
		tsc_sample(&c);
	while (c.ns - a.ns < 50000000);
	brief = tsc_khz(&a, &b);
	thorough = tsc_khz(&a, &c);
	if (!a.ticks) {
		CHECK_INT(brief, ==, 0);
		return;
	}
	CHECK_INT(thorough, >, 0);
	CHECK_INT(brief, >, thorough - thorough / 100);
	CHECK_INT(brief, <, thorough + thorough / 100);
}

int main(void)
{
	TEST_RUN(test_figures);
	TEST_RUN(test_unknown);
	TEST_RUN(test_machine);
	return test_end();
}
