// SPDX-License-Identifier: Apache-2.0
#include "lib/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/alloc.h"
#include "lib/cleanup.h"
#include "lib/loop.h"

#define KERNEL_SIGNALS 64
#define STAT_MAX       4096 /* more than any /proc/<pid>/stat */

static struct {
	char *start;
	size_t size;
} title_room;

/* Reads state and start time. The command in parentheses may hold anything, so start behind it. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	_cleanup_close_ int fd = -1;
	char path[64], text[STAT_MAX];
	char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -ESRCH;
	*ret_state = p[2];
	/* The state is field 3; the start time is field 22. */
	p += 2;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -ESRCH;
		p++;
	}
	*ret_start = strtoull(p, NULL, 10);
	return 0;
}

int process_ref_get(pid_t pid, struct process_ref *ret)
{
	uint64_t start;
	char state;
	int r;

	if (pid <= 0)
		return -ESRCH;
	r = read_stat(pid, &state, &start);
	if (r < 0)
		return r;
	*ret = (struct process_ref){.pid = pid, .start = start};
	return 0;
}

bool process_ref_alive(const struct process_ref *ref)
{
	uint64_t start;
	char state;

	if (ref->pid <= 0 || read_stat(ref->pid, &state, &start) < 0)
		return false;
	return start == ref->start && state != 'Z' && state != 'X';
}

int process_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int process_ref_open(const struct process_ref *ref)
{
	_cleanup_close_ int fd = -1;

	if (ref->pid <= 0)
		return -ESRCH;
	fd = process_open(ref->pid);
	if (fd < 0)
		return -ESRCH;
	/* Looked at after the open: if it is still the same process now, the pidfd is its. */
	if (!process_ref_alive(ref))
		return -ESRCH;
	return TAKE_FD(fd);
}

int process_ref_signal(const struct process_ref *ref, int signal)
{
	_cleanup_close_ int fd = process_ref_open(ref);

	if (fd < 0)
		return fd;
	return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_wait_end(int pidfd, uint64_t timeout_usec)
{
	uint64_t deadline = loop_now() + timeout_usec;

	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		uint64_t now = loop_now();
		uint64_t left = deadline > now ? (deadline - now + 999) / 1000 : 0;
		int r = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (loop_now() >= deadline)
			return -ETIME;
	}
}

void process_reset_signals(void)
{
	/* As the kernel has it: handler, flags, restorer, mask (x86_64 and aarch64 alike). */
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {.handler = SIG_DFL};
	sigset_t none;

	for (int n = 1; n <= KERNEL_SIGNALS; n++)
		(void)syscall(SYS_rt_sigaction, n, &action, NULL, sizeof(action.mask));
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void process_init_title(int argc, char **argv)
{
	char *end = argv[0];

	/* The kernel lays the arguments out one behind the other. */
	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	title_room.start = argv[0];
	title_room.size = (size_t)(end - argv[0]);
}

void process_set_title(const char *name)
{
	(void)prctl(PR_SET_NAME, name);
	if (title_room.size > 1) {
		memset(title_room.start, 0, title_room.size);
		strncpy(title_room.start, name, title_room.size - 1);
	}
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void process_close_others(const int *keep, size_t n)
{
	_cleanup_free_ int *sorted = xcalloc(n + 1, sizeof(int));
	int from = STDERR_FILENO + 1;

	for (size_t i = 0; i < n; i++)
		sorted[i] = keep[i];
	qsort(sorted, n, sizeof(int), by_number);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i] > from)
			(void)syscall(SYS_close_range, (unsigned int)from,
				      (unsigned int)sorted[i] - 1, 0U);
		if (sorted[i] >= from)
			from = sorted[i] + 1;
	}
	(void)syscall(SYS_close_range, (unsigned int)from, ~0U, 0U);
}
