// SPDX-License-Identifier: Apache-2.0
#include "vmm/ring.h"

#include <stdbool.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"

void ring_init(struct ring *ring, size_t size)
{
	*ring = (struct ring){.data = xmalloc(size), .size = size};
}

void ring_free(struct ring *ring)
{
	free(ring->data);
	*ring = (struct ring){0};
}

void ring_put(struct ring *ring, const void *data, size_t len)
{
	const char *p = data;
	size_t at, first;

	if (len > ring->size) {
		ring->total += len - ring->size;
		p += len - ring->size;
		len = ring->size;
	}
	at = ring->total % ring->size;
	first = len < ring->size - at ? len : ring->size - at;
	memcpy(ring->data + at, p, first);
	memcpy(ring->data, p + first, len - first);
	ring->total += len;
}

/* The bytes in their order, with a NUL behind. */
static char *ring_flatten(const struct ring *ring, size_t *ret_len)
{
	size_t len = ring->total < ring->size ? ring->total : ring->size;
	size_t at = ring->total < ring->size ? 0 : ring->total % ring->size;
	char *flat = xmalloc(len + 1);

	memcpy(flat, ring->data + at, len - at);
	memcpy(flat + len - at, ring->data, at);
	flat[len] = '\0';
	*ret_len = len;
	return flat;
}

/*
 * The end of the escape sequence that begins at @p: ESC [ parameters final, ESC ] text BEL, or ESC
 * and one byte. One that has no end is only its ESC, so that it cannot swallow what follows.
 */
static const char *skip_escape(const char *p, const char *end)
{
	const char *q = p + 1;

	if (q == end)
		return q;
	if (*q == '[') {
		for (q++; q < end && *q >= 0x20 && *q < 0x40; q++)
			;
		return q < end && *q >= 0x40 && *q < 0x7f ? q + 1 : p + 1;
	}
	if (*q == ']') {
		for (q++; q < end && *q >= 0x20; q++)
			;
		return q < end && *q == '\a' ? q + 1 : p + 1;
	}
	return *q >= 0x30 && *q < 0x7f ? q + 1 : q;
}

/* One line without its newline, made harmless, without white space at its ends. */
static void sanitize_line(const char *p, const char *end, struct strbuf *out)
{
	size_t start = out->len;

	while (p < end && out->len - start < RING_LINE_MAX) {
		unsigned char c = (unsigned char)*p;

		if (c == 0x1b) {
			p = skip_escape(p, end);
			continue;
		}
		if (c == '\t' && out->len > start)
			strbuf_putc(out, ' ');
		else if (c >= 0x7f)
			strbuf_putc(out, '?');
		else if (c > ' ' || (c == ' ' && out->len > start))
			strbuf_putc(out, (char)c);
		p++;
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

char *ring_tail(const struct ring *ring, size_t lines, const char *separator)
{
	_cleanup_free_ char *flat = NULL;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	_cleanup_free_ char *text = xstrdup("");
	const char *end;
	size_t len;

	flat = ring_flatten(ring, &len);
	end = flat + len;
	while (lines && end > flat) {
		const char *newline = memrchr(flat, '\n', (size_t)(end - flat));
		const char *begin = newline ? newline + 1 : flat;

		if (!newline && ring->total > ring->size && *text)
			break;
		strbuf_free(&line);
		sanitize_line(begin, end, &line);
		if (line.len) {
			char *joined = *text ? xasprintf("%s%s%s", line.data, separator, text)
					     : xstrdup(line.data);

			free(text);
			text = joined;
			lines--;
		}
		end = newline ? newline : flat;
	}
	return TAKE_PTR(text);
}
