// SPDX-License-Identifier: Apache-2.0
#include "vmm/console.h"

#include <stdlib.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "rpc/handover.h"
#include "vmm/ring.h"

/* As much of a line's beginning as the longest text that is looked for, after the time stamp. */
#define LINE_HEAD_MAX	128

#define QUOTE_LINES	8
#define QUOTE_SEPARATOR " | "

static const char panic_text[] = "Kernel panic - not syncing";
static const char log_full[] = "\n[runvm: the rest is left out]\n";

struct console {
	struct ring ring;
	int log_fd;
	size_t log_left;
	char head[LINE_HEAD_MAX + 1];
	size_t head_len;
	bool ready;
	bool releases;
	bool handover;
	uint64_t handover_address;
	char *panic; /* what led to it; NULL while there was none */
};

struct console *console_new(int log_fd, size_t log_max)
{
	struct console *c = xnew(struct console);

	ring_init(&c->ring, CONSOLE_RING_SIZE);
	c->log_fd = log_fd;
	c->log_left = log_max;
	return c;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	ring_free(&c->ring);
	free(c->panic);
	free(c);
}

static void log_bytes(struct console *c, const char *data, size_t len)
{
	if (c->log_fd < 0 || !c->log_left)
		return;
	if (len >= c->log_left) {
		(void)io_write_all(c->log_fd, data, c->log_left);
		(void)io_write_all(c->log_fd, log_full, sizeof(log_full) - 1);
		c->log_left = 0;
		return;
	}
	c->log_left -= len;
	/* A full disk is no reason to end a VM. */
	if (io_write_all(c->log_fd, data, len) < 0)
		c->log_left = 0;
}

static void line_ended(struct console *c)
{
	c->head[c->head_len] = '\0';
	if (!strncmp(c->head, CONSOLE_READY_LINE, sizeof(CONSOLE_READY_LINE) - 1))
		c->ready = true;
	if (!strncmp(c->head, HANDOVER_RELEASE_LINE, sizeof(HANDOVER_RELEASE_LINE) - 1))
		c->releases = true;
	if (!strncmp(c->head, HANDOVER_LINE, sizeof(HANDOVER_LINE) - 1)) {
		c->handover = true;
		c->handover_address = strtoull(c->head + sizeof(HANDOVER_LINE) - 1, NULL, 16);
	}
	if (!c->panic && strstr(c->head, panic_text))
		c->panic = ring_tail(&c->ring, QUOTE_LINES, QUOTE_SEPARATOR);
	c->head_len = 0;
}

bool console_feed(struct console *c, const void *data, size_t len)
{
	const char *p = data, *end = p + len;
	bool was_ready = c->ready;

	log_bytes(c, data, len);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);
		size_t room = LINE_HEAD_MAX - c->head_len;

		ring_put(&c->ring, p, newline ? n + 1 : n);
		memcpy(c->head + c->head_len, p, n < room ? n : room);
		c->head_len += n < room ? n : room;
		if (!newline)
			break;
		line_ended(c);
		p = newline + 1;
	}
	return c->ready && !was_ready;
}

bool console_ready(const struct console *c)
{
	return c->ready;
}

bool console_releases(const struct console *c)
{
	return c->releases;
}

bool console_handover(const struct console *c, uint64_t *ret)
{
	*ret = c->handover_address;
	return c->handover;
}

bool console_panicked(const struct console *c)
{
	return c->panic;
}

char *console_tail(const struct console *c, size_t lines, const char *separator)
{
	return ring_tail(&c->ring, lines, separator);
}

char *console_quote(const struct console *c)
{
	return c->panic ? xstrdup(c->panic) : ring_tail(&c->ring, QUOTE_LINES, QUOTE_SEPARATOR);
}
