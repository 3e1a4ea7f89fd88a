/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of a start (`--trace-start FILE`): every process that takes part appends a line for each
 * step it has done, `<microseconds of CLOCK_MONOTONIC> <who> <step>`. tests/bench makes a table of
 * it; it is also how a user reports a slow start. Without a file a step costs one comparison.
 */
#ifndef RUNVM_TRACE_H
#define RUNVM_TRACE_H

/* Borrowed; -1 for none. Opened with O_APPEND: the processes of a start share it. */
void trace_set_file(int fd);

/* Who the lines of this process are from: a string that lives forever. "runvm" at first. */
void trace_set_name(const char *name);

/* A step is done, now. */
void trace_step(const char *step);

#endif
