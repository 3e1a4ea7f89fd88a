// SPDX-License-Identifier: Apache-2.0
#include "lib/strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/alloc.h"

char *strbuf_reserve(struct strbuf *b, size_t len)
{
	if (len >= b->allocated - b->len || !b->data) {
		size_t want = b->len + len + 1;
		size_t size = b->allocated ? b->allocated : 64;

		if (want < len)
			abort();
		while (size < want)
			size = size > SIZE_MAX / 2 ? want : size * 2;
		b->data = xreallocarray(b->data, size, 1);
		b->allocated = size;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void strbuf_append(struct strbuf *b, const void *data, size_t len)
{
	char *end = strbuf_reserve(b, len);

	if (len)
		memcpy(end, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_append(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_append(b, &c, 1);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	strbuf_puts(b, text);
}

void strbuf_consume(struct strbuf *b, size_t len)
{
	if (len > b->len)
		abort();
	if (!len)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

/* The length of the valid UTF-8 sequence at @s (RFC 3629, section 4), or 0. */
static size_t utf8_sequence(const unsigned char *s)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t length = forms[i].length;

		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
			return 0;
		for (size_t j = 2; j < length; j++)
			if ((s[j] & 0xc0) != 0x80)
				return 0;
		return length;
	}
	return 0;
}

void strbuf_json_string(struct strbuf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	strbuf_putc(b, '"');
	while (*p) {
		size_t n = utf8_sequence(p);

		if (*p == '"' || *p == '\\') {
			strbuf_putc(b, '\\');
			strbuf_putc(b, (char)*p);
		} else if (*p == '\n') {
			strbuf_puts(b, "\\n");
		} else if (*p == '\t') {
			strbuf_puts(b, "\\t");
		} else if (*p == '\r') {
			strbuf_puts(b, "\\r");
		} else if (*p < 0x20) {
			strbuf_printf(b, "\\u%04x", *p);
		} else if (n) {
			strbuf_append(b, p, n);
		} else {
			strbuf_puts(b, "\xef\xbf\xbd");
		}
		p += n ? n : 1;
	}
	strbuf_putc(b, '"');
}

char *strbuf_take(struct strbuf *b)
{
	char *s = b->data ? b->data : xstrdup("");

	*b = (struct strbuf)STRBUF_INIT;
	return s;
}

void strbuf_free(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf)STRBUF_INIT;
}
