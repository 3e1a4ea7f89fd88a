// SPDX-License-Identifier: Apache-2.0
#include "vminit/spare.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "vminit/memory.h"

/* What containers mostly have; and a network namespace, if there is one. */
#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)

/* A larger config.json is not sent, and needs a clone. */
#define MAX_MESSAGE	   65536

#define READY_TIMEOUT_MSEC 10000

/**
 * struct message - what a spare is to become
 * @streams: which of the standard streams have a pipe
 * @data: the id, @id_len bytes, and config.json
 */
struct message {
	uint32_t id_len;
	uint32_t rows;
	uint32_t columns;
	bool streams[STDIO_STREAMS];
	char data[];
};

/* --- vminitd's side --- */

void spare_kill(const struct spare *spare)
{
	(void)syscall(SYS_pidfd_send_signal, spare->pidfd, SIGKILL, NULL, 0);
}

void spare_free(struct spare *spare)
{
	if (!spare)
		return;
	close_keep_errno(spare->pidfd);
	close_keep_errno(spare->sync_fd);
	child_kept_close(&spare->kept);
	stdio_pipes_close(&spare->pipes);
	cgroup_remove(&spare->cgroup);
	free(spare);
}

static int wait_ready(const struct spare *spare, struct error *err)
{
	struct pollfd p = {.fd = spare->sync_fd, .events = POLLIN};
	struct {
		struct child_message head;
		char text[CHILD_MAX_MESSAGE];
	} m;
	size_t n_fds = 0;
	ssize_t n;

	if (poll(&p, 1, READY_TIMEOUT_MSEC) != 1)
		return error_set(err, ETIMEDOUT, "it does not get ready");
	n = socket_recv_fds(spare->sync_fd, &m, sizeof(m), NULL, &n_fds);
	if (n < (ssize_t)sizeof(m.head))
		return error_set(err, ECHILD, "it ended");
	if (m.head.type != CHILD_WAITS)
		return error_set(err, m.head.errnum, "%.*s", (int)((size_t)n - sizeof(m.head)),
				 m.text);
	return 0;
}

static int start(struct spare *spare, int network_fd, struct error *err)
{
	struct child_setup setup = {
		/* That of its cgroup it enters by itself. */
		.namespaces = spare->namespaces & ~(uint64_t)CLONE_NEWCGROUP,
		.cgroup_fd = spare->cgroup.fd,
		.cgroup_path = spare->cgroup.path,
		.init_pidfd = -1,
		.network_fd = network_fd,
		.hold_fd = -1,
	};
	int r;

	/* Every child makes its copies private before it mounts anything: nothing comes back. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return error_errno(err, errno, "share the mounts");
	r = stdio_pipes_make(&spare->pipes);
	if (r < 0)
		return error_errno(err, r, "pipes");
	memcpy(setup.stdio, spare->pipes.childs, sizeof(setup.stdio));
	r = child_spawn(&setup, &spare->pid, &spare->pidfd, &spare->sync_fd, err);
	if (r < 0)
		return r;
	r = wait_ready(spare, err);
	if (!r) {
		r = child_keep(spare->pid, network_fd, &spare->kept);
		if (r < 0)
			error_errno(err, r, "its namespaces");
	}
	if (r >= 0)
		return 0;
	spare_kill(spare);
	(void)waitpid(spare->pid, NULL, 0);
	return r;
}

int spare_make(int parent_fd, const char *parent_path, int network_fd, struct spare **ret,
	       struct error *err)
{
	struct spare *spare = xnew(struct spare);
	int r;

	*spare = (struct spare){
		.namespaces = NAMESPACES | (network_fd >= 0 ? CLONE_NEWNET : 0),
		.cgroup = CGROUP_INIT,
		.pipes = STDIO_PIPES_INIT,
		.pidfd = -1,
		.sync_fd = -1,
		.kept = CHILD_KEPT_INIT,
	};
	r = cgroup_create(parent_fd, parent_path, SPARE_CGROUP, 0, &spare->cgroup, err);
	if (!r)
		r = start(spare, network_fd, err);
	if (r < 0) {
		spare_free(spare);
		return error_prefix(err, "make an init ahead");
	}
	*ret = spare;
	return 0;
}

bool spare_fits(const struct spare *spare, const struct plan *plan,
		const struct plan_source *source)
{
	return (plan->namespaces | CLONE_NEWCGROUP) == spare->namespaces && plan->hostname &&
	       plan->hostname[0] && source->len <= MAX_MESSAGE &&
	       sizeof(struct message) + strlen(source->id) <= MAX_MESSAGE - source->len;
}

int spare_become(struct spare *spare, const struct plan_source *source,
		 const int stdio[STDIO_STREAMS])
{
	size_t id_len = strlen(source->id), len = sizeof(struct message) + id_len + source->len;
	_cleanup_free_ struct message *m = xcalloc(1, len);
	ssize_t n;

	m->id_len = (uint32_t)id_len;
	m->rows = source->rows;
	m->columns = source->columns;
	for (int i = 0; i < STDIO_STREAMS; i++)
		m->streams[i] = stdio[i] >= 0;
	memcpy(m->data, source->id, id_len);
	memcpy(m->data + id_len, source->configuration, source->len);
	n = socket_send_fds(spare->sync_fd, m, len, NULL, 0);
	return n < 0 ? (int)n : 0;
}

/* --- the child's side --- */

int spare_follow_mounts(struct child *child, struct error *err)
{
	if (child->plan)
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_errno(err, errno, "follow the guest's mounts");
	return 0;
}

int spare_enter_cgroup_namespace(struct child *child, struct error *err)
{
	if (child->plan)
		return 0;
	child->outer_cgroup_fd = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	if (child->outer_cgroup_fd < 0 || unshare(CLONE_NEWCGROUP) < 0)
		return error_errno(err, errno, "new cgroup namespace");
	return 0;
}

/* The plan may have none. */
static int settle_cgroup_namespace(struct child *child, struct error *err)
{
	int r = 0;

	if (!(child->plan->namespaces & CLONE_NEWCGROUP) &&
	    setns(child->outer_cgroup_fd, CLONE_NEWCGROUP) < 0)
		r = error_errno(err, errno, "leave the cgroup namespace");
	child->outer_cgroup_fd = close_keep_errno(child->outer_cgroup_fd);
	return r;
}

/* @m: of vminitd, whose copy we are: its lengths need no check. */
static int take_plan(struct child *child, const struct message *m, size_t len, struct error *err)
{
	_cleanup_free_ char *id = xstrndup(m->data, m->id_len);
	const struct plan_source source = {
		.id = id,
		.configuration = m->data + m->id_len,
		.len = len - sizeof(*m) - m->id_len,
		.rows = m->rows,
		.columns = m->columns,
	};
	struct plan *plan;
	int r = plan_from_source(&source, &plan, err);

	if (r < 0)
		return r;
	/* For good: what comes behind it is execve or the end. */
	child->plan = plan;
	child->process = &plan->process;
	child->env = plan->process.env;
	return 0;
}

static int drop_streams(const struct message *m)
{
	_cleanup_close_ int null_fd = -1;

	for (int i = 0; i < STDIO_STREAMS; i++) {
		if (m->streams[i])
			continue;
		if (null_fd < 0)
			null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd < 0 || dup2(null_fd, i) < 0)
			return -errno;
	}
	return 0;
}

int spare_wait(struct child *child, struct error *err)
{
	struct child_message waits = {.type = CHILD_WAITS};
	_cleanup_free_ struct message *m = NULL;
	size_t n_fds = 0;
	ssize_t n;
	int r;

	if (child->plan)
		return 0;
	m = xcalloc(1, MAX_MESSAGE);
	memory_make_own();
	n = socket_send_fds(CHILD_SYNC_FD, &waits, sizeof(waits), NULL, 0);
	if (n >= 0)
		n = socket_recv_fds(CHILD_SYNC_FD, m, MAX_MESSAGE, NULL, &n_fds);
	if (n < 0)
		return error_errno(err, (int)n, "wait for the container");
	/* Nobody wants it. */
	if (n < (ssize_t)sizeof(*m))
		_exit(EXIT_SUCCESS);
	r = drop_streams(m);
	if (r < 0)
		return error_errno(err, r, "standard streams");
	r = take_plan(child, m, (size_t)n, err);
	return r < 0 ? r : settle_cgroup_namespace(child, err);
}
