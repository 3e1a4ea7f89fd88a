/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frequency of the host's time stamp counter, which is a TCG guest's as well. A guest that is
 * told (tsc_early_khz) need not wait for a timer to find out; it refines the figure later, so one
 * part in a hundred would do, and the two samples give one in ten thousand.
 */
#ifndef RUNVM_VMM_TSC_H
#define RUNVM_VMM_TSC_H

#include <stdint.h>

/**
 * struct tsc_sample - one moment on both clocks
 * @ticks: of the counter; 0 where there is none
 * @ns: CLOCK_MONOTONIC_RAW
 */
struct tsc_sample {
	uint64_t ticks;
	uint64_t ns;
};

/* Taken when the monitor begins, and again when QEMU's command line is made: nobody waits. */
void tsc_sample(struct tsc_sample *ret);

/**
 * tsc_khz() - the frequency by two samples
 *
 * Return: kHz; 0 for unknown: no counter, samples less than 200 us apart, or a result that no
 * processor has.
 */
unsigned int tsc_khz(const struct tsc_sample *first, const struct tsc_sample *second);

#endif
