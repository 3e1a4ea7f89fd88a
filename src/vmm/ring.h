/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last bytes of what somebody said, and how to quote them: a guest's console, a program's
 * stderr. The bytes are hostile: what ring_tail() returns is one line of printable ASCII.
 */
#ifndef RUNVM_VMM_RING_H
#define RUNVM_VMM_RING_H

#include <stddef.h>

#define RING_LINE_MAX 200 /* bytes of a line that are quoted */

/**
 * struct ring - the last @size bytes
 * @data: owned
 * @total: bytes ever put in
 */
struct ring {
	char *data;
	size_t size;
	size_t total;
};

void ring_init(struct ring *ring, size_t size);
void ring_free(struct ring *ring);
void ring_put(struct ring *ring, const void *data, size_t len);

/**
 * ring_tail() - the last lines, for people
 * @lines: how many at most; empty ones are left out, and so is a first one that is cut in front
 * @separator: put between them
 *
 * Escape sequences (ECMA-48) are dropped, other control bytes too, bytes beyond ASCII become '?'.
 *
 * Return: the text, empty when there is none. The caller frees it.
 */
char *ring_tail(const struct ring *ring, size_t lines, const char *separator);

#endif
