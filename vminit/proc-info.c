// SPDX-License-Identifier: Apache-2.0
#include "vminit/proc-info.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/alloc.h"
#include "lib/io.h"

#define MAX_FILE 16384

/* Majors of Unix98 slaves (Documentation/admin-guide/devices.txt). */
#define PTS_MAJOR_FIRST 136
#define PTS_MAJOR_LAST	143

int proc_info_parse_stat(const char *text, struct proc_info *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long utime, stime, start, rss;
	unsigned int tty;
	int len;

	if (!open || !close || close < open)
		return -EBADMSG;
	len = (int)(close - open - 1);
	snprintf(ret->command, sizeof(ret->command), "%.*s", len, open + 1);
	if (sscanf(close + 1,
		   " %c %d %*d %*d %u %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d "
		   "%llu %*u %llu",
		   &ret->state, &ret->ppid, &tty, &utime, &stime, &start, &rss) != 7)
		return -EBADMSG;
	ret->cpu_ticks = utime + stime;
	ret->start_ticks = start;
	ret->rss_pages = rss;
	ret->tty[0] = '\0';
	if (major(tty) >= PTS_MAJOR_FIRST && major(tty) <= PTS_MAJOR_LAST)
		snprintf(ret->tty, sizeof(ret->tty), "pts/%u",
			 (major(tty) - PTS_MAJOR_FIRST) * 256 + minor(tty));
	return 0;
}

int proc_info_parse_status(const char *text, struct proc_info *ret)
{
	const char *uid = strstr(text, "\nUid:"), *nspid = strstr(text, "\nNSpid:");
	char *end;

	if (!uid || !nspid)
		return -EBADMSG;
	ret->uid = (uid_t)strtoul(uid + 5, NULL, 10);
	/* One number a namespace; the last is that of the innermost. */
	for (nspid += 7; *nspid && *nspid != '\n'; nspid = end) {
		long pid = strtol(nspid, &end, 10);

		if (end == nspid)
			break;
		ret->container_pid = (pid_t)pid;
		while (*end == '\t' || *end == ' ')
			end++;
	}
	return 0;
}

static int read_text(int dir, const char *name, struct strbuf *text)
{
	int r = io_read_file(dir, name, MAX_FILE, text);

	return r < 0 || !text->data ? -ESRCH : 0;
}

static void read_arguments(int dir, size_t max, struct proc_info *ret)
{
	_cleanup_close_ int fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = xcalloc(1, max + 1);
	ssize_t n = fd < 0 ? 0 : read(fd, text, max);

	if (n > 0)
		strbuf_append(&ret->arguments, text, (size_t)n);
}

int proc_info_read(pid_t pid, size_t max_arguments, struct proc_info *ret)
{
	_cleanup_strbuf_ struct strbuf stat = STRBUF_INIT, status = STRBUF_INIT;
	_cleanup_close_ int dir = -1;
	char path[32];

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || read_text(dir, "stat", &stat) < 0 || read_text(dir, "status", &status) < 0)
		return -ESRCH;
	if (proc_info_parse_stat(stat.data, ret) < 0 ||
	    proc_info_parse_status(status.data, ret) < 0)
		return -ESRCH;
	read_arguments(dir, max_arguments, ret);
	return 0;
}

void proc_info_clear(struct proc_info *info)
{
	strbuf_free(&info->arguments);
}

struct timespec proc_info_start_time(uint64_t ticks)
{
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec now, boot;
	int64_t nsec;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	nsec = (now.tv_sec - boot.tv_sec) * INT64_C(1000000000) + (now.tv_nsec - boot.tv_nsec) +
	       (int64_t)(ticks * (UINT64_C(1000000000) / per_second));
	return (struct timespec){nsec / 1000000000, nsec % 1000000000};
}
