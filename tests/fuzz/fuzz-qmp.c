// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile bytes for src/vmm: the first one says to whom.
 *
 *	0  the decoder of QMP messages
 *	1  a QMP client with commands under way, from the first byte
 *	2  a QMP client with commands under way, behind a good greeting and qmp_capabilities
 *	3  the guest's console
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/io.h"
#include "lib/loop.h"
#include "lib/socket.h"
#include "vmm/console.h"
#include "vmm/qmp.h"
#include "vmm/qmp-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_decoder(const char *data, size_t size)
{
	size_t at = 0, consumed;
	int r;

	do {
		struct qmp_message m;

		r = qmp_decode(data + at, size - at, &consumed, &m, NULL);
		if (consumed > size - at || (r && !consumed && r != -EMSGSIZE))
			abort();
		at += consumed;
		if (r == 1) {
			if ((m.kind == QMP_EVENT && !m.event) ||
			    (m.kind == QMP_ERROR && (!m.error_class || !m.error_text)) || !m.root)
				abort();
			qmp_message_clear(&m);
		}
	} while (r == 1);
}

struct client {
	struct qmp *qmp;
	unsigned int answered;
	bool broken;
};

static void on_reply(struct qmp *qmp, const struct json *reply, const struct error *err, void *data)
{
	struct client *c = data;

	if (!reply == !err)
		abort();
	c->answered++;
	if (c->answered == 2 && !err)
		qmp_execute(qmp, "again", NULL, -1, 0, on_reply, data);
}

static void on_event(_unused_ struct qmp *qmp, const char *event, _unused_ const struct json *args,
		     void *data)
{
	struct client *c = data;

	if (!strcmp(event, "FREE")) {
		qmp_free(c->qmp);
		c->qmp = NULL;
	}
}

static void on_broken(_unused_ struct qmp *qmp, const struct error *err, void *data)
{
	struct client *c = data;

	if (!err->errnum || c->broken)
		abort();
	c->broken = true;
}

static const struct qmp_ops ops = {.on_event = on_event, .on_broken = on_broken};

static void fuzz_client(const char *data, size_t size, bool greeted)
{
	static const char greeting[] = "{\"QMP\":{}}\r\n{\"return\":{},\"id\":1}\r\n";
	struct client c = {0};
	struct loop *loop;
	int pair[2];

	if (loop_new(&loop) < 0 || socket_pair(SOCK_STREAM, pair) < 0)
		abort();
	c.qmp = qmp_new(loop, pair[0], &ops, &c);
	for (int i = 0; i < 3; i++)
		qmp_execute(c.qmp, "command", "{}", -1, 0, on_reply, &c);
	if (greeted) {
		(void)io_write_all(pair[1], greeting, sizeof(greeting) - 1);
		/* The capabilities go out upon the greeting, and only then may be answered. */
		(void)loop_iterate(loop, loop_now());
	}
	while (size && c.qmp && !c.broken) {
		size_t n = size < 8192 ? size : 8192;

		if (io_write_all(pair[1], data, n) < 0)
			break;
		data += n;
		size -= n;
		(void)loop_iterate(loop, loop_now());
	}
	pair[1] = close_keep_errno(pair[1]);
	for (int i = 0; i < 4; i++)
		(void)loop_iterate(loop, loop_now());
	if (c.qmp && !c.broken)
		abort();
	qmp_free(c.qmp);
	loop_free(loop);
}

static void fuzz_console(const char *data, size_t size)
{
	struct console *console = console_new(-1, 0);
	_cleanup_free_ char *tail = NULL, *quote = NULL;
	size_t at = 0;

	/* In pieces of a size that the input chooses. */
	while (at < size) {
		size_t n = (unsigned char)data[at] + 1U;

		if (n > size - at)
			n = size - at;
		(void)console_feed(console, data + at, n);
		at += n;
	}
	tail = console_tail(console, 5, "|");
	quote = console_quote(console);
	for (const char *p = tail; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
	for (const char *p = quote; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
	console_free(console);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0] & 3) {
	case 0:
		fuzz_decoder(bytes, size - 1);
		break;
	case 1:
		fuzz_client(bytes, size - 1, false);
		break;
	case 2:
		fuzz_client(bytes, size - 1, true);
		break;
	default:
		fuzz_console(bytes, size - 1);
	}
	return 0;
}
