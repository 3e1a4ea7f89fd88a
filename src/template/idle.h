/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether another process has anything to do: the processor time it uses and the time it waits for
 * a processor, which on a busy machine is what a process of low priority mostly does.
 */
#ifndef RUNVM_TEMPLATE_IDLE_H
#define RUNVM_TEMPLATE_IDLE_H

#include <stdint.h>
#include <sys/types.h>

/**
 * struct idle - one that is watched
 * @pid: as /proc sees it, which may be mounted for another pid namespace; 0 for unknown
 * @last: its time when it was looked at last
 */
struct idle {
	pid_t pid;
	uint64_t last;
};

/* Begins to watch. @pid: of a child, in the caller's pid namespace. */
void idle_watch(struct idle *idle, pid_t pid);

/**
 * idle_busy_time() - what it used and waited for since the last call, or idle_watch()
 * @ret: microseconds, of all threads
 *
 * Return: 0; -ENODATA where the kernel does not tell.
 */
int idle_busy_time(struct idle *idle, uint64_t *ret);

#endif
