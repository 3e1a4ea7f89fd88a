// SPDX-License-Identifier: Apache-2.0
#include "vminit/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "vminit/child.h"
#include "vminit/steps.h"

struct process_wait {
	struct process_wait *next;
	process_done_fn *done;
	void *data;
};

static void finish_pending(struct process *p, const struct error *err)
{
	struct process_wait *w = TAKE_PTR(p->pending);

	if (w && w->done)
		w->done(err ? NULL : p, err, w->data);
	free(w);
}

static struct process_wait *pending_new(process_done_fn *done, void *data)
{
	struct process_wait *w = xnew(struct process_wait);

	w->done = done;
	w->data = data;
	return w;
}

void process_forget_pending(struct process *p, const void *data)
{
	if (p->pending && p->pending->data == data)
		p->pending->done = NULL;
	if (p->pending_start && p->pending_start->data == data)
		p->pending_start->done = NULL;
}

static void tell_waits(struct process *p, const struct error *err)
{
	while (p->waits) {
		struct process_wait *w = p->waits;

		p->waits = w->next;
		w->done(err ? NULL : p, err, w->data);
		free(w);
	}
}

static void close_sync(struct process *p)
{
	loop_remove(p->sync_source);
	p->sync_source = NULL;
	p->sync_fd = close_keep_errno(p->sync_fd);
}

void process_forget(struct process *p)
{
	_cleanup_error_ struct error gone = ERROR_INIT;
	struct process **link = &p->container->processes;

	while (*link && *link != p)
		link = &(*link)->next;
	if (*link)
		*link = p->next;
	error_set(&gone, ENOENT, "process \"%s\" was deleted", p->id);
	finish_pending(p, p->failure.errnum ? &p->failure : &gone);
	p->pending = TAKE_PTR(p->pending_start);
	finish_pending(p, p->failure.errnum ? &p->failure : &gone);
	tell_waits(p, &gone);
	error_clear(&p->failure);
	close_sync(p);
	loop_remove(p->finish_source);
	close_keep_errno(p->pidfd);
	stdio_free(p->stdio);
	plan_process_clear(&p->own_plan);
	free(p->id);
	free(p);
}

/*
 * The process never came to run: it ends, and with it a container that it was to begin. Whoever asked
 * is told when that is gone, so that a second try does not meet the first.
 */
static void fail_creation(struct process *p, const struct error *err)
{
	struct container *c = p->container;

	if (p->state != PROCESS_CREATING)
		return;
	p->state = PROCESS_FAILED;
	error_set(&p->failure, err->errnum, "%s", error_message(err));
	if (p == c->init)
		container_remove(c, NULL, NULL);
	else
		process_delete(p);
}

static int open_gate(struct process *p)
{
	ssize_t n = socket_send_fds(p->sync_fd, "", 1, NULL, 0);

	if (n < 0)
		return (int)n;
	p->state = PROCESS_STARTING;
	return 0;
}

static void check_created(struct process *p)
{
	if (p->state != PROCESS_CREATING || !p->child_ready || !p->stdio_ready)
		return;
	p->state = PROCESS_CREATED;
	steps_done("created");
	finish_pending(p, NULL);
	p->pending = TAKE_PTR(p->pending_start);
	/* A child that died meanwhile is reported by the reaper. */
	if (p->pending && open_gate(p) < 0)
		p->state = PROCESS_STARTING;
}

static void stdio_connected(void *data, const struct error *err)
{
	struct process *p = data;

	p->stdio_ready = true;
	if (err)
		fail_creation(p, err);
	else
		check_created(p);
}

static void check_finished(struct process *p)
{
	struct container *c = p->container;

	if (p->state != PROCESS_ENDED)
		return;
	p->state = PROCESS_FINISHED;
	steps_done("ended, its output sent");
	container_report(c, CONTAINER_PROCESS_EXITED, p);
	tell_waits(p, NULL);
	container_process_finished(c, p);
}

static void deferred_finish(struct loop_source *source, uint32_t events, void *data)
{
	struct process *p = data;

	(void)source;
	(void)events;
	p->finish_source = NULL;
	check_finished(p);
}

/* Possibly from within stdio_drain(): what follows may free the stdio, so later. */
static void stdio_drained(void *data)
{
	struct process *p = data;

	p->finish_source = loop_defer(container_loop(p->container), deferred_finish, p);
}

static const struct stdio_ops stdio_ops = {.connected = stdio_connected, .drained = stdio_drained};

static void child_failed(struct process *p, const struct error *err)
{
	if (p->state == PROCESS_CREATING)
		fail_creation(p, err);
	else if (p->state == PROCESS_STARTING)
		finish_pending(p, err);
}

/* The socket's end: execve closed it, or the child died, which SIGCHLD will tell. */
static void child_closed(struct process *p)
{
	close_sync(p);
	if (p->state == PROCESS_STARTING) {
		p->state = PROCESS_RUNNING;
		steps_done("executed");
		finish_pending(p, NULL);
	}
}

static void child_message(struct process *p, const struct child_message *m, const char *text,
			  size_t len, int *fds, size_t n_fds)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	switch (m->type) {
	case CHILD_WAITS:
		break;
	case CHILD_TERMINAL:
		if (n_fds == 2) {
			stdio_set_terminal(p->stdio, fds[0], fds[1]);
			fds[0] = fds[1] = -1;
		}
		break;
	case CHILD_CREATED:
		p->child_ready = true;
		check_created(p);
		break;
	case CHILD_FAILED:
		error_set(&err, m->errnum, "%.*s", (int)len, text);
		child_failed(p, &err);
		break;
	}
}

/* Reads what the child said. It may free neither process nor container: both wait for the reaper. */
static void read_sync(struct process *p)
{
	while (p->sync_fd >= 0 && p->state < PROCESS_FAILED) {
		struct {
			struct child_message head;
			char text[CHILD_MAX_MESSAGE];
		} m;
		int fds[2] = {-1, -1};
		size_t n_fds = ARRAY_SIZE(fds);
		ssize_t n = socket_recv_fds(p->sync_fd, &m, sizeof(m), fds, &n_fds);

		if (n == -EAGAIN)
			return;
		if (n < (ssize_t)sizeof(m.head)) {
			child_closed(p);
			return;
		}
		child_message(p, &m.head, m.text, (size_t)n - sizeof(m.head), fds, n_fds);
		close_keep_errno(fds[0]);
		close_keep_errno(fds[1]);
	}
}

static void sync_event(struct loop_source *source, uint32_t events, void *data)
{
	(void)source;
	(void)events;
	read_sync(data);
}

/* The container's init was made ahead. Return: 0; -errno: it is of no use, and gone. */
static int take_spare(struct process *p, const struct plan_source *source)
{
	struct container *c = p->container;
	struct spare *spare = TAKE_PTR(c->spare);
	int stdio[STDIO_STREAMS], r;

	stdio_child_fds(p->stdio, stdio);
	r = spare_become(spare, source, stdio);
	steps_done("spare taken");
	if (!r) {
		p->pid = spare->pid;
		p->pidfd = TAKE_FD(spare->pidfd);
		p->sync_fd = TAKE_FD(spare->sync_fd);
		c->kept = spare->kept;
		spare->kept = (struct child_kept)CHILD_KEPT_INIT;
	} else {
		spare_kill(spare);
	}
	spare_free(spare);
	return r;
}

static int clone_process(struct process *p, struct error *err)
{
	struct container *c = p->container;
	struct child_setup setup = {
		.plan = c->plan,
		.process = p->plan,
		.namespaces = c->plan->namespaces,
		.cgroup_fd = c->cgroup.fd,
		.cgroup_path = c->cgroup.path,
		.init_pidfd = c->init ? c->init->pidfd : -1,
		.network_fd = -1,
		.hold_fd = c->init ? -1 : container_hold_fd(c),
	};
	_cleanup_close_ int network_fd = -1;
	int r;

	if (!c->init && (c->plan->namespaces & CLONE_NEWNET))
		setup.network_fd = network_fd = container_take_spare_network(c);
	stdio_child_fds(p->stdio, setup.stdio);
	r = child_spawn(&setup, &p->pid, &p->pidfd, &p->sync_fd, err);
	steps_done("cloned");
	if (!r && !c->init)
		(void)child_keep(p->pid, setup.network_fd, &c->kept);
	return r;
}

static int spawn(struct process *p, const struct plan_source *source, struct error *err)
{
	struct container *c = p->container;
	int r = -ENOENT;

	steps_done("planned");
	if (c->spare)
		r = take_spare(p, source);
	if (r < 0)
		r = clone_process(p, err);
	stdio_close_child_fds(p->stdio);
	if (r < 0)
		return r;
	p->sync_source = loop_add_fd(container_loop(c), p->sync_fd, EPOLLIN, sync_event, p);
	return 0;
}

int process_create(struct container *c, const char *id, const struct plan_process *plan,
		   const struct stdio_ports *ports, const struct plan_source *source,
		   process_done_fn *done, void *data, struct process **ret, struct error *err)
{
	struct process *p = xnew(struct process);
	int r;

	p->container = c;
	p->id = xstrdup(id);
	p->plan = plan;
	p->pidfd = p->sync_fd = -1;
	p->next = c->processes;
	c->processes = p;
	r = stdio_new(container_loop(c), container_transport(c), ports, plan->terminal,
		      c->spare ? &c->spare->pipes : NULL, &stdio_ops, p, &p->stdio, err);
	if (!r)
		r = spawn(p, source, err);
	if (r < 0) {
		process_forget(p);
		return r;
	}
	p->pending = pending_new(done, data);
	*ret = p;
	return 0;
}

int container_exec(struct container *c, const char *id, struct oci_process *spec,
		   const struct stdio_ports *ports, process_done_fn *done, void *data,
		   struct process **ret, struct error *err)
{
	struct plan_process plan;
	struct process *p;
	int r;

	if (process_find(c, id, NULL)) {
		oci_process_free(spec);
		return error_set(err, EEXIST, "process \"%s\" exists already in container \"%s\"",
				 id, c->plan->id);
	}
	if (c->init->state >= PROCESS_ENDED || c->removing) {
		oci_process_free(spec);
		return error_set(err, EBUSY, "cannot exec in a stopped container");
	}
	r = plan_exec(spec, c->plan, &plan, err);
	if (r < 0)
		return r;
	/* The child has a copy of this stack; here the plan moves into the process afterwards. */
	r = process_create(c, id, &plan, ports, NULL, done, data, &p, err);
	if (r < 0) {
		plan_process_clear(&plan);
		return r;
	}
	p->own_plan = plan;
	p->plan = &p->own_plan;
	*ret = p;
	return 0;
}

struct process *process_find(struct container *c, const char *id, struct error *err)
{
	struct process *p = c->processes;

	if (!id || !*id || !strcmp(id, c->plan->id))
		return c->init;
	while (p && strcmp(p->id, id) != 0)
		p = p->next;
	if (!p)
		error_set(err, ENOENT, "process \"%s\" does not exist in container \"%s\"", id,
			  c->plan->id);
	return p;
}

int process_start(struct process *p, process_done_fn *done, void *data, struct error *err)
{
	int r;

	if (p->state == PROCESS_FAILED || p->state >= PROCESS_ENDED || p->fatal_signal)
		return error_set(err, EBUSY, "cannot start a container that has stopped");
	if (p->state == PROCESS_CREATING && !p->pending_start) {
		p->pending_start = pending_new(done, data);
		return 0;
	}
	if (p->state != PROCESS_CREATED)
		return error_set(err, EBUSY, "cannot start an already running container");
	r = open_gate(p);
	if (r < 0)
		return error_errno(err, r, "start process \"%s\"", p->id);
	p->pending = pending_new(done, data);
	return 0;
}

/* Whether a signal ends a process that does nothing about it (signal(7)). */
static bool ends_by_default(int signal)
{
	switch (signal) {
	case 0:
	case SIGCHLD:
	case SIGCONT:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return true;
	}
}

int process_signal(struct process *p, int signal, struct error *err)
{
	if (signal < 0 || signal > SIGRTMAX)
		return error_set(err, EINVAL, "signal %d: there is none", signal);
	if (p->state >= PROCESS_ENDED)
		return error_set(err, EBUSY, "process already finished");
	/*
	 * A pid 1 that has no handler yet would not notice. Before its program runs, a signal ends
	 * the process as it would end any other.
	 */
	if (p->state < PROCESS_RUNNING && ends_by_default(signal)) {
		p->fatal_signal = signal;
		signal = SIGKILL;
	}
	if (syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0) < 0) {
		if (errno == ESRCH)
			return error_set(err, EBUSY, "process already finished");
		return error_errno(err, errno, "send signal %d to process \"%s\"", signal, p->id);
	}
	return 0;
}

struct process_wait *process_wait(struct process *p, process_done_fn *done, void *data)
{
	struct process_wait *w;

	if (p->state == PROCESS_FINISHED) {
		done(p, NULL, data);
		return NULL;
	}
	w = xnew(struct process_wait);
	w->done = done;
	w->data = data;
	w->next = p->waits;
	p->waits = w;
	return w;
}

void process_wait_cancel(struct process *p, struct process_wait *wait)
{
	for (struct process_wait **link = &p->waits; *link; link = &(*link)->next) {
		if (*link != wait)
			continue;
		*link = wait->next;
		free(wait);
		return;
	}
}

void process_ended(struct process *p, int exit_code)
{
	struct container *c = p->container;
	_cleanup_error_ struct error err = ERROR_INIT;

	/* What it said before it died comes first. */
	read_sync(p);
	close_sync(p);
	clock_gettime(CLOCK_REALTIME, &p->exited_at);
	p->exit_code =
		p->fatal_signal && exit_code == 128 + SIGKILL ? 128 + p->fatal_signal : exit_code;
	error_set(&err, ECHILD, "process \"%s\" ended before it could be %s (status %d)", p->id,
		  p->state == PROCESS_CREATING ? "created" : "started", exit_code);
	child_failed(p, &err);
	p->state = PROCESS_ENDED;
	if (p == c->init)
		container_init_ended(c);
	else
		stdio_drain(p->stdio);
}

void process_container_empty(struct process *p)
{
	/* Only the init waits for the others: what they wrote to its pipes is in there now. */
	if (p == p->container->init)
		stdio_drain(p->stdio);
}

void process_delete(struct process *p)
{
	p->delete_when_finished = true;
	if (p->state == PROCESS_FINISHED) {
		container_process_finished(p->container, p);
		return;
	}
	if (p->state < PROCESS_ENDED)
		(void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}
