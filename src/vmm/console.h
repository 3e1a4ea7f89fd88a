/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest writes on its serial console: the last bytes are kept for error messages, the
 * lines by which vminitd says that it is up, and where a handover goes (rpc/handover.h), are
 * noticed, and all of it can go to a file of bounded size. The bytes are the guest's and hostile:
 * nothing of them reaches a log unfiltered.
 */
#ifndef RUNVM_VMM_CONSOLE_H
#define RUNVM_VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

#define CONSOLE_RING_SIZE 16384 /* bytes kept */

struct console;

/**
 * console_new() - an empty one
 * @log_fd: regular file that gets a copy of the bytes; borrowed; -1 for none
 * @log_max: bytes after which nothing more is written there (one line says so)
 */
struct console *console_new(int log_fd, size_t log_max);
void console_free(struct console *console);

/* Takes bytes as they came. Return: true when they complete the ready line for the first time. */
bool console_feed(struct console *console, const void *data, size_t len);

/* The ready line was seen. */
bool console_ready(const struct console *console);

/* vminitd lets its devices go. */
bool console_releases(const struct console *console);

/* The line of a handover was seen. @ret: the physical address in it, which may be anything. */
bool console_handover(const struct console *console, uint64_t *ret);

/* The guest's kernel reported a panic. */
bool console_panicked(const struct console *console);

/**
 * console_tail() - the last lines, for people
 * @lines: how many at most; empty ones are left out
 * @separator: between lines
 *
 * Harmless for logs and terminals, see ring_tail().
 *
 * Return: the text, empty when there was none. The caller frees it.
 */
char *console_tail(const struct console *console, size_t lines, const char *separator);

/**
 * console_quote() - what helps most in an error message, on one line
 *
 * After a panic the lines that led to it, up to the one that says so: not the stack trace behind.
 * Else the last lines.
 *
 * Return: the text, empty when there was none. The caller frees it.
 */
char *console_quote(const struct console *console);

#endif
