/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing argument vector: what renderers of command lines build and spawn_start() runs.
 */
#ifndef RUNVM_VMM_ARGV_H
#define RUNVM_VMM_ARGV_H

#include <stddef.h>

#include "lib/cleanup.h"

/**
 * struct argv - arguments
 * @v: owned strings, NULL behind the last; NULL while empty
 */
struct argv {
	char **v;
	size_t n;
};

#define ARGV_INIT       \
	{               \
		NULL, 0 \
	}
#define _cleanup_argv_ _cleanup_(argv_free)

/* Appends a copy. */
void argv_add(struct argv *a, const char *arg);
/* Appends two copies: an option and its value. */
void argv_add2(struct argv *a, const char *option, const char *value);
void argv_addf(struct argv *a, const char *fmt, ...) _printf_(2, 3);
/* Appends @s, which is taken over. */
void argv_take(struct argv *a, char *s);
void argv_free(struct argv *a);

#endif
