// SPDX-License-Identifier: Apache-2.0
#include "command/signals.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIGNAL_MAX 64 /* _NSIG of the kernel on every architecture that KVM has */
/* The kernel's, which the guest's programs see; glibc keeps two for itself. */
#define KERNEL_RTMIN 32

/* A decimal number and nothing else, at most SIGNAL_MAX. */
static int parse_number(const char *text)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || n < 0 || n > SIGNAL_MAX ? -EINVAL : (int)n;
}

static int parse_realtime(const char *name)
{
	int offset;

	if (!strcasecmp(name, "RTMIN"))
		return KERNEL_RTMIN + 2;
	if (!strcasecmp(name, "RTMAX"))
		return SIGNAL_MAX;
	if (!strncasecmp(name, "RTMIN+", 6)) {
		offset = parse_number(name + 6);
		return offset < 0 || KERNEL_RTMIN + 2 + offset > SIGNAL_MAX
			       ? -EINVAL
			       : KERNEL_RTMIN + 2 + offset;
	}
	if (!strncasecmp(name, "RTMAX-", 6)) {
		offset = parse_number(name + 6);
		return offset < 0 || SIGNAL_MAX - offset < KERNEL_RTMIN + 2 ? -EINVAL
									    : SIGNAL_MAX - offset;
	}
	return -EINVAL;
}

int signal_parse(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}, {"UNUSED", SIGSYS}};
	const char *name = text;
	int n;

	n = parse_number(text);
	if (n >= 0)
		return n;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (int i = 1; i < KERNEL_RTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && !strcasecmp(name, known))
			return i;
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcasecmp(name, aliases[i].name))
			return aliases[i].number;
	return parse_realtime(name);
}
