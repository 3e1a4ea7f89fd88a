/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of `runvm --trace-start`: what vminitd and the first container's init have done,
 * and when. Always on: a step is a clock read in user space and a store.
 */
#ifndef VMINIT_STEPS_H
#define VMINIT_STEPS_H

#include <stddef.h>
#include <stdint.h>

/* Later steps are not kept: those of a start come first. */
#define STEPS_MAX 64

/**
 * struct step - one that is done
 * @name: static
 * @usec: CLOCK_MONOTONIC
 */
struct step {
	const char *name;
	uint64_t usec;
};

/* From here on steps are kept, those of processes that are forked later too. Failure leaves it off. */
void steps_begin(void);

/* As if none had been done. */
void steps_forget(void);
/* This process, and those that it forks, are of no interest. */
void steps_end(void);

/* @name: static. Does nothing without steps_begin(). Makes no system call. */
void steps_done(const char *name);

/**
 * steps_get() - what was done so far
 * @ret: borrowed; in the order of their times but for what two processes did at once
 *
 * Return: how many.
 */
size_t steps_get(const struct step **ret);

#endif
