// SPDX-License-Identifier: Apache-2.0
#include "template/idle.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/process.h"

/* The pid as our /proc shows it: fdinfo of a pidfd is in terms of that procfs. */
static pid_t pid_in_proc(pid_t pid)
{
	_cleanup_close_ int pidfd = process_open(pid);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = xasprintf("/proc/self/fdinfo/%d", pidfd);
	const char *line;

	if (pidfd < 0 || io_read_file(AT_FDCWD, path, 4096, &text) < 0 || !text.len)
		return 0;
	line = strstr(text.data, "\nPid:");
	return line ? (pid_t)strtol(line + strlen("\nPid:"), NULL, 10) : 0;
}

/* /proc/<pid>/task/<tid>/schedstat: nanoseconds on a processor, and waiting for one. */
static uint64_t thread_time(int dirfd, const char *tid)
{
	_cleanup_free_ char *path = xasprintf("%s/schedstat", tid);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint64_t running, waiting;
	char *end;

	if (io_read_file(dirfd, path, 4096, &text) < 0 || !text.len)
		return 0;
	running = strtoull(text.data, &end, 10);
	waiting = strtoull(end, NULL, 10);
	return (running + waiting) / 1000;
}

static uint64_t process_time(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task", (int)pid);
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *entry;
	uint64_t sum = 0;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			sum += thread_time(dirfd(dir), entry->d_name);
	return sum;
}

void idle_watch(struct idle *idle, pid_t pid)
{
	idle->pid = pid_in_proc(pid);
	idle->last = idle->pid ? process_time(idle->pid) : 0;
}

int idle_busy_time(struct idle *idle, uint64_t *ret)
{
	uint64_t now = idle->pid ? process_time(idle->pid) : 0;

	/* A process that has started has used some. */
	if (!now)
		return -ENODATA;
	/* A thread that ended takes its time with it. */
	*ret = now > idle->last ? now - idle->last : 0;
	idle->last = now;
	return 0;
}
