/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer that is always followed by a NUL, for building text and messages.
 */
#ifndef RUNVM_STRBUF_H
#define RUNVM_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

#include "lib/cleanup.h"

/**
 * struct strbuf - bytes
 * @data: owned, NUL after @len bytes; NULL while empty
 */
struct strbuf {
	char *data;
	size_t len;
	size_t allocated;
};

#define STRBUF_INIT        \
	{                  \
		NULL, 0, 0 \
	}
#define _cleanup_strbuf_ _cleanup_(strbuf_free)

void strbuf_append(struct strbuf *b, const void *data, size_t len);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
/* Room for @len more bytes behind the end; the caller writes there and then adds to ->len. */
char *strbuf_reserve(struct strbuf *b, size_t len);
/* Drops the first @len bytes. */
void strbuf_consume(struct strbuf *b, size_t len);
/* @s as a JSON string literal with its quotes; bytes that are not UTF-8 become U+FFFD. */
void strbuf_json_string(struct strbuf *b, const char *s);
/* Gives the string away (an empty one when nothing was put in); @b is as new. */
char *strbuf_take(struct strbuf *b);
void strbuf_free(struct strbuf *b);

#endif
