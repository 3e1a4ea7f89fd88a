/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other processes: a pid together with its start time, which tells a process from a later one that
 * got the same number; pidfds; the end of a process.
 */
#ifndef RUNVM_PROCESS_H
#define RUNVM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct process_ref - one process of the host, for good
 * @pid: in the pid namespace of the caller; 0 for none
 * @start: field 22 of /proc/<pid>/stat, clock ticks since boot
 */
struct process_ref {
	pid_t pid;
	uint64_t start;
};

/**
 * process_ref_get() - who has this pid now
 *
 * Return: 0, or -ESRCH when nobody has.
 */
int process_ref_get(pid_t pid, struct process_ref *ret);

/* Whether that very process is there and not a zombie. */
bool process_ref_alive(const struct process_ref *ref);

/**
 * process_ref_open() - a pidfd for that very process
 *
 * Return: a close-on-exec descriptor, or -ESRCH when it has ended.
 */
int process_ref_open(const struct process_ref *ref);

/* Sends a signal to that very process. Return: 0, or -ESRCH. */
int process_ref_signal(const struct process_ref *ref, int signal);

/**
 * process_wait_end() - wait for a process to end, whoever its parent is
 * @pidfd: borrowed
 * @timeout_usec: how long
 *
 * Return: 0, -ETIME.
 */
int process_wait_end(int pidfd, uint64_t timeout_usec);

/* A pidfd of a process, by number; close-on-exec. Return: fd or -errno. */
int process_open(pid_t pid);

/**
 * process_reset_signals() - every signal by default and none blocked, before an execve
 *
 * Also those two that glibc keeps for itself and signal(2) refuses: a parent that ignores them
 * hands that on as well.
 */
void process_reset_signals(void);

/* 128+n for a process that signal n ended, else its exit code. @status: as waitpid() gives it. */
int process_exit_code(int status);

/**
 * process_set_title() - what ps shows for this process (comm and, where room is, the arguments)
 * @name: at most 15 bytes show in comm
 */
void process_set_title(const char *name);
/* Remembers where argv is, for process_set_title(). Call first thing in main. */
void process_init_title(int argc, char **argv);

/**
 * process_close_others() - close all descriptors but 0, 1, 2 and these
 * @keep: in any order; negative ones are no descriptors
 *
 * For a clone that outlives the command: what that has open, or was given (--config /dev/fd/9), is
 * for the command alone, and who waits for the end of one of them (a pipe, a lock, a console) would
 * wait for the container's.
 */
void process_close_others(const int *keep, size_t n);

#endif
