// SPDX-License-Identifier: Apache-2.0
#include "lib/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/loop.h"

/* Of the line: room for the number, a name of ours, and the step. */
#define LINE_MAX_SIZE 128
#define STEP_MAX_SIZE 64

static struct {
	int fd;
	const char *name;
} trace = {.fd = -1, .name = "runvm"};

void trace_set_file(int fd)
{
	trace.fd = fd;
}

void trace_set_name(const char *name)
{
	trace.name = name;
}

bool trace_wanted(void)
{
	return trace.fd >= 0;
}

int trace_get_file(void)
{
	return trace.fd;
}

void trace_step_at(uint64_t usec, const char *who, const char *step)
{
	char line[LINE_MAX_SIZE];
	int n;

	if (trace.fd < 0)
		return;
	n = snprintf(line, sizeof(line), "%" PRIu64 " %s %.*s", usec, who, STEP_MAX_SIZE, step);
	for (int i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	line[n++] = '\n';
	(void)!write(trace.fd, line, (size_t)n);
}

void trace_step(const char *step)
{
	trace_step_at(loop_now(), trace.name, step);
}
