/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about one process, for lists of them. */
#ifndef VMINIT_PROC_INFO_H
#define VMINIT_PROC_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lib/strbuf.h"

/**
 * struct proc_info - a process
 * @command: the kernel's name of the task
 * @container_pid: in its innermost pid namespace
 * @start_ticks: since boot, in clock ticks
 * @tty: "" or "pts/N"
 * @arguments: NUL-terminated strings one behind the other; empty for a zombie
 */
struct proc_info {
	char command[64];
	char state;
	pid_t ppid;
	pid_t container_pid;
	uid_t uid;
	uint64_t cpu_ticks;
	uint64_t rss_pages;
	uint64_t start_ticks;
	char tty[16];
	struct strbuf arguments;
};

/* Parses the text of /proc/<pid>/stat. Return: 0, or -EBADMSG. */
int proc_info_parse_stat(const char *text, struct proc_info *ret);
/* Parses the text of /proc/<pid>/status. Return: 0, or -EBADMSG. */
int proc_info_parse_status(const char *text, struct proc_info *ret);

/**
 * proc_info_read() - what is known of a process
 * @max_arguments: bytes of its arguments, behind which they are cut
 * @ret: to be cleared by proc_info_clear(), also on failure
 *
 * Return: 0, or -ESRCH.
 */
int proc_info_read(pid_t pid, size_t max_arguments, struct proc_info *ret);
void proc_info_clear(struct proc_info *info);
/* When a process started that started so many ticks after boot. */
struct timespec proc_info_start_time(uint64_t ticks);

#endif
