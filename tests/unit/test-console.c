// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"
#include "test.h"
#include "vmm/console.h"
#include "vmm/ring.h"

static bool feed(struct console *c, const char *s)
{
	return console_feed(c, s, strlen(s));
}

static void check_tail(const char *input, size_t lines, const char *expected)
{
	struct console *c = console_new(-1, 0);
	_cleanup_free_ char *tail = NULL;

	(void)feed(c, input);
	tail = console_tail(c, lines, "|");
	console_free(c);
	CHECK_STR(tail, expected);
}

static void test_ready(void)
{
	struct console *c = console_new(-1, 0);

	CHECK(!feed(c, "SeaBIOS\r\nnot vminitd: ready\r\nvminitd: re"));
	CHECK(!console_ready(c));
	CHECK(!feed(c, "ady"));
	CHECK(feed(c, " 1.2\r\n"));
	CHECK(console_ready(c));
	CHECK(!feed(c, "vminitd: ready\n"));
	CHECK(console_ready(c));
	console_free(c);
}

/* The two lines of a save, in order or not; the address is whatever the guest says. */
static void test_handover(void)
{
	struct console *c = console_new(-1, 0);
	uint64_t address = 1;

	(void)feed(c, "vminitd: ready\r\n");
	CHECK(!console_releases(c) && !console_handover(c, &address));
	(void)feed(c, "vminitd: releases its devices\r\nx vminitd: handover at 0x1\r\n");
	CHECK(console_releases(c) && !console_handover(c, &address));
	(void)feed(c, "vminitd: handover at 0x1df");
	CHECK(!console_handover(c, &address));
	(void)feed(c, "0000\r\n");
	CHECK(console_handover(c, &address));
	CHECK_INT(address, ==, 0x1df0000);
	(void)feed(c, "vminitd: handover at 0xffffffffffffffffffff\n");
	CHECK(console_handover(c, &address));
	CHECK(address == UINT64_MAX);
	(void)feed(c, "vminitd: handover at 0x-?\n");
	CHECK(console_handover(c, &address));
	CHECK_INT(address, ==, 0);
	console_free(c);
}

static void test_byte_by_byte(void)
{
	static const char text[] = "x\r\nvminitd: ready\r\n";
	struct console *c = console_new(-1, 0);
	int times = 0;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		times += console_feed(c, &text[i], 1);
	CHECK_INT(times, ==, 1);
	console_free(c);
}

static void test_long_line(void)
{
	struct console *c = console_new(-1, 0);

	for (int i = 0; i < 100000; i++)
		(void)feed(c, "abc");
	CHECK(!feed(c, "vminitd: ready\n"));
	CHECK(feed(c, "vminitd: ready\n"));
	console_free(c);
}

static void test_tail(void)
{
	check_tail("", 3, "");
	check_tail("one", 3, "one");
	check_tail("one\ntwo\r\n\n\n  \nthree\n", 2, "two|three");
	check_tail("one\ntwo\n", 9, "one|two");
	check_tail("one\ntwo\n", 0, "");
}

static void test_tail_hostile(void)
{
	check_tail("a\033[31mred\033[0m\n", 1, "ared");
	check_tail("\033]0;title\aafter\n", 1, "after");
	check_tail("a\033]0;no end\n", 1, "a]0;no end");
	check_tail("a\033[12", 1, "a[12");
	check_tail("a\033", 1, "a");
	check_tail("a\033cb", 1, "ab");
	check_tail("a\033\x01z", 1, "az");
	check_tail("\x01\x02\x7f\x9b\xff\tb\bc", 1, "??? bc");
	check_tail("over\rwritten", 1, "overwritten");
}

static void test_tail_cut(void)
{
	_cleanup_free_ char *tail = NULL;
	struct ring ring;

	ring_init(&ring, 64);
	ring_put(&ring, "first line\n", 11);
	for (int i = 0; i < 7; i++)
		ring_put(&ring, "123456789\n", 10);
	tail = ring_tail(&ring, 99, "|");
	/* 64 bytes hold six lines and the end of a seventh, which is left out. */
	CHECK_STR(tail, "123456789|123456789|123456789|123456789|123456789|123456789");
	ring_free(&ring);
}

static void test_ring_large(void)
{
	_cleanup_free_ char *tail = NULL, *large = xmalloc(100000);
	struct ring ring;

	memset(large, 'y', 100000);
	ring_init(&ring, 1000);
	ring_put(&ring, "abc", 3);
	ring_put(&ring, large, 100000);
	tail = ring_tail(&ring, 1, "");
	CHECK_INT(strlen(tail), ==, RING_LINE_MAX);
	CHECK_INT(strspn(tail, "y"), ==, RING_LINE_MAX);
	ring_free(&ring);
}

static void test_panic(void)
{
	struct console *c = console_new(-1, 0);
	_cleanup_free_ char *before = NULL, *after = NULL;

	(void)feed(c, "init: dying\n");
	before = console_quote(c);
	CHECK_STR(before, "init: dying");
	CHECK(!console_panicked(c));
	(void)feed(c, "[    1.0] Kernel panic - not syncing: Attempted to kill init!\r\n");
	for (int i = 0; i < 10000; i++)
		(void)feed(c, "[    1.1]  ? stack\r\n");
	CHECK(console_panicked(c));
	after = console_quote(c);
	CHECK_STR(after,
		  "init: dying | [    1.0] Kernel panic - not syncing: Attempted to kill init!");
	console_free(c);
}

static void test_log(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	struct console *c;

	CHECK(fd >= 0);
	c = console_new(fd, 10);
	(void)feed(c, "12345");
	(void)feed(c, "67\0890");
	(void)feed(c, "abcdef");
	(void)feed(c, "ghi");
	console_free(c);
	CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
	CHECK_INT(io_read_fd(fd, 1000, &text), ==, 0);
	CHECK_STR(text.data, "1234567abc\n[runvm: the rest is left out]\n");
}

int main(void)
{
	TEST_RUN(test_ready);
	TEST_RUN(test_handover);
	TEST_RUN(test_byte_by_byte);
	TEST_RUN(test_long_line);
	TEST_RUN(test_tail);
	TEST_RUN(test_tail_hostile);
	TEST_RUN(test_tail_cut);
	TEST_RUN(test_ring_large);
	TEST_RUN(test_panic);
	TEST_RUN(test_log);
	return test_end();
}
