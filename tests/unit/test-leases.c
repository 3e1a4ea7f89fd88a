// SPDX-License-Identifier: Apache-2.0
/* Leases: what holders say reaches the monitor, what the monitor says reaches all of them. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/packet.h"
#include "lib/socket.h"
#include "monitor/leases.h"
#include "tests/unit/test.h"

#define SOON (5 * USEC_PER_SEC)

struct vm {
	struct loop *loop;
	struct leases *leases;
	int named, answered, ended, dropped;
	char left[16]; /* of the last that was dropped; "-" for none */
	bool called;
};

static void on_named(void *data)
{
	struct vm *vm = data;

	vm->named++;
}

static void on_answered(void *data)
{
	struct vm *vm = data;

	vm->answered++;
	vm->called = true;
}

static void on_ended(void *data)
{
	struct vm *vm = data;

	vm->ended++;
	vm->called = true;
}

static void on_dropped(void *data, const char *left)
{
	struct vm *vm = data;

	vm->dropped++;
	(void)snprintf(vm->left, sizeof(vm->left), "%s", left ? left : "-");
	vm->called = true;
}

static const struct leases_ops ops = {
	.named = on_named,
	.answered = on_answered,
	.ended = on_ended,
	.dropped = on_dropped,
};

static void vm_new(struct vm *vm, int listener)
{
	*vm = (struct vm){.answered = 0};
	CHECK_INT(loop_new(&vm->loop), ==, 0);
	vm->leases = leases_new(vm->loop, listener, &ops, vm);
	CHECK(leases_empty(vm->leases));
}

static void vm_clear(struct vm *vm)
{
	leases_free(vm->leases);
	loop_free(vm->loop);
}

static int hold(struct vm *vm)
{
	int pair[2];

	CHECK_INT(socket_pair(SOCK_SEQPACKET, pair), ==, 0);
	leases_add(vm->leases, pair[1]);
	CHECK(!leases_empty(vm->leases));
	return pair[0];
}

/* Until the monitor has been called. */
static void wait_for_call(struct vm *vm)
{
	CHECK_INT(loop_run_until(vm->loop, &vm->called, loop_now() + SOON), ==, 0);
	vm->called = false;
}

/* All that has been said so far, where none of it calls the monitor. */
static void take_in(struct vm *vm)
{
	while (loop_iterate(vm->loop, loop_now()) == 0)
		;
	CHECK(!vm->called);
}

static void say(int fd, enum lease_message message, const char *text)
{
	CHECK_INT(packet_send(fd, (char)message, text), ==, 0);
}

static void check_heard(int fd, enum lease_message message, const char *text)
{
	_cleanup_strbuf_ struct strbuf heard = STRBUF_INIT;

	CHECK_INT(packet_receive(fd, &heard), ==, (int)message);
	CHECK_STR(heard.data ? heard.data : "", text);
}

static void test_dropped(void)
{
	struct vm vm;
	int none, named;

	vm_new(&vm, -1);
	none = hold(&vm);
	named = hold(&vm);
	say(named, LEASE_CONTAINER, "c1");
	(void)close(none);
	wait_for_call(&vm);
	CHECK_STR(vm.left, "-");
	CHECK(!leases_empty(vm.leases));
	/* What was said before the end counts. */
	(void)close(named);
	wait_for_call(&vm);
	CHECK_STR(vm.left, "c1");
	CHECK(leases_empty(vm.leases));
	CHECK_INT(vm.dropped, ==, 2);
	CHECK_INT(vm.ended, ==, 0);
	vm_clear(&vm);
}

/* The last of those that name a container; one that names none has no say. */
static void test_ended(void)
{
	struct vm vm;
	int none, first, second;

	vm_new(&vm, -1);
	none = hold(&vm);
	first = hold(&vm);
	second = hold(&vm);
	say(first, LEASE_CONTAINER, "c1");
	say(second, LEASE_CONTAINER, "c2");
	take_in(&vm);
	say(first, LEASE_ENDED, NULL);
	take_in(&vm);
	CHECK_INT(vm.ended, ==, 0);
	CHECK_INT(vm.named, ==, 2);
	/* Nothing is left of it. */
	(void)close(first);
	wait_for_call(&vm);
	CHECK_STR(vm.left, "-");
	say(second, LEASE_ENDED, NULL);
	wait_for_call(&vm);
	CHECK_INT(vm.ended, ==, 1);
	(void)close(second);
	(void)close(none);
	vm_clear(&vm);
}

static void test_answered(void)
{
	struct vm vm;
	int fd;

	vm_new(&vm, -1);
	fd = hold(&vm);
	say(fd, LEASE_ANSWERED, NULL);
	wait_for_call(&vm);
	CHECK_INT(vm.answered, ==, 1);
	CHECK_INT(vm.dropped, ==, 0);
	(void)close(fd);
	vm_clear(&vm);
}

/* Who speaks another language is a holder no more; nor who names two containers. */
static void test_unknown(void)
{
	static const char *const second[] = {"c2", "c1", ""};
	struct vm vm;

	vm_new(&vm, -1);
	for (size_t i = 0; i < 1 + ARRAY_SIZE(second); i++) {
		int fd = hold(&vm);

		say(fd, LEASE_CONTAINER, "c1");
		if (i < ARRAY_SIZE(second))
			say(fd, LEASE_CONTAINER, second[i]);
		else
			say(fd, LEASE_READY, NULL);
		wait_for_call(&vm);
		CHECK_INT(vm.dropped, ==, (int)i + 1);
		CHECK_STR(vm.left, "c1");
		CHECK(leases_empty(vm.leases));
		(void)close(fd);
	}
	vm_clear(&vm);
}

static void test_told(void)
{
	_cleanup_error_ struct error err = ERROR_INIT, heard = ERROR_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct vm vm;
	int early, late, r;

	vm_new(&vm, -1);
	early = hold(&vm);
	CHECK_INT(recv(early, &r, sizeof(r), MSG_DONTWAIT | MSG_PEEK), ==, -1);
	leases_tell_ready(vm.leases, LEASE_WARM);
	late = hold(&vm);
	check_heard(early, LEASE_READY, LEASE_WARM);
	check_heard(late, LEASE_READY, LEASE_WARM);
	error_set(&err, ENOSPC, "no room");
	leases_tell_error(vm.leases, LEASE_DOWN, &err);
	CHECK_INT(packet_receive(early, &text), ==, LEASE_DOWN);
	CHECK_INT(packet_error(text.data, &heard), ==, -ENOSPC);
	CHECK_STR(error_message(&heard), "no room");
	CHECK_INT(packet_receive(late, &text), ==, LEASE_DOWN);
	/* The leases end with the monitor. */
	vm_clear(&vm);
	CHECK_INT(packet_receive(late, &text), ==, 0);
	(void)close(early);
	(void)close(late);
}

static void test_cold(void)
{
	struct vm vm;
	int fd;

	vm_new(&vm, -1);
	fd = hold(&vm);
	leases_tell_ready(vm.leases, NULL);
	check_heard(fd, LEASE_READY, "");
	(void)close(fd);
	vm_clear(&vm);
}

/* A holder that connects is one like the others, and hears of the end also when it just has. */
static void test_connection(void)
{
	_cleanup_close_ int listener =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	_cleanup_close_ int late = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(name);
	struct vm vm;

	/* An address that the kernel chooses. */
	CHECK_INT(bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)), ==, 0);
	CHECK_INT(getsockname(listener, (struct sockaddr *)&name, &len), ==, 0);
	CHECK_INT(listen(listener, 1), ==, 0);
	vm_new(&vm, listener);
	leases_tell_ready(vm.leases, LEASE_WARM);
	CHECK_INT(connect(fd, (struct sockaddr *)&name, len), ==, 0);
	say(fd, LEASE_CONTAINER, "c1");
	say(fd, LEASE_ENDED, NULL);
	wait_for_call(&vm);
	CHECK_INT(vm.ended, ==, 1);
	CHECK_INT(connect(late, (struct sockaddr *)&name, len), ==, 0);
	leases_tell_ended(vm.leases);
	check_heard(fd, LEASE_READY, LEASE_WARM);
	check_heard(fd, LEASE_ENDED, "");
	check_heard(late, LEASE_READY, LEASE_WARM);
	check_heard(late, LEASE_ENDED, "");
	vm_clear(&vm);
}

int main(void)
{
	TEST_RUN(test_dropped);
	TEST_RUN(test_ended);
	TEST_RUN(test_answered);
	TEST_RUN(test_unknown);
	TEST_RUN(test_told);
	TEST_RUN(test_cold);
	TEST_RUN(test_connection);
	return test_end();
}
