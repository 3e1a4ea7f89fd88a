// SPDX-License-Identifier: Apache-2.0
#include "container/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "lib/process.h"
#include "lib/socket.h"
#include "lib/strbuf.h"

#define HOOK_OUTPUT_MAX 16384 /* bytes of a hook's stdout and stderr that are kept */

/* A hook that runs: what it still has to read, what it has said. */
struct hook_run {
	pid_t pid;
	int pidfd;
	int in, out, err;
	const char *state;
	size_t state_left;
	struct strbuf out_text, err_text;
};

static void hook_run_clear(struct hook_run *run)
{
	if (run->pid > 0) {
		(void)kill(run->pid, SIGKILL);
		(void)waitpid(run->pid, NULL, 0);
	}
	close_keep_errno(run->pidfd);
	close_keep_errno(run->in);
	close_keep_errno(run->out);
	close_keep_errno(run->err);
	strbuf_free(&run->out_text);
	strbuf_free(&run->err_text);
}

static _noreturn_ void hook_exec(const struct oci_hook *hook, const char *cwd, const int fds[3])
{
	char *only_path[] = {hook->path, NULL};

	process_reset_signals();
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	if (cwd && chdir(cwd) < 0)
		_exit(126);
	execve(hook->path, hook->n_args ? hook->args : only_path, hook->env ? hook->env : environ);
	dprintf(STDERR_FILENO, "%s: %s", hook->path, strerror(errno));
	_exit(127);
}

static int hook_start(const struct oci_hook *hook, const char *cwd, struct hook_run *run,
		      struct error *err)
{
	_cleanup_close_ int child_in = -1, child_out = -1, child_err = -1;
	int in[2], out[2], errors[2];

	/* A socketpair on stdin: writing to a hook that does not read gives EPIPE, not SIGPIPE. */
	if (socket_pair(SOCK_STREAM, in) < 0)
		return error_errno(err, errno, "socketpair");
	run->in = in[0];
	child_in = in[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	run->out = out[0];
	child_out = out[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	run->err = errors[0];
	child_err = errors[1];
	run->pid = fork();
	if (run->pid < 0)
		return error_errno(err, errno, "fork");
	if (!run->pid) {
		const int fds[3] = {child_in, child_out, child_err};

		hook_exec(hook, cwd, fds);
	}
	run->pidfd = process_open(run->pid);
	if (run->pidfd < 0)
		return error_errno(err, run->pidfd, "pidfd_open");
	return 0;
}

static void feed(struct hook_run *run)
{
	ssize_t n = send(run->in, run->state, run->state_left, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		run->state += n;
		run->state_left -= (size_t)n;
	}
	if (n < 0 || !run->state_left)
		run->in = close_keep_errno(run->in);
}

static void drain(int *fd, struct strbuf *text)
{
	char chunk[4096];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n <= 0) {
		*fd = close_keep_errno(*fd);
		return;
	}
	if (text->len < HOOK_OUTPUT_MAX)
		strbuf_append(text, chunk, (size_t)n);
}

/* Return: 0 when the hook has ended, -ETIME. */
static int hook_attend(struct hook_run *run, uint64_t deadline)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = run->pidfd, .events = POLLIN},
			{.fd = run->in, .events = POLLOUT},
			{.fd = run->out, .events = POLLIN},
			{.fd = run->err, .events = POLLIN},
		};
		uint64_t now = loop_now();

		if (now >= deadline)
			return -ETIME;
		if (poll(fds, ARRAY_SIZE(fds), loop_poll_timeout(deadline, now)) < 0 &&
		    errno != EINTR)
			return -errno;
		if (fds[1].revents)
			feed(run);
		if (fds[2].revents)
			drain(&run->out, &run->out_text);
		if (fds[3].revents)
			drain(&run->err, &run->err_text);
		/* What it forked off may hold the pipes for ever: its own end is what counts. */
		if (fds[0].revents && !fds[2].revents && !fds[3].revents)
			return 0;
	}
}

static char *describe(int status)
{
	return WIFSIGNALED(status) ? xasprintf("signal: %s", strsignal(WTERMSIG(status)))
				   : xasprintf("exit status %d", WEXITSTATUS(status));
}

static int hook_run_one(const struct oci_hook *hook, const char *state, const char *cwd,
			struct error *err)
{
	_cleanup_(hook_run_clear) struct hook_run run = {
		.pidfd = -1,
		.in = -1,
		.out = -1,
		.err = -1,
		.state = state,
		.state_left = strlen(state),
	};
	uint64_t deadline = LOOP_FOREVER;
	int r, status;

	if (hook->timeout.set && hook->timeout.value > 0 && hook->timeout.value < INT32_MAX)
		deadline = loop_now() + (uint64_t)hook->timeout.value * USEC_PER_SEC;
	r = hook_start(hook, cwd, &run, err);
	if (r < 0)
		return r;
	r = hook_attend(&run, deadline);
	if (r == -ETIME)
		return error_set(err, ETIME, "hook ran past specified timeout of %llds",
				 (long long)hook->timeout.value);
	if (r < 0)
		return error_errno(err, r, "wait for hook");
	r = waitpid(run.pid, &status, 0) < 0 ? -errno : 0;
	run.pid = 0;
	if (r < 0)
		return error_errno(err, r, "waitpid");
	if (status) {
		_cleanup_free_ char *how = describe(status);

		return error_set(err, EPROTO, "error running hook: %s, stdout: %s, stderr: %s", how,
				 run.out_text.len ? run.out_text.data : "",
				 run.err_text.len ? run.err_text.data : "");
	}
	return 0;
}

int hooks_run(const struct oci_hook *hooks, size_t n, const char *state, const char *cwd,
	      struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = hook_run_one(&hooks[i], state, cwd, err);

		if (r < 0)
			return error_prefix(err, "error running hook #%zu", i);
	}
	return 0;
}
