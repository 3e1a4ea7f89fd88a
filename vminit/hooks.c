// SPDX-License-Identifier: Apache-2.0
#include "vminit/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "lib/process.h"
#include "lib/strbuf.h"
#include "libocispec/guest-config.h"
#include "libocispec/state.h"
#include "vminit/exec-path.h"

/* What of a failed hook's output goes into the message. */
#define MAX_HOOK_OUTPUT 512

/**
 * struct hook_run - a hook while it runs
 * @input: write end of its stdin
 * @output: read end of its stdout and stderr
 */
struct hook_run {
	pid_t pid;
	int pidfd;
	int input;
	int output;
};

static void hook_run_clear(struct hook_run *run)
{
	close_keep_errno(run->pidfd);
	close_keep_errno(run->input);
	close_keep_errno(run->output);
}

static char *make_state(const struct plan *plan)
{
	const struct oci_spec *spec = plan->spec;
	struct oci_entry *annotations = xcalloc(spec->n_annotations + 1, sizeof(*annotations));
	struct oci_state state = {
		.oci_version = spec->oci_version,
		.id = plan->id,
		.pid = getpid(),
		.status = OCI_STATUS_CREATED,
		.bundle = (char *)(plan->bundle ? plan->bundle : "/"),
	};
	char *json;

	for (size_t i = 0; i < spec->n_annotations; i++)
		if (strcmp(spec->annotations[i].key, GUEST_CONFIG_BUNDLE) != 0 &&
		    strcmp(spec->annotations[i].key, GUEST_CONFIG_SECCOMP) != 0)
			annotations[state.n_annotations++] = spec->annotations[i];
	if (state.n_annotations)
		state.annotations = annotations;
	json = oci_state_write(&state, false);
	free(annotations);
	return json;
}

static _noreturn_ void exec_hook(const struct oci_hook *hook, int input, int output)
{
	static char *const no_env[] = {NULL};
	char *const plain_args[] = {hook->path, NULL};
	char text[64];

	process_reset_signals();
	if (dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0)
		execve(hook->path, hook->n_args ? hook->args : plain_args,
		       hook->env ? hook->env : no_env);
	exec_path_strerror(errno, text, sizeof(text));
	(void)!write(output, text, strlen(text));
	_exit(127);
}

static int start_hook(const struct oci_hook *hook, struct hook_run *run)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	run->input = in[1];
	if (pipe2(out, O_CLOEXEC) < 0) {
		close_keep_errno(in[0]);
		return -errno;
	}
	run->output = out[0];
	run->pid = fork();
	if (run->pid == 0)
		exec_hook(hook, in[0], out[1]);
	close_keep_errno(in[0]);
	close_keep_errno(out[1]);
	if (run->pid < 0)
		return -errno;
	run->pidfd = process_open(run->pid);
	if (run->pidfd < 0)
		return run->pidfd;
	return io_set_nonblocking(run->input, true) < 0 ? -errno : 0;
}

/* Writes what fits; closes when all is written or nobody reads. */
static void feed_hook(struct hook_run *run, const char *state, size_t *at)
{
	size_t left = strlen(state) - *at;
	ssize_t n = left ? write(run->input, state + *at, left) : 0;

	if (n > 0)
		*at += (size_t)n;
	if ((n < 0 && errno != EAGAIN) || !state[*at])
		run->input = close_keep_errno(run->input);
}

static void read_hook(struct hook_run *run, struct strbuf *output)
{
	char chunk[512];
	ssize_t n = read(run->output, chunk, sizeof(chunk));

	if (n <= 0)
		run->output = close_keep_errno(run->output);
	else if (output->len < MAX_HOOK_OUTPUT)
		strbuf_append(output, chunk, (size_t)n);
}

/*
 * Waits for the end of the hook. What it leaves running in the background may hold the pipe: that
 * is not waited for. Return: 0, or -ETIME.
 */
static int attend_hook(struct hook_run *run, const char *state, uint64_t deadline,
		       struct strbuf *output)
{
	size_t at = 0;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = run->pidfd, .events = POLLIN},
			{.fd = run->output, .events = POLLIN},
			{.fd = run->input, .events = POLLOUT},
		};
		uint64_t now = loop_now();

		if (now >= deadline)
			return -ETIME;
		if (poll(fds, ARRAY_SIZE(fds), loop_poll_timeout(deadline, now)) <= 0)
			continue;
		if (fds[1].revents)
			read_hook(run, output);
		else if (fds[0].revents)
			return 0;
		if (fds[2].revents)
			feed_hook(run, state, &at);
	}
}

static int fail_hook(size_t index, const struct oci_hook *hook, const char *how, int number,
		     struct strbuf *output, struct error *err)
{
	while (output->len && strchr("\n\r ", output->data[output->len - 1]))
		output->data[--output->len] = '\0';
	for (size_t i = 0; i < output->len; i++)
		if ((unsigned char)output->data[i] < ' ')
			output->data[i] = ' ';
	return error_set(err, EIO, "hooks.startContainer[%zu]: \"%s\" %s %d%s%s", index, hook->path,
			 how, number, output->len ? ": " : "", output->len ? output->data : "");
}

static int run_hook(const struct oci_hook *hook, size_t index, const char *state, struct error *err)
{
	_cleanup_(hook_run_clear) struct hook_run run = {-1, -1, -1, -1};
	_cleanup_strbuf_ struct strbuf output = STRBUF_INIT;
	uint64_t deadline = LOOP_FOREVER;
	int status, r;

	r = start_hook(hook, &run);
	if (r < 0)
		return error_errno(err, r, "hooks.startContainer[%zu]: \"%s\"", index, hook->path);
	if (hook->timeout.set && hook->timeout.value < INT32_MAX)
		deadline = loop_now() + (uint64_t)hook->timeout.value * USEC_PER_SEC;
	r = attend_hook(&run, state, deadline, &output);
	if (r < 0)
		kill(run.pid, SIGKILL);
	while (waitpid(run.pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "hooks.startContainer[%zu]", index);
	if (r < 0)
		return error_set(err, ETIME,
				 "hooks.startContainer[%zu]: \"%s\" did not end within "
				 "%lld s",
				 index, hook->path, (long long)hook->timeout.value);
	if (WIFSIGNALED(status))
		return fail_hook(index, hook, "was ended by signal", WTERMSIG(status), &output,
				 err);
	if (WEXITSTATUS(status))
		return fail_hook(index, hook, "exited with status", WEXITSTATUS(status), &output,
				 err);
	return 0;
}

int hooks_start_container(struct child *child, struct error *err)
{
	const struct plan *plan = child->plan;
	_cleanup_free_ char *state = NULL;
	int r = 0;

	if (!plan->n_start_hooks)
		return 0;
	state = make_state(plan);
	/* Only here: a hook that does not read its stdin must not end us. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < plan->n_start_hooks && !r; i++)
		r = run_hook(&plan->start_hooks[i], i, state, err);
	signal(SIGPIPE, SIG_DFL);
	return r;
}
