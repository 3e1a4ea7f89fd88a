// SPDX-License-Identifier: Apache-2.0
#include "vminit/container.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/log.h"
#include "lib/process.h"
#include "vminit/process.h"
#include "vminit/setup.h"

#define MAX_SIGNAL_ROUNDS 16

/* A spare that does not fit the first container goes when that has had its time to begin. */
#define SPARE_END_AFTER (5 * USEC_PER_SEC)

struct container_wait {
	container_done_fn *done;
	void *data;
};

/**
 * struct containers - the table
 * @spare_network: see network_make_spare(); -1 when it is used up
 * @hold_fd: of struct child_setup, for inits that are cloned; borrowed
 * @spare: an init made ahead; NULL when it is used up
 * @spare_unfit: it is not to be used any more, and waits for its end
 * @created: how many there ever were, for names of cgroups
 */
struct containers {
	struct loop *loop;
	int cgroup_fd;
	const char *cgroup_path;
	const struct transport *transport;
	struct container *first;
	int spare_network;
	int hold_fd;
	struct spare *spare;
	bool spare_unfit;
	struct loop_source *spare_timer;
	unsigned int created;
	container_event_fn *watch;
	void *watch_data;
};

static void container_advance(struct container *c);

struct containers *containers_new(struct loop *loop, int cgroup_fd, const char *cgroup_path,
				  const struct transport *transport)
{
	struct containers *containers = xnew(struct containers);

	containers->loop = loop;
	containers->cgroup_fd = cgroup_fd;
	containers->cgroup_path = cgroup_path;
	containers->transport = transport;
	containers->spare_network = containers->hold_fd = -1;
	return containers;
}

void containers_set_spare_network(struct containers *containers, int fd)
{
	close_keep_errno(containers->spare_network);
	containers->spare_network = fd;
}

int container_take_spare_network(struct container *c)
{
	return TAKE_FD(c->owner->spare_network);
}

void containers_set_hold(struct containers *containers, int fd)
{
	containers->hold_fd = fd;
}

int container_hold_fd(const struct container *c)
{
	return c->owner->hold_fd;
}

int containers_make_spare(struct containers *containers, struct error *err)
{
	return spare_make(containers->cgroup_fd, containers->cgroup_path, containers->spare_network,
			  &containers->spare, err);
}

static void end_spare(struct containers *containers)
{
	containers->spare_unfit = true;
	if (containers->spare)
		spare_kill(containers->spare);
}

void containers_end_spares(struct containers *containers)
{
	containers->spare_network = close_keep_errno(containers->spare_network);
	end_spare(containers);
}

static void spare_time(struct loop_source *source, uint32_t events, void *data)
{
	struct containers *containers = data;

	(void)events;
	loop_remove(source);
	containers->spare_timer = NULL;
	end_spare(containers);
}

/*
 * One that does not fit the first container is none for the others: the first has its network
 * namespace then. Return: NULL when there is none that fits.
 */
static struct spare *take_spare(struct containers *containers, const struct plan *plan,
				const struct plan_source *source)
{
	if (!containers->spare || containers->spare_unfit)
		return NULL;
	if (spare_fits(containers->spare, plan, source)) {
		/* It is in there already. */
		containers->spare_network = close_keep_errno(containers->spare_network);
		return TAKE_PTR(containers->spare);
	}
	containers->spare_unfit = true;
	containers->spare_timer = loop_add_timer(containers->loop, loop_now() + SPARE_END_AFTER,
						 spare_time, containers);
	return NULL;
}

/* The container was not created: what it was to be made of goes. */
static void give_back_spare(struct container *c)
{
	struct containers *containers = c->owner;

	if (!c->spare)
		return;
	containers->spare = TAKE_PTR(c->spare);
	containers->spare->cgroup = c->cgroup;
	c->cgroup = (struct cgroup)CGROUP_INIT;
	end_spare(containers);
}

void containers_watch(struct containers *containers, container_event_fn *fn, void *data)
{
	containers->watch = fn;
	containers->watch_data = data;
}

void container_report(struct container *c, enum container_event event, struct process *process)
{
	if (c->owner->watch)
		c->owner->watch(event, c, process, c->owner->watch_data);
}

struct loop *container_loop(const struct container *c)
{
	return c->owner->loop;
}

const struct transport *container_transport(const struct container *c)
{
	return c->owner->transport;
}

static struct container *find(struct containers *containers, const char *id)
{
	struct container *c = containers->first;

	while (c && strcmp(c->plan->id, id) != 0)
		c = c->next;
	return c;
}

struct container *container_find(struct containers *containers, const char *id, struct error *err)
{
	struct container *c = find(containers, id);

	if (!c)
		error_set(err, ENOENT, "container \"%s\" does not exist", id);
	return c;
}

static void container_wait_finish(struct container_wait **wait, const struct error *err)
{
	struct container_wait *w = TAKE_PTR(*wait);

	if (w && w->done)
		w->done(err, w->data);
	free(w);
}

static struct container_wait *container_wait_new(container_done_fn *done, void *data)
{
	struct container_wait *w = xnew(struct container_wait);

	w->done = done;
	w->data = data;
	return w;
}

/* Takes it out of the table. All processes must be finished or never have been. */
static void container_forget(struct container *c)
{
	struct container **link = &c->owner->first;

	while (*link && *link != c)
		link = &(*link)->next;
	if (*link)
		*link = c->next;
	give_back_spare(c);
	loop_remove(c->events_source);
	close_keep_errno(c->events_fd);
	if (c->kept.mounts_fd >= 0)
		setup_settle_share();
	child_kept_close(&c->kept);
	while (c->processes)
		process_forget(c->processes);
	cgroup_remove(&c->cgroup);
	plan_free(c->plan);
	free(c);
}

/* Its cgroup, and what its init is made of, if that is there. */
static int prepare(struct container *c, const struct plan *plan, const struct plan_source *source,
		   struct error *err)
{
	struct containers *containers = c->owner;

	c->spare = take_spare(containers, plan, source);
	if (!c->spare)
		return cgroup_create(containers->cgroup_fd, containers->cgroup_path, plan->id,
				     ++containers->created, &c->cgroup, err);
	c->cgroup = c->spare->cgroup;
	c->spare->cgroup = (struct cgroup)CGROUP_INIT;
	return 0;
}

int container_create(struct containers *containers, const struct plan_source *source,
		     const struct stdio_ports *ports, process_done_fn *done, void *data,
		     struct process **ret, struct error *err)
{
	_cleanup_plan_ struct plan *plan = NULL;
	struct container *c;
	int r;

	r = plan_from_source(source, &plan, err);
	if (r < 0)
		return r;
	if (find(containers, plan->id))
		return error_set(err, EEXIST, "container \"%s\" exists already", plan->id);
	c = xnew(struct container);
	c->owner = containers;
	c->events_fd = -1;
	c->kept = (struct child_kept)CHILD_KEPT_INIT;
	c->cgroup = (struct cgroup)CGROUP_INIT;
	r = prepare(c, plan, source, err);
	if (r < 0) {
		free(c);
		return r;
	}
	c->plan = TAKE_PTR(plan);
	c->next = containers->first;
	containers->first = c;
	r = process_create(c, c->plan->id, &c->plan->process, ports, source, done, data, &c->init,
			   err);
	if (r < 0) {
		container_forget(c);
		return r;
	}
	*ret = c->init;
	return 0;
}

/* Nothing of the container runs any more: whoever waited for that goes on. */
static void container_emptied(struct container *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	c->empty = true;
	c->emptying = false;
	loop_remove(c->events_source);
	c->events_source = NULL;
	c->events_fd = close_keep_errno(c->events_fd);
	if (c->freezing) {
		error_set(&err, EBUSY, "container \"%s\" is not running", c->plan->id);
		container_wait_finish(&c->freezing, &err);
	}
	for (struct process *p = c->processes; p; p = p->next)
		process_container_empty(p);
	container_advance(c);
}

/* Only now, when every process is reaped and delivered, may the container go. */
static void container_advance(struct container *c)
{
	if (!c->removing || !c->empty)
		return;
	for (struct process *p = c->processes; p; p = p->next)
		if (p->state != PROCESS_FINISHED)
			return;
	container_report(c, CONTAINER_REMOVED, NULL);
	container_wait_finish(&c->removing, NULL);
	container_forget(c);
}

static void freezing_event(struct container *c)
{
	int frozen;

	if (!c->freezing)
		return;
	frozen = cgroup_event(&c->cgroup, c->events_fd, "frozen");
	if (frozen < 0 || frozen == c->paused)
		container_wait_finish(&c->freezing, NULL);
}

static void events_event(struct loop_source *source, uint32_t events, void *data)
{
	struct container *c = data;

	(void)source;
	(void)events;
	freezing_event(c);
	if (c->emptying && cgroup_event(&c->cgroup, c->events_fd, "populated") <= 0)
		container_emptied(c);
	else if (!c->emptying && !c->freezing)
		loop_set_events(c->events_source, 0);
}

static int watch_events(struct container *c)
{
	if (c->events_fd < 0)
		c->events_fd = cgroup_open_events(&c->cgroup);
	if (c->events_fd < 0)
		return c->events_fd;
	if (!c->events_source)
		c->events_source =
			loop_add_fd(c->owner->loop, c->events_fd, EPOLLPRI, events_event, c);
	loop_set_events(c->events_source, EPOLLPRI);
	return 0;
}

void container_init_ended(struct container *c)
{
	if (c->empty || c->emptying)
		return;
	/*
	 * The kernel waits until all others of its pid namespace are reaped before it ends an init
	 * (zap_pid_ns_processes()), and nobody else is born in here: no need to look.
	 */
	if ((c->plan->namespaces & CLONE_NEWPID) ||
	    cgroup_event(&c->cgroup, -1, "populated") <= 0) {
		container_emptied(c);
		return;
	}
	c->emptying = true;
	(void)cgroup_kill(&c->cgroup);
	if (watch_events(c) < 0 || cgroup_event(&c->cgroup, c->events_fd, "populated") <= 0)
		container_emptied(c);
}

void container_process_finished(struct container *c, struct process *p)
{
	if (p->delete_when_finished && p != c->init)
		process_forget(p);
	container_advance(c);
}

void container_remove(struct container *c, container_done_fn *done, void *data)
{
	if (c->removing) {
		if (!c->removing->done) {
			c->removing->done = done;
			c->removing->data = data;
		} else if (done) {
			_cleanup_error_ struct error err = ERROR_INIT;

			error_set(&err, EBUSY, "container \"%s\" is being removed already",
				  c->plan->id);
			done(&err, data);
		}
		return;
	}
	c->removing = container_wait_new(done, data);
	if (!c->empty && !c->emptying)
		(void)cgroup_kill(&c->cgroup);
	container_advance(c);
}

void container_forget_removing(struct container *c)
{
	if (c->removing)
		c->removing->done = NULL;
}

void container_forget_freezing(struct container *c)
{
	if (c->freezing)
		c->freezing->done = NULL;
}

static bool seen(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/*
 * The cgroup is being frozen meanwhile, so that forking comes to an end; processes forked until then
 * appear in the next round.
 */
static ssize_t signal_all(struct container *c, int signal, struct error *err)
{
	_cleanup_free_ pid_t *done = NULL;
	size_t n_done = 0;
	ssize_t n = 0, sent = 0;
	bool fresh = true;

	if (!c->paused)
		(void)cgroup_freeze(&c->cgroup, true);
	for (int round = 0; fresh && round < MAX_SIGNAL_ROUNDS; round++) {
		_cleanup_free_ pid_t *pids = NULL;

		fresh = false;
		n = cgroup_pids(&c->cgroup, &pids);
		for (ssize_t i = 0; i < n; i++) {
			if (seen(done, n_done, pids[i]))
				continue;
			fresh = true;
			if (!kill(pids[i], signal))
				sent++;
			done = xreallocarray(done, n_done + 1, sizeof(pid_t));
			done[n_done++] = pids[i];
		}
	}
	if (!c->paused)
		(void)cgroup_freeze(&c->cgroup, false);
	return n < 0 ? error_errno(err, (int)n, "processes of container \"%s\"", c->plan->id)
		     : sent;
}

ssize_t container_signal(struct container *c, int signal, struct error *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	ssize_t n;
	int r;

	if (signal < 0 || signal > SIGRTMAX)
		return error_set(err, EINVAL, "signal %d: there is none", signal);
	if (c->empty || c->emptying)
		return error_set(err, EBUSY, "container not running");
	if (signal == SIGKILL) {
		n = cgroup_pids(&c->cgroup, &pids);
		r = cgroup_kill(&c->cgroup);
		if (r < 0 || n < 0)
			return error_errno(err, r < 0 ? r : (int)n, "kill container \"%s\"",
					   c->plan->id);
		return n;
	}
	if (c->init->state == PROCESS_CREATED || c->init->state == PROCESS_STARTING) {
		r = process_signal(c->init, signal, err);
		return r < 0 ? r : 1;
	}
	return signal_all(c, signal, err);
}

int container_freeze(struct container *c, bool freeze, container_done_fn *done, void *data,
		     struct error *err)
{
	int r;

	if (c->freezing)
		return error_set(err, EBUSY, "container \"%s\" is being paused or resumed already",
				 c->plan->id);
	if (c->empty || c->emptying)
		return error_set(err, EBUSY, "container \"%s\" is not running", c->plan->id);
	r = watch_events(c);
	if (!r)
		r = cgroup_freeze(&c->cgroup, freeze);
	if (r < 0)
		return error_errno(err, r, "%s container \"%s\"", freeze ? "pause" : "resume",
				   c->plan->id);
	c->paused = freeze;
	c->freezing = container_wait_new(done, data);
	freezing_event(c);
	return 0;
}

static struct process *find_pid(struct containers *containers, pid_t pid)
{
	for (struct container *c = containers->first; c; c = c->next)
		for (struct process *p = c->processes; p; p = p->next)
			if (p->pid == pid && p->state < PROCESS_ENDED)
				return p;
	return NULL;
}

void containers_reap(struct containers *containers)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct process *p = find_pid(containers, pid);

		if (p) {
			process_ended(p, process_exit_code(status));
		} else if (containers->spare && containers->spare->pid == pid) {
			spare_free(containers->spare);
			containers->spare = NULL;
		}
	}
}
