/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that the monitor runs beside itself (QEMU, virtiofsd): started with exactly the
 * descriptors it should have, watched on the loop, and heard on its stderr.
 *
 * Theory of operation: spawn_start() clones, and returns when the program is executed. The child
 * dies with its parent (PR_SET_PDEATHSIG), is in a session of its own and in /, has default
 * signal handlers and an empty mask, /dev/null on 0 and 1, and a pipe on 2 whose last
 * SPAWN_STDERR_MAX bytes are kept for error messages. Every other descriptor is closed by execve
 * but the ones listed, which keep their numbers. When execve fails, the child says so on that
 * stderr and exits with 127, which is an end as any other.
 * The end is noticed by pidfd; what is left in the pipe is read first, so that on_exit finds it.
 *
 * The process is reaped here, by its pidfd. Whoever else reaps children in this process (pid 1
 * does, for orphans) has to leave it alone: peek with WNOWAIT and compare with spawn_pid().
 */
#ifndef RUNVM_VMM_SPAWN_H
#define RUNVM_VMM_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/loop.h"

#define SPAWN_STDERR_MAX 8192 /* bytes of stderr kept */

struct spawn;

/**
 * typedef spawn_exit_fn - the process is gone
 * @status: as waitpid() gives it: WIFEXITED() and so on
 *
 * Called once. spawn_free() may be called from it.
 */
typedef void spawn_exit_fn(struct spawn *spawn, int status, void *data);

/**
 * struct spawn_config - what to run
 * @name: for messages, "qemu"; borrowed until the spawn is freed
 * @path: absolute; @argv[0] may be another
 * @argv: NULL-terminated
 * @fds: descriptors that the program inherits under the same numbers, all above 2; the parent
 *	keeps its copies and closes them itself
 * @environment: NULL-terminated "NAME=VALUE" beside what we have, which has precedence; NULL for none
 */
struct spawn_config {
	const char *name;
	const char *path;
	char *const *argv;
	const int *fds;
	size_t n_fds;
	const char *const *environment;
};

/**
 * spawn_start() - clone and execute
 * @fn: called from @loop when the process is gone
 *
 * Return: 0; -ENOENT or -EACCES when @path cannot be executed; another -errno.
 */
int spawn_start(struct loop *loop, const struct spawn_config *config, spawn_exit_fn *fn, void *data,
		struct spawn **ret, struct error *err);

/* Kills the process if it still runs, and reaps it. NULL is allowed. */
void spawn_free(struct spawn *spawn);

/* In the caller's pid namespace; valid until spawn_free(), though the process may be gone. */
pid_t spawn_pid(const struct spawn *spawn);
bool spawn_running(const struct spawn *spawn);
/* SIGKILL or another. Return: 0 or -errno (-ESRCH when it is gone). */
int spawn_kill(struct spawn *spawn, int signal);

/**
 * spawn_stderr() - what it said last, for a message
 *
 * Return: its last lines joined by "; ", control bytes replaced, an empty string when it was
 * silent. The caller frees it.
 */
char *spawn_stderr(struct spawn *spawn);

/* "exited with status 1", "was killed by signal 9 (Killed)". The caller frees it. */
char *spawn_describe_status(int status);

#endif
