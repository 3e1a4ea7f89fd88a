/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail, for sizes that this program chooses: out of memory aborts.
 * Where a peer or a file chooses the size, bound it by a named constant and use plain malloc.
 */
#ifndef RUNVM_ALLOC_H
#define RUNVM_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

#include "lib/cleanup.h"

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed memory. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Aborts on overflow of @n * @size too. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
/* @s may be NULL, and NULL is returned then. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) _printf_(1, 2) __attribute__((returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0) __attribute__((returns_nonnull));

/* One zeroed object of the type of *p. */
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

#endif
