// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>

#include "container/hooks.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "temporary.h"
#include "test.h"

static struct oci_hook shell_hook(char *script, char **args)
{
	args[0] = (char *)"sh";
	args[1] = (char *)"-c";
	args[2] = script;
	args[3] = NULL;
	return (struct oci_hook){.path = (char *)"/bin/sh", .args = args, .n_args = 3};
}

static void test_state_and_order(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	char *args[2][4], *env[] = {(char *)"WHO=second", NULL};
	struct oci_hook hooks[2];

	hooks[0] = shell_hook((char *)"cat >>out; pwd >>out", args[0]);
	hooks[1] = shell_hook((char *)"echo $WHO:$HOME >>out; exec cat >/dev/null", args[1]);
	hooks[1].env = env;
	hooks[1].n_env = 1;
	CHECK_INT(hooks_run(hooks, 2, "{state}\n", temporary_dir(), &err), ==, 0);
	CHECK_INT(chdir(temporary_dir()), ==, 0);
	CHECK_INT(io_read_file(AT_FDCWD, "out", 1000, &text), ==, 0);
	CHECK_CONTAINS(text.data, "{state}\n/");
	CHECK_CONTAINS(text.data, "\nsecond:\n");
}

static void test_failing_hooks(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *args[2][4];
	struct oci_hook hooks[2];

	hooks[0] = shell_hook((char *)"true", args[0]);
	hooks[1] = shell_hook((char *)"echo said; echo wrong >&2; exit 3", args[1]);
	CHECK_INT(hooks_run(hooks, 2, "{}", NULL, &err), ==, -EPROTO);
	CHECK_CONTAINS(error_message(&err), "error running hook #1: error running hook: "
					    "exit status 3, stdout: said\n, stderr: wrong");
	hooks[0] = shell_hook((char *)"kill -9 $$", args[0]);
	CHECK_INT(hooks_run(hooks, 1, "{}", NULL, &err), ==, -EPROTO);
	CHECK_CONTAINS(error_message(&err), "Killed");
	hooks[0] = (struct oci_hook){.path = (char *)"/no/such/hook"};
	CHECK_INT(hooks_run(hooks, 1, "{}", NULL, &err), ==, -EPROTO);
	CHECK_CONTAINS(error_message(&err), "/no/such/hook: No such file");
}

/* A state larger than any pipe holds, and a hook that does not read it. */
static void test_unread_state(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *state = xmalloc(1 << 20);
	struct oci_hook hook;
	char *args[4];

	memset(state, 'x', (1 << 20) - 1);
	state[(1 << 20) - 1] = '\0';
	hook = shell_hook((char *)"exit 0", args);
	CHECK_INT(hooks_run(&hook, 1, state, NULL, &err), ==, 0);
	hook = shell_hook((char *)"test $(wc -c) = 1048575", args);
	CHECK_INT(hooks_run(&hook, 1, state, NULL, &err), ==, 0);
	free(state);
}

static void test_timeout(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t begin = loop_now();
	struct oci_hook hook;
	char *args[4];

	hook = shell_hook((char *)"exec sleep 100", args);
	hook.timeout = (struct oci_int){.set = true, .value = 1};
	CHECK_INT(hooks_run(&hook, 1, "{}", NULL, &err), ==, -ETIME);
	CHECK_INT(loop_now() - begin, <, 50 * USEC_PER_SEC);
	CHECK_CONTAINS(error_message(&err), "hook ran past specified timeout of 1");
}

/* What a hook leaves behind may hold its pipes open; the hook has ended all the same. */
static void test_background_child(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t begin = loop_now();
	struct oci_hook hook;
	char *args[4];

	hook = shell_hook((char *)"sleep 20 & exit 0", args);
	CHECK_INT(hooks_run(&hook, 1, "{}", NULL, &err), ==, 0);
	CHECK_INT(loop_now() - begin, <, 15 * USEC_PER_SEC);
}

int main(void)
{
	TEST_RUN(test_state_and_order);
	TEST_RUN(test_failing_hooks);
	TEST_RUN(test_unread_state);
	TEST_RUN(test_timeout);
	TEST_RUN(test_background_child);
	return test_end();
}
