// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "libocispec/json.h"
#include "test.h"
#include "vmm/qmp-wire.h"
#include "vmm/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"

static int decode(const char *text, size_t *consumed, struct qmp_message *m, struct error *err)
{
	return qmp_decode(text, strlen(text), consumed, m, err);
}

static void test_decode(void)
{
	struct qmp_message m;
	size_t consumed;

	CHECK_INT(decode(GREETING "x", &consumed, &m, NULL), ==, 1);
	CHECK_INT(m.kind, ==, QMP_GREETING);
	CHECK_INT(consumed, ==, strlen(GREETING));
	qmp_message_clear(&m);

	CHECK_INT(decode("\r\n\n{\"return\": [1], \"id\": 18446744073709551615}\n", &consumed, &m,
			 NULL),
		  ==, 1);
	CHECK_INT(m.kind, ==, QMP_RETURN);
	CHECK(m.id == UINT64_MAX);
	CHECK_INT(m.data->count, ==, 1);
	qmp_message_clear(&m);

	CHECK_INT(decode("{\"id\":7,\"error\":{\"class\":\"C\",\"desc\":\"d\"}}\r\n", &consumed, &m,
			 NULL),
		  ==, 1);
	CHECK_INT(m.kind, ==, QMP_ERROR);
	CHECK_INT(m.id, ==, 7);
	CHECK_STR(m.error_class, "C");
	CHECK_STR(m.error_text, "d");
	qmp_message_clear(&m);

	CHECK_INT(decode("{\"timestamp\":{},\"event\":\"STOP\"}\n", &consumed, &m, NULL), ==, 1);
	CHECK_INT(m.kind, ==, QMP_EVENT);
	CHECK_STR(m.event, "STOP");
	CHECK(!m.data);
	qmp_message_clear(&m);
}

static void test_decode_parts(void)
{
	struct qmp_message m;
	size_t consumed = 99;

	CHECK_INT(decode("", &consumed, &m, NULL), ==, 0);
	CHECK_INT(consumed, ==, 0);
	CHECK_INT(decode("\r\n\r\n", &consumed, &m, NULL), ==, 0);
	CHECK_INT(consumed, ==, 4);
	CHECK_INT(decode("\n{\"return\":{}", &consumed, &m, NULL), ==, 0);
	CHECK_INT(consumed, ==, 1);
}

static void check_bad(const char *line)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qmp_message m;
	size_t consumed;

	CHECK_INT(decode(line, &consumed, &m, &err), ==, -EBADMSG);
	CHECK_CONTAINS(error_message(&err), "QEMU sent what is not QMP");
	CHECK_INT(consumed, ==, strlen(line));
}

static void test_decode_bad(void)
{
	static const char *const bad[] = {
		"x\n",
		"{\n",
		"[]\n",
		"{}\n",
		"1\n",
		"{\"event\":1}\n",
		"{\"return\":1,\"id\":-1}\n",
		"{\"return\":1,\"id\":\"a\"}\n",
		"{\"error\":{}}\n",
		"{\"error\":1}\n",
		"{\"error\":{\"class\":\"a\"}}\n",
		"{\"error\":{\"class\":\"a\",\"desc\":1}}\n",
		"{\"event\":\"a\"}{}\n",
		"{\"event\":\"\xff\"}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_bad(bad[i]);
}

static void test_decode_long(void)
{
	_cleanup_free_ char *text = xmalloc(QMP_MESSAGE_MAX + 2);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qmp_message m;
	size_t consumed;

	memset(text, ' ', QMP_MESSAGE_MAX + 2);
	CHECK_INT(qmp_decode(text, QMP_MESSAGE_MAX, &consumed, &m, &err), ==, 0);
	CHECK_INT(qmp_decode(text, QMP_MESSAGE_MAX + 1, &consumed, &m, &err), ==, -EMSGSIZE);
	text[QMP_MESSAGE_MAX + 1] = '\n';
	CHECK_INT(qmp_decode(text, QMP_MESSAGE_MAX + 2, &consumed, &m, &err), ==, -EMSGSIZE);
}

static void test_encode(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	qmp_encode("stop", NULL, 1, &text);
	qmp_encode("x", "{\"a\":1}", 2, &text);
	CHECK_STR(text.data, "{\"execute\":\"stop\",\"id\":1}\n"
			     "{\"execute\":\"x\",\"arguments\":{\"a\":1},\"id\":2}\n");
}

/* A client and what came to it, as text; QEMU is played by the test. */
struct fixture {
	struct loop *loop;
	struct qmp *qmp;
	int peer;
	struct strbuf heard;
	bool free_in_reply;
};

static void on_up(_unused_ struct qmp *qmp, void *data)
{
	strbuf_puts(&((struct fixture *)data)->heard, "up ");
}

static void on_event(_unused_ struct qmp *qmp, const char *event, const struct json *args,
		     void *data)
{
	strbuf_printf(&((struct fixture *)data)->heard, "event:%s:%zu ", event,
		      args ? args->count : 0);
}

static void on_broken(_unused_ struct qmp *qmp, const struct error *err, void *data)
{
	strbuf_printf(&((struct fixture *)data)->heard, "broken:%s ", error_message(err));
}

static const struct qmp_ops ops = {.on_up = on_up, .on_event = on_event, .on_broken = on_broken};

static void on_reply(_unused_ struct qmp *qmp, const struct json *reply, const struct error *err,
		     void *data)
{
	struct fixture *f = data;

	if (err)
		strbuf_printf(&f->heard, "error:%d:%s ", err->errnum, error_message(err));
	else
		strbuf_printf(&f->heard, "reply:%zu ", reply->count);
	if (f->free_in_reply) {
		qmp_free(f->qmp);
		f->qmp = NULL;
	}
}

static void setup(struct fixture *f)
{
	int pair[2];

	*f = (struct fixture){.peer = -1};
	CHECK_INT(loop_new(&f->loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	f->peer = pair[1];
	CHECK_INT(io_set_nonblocking(f->peer, true), ==, 0);
	f->qmp = qmp_new(f->loop, pair[0], &ops, f);
}

static void iterate(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		(void)loop_iterate(f->loop, loop_now());
}

static void say(struct fixture *f, const char *text)
{
	CHECK_INT(io_write_all(f->peer, text, strlen(text)), ==, 0);
	iterate(f);
}

/* What the client sent since the last time. */
static void check_sent(struct fixture *f, const char *expected)
{
	char text[4096];
	ssize_t n = read(f->peer, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	CHECK_STR(text, expected);
}

static void check_heard(struct fixture *f, const char *expected)
{
	CHECK_STR(f->heard.data ? f->heard.data : "", expected);
	strbuf_free(&f->heard);
}

static void teardown(struct fixture *f)
{
	qmp_free(f->qmp);
	close_keep_errno(f->peer);
	strbuf_free(&f->heard);
	loop_free(f->loop);
}

static void bring_up(struct fixture *f)
{
	setup(f);
	say(f, GREETING);
	check_sent(f, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	say(f, "{\"return\":{},\"id\":1}\r\n");
	check_heard(f, "up ");
}

static void test_order(void)
{
	struct fixture f;

	setup(&f);
	qmp_execute(f.qmp, "early", NULL, -1, 0, on_reply, &f);
	iterate(&f);
	check_sent(&f, "");
	say(&f, GREETING);
	check_sent(&f, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	CHECK(!qmp_is_up(f.qmp));
	say(&f, "{\"return\":{},\"id\":1}\r\n{\"event\":\"E\",\"data\":{\"a\":1}}\r\n{\"ev");
	check_heard(&f, "up event:E:1 ");
	CHECK(qmp_is_up(f.qmp));
	check_sent(&f, "{\"execute\":\"early\",\"id\":2}\n");
	qmp_execute(f.qmp, "second", "{\"x\":1}", -1, 0, on_reply, &f);
	check_sent(&f, "{\"execute\":\"second\",\"arguments\":{\"x\":1},\"id\":3}\n");
	say(&f, "ent\":\"F\"}\n{\"id\":3,\"return\":{\"a\":1,\"b\":2}}\n");
	check_heard(&f, "event:F:0 reply:2 ");
	say(&f,
	    "{\"id\":2,\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no \\u001b[1m\"}}\n");
	check_heard(&f, "error:38:QEMU: early: no ?[1m ");
	teardown(&f);
}

static void test_descriptor(void)
{
	_cleanup_close_ int file = memfd_create("x", MFD_CLOEXEC), got = -1;
	struct fixture f;
	char text[256];
	size_t n = 1;

	bring_up(&f);
	qmp_execute(f.qmp, "plain", NULL, -1, 0, NULL, NULL);
	qmp_execute(f.qmp, "getfd", "{\"fdname\":\"a\"}", file, 0, on_reply, &f);
	CHECK_INT(io_read_exact(f.peer, text, strlen("{\"execute\":\"plain\",\"id\":2}\n")), ==, 0);
	CHECK_INT(socket_recv_fds(f.peer, text, sizeof(text), &got, &n), >, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(io_write_all(got, "hello", 5), ==, 0);
	CHECK_INT(lseek(file, 0, SEEK_END), ==, 5);
	teardown(&f);
}

static void test_backlog(void)
{
	_cleanup_free_ char *large = xmalloc(QMP_MESSAGE_MAX);
	struct fixture f;
	size_t total = 0;
	char text[65536];

	bring_up(&f);
	memset(large, '1', QMP_MESSAGE_MAX);
	large[QMP_MESSAGE_MAX - 1] = '\0';
	/* More than a socket holds: the rest goes out as the peer reads. */
	for (int i = 0; i < 20; i++)
		qmp_execute(f.qmp, "large", large, -1, 0, on_reply, &f);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = read(f.peer, text, sizeof(text));

		if (n > 0)
			total += (size_t)n;
		iterate(&f);
	}
	CHECK_INT(total, >, 20 * (QMP_MESSAGE_MAX - 1));
	CHECK_INT(total, <, 20 * (QMP_MESSAGE_MAX + 60));
	say(&f, "{\"id\":21,\"return\":{}}\n");
	check_heard(&f, "reply:0 ");
	teardown(&f);
}

static void check_end(struct fixture *f, const char *text, const char *heard)
{
	bring_up(f);
	qmp_execute(f->qmp, "a", NULL, -1, 0, on_reply, f);
	if (text)
		say(f, text);
	else
		f->peer = close_keep_errno(f->peer);
	iterate(f);
	check_heard(f, heard);
	CHECK(!qmp_is_up(f->qmp));
	qmp_execute(f->qmp, "late", NULL, -1, 0, on_reply, f);
	check_heard(f, "");
	iterate(f);
	CHECK(f->heard.data && !strncmp(f->heard.data, "error:", 6));
	teardown(f);
}

static void test_broken(void)
{
	struct fixture f;

	check_end(&f, NULL,
		  "error:32:QEMU closed its QMP connection "
		  "broken:QEMU closed its QMP connection ");
	check_end(&f, "{\"return\":{},\"id\":99}\n",
		  "error:74:QEMU answered a command that was not given "
		  "broken:QEMU answered a command that was not given ");
	check_end(&f, GREETING, "error:74:QEMU greeted twice broken:QEMU greeted twice ");
	check_end(&f, "{\"error\":{\"class\":\"a\",\"desc\":\"b\"}}\n",
		  "error:74:QEMU answered a command that was not given "
		  "broken:QEMU answered a command that was not given ");
}

static void test_timeout(void)
{
	struct fixture f;

	bring_up(&f);
	qmp_execute(f.qmp, "slow", NULL, -1, 1000, on_reply, &f);
	qmp_execute(f.qmp, "other", NULL, -1, 0, on_reply, &f);
	while (!f.heard.data)
		CHECK_INT(loop_iterate(f.loop, loop_now() + USEC_PER_SEC), ==, 0);
	check_heard(&f, "error:110:QEMU did not answer \"slow\" in time "
			"error:110:QEMU did not answer \"slow\" in time "
			"broken:QEMU did not answer \"slow\" in time ");
	teardown(&f);
}

static void test_free_in_callback(void)
{
	struct fixture f;

	bring_up(&f);
	f.free_in_reply = true;
	qmp_execute(f.qmp, "a", NULL, -1, 0, on_reply, &f);
	qmp_execute(f.qmp, "b", NULL, -1, 0, on_reply, &f);
	say(&f, "{\"return\":{},\"id\":2}\n{\"return\":{},\"id\":3}\n");
	check_heard(&f, "reply:0 ");
	teardown(&f);

	bring_up(&f);
	f.free_in_reply = true;
	qmp_execute(f.qmp, "a", NULL, -1, 0, on_reply, &f);
	qmp_execute(f.qmp, "b", NULL, -1, 0, on_reply, &f);
	f.peer = close_keep_errno(f.peer);
	iterate(&f);
	check_heard(&f, "error:32:QEMU closed its QMP connection ");
	teardown(&f);
}

static void test_flood(void)
{
	struct fixture f;

	bring_up(&f);
	for (int i = 0; i < QMP_COMMANDS_MAX + 1; i++)
		qmp_execute(f.qmp, "x", NULL, -1, 0, NULL, NULL);
	iterate(&f);
	check_heard(&f, "broken:QEMU leaves 256 commands unanswered ");
	teardown(&f);
}

int main(void)
{
	TEST_RUN(test_decode);
	TEST_RUN(test_decode_parts);
	TEST_RUN(test_decode_bad);
	TEST_RUN(test_decode_long);
	TEST_RUN(test_encode);
	TEST_RUN(test_order);
	TEST_RUN(test_descriptor);
	TEST_RUN(test_backlog);
	TEST_RUN(test_broken);
	TEST_RUN(test_timeout);
	TEST_RUN(test_free_in_callback);
	TEST_RUN(test_flood);
	return test_end();
}
