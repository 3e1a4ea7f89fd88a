/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of this VM and their processes: who there is, in which state, and what happens
 * when one ends. The services (service-*.c) call it; it knows nothing of gRPC.
 *
 * Theory of operation
 *	container_create() / container_exec() -> CREATING -> CREATED, or FAILED
 *	process_start() -> STARTING -> done() -> RUNNING
 *	SIGCHLD -> containers_reap() -> ENDED (the cgroup of a container whose init it was is killed and
 *	watched until it is empty; what is left in the pipes is delivered) -> FINISHED -> waiters
 * A process leaves the table by process_delete(), a container by container_remove(), which first
 * kills what is left. A function that takes a done function calls it later from the loop, not when
 * it fails itself. container_remove() and container_freeze() call it from within if there is nothing
 * to wait for.
 */
#ifndef VMINIT_CONTAINER_H
#define VMINIT_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "vminit/cgroup.h"
#include "vminit/plan.h"
#include "vminit/spare.h"
#include "vminit/stdio.h"

struct containers;
struct container;
struct process;

enum process_state {
	PROCESS_CREATING,
	PROCESS_CREATED,
	PROCESS_STARTING,
	PROCESS_FAILED, /* could not be created: it waits to be reaped, then it is gone */
	PROCESS_RUNNING,
	PROCESS_ENDED,	  /* reaped; its output or the rest of its container is not finished */
	PROCESS_FINISHED, /* all is delivered */
};

/* @err: NULL on success. @process: NULL when it is gone, with @err. */
typedef void process_done_fn(struct process *process, const struct error *err, void *data);
typedef void container_done_fn(const struct error *err, void *data);

/* Something that happened, for whoever watches; @process is NULL for one of the container. */
enum container_event { CONTAINER_PROCESS_EXITED, CONTAINER_REMOVED };
typedef void container_event_fn(enum container_event event, struct container *container,
				struct process *process, void *data);

/**
 * struct process_wait - one who waits for an answer about a process; see process_wait_cancel()
 */
struct process_wait;

/**
 * struct process - one process that a client created
 * @id: owned
 * @plan: &container->plan->process for the init, else &own_plan
 * @pid: in vminitd's pid namespace; valid until it is reaped
 * @sync_source: the child's socket, see child.h
 * @finish_source: the deferred end after the last output
 * @fatal_signal: a signal that ended it before its program ran
 * @failure: why it could not be created
 * @pending: who waits for create or start
 * @pending_start: a start that came while it is being created
 * @exit_code: 128+n for a signal; valid from PROCESS_ENDED on
 */
struct process {
	struct process *next;
	struct container *container;
	char *id;
	const struct plan_process *plan;
	struct plan_process own_plan;
	enum process_state state;
	pid_t pid;
	int pidfd;
	int sync_fd;
	struct loop_source *sync_source;
	struct loop_source *finish_source;
	struct stdio *stdio;
	bool child_ready;
	bool stdio_ready;
	bool delete_when_finished;
	int fatal_signal;
	struct error failure;
	struct process_wait *pending;
	struct process_wait *pending_start;
	struct process_wait *waits;
	int exit_code;
	struct timespec exited_at;
};

/**
 * struct container - a container
 * @init: never NULL while the container is in the table; &processes of it too
 * @kept: until it is forgotten
 * @spare: what its init is to be, until that is created; NULL: it is cloned
 * @emptying: its cgroup is being killed
 * @empty: nothing runs in it any more and nothing will
 */
struct container {
	struct container *next;
	struct containers *owner;
	struct plan *plan;
	struct cgroup cgroup;
	struct spare *spare;
	struct process *init;
	struct process *processes;
	int events_fd;
	struct child_kept kept;
	struct loop_source *events_source;
	bool emptying;
	bool empty;
	bool paused;
	struct container_wait *freezing;
	struct container_wait *removing;
};

/**
 * containers_new() - an empty table
 * @cgroup_fd: from cgroup_make_parent(), borrowed
 * @cgroup_path: its path, borrowed
 * @transport: borrowed
 */
struct containers *containers_new(struct loop *loop, int cgroup_fd, const char *cgroup_path,
				  const struct transport *transport);
/* Gives a network namespace that was made ahead, for the first container. @fd: taken. */
void containers_set_spare_network(struct containers *containers, int fd);
/* For struct child_setup, of inits that are cloned from now on. @fd: borrowed; -1: none waits. */
void containers_set_hold(struct containers *containers, int fd);
/**
 * containers_make_spare() - make an init ahead, for the first container, if it fits that (spare.h)
 *
 * Not while there are containers. Without one, or where it does not fit, an init is cloned.
 */
int containers_make_spare(struct containers *containers, struct error *err);
/* What was made ahead is not to be used any more: something changed that it would not know of. */
void containers_end_spares(struct containers *containers);
/* Who is told of events; one, or NULL. */
void containers_watch(struct containers *containers, container_event_fn *fn, void *data);
/* A SIGCHLD came: reaps whatever has ended, orphans included. */
void containers_reap(struct containers *containers);

/* Return: borrowed; NULL with -ENOENT in @err. */
struct container *container_find(struct containers *containers, const char *id, struct error *err);
/* @id: NULL or the container's own id is its init. Return: NULL with -ENOENT in @err. */
struct process *process_find(struct container *container, const char *id, struct error *err);

/**
 * container_create() - create a container and its init
 * @source: what to plan it from
 * @ret: also what @done gets
 *
 * When it cannot be created, the container is gone again when @done is called.
 *
 * Return: 0, -EEXIST for an id in use, -EINVAL with the JSON path, another -errno; @done is called
 * after 0 only.
 */
int container_create(struct containers *containers, const struct plan_source *source,
		     const struct stdio_ports *ports, process_done_fn *done, void *data,
		     struct process **ret, struct error *err);
/* The same for one more process; @spec is taken. */
int container_exec(struct container *container, const char *id, struct oci_process *spec,
		   const struct stdio_ports *ports, process_done_fn *done, void *data,
		   struct process **ret, struct error *err);

/**
 * process_start() - let it execute its program
 *
 * While it is still being created, it is started as soon as it is: a client that wants both need
 * not wait between the two.
 *
 * Return: 0, or -EBUSY in a state that does not allow it, with runc's words.
 */
int process_start(struct process *process, process_done_fn *done, void *data, struct error *err);
/* Return: 0, -EBUSY when it has ended, -EINVAL for no signal. */
int process_signal(struct process *process, int signal, struct error *err);

/**
 * process_wait() - be told when a process has finished
 *
 * Return: a handle until @done is called. With a finished process @done is called from within, and
 * NULL returned.
 */
struct process_wait *process_wait(struct process *process, process_done_fn *done, void *data);
void process_wait_cancel(struct process *process, struct process_wait *wait);
/* Whose create or start has this @data lost interest: its done function is not called. */
void process_forget_pending(struct process *process, const void *data);

/* Kills it if it runs, and forgets it once it has finished. Not for a container's init. */
void process_delete(struct process *process);

/* Kills what is left and forgets the container; @done may be NULL. */
void container_remove(struct container *container, container_done_fn *done, void *data);
/* Who asked for the removal lost interest: its done function is not called. */
void container_forget_removing(struct container *container);
/* The same for a pause or resume. */
void container_forget_freezing(struct container *container);
/* To every process. Return: how many got it, or -errno. */
ssize_t container_signal(struct container *container, int signal, struct error *err);
/*
 * @done is called after 0, with an error when the container ends meanwhile. Return: 0; -EBUSY when another
 * pause or resume is under way, or the container does not run.
 */
int container_freeze(struct container *container, bool freeze, container_done_fn *done, void *data,
		     struct error *err);

#endif
