// SPDX-License-Identifier: Apache-2.0
#include "vmm/argv.h"

#include <stdlib.h>

#include "lib/alloc.h"

void argv_take(struct argv *a, char *s)
{
	a->v = xreallocarray(a->v, a->n + 2, sizeof(*a->v));
	a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

void argv_add(struct argv *a, const char *arg)
{
	argv_take(a, xstrdup(arg));
}

void argv_add2(struct argv *a, const char *option, const char *value)
{
	argv_add(a, option);
	argv_add(a, value);
}

void argv_addf(struct argv *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	argv_take(a, xvasprintf(fmt, ap));
	va_end(ap);
}

void argv_free(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct argv)ARGV_INIT;
}
