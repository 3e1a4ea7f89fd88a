/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of a start (`--trace-start FILE`): every process that takes part appends a line for each
 * step it has done, `<microseconds of CLOCK_MONOTONIC> <who> <step>`. tests/bench makes a table of
 * it; it is also how a user reports a slow start. Without a file a step costs one comparison.
 */
#ifndef RUNVM_TRACE_H
#define RUNVM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/* Borrowed; -1 for none. Opened with O_APPEND: the processes of a start share it. */
void trace_set_file(int fd);

/* Who the lines of this process are from: a string that lives forever. "runvm" at first. */
void trace_set_name(const char *name);

/* There is a file: what is only for the trace is worth doing. */
bool trace_wanted(void);
/* Return: the descriptor of trace_set_file(), -1 for none. */
int trace_get_file(void);

/* A step is done, now. */
void trace_step(const char *step);

/**
 * trace_step_at() - somebody else did a step
 * @usec: when, of CLOCK_MONOTONIC of the host
 * @step: may be the guest's text: what is not plain ASCII is replaced, what is long is cut
 */
void trace_step_at(uint64_t usec, const char *who, const char *step);

#endif
