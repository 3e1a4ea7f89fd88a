// SPDX-License-Identifier: Apache-2.0
#include "vmm/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/process.h"
#include "lib/io.h"
#include "vmm/ring.h"

#define EXEC_FAILED_STATUS 127
#define STDERR_QUOTE_LINES 4
/* Reads of stderr in a row, so that a program that never stops talking cannot hold the loop. */
#define STDERR_READS_MAX 16
#define CHILD_STACK	 65536 /* dprintf() is the deepest */

struct spawn {
	const char *name;
	pid_t pid;
	int pidfd;
	int stderr_fd;
	bool running;
	struct ring stderr_ring;
	struct loop_source *exit_source;
	struct loop_source *stderr_source;
	spawn_exit_fn *fn;
	void *data;
};

/* In the child, where nothing may be allocated and nobody listens but the pipe on 2. */
static _noreturn_ void child_fail(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(EXEC_FAILED_STATUS);
}

static void child_descriptors(const struct spawn_config *config, int stderr_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(stderr_fd, STDERR_FILENO) < 0)
		_exit(EXEC_FAILED_STATUS);
	/* The monitor's minimal root may lack /dev/null: then 0 and 1 are the pipe's write end. */
	if (dup2(null_fd >= 0 ? null_fd : stderr_fd, STDIN_FILENO) < 0 ||
	    dup2(null_fd >= 0 ? null_fd : stderr_fd, STDOUT_FILENO) < 0)
		child_fail("dup2");
	/* All are close-on-exec from birth; this is for those that a library opened. */
	(void)syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
	for (size_t i = 0; i < config->n_fds; i++)
		if (fcntl(config->fds[i], F_SETFD, 0) < 0)
			child_fail("pass a descriptor");
}

/**
 * struct child - what the child needs to know
 * @config: of spawn_start()
 * @environment: of the program
 * @stderr_fd: the pipe's write end
 * @parent: our pid
 */
struct child {
	const struct spawn_config *config;
	const char **environment;
	int stderr_fd;
	pid_t parent;
};

static int child_run(void *data)
{
	const struct child *child = data;
	const struct spawn_config *config = child->config;

	child_descriptors(config, child->stderr_fd);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		child_fail("PR_SET_PDEATHSIG");
	if (getppid() != child->parent)
		_exit(EXEC_FAILED_STATUS);
	(void)setsid();
	process_reset_signals();
	/* It would pin the file system that the caller happened to be in. */
	if (chdir("/") < 0)
		child_fail("chdir");
	execve(config->path, config->argv, (char *const *)child->environment);
	child_fail(config->path);
}

/*
 * As vfork(2) and posix_spawn(3), which cannot ask for PR_SET_PDEATHSIG: the child borrows our
 * memory, and we wait, until it executes its program or ends. A copy of the page tables would be made
 * for nothing, and the program would begin later. None of our signal handlers may run in it; its
 * dispositions are the default ones before it lets signals come.
 */
static pid_t clone_child(struct child *child)
{
	_cleanup_free_ char *stack = xmalloc(CHILD_STACK);
	sigset_t all, before;
	pid_t pid;
	int error;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	pid = clone(child_run, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

static bool stderr_read(struct spawn *s)
{
	char buffer[2048];

	for (int i = 0; i < STDERR_READS_MAX; i++) {
		ssize_t n = read(s->stderr_fd, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		ring_put(&s->stderr_ring, buffer, (size_t)n);
	}
	return true;
}

static void on_stderr(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	struct spawn *s = data;

	if (!stderr_read(s)) {
		loop_remove(s->stderr_source);
		s->stderr_source = NULL;
	}
}

static int reap(struct spawn *s)
{
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->running = false;
	return status;
}

static void on_exit_event(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	struct spawn *s = data;
	int status;

	loop_remove(s->exit_source);
	s->exit_source = NULL;
	status = reap(s);
	/* Its own children may hold the pipe open, so what is there now has to do. */
	if (s->stderr_source) {
		(void)stderr_read(s);
		loop_remove(s->stderr_source);
		s->stderr_source = NULL;
	}
	s->fn(s, status, s->data);
}

static bool has_name(const char *variable, const char *other)
{
	size_t n = strcspn(other, "=");

	return !strncmp(variable, other, n) && variable[n] == '=';
}

/* Our environment, and of @more what it does not have. Return: the array alone is owned. */
static const char **make_environment(const char *const *more)
{
	size_t n = 0, n_more = 0, n_ours;
	const char **all;

	while (environ[n])
		n++;
	while (more && more[n_more])
		n_more++;
	all = xcalloc(n + n_more + 1, sizeof(*all));
	memcpy(all, environ, n * sizeof(*all));
	n_ours = n;
	for (size_t i = 0; i < n_more; i++) {
		size_t j = 0;

		while (j < n_ours && !has_name(all[j], more[i]))
			j++;
		if (j == n_ours)
			all[n++] = more[i];
	}
	return all;
}

static int check_program(const char *path, const char *name, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, EINVAL, "%s: \"%s\" is not an absolute path", name, path);
	if (access(path, X_OK) < 0)
		return error_errno(err, errno, "execute %s \"%s\"", name, path);
	return 0;
}

int spawn_start(struct loop *loop, const struct spawn_config *config, spawn_exit_fn *fn, void *data,
		struct spawn **ret, struct error *err)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	_cleanup_free_ const char **environment = NULL;
	struct spawn *s;
	struct child child = {.config = config, .parent = getpid()};
	int ends[2], pidfd, r;
	pid_t pid;

	r = check_program(config->path, config->name, err);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "start %s: make a pipe", config->name);
	read_end = ends[0];
	write_end = ends[1];
	r = io_set_nonblocking(read_end, true);
	if (r < 0)
		return error_errno(err, r, "start %s", config->name);

	child.environment = environment = make_environment(config->environment);
	child.stderr_fd = write_end;
	pid = clone_child(&child);
	if (pid < 0)
		return error_errno(err, errno, "start %s: clone", config->name);
	/* The pid cannot be reused before it is reaped, so this is not a race. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = error_errno(err, errno, "start %s: pidfd_open", config->name);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}

	s = xnew(struct spawn);
	s->name = config->name;
	s->pid = pid;
	s->pidfd = pidfd;
	s->stderr_fd = TAKE_FD(read_end);
	s->running = true;
	s->fn = fn;
	s->data = data;
	ring_init(&s->stderr_ring, SPAWN_STDERR_MAX);
	s->exit_source = loop_add_fd(loop, s->pidfd, EPOLLIN, on_exit_event, s);
	s->stderr_source = loop_add_fd(loop, s->stderr_fd, EPOLLIN, on_stderr, s);
	*ret = s;
	return 0;
}

void spawn_free(struct spawn *s)
{
	if (!s)
		return;
	if (s->running) {
		(void)spawn_kill(s, SIGKILL);
		(void)reap(s);
	}
	loop_remove(s->exit_source);
	loop_remove(s->stderr_source);
	close_keep_errno(s->pidfd);
	close_keep_errno(s->stderr_fd);
	ring_free(&s->stderr_ring);
	free(s);
}

pid_t spawn_pid(const struct spawn *s)
{
	return s->pid;
}

bool spawn_running(const struct spawn *s)
{
	return s->running;
}

int spawn_kill(struct spawn *s, int sig)
{
	return syscall(SYS_pidfd_send_signal, s->pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

char *spawn_stderr(struct spawn *s)
{
	if (s->stderr_source)
		(void)stderr_read(s);
	return ring_tail(&s->stderr_ring, STDERR_QUOTE_LINES, "; ");
}

char *spawn_describe_status(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("was killed by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	return xasprintf("exited with status %d", WEXITSTATUS(status));
}
