// SPDX-License-Identifier: Apache-2.0
#include "lib/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/loop.h"

#define LINE_MAX_SIZE 128

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

void trace_step(const char *step)
{
	char line[LINE_MAX_SIZE];
	int n;

	if (trace.fd < 0)
		return;
	n = snprintf(line, sizeof(line), "%" PRIu64 " %s %s\n", loop_now(), trace.name, step);
	if (n > 0 && (size_t)n < sizeof(line))
		(void)!write(trace.fd, line, (size_t)n);
}
