// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "container/cgroup.h"
#include "container/hooks.h"
#include "container/plan.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/socket.h"
#include "lib/trace.h"
#include "lifecycle/lifecycle.h"
#include "monitor/monitor.h"
#include "monitor/share.h"
#include "monitor/vm-setup.h"
#include "standin/standin.h"
#include "template/template.h"

/* What create has in hand while it works; freed in the reverse order of its making. */
struct creation {
	const struct lifecycle_create *options;
	const struct bundle *bundle;
	struct plan *plan;
	struct container *c;
	int *trees;
	int rootfs_fd;
	int console;
	char *vm_dir;
	struct vm_setup setup;
	enum monitor_ready ready;
	struct monitor monitor;
	struct standin standin;
};

static void creation_clear(struct creation *k)
{
	standin_clear(&k->standin);
	monitor_clear(&k->monitor);
	if (k->console != k->options->console_fd)
		close_keep_errno(k->console);
	close_keep_errno(k->rootfs_fd);
	if (k->trees)
		for (size_t i = 0; i < k->plan->n_exports; i++)
			close_keep_errno(k->trees[i]);
	free(k->trees);
	free(k->vm_dir);
	vm_setup_clear(&k->setup);
	plan_free(k->plan);
}

static int check_console(const struct creation *k, struct error *err)
{
	const struct lifecycle_create *o = k->options;
	bool terminal = k->bundle->spec->process && k->bundle->spec->process->terminal;

	/* runc's words. */
	if (o->detached && terminal && !o->console_socket)
		return error_set(err, EINVAL,
				 "cannot allocate tty if runvm will detach without "
				 "setting console socket");
	if ((!o->detached || !terminal) && o->console_socket)
		return error_set(err, EINVAL,
				 "cannot use console socket if runvm will not detach or "
				 "allocate tty");
	return 0;
}

static int make_plan(struct creation *k, const char *id, struct error *err)
{
	int r;

	r = container_check_id(id, err);
	if (!r && !k->bundle->spec->process)
		r = error_set(err, EINVAL, "process: missing");
	if (!r)
		r = check_console(k, err);
	if (!r)
		r = plan_make(k->bundle, id, &k->plan, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < k->plan->n_warnings; i++)
		log_warning("%s", k->plan->warnings[i]);
	for (size_t i = 0; i < k->plan->n_notes; i++)
		log_info("%s", k->plan->notes[i]);
	return 0;
}

static int connect_console(struct creation *k, struct error *err)
{
	const char *path = k->options->console_socket;

	k->console = k->options->console_fd;
	if (!path)
		return 0;
	k->console = socket_connect_path(path, SOCK_STREAM);
	return k->console < 0 ? error_errno(err, k->console, "console socket \"%s\"", path) : 0;
}

static void fill_status(struct creation *k)
{
	struct status *s = &k->c->status;

	s->vm = xstrdup(k->c->id);
	s->oci_version = xstrdup(k->bundle->spec->oci_version);
	s->bundle = xstrdup(k->bundle->path);
	s->rootfs = xstrdup(k->bundle->rootfs);
	s->terminal = k->bundle->spec->process->terminal;
	s->phase = STATUS_CREATING;
}

/* The status has only those that are this container's alone: with it goes what is in them. */
static int find_cgroups(struct creation *k, struct error *err)
{
	struct status *s = &k->c->status;
	size_t n;
	char **dirs;
	int r;

	r = cgroup_find(k->plan->cgroups_path, k->c->id, &dirs, &n, err);
	if (r < 0)
		return r;
	r = cgroup_check_empty(dirs, err);
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			free(dirs[i]);
		free(dirs);
		return r;
	}
	s->cgroups = dirs;
	s->n_cgroups = n;
	return 0;
}

/* From here on there is a container, which delete can find and clean up. */
static int write_down(struct creation *k, struct error *err)
{
	struct status *s = &k->c->status;
	int r;

	fill_status(k);
	if (k->options->cgroups) {
		r = find_cgroups(k, err);
		if (r < 0)
			return r;
	}
	r = io_replace_file(k->c->dirfd, "config.json", k->bundle->config,
			    strlen(k->bundle->config), 0600, err);
	if (!r)
		r = container_save(k->c, err);
	if (!r && s->n_cgroups)
		r = cgroup_make(s->cgroups, &s->n_cgroups, err);
	return r;
}

static int open_trees(struct creation *k, struct error *err)
{
	int r;

	k->trees = xcalloc(k->plan->n_exports, sizeof(int));
	for (size_t i = 0; i < k->plan->n_exports; i++)
		k->trees[i] = -1;
	r = share_open_trees(k->plan->exports, k->plan->n_exports, k->trees, err);
	if (r < 0)
		return r;
	/* The stand-in's view of it; without what is mounted below, which it has no use for. */
	const struct plan_export rootfs = {.source = k->plan->exports[0].source, .directory = true};

	return share_open_trees(&rootfs, 1, &k->rootfs_fd, err);
}

static int find_setup(struct creation *k, struct error *err)
{
	enum accel_request accel;
	int r;

	r = vm_setup_wanted_accel(&accel, err);
	return r < 0 ? r : vm_setup_find(&k->plan->vm, accel, &k->setup, err);
}

static int start_processes(struct creation *k, struct error *err)
{
	const struct monitor_config monitor = {
		.id = k->c->id,
		.vm_dir = k->vm_dir,
		.vm_dirfd = k->c->dirfd,
		.plan = k->plan,
		.trees = k->trees,
		.cgroups = k->c->status.cgroups,
		.setup = &k->setup,
	};
	const struct standin_config standin = {
		.id = k->c->id,
		.plan = k->plan,
		.hooks = k->bundle->spec->hooks,
		.vm_dirfd = k->c->dirfd,
		.rootfs_fd = k->rootfs_fd,
		.console_socket = k->console,
		.cgroups = k->c->status.cgroups,
		.start = k->options->start,
	};
	int r;

	r = monitor_start(&monitor, &k->monitor, err);
	if (r < 0)
		return r;
	k->c->status.monitor = k->monitor.process;
	/* The VM starts meanwhile. */
	r = plan_compile_seccomp(k->plan, err);
	if (r < 0)
		return r;
	r = standin_start(&standin, &k->standin, err);
	if (r < 0)
		return r;
	k->c->status.standin = k->standin.process;
	return container_save(k->c, err);
}

static int run_host_hooks(struct creation *k, const char *state, struct error *err)
{
	const struct oci_hooks *hooks = k->bundle->spec->hooks;
	int r;

	if (!hooks)
		return 0;
	r = hooks_run(hooks->prestart, hooks->n_prestart, state, k->bundle->path, err);
	if (!r)
		r = hooks_run(hooks->create_runtime, hooks->n_create_runtime, state,
			      k->bundle->path, err);
	return r;
}

/*
 * A stand-in that lost its VM fails before we have listened to the monitor, which knows why and has
 * said so: to everybody, before it let go of anybody.
 */
static int why_failed(struct creation *k, int r, struct error *err)
{
	struct pollfd lease = {.fd = k->monitor.lease, .events = POLLIN};

	while (poll(&lease, 1, 0) > 0) {
		int said = monitor_receive(&k->monitor, &k->ready, err);

		if (said < 0)
			return said;
	}
	return r;
}

/* Waits for the stand-in, and listens to the monitor meanwhile. */
static int wait_created(struct creation *k, struct error *err)
{
	uint64_t deadline = loop_now() + MONITOR_START_TIMEOUT;
	int r;

	do {
		r = standin_wait(&k->standin, STANDIN_CREATED, k->monitor.lease, deadline, err);
		if (r == -EAGAIN) {
			r = monitor_receive(&k->monitor, &k->ready, err);
			if (r < 0)
				return r;
			r = -EAGAIN;
		}
	} while (r == -EAGAIN);
	return r < 0 ? why_failed(k, r, err) : 0;
}

static int bring_up(struct creation *k, struct error *err)
{
	_cleanup_free_ char *state = NULL;
	int r;

	r = standin_wait(&k->standin, STANDIN_NAMESPACES, -1, loop_now() + MONITOR_START_TIMEOUT,
			 err);
	if (r < 0)
		return r;
	state = lifecycle_state(k->c, OCI_STATUS_CREATING, k->bundle->spec);
	r = run_host_hooks(k, state, err);
	if (!r)
		r = standin_run_hooks(&k->standin, state, err);
	if (!r)
		r = wait_created(k, err);
	return r;
}

static int write_pid_file(const struct creation *k, struct error *err)
{
	const char *path = k->options->pid_file;
	_cleanup_free_ char *text = NULL, *dir = NULL;
	_cleanup_close_ int dirfd = -1;
	const char *slash;

	if (!path)
		return 0;
	slash = strrchr(path, '/');
	dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_errno(err, errno, "pid file \"%s\"", path);
	text = xasprintf("%d", (int)k->standin.process.pid);
	if (io_replace_file(dirfd, slash ? slash + 1 : path, text, strlen(text), 0644, err) < 0)
		return error_prefix(err, "pid file \"%s\"", path);
	return 0;
}

static int send_pidfd(const struct creation *k, struct error *err)
{
	const char *path = k->options->pidfd_socket;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (!path)
		return 0;
	fd = socket_connect_path(path, SOCK_STREAM);
	if (fd < 0)
		return error_errno(err, fd, "pidfd socket \"%s\"", path);
	n = socket_send_fds(fd, "pidfd", 5, &k->standin.pidfd, 1);
	return n < 0 ? error_errno(err, (int)n, "pidfd socket \"%s\"", path) : 0;
}

static int hand_over(struct creation *k, struct error *err)
{
	int r;

	k->c->status.phase = k->options->start ? STATUS_STARTED : STATUS_CREATED;
	r = container_save(k->c, err);
	if (!r)
		r = write_pid_file(k, err);
	if (!r)
		r = send_pidfd(k, err);
	if (!r)
		r = standin_commit(&k->standin, err);
	return r;
}

/* The next VM of this kind shall not have to boot. */
static void prepare_warm_start(struct creation *k)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qemu_config config;

	if (k->ready == MONITOR_WARM)
		return;
	if (k->ready == MONITOR_FELL_BACK)
		accel_fall_back(&k->setup.accel, "it did not run");
	config = vm_setup_config(&k->setup);
	if (template_build_in_background(&config, &k->setup.accel, &err) < 0)
		log_info("no template is made: %s", error_message(&err));
}

int lifecycle_create(const char *id, const struct lifecycle_create *options, struct container *ret,
		     struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_(creation_clear) struct creation k = {.options = options,
						       .bundle = options->bundle,
						       .c = &c,
						       .rootfs_fd = -1,
						       .console = -1,
						       .setup = {.accel = ACCEL_INIT},
						       .monitor = MONITOR_INIT,
						       .standin = STANDIN_INIT};
	int r;

	r = make_plan(&k, id, err);
	trace_step("planned");
	if (!r)
		r = find_setup(&k, err);
	if (!r)
		r = connect_console(&k, err);
	if (!r)
		r = container_create(options->root, id, &c, err);
	if (r < 0)
		return r;
	k.vm_dir = xasprintf("%s/%s", c.root_path, id);
	r = write_down(&k, err);
	trace_step("written down");
	if (!r)
		r = open_trees(&k, err);
	if (!r)
		r = start_processes(&k, err);
	trace_step("processes");
	if (!r)
		r = bring_up(&k, err);
	trace_step("up");
	if (!r)
		r = hand_over(&k, err);
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		standin_clear(&k.standin);
		monitor_clear(&k.monitor);
		if (lifecycle_destroy(&c, &ignored) < 0)
			log_warning("clean up after the failure: %s", error_message(&ignored));
		return r;
	}
	trace_step("created");
	prepare_warm_start(&k);
	*ret = c;
	c = (struct container)CONTAINER_INIT;
	return 0;
}
