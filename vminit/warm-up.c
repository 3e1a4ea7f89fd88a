// SPDX-License-Identifier: Apache-2.0
#include "vminit/warm-up.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/process.h"
#include "lib/socket.h"
#include "libocispec/guest-config.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "vminit/cgroup.h"
#include "vminit/memory.h"
#include "vminit/service.h"
#include "vminit/setup.h"
#include "vminit/steps.h"
#include "vminit/transport.h"
#include "vminit/usual-plan.h"
#include "vminit/workers.h"

#define CGROUP	"warm-up" /* beside that of the containers */
#define OWN	"process" /* below it: the process itself */
#define TIMEOUT (60 * USEC_PER_SEC)
/* A part of it passes before the VM is saved, and none in between. */
#define CALL_TIMEOUT (600 * USEC_PER_SEC)

/* To take its container away is work that nobody else will do in this start. */
#define REMOVE_AFTER (5 * USEC_PER_SEC)

/* No other's id has an "@". */
#define ID "@warm-up"

/**
 * struct warm_up - all that the process has; its loop is the service's
 * @rehearsal: of a VM that is about to be saved: the container goes as soon as it can
 * @hold: where the container's init waits (struct child_setup): our end
 * @held: it does
 */
struct warm_up {
	struct service service;
	struct rpc_client *client;
	bool rehearsal;
	int hold;
	bool held;
};

static _noreturn_ void fail(const struct error *err)
{
	log_warning("warm-up: %s", error_message(err));
	_exit(EXIT_FAILURE);
}

static _noreturn_ void fail_errno(const char *what)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	error_errno(&err, errno, "%s", what);
	fail(&err);
}

/* Streams that nobody reads, and nobody closes before the process ends. */
static int connect_nowhere(const struct transport *transport _unused_, uint32_t port _unused_)
{
	int pair[2], r;

	r = socket_pair(SOCK_STREAM, pair);
	if (r < 0)
		return r;
	(void)io_set_nonblocking(pair[0], true);
	return pair[0];
}

static void make_rootfs(void)
{
	static const char *const directories[] = {"", "/dev", "/proc", "/sys"};
	char path[64];

	if (unshare(CLONE_NEWNS) < 0)
		fail_errno("unshare");
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof(path), "%s%s", USUAL_ROOTFS, directories[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail_errno(path);
		if (!i && mount("tmpfs", USUAL_ROOTFS, "tmpfs", 0, "mode=755") < 0)
			fail_errno("mount a tmpfs");
	}
}

static void on_removed(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		       const struct error *err, void *data _unused_)
{
	if (err)
		fail(err);
	if (umount2(USUAL_ROOTFS, MNT_DETACH) < 0 || rmdir(USUAL_ROOTFS) < 0)
		fail_errno("remove " USUAL_ROOTFS);
	_exit(EXIT_SUCCESS);
}

static void remove_container(struct warm_up *w)
{
	GUEST(RemoveContainerRequest) remove = GUEST_INIT(REMOVE_CONTAINER_REQUEST);

	remove.container_id = (char *)ID;
	rpc_client_call(w->client, GUEST_SERVICE, "RemoveContainer", &remove.base, TIMEOUT,
			on_removed, w);
}

static void on_time(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	remove_container(data);
}

static void on_ended(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		     const struct error *err, void *data)
{
	struct warm_up *w = data;

	if (err)
		fail(err);
	if (w->rehearsal)
		remove_container(w);
	else
		(void)loop_add_timer(w->service.loop, loop_now() + REMOVE_AFTER, on_time, w);
}

static void on_done(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		    const struct error *err, void *data _unused_)
{
	if (err)
		fail(err);
}

static void create(struct warm_up *w)
{
	GUEST(CreateContainerRequest) request = GUEST_INIT(CREATE_CONTAINER_REQUEST);

	request.container_id = (char *)ID;
	request.configuration.data = (uint8_t *)usual_configuration;
	request.configuration.len = usual_configuration_len;
	request.opt_stdin_port_case =
		GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDIN_PORT_STDIN_PORT);
	request.opt_stdout_port_case =
		GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDOUT_PORT_STDOUT_PORT);
	request.opt_stderr_port_case =
		GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDERR_PORT_STDERR_PORT);
	request.stdin_port = request.stdout_port = request.stderr_port = 1;
	rpc_client_call(w->client, GUEST_SERVICE, "CreateContainer", &request.base, CALL_TIMEOUT,
			on_done, w);
}

/* Right behind its creation. */
static void start(struct warm_up *w)
{
	SANDBOX(StartProcessRequest) request = SANDBOX_INIT(START_PROCESS_REQUEST);
	SANDBOX(WaitProcessRequest) wait = SANDBOX_INIT(WAIT_PROCESS_REQUEST);

	request.id = wait.id = (char *)ID;
	rpc_client_call(w->client, SANDBOX_SERVICE, "StartProcess", &request.base, CALL_TIMEOUT,
			on_done, w);
	rpc_client_call(w->client, SANDBOX_SERVICE, "WaitProcess", &wait.base, CALL_TIMEOUT,
			on_ended, w);
}

/* Moves this process. */
static int enter_cgroup(int fd)
{
	if (mkdirat(fd, OWN, 0755) < 0)
		return -errno;
	return io_write_file(fd, OWN "/cgroup.procs", "0");
}

/*
 * Takes the processor from all others and balances no load over it, which would be code to translate,
 * too. The cgroup stays when the process is gone, and keeps the processor.
 */
static int take_cpu(int fd, unsigned int cpu)
{
	char cpus[16];
	int r;

	snprintf(cpus, sizeof(cpus), "%u", cpu);
	r = cgroup_set_cpus(fd, cpus);
	if (!r)
		r = enter_cgroup(fd);
	return r < 0 ? r : cgroup_isolate_cpus(fd);
}

static int make_cgroup(struct error *err)
{
	_cleanup_close_ int root = open(CGROUP_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_errno(err, errno, "open \"%s\"", CGROUP_ROOT);
	return cgroup_make_parent(root, CGROUP, err);
}

static void make_server(struct warm_up *w, int cgroup_fd)
{
	static const struct transport transport = {.connect = connect_nowhere};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct rpc_server *server;
	int pair[2];

	if (service_begin(&w->service, cgroup_fd, CGROUP_ROOT "/" CGROUP, &transport, &server,
			  &err) < 0)
		fail(&err);
	if (socket_pair(SOCK_STREAM, pair) < 0)
		fail_errno("socketpair");
	w->client = rpc_client_new(w->service.loop, pair[0], "itself");
	(void)io_set_nonblocking(pair[1], true);
	(void)rpc_server_accept(server, pair[1]);
}

static void begin(struct warm_up *w, int cgroup_fd)
{
	(void)prctl(PR_SET_NAME, "warm-up");
	/* Its crash is not vminitd's. */
	process_reset_signals();
	steps_end();
	make_rootfs();
	make_server(w, cgroup_fd);
}

static _noreturn_ void rehearse(int cgroup_fd)
{
	static struct warm_up w = {.rehearsal = true};
	_cleanup_error_ struct error err = ERROR_INIT;

	begin(&w, cgroup_fd);
	if (containers_make_spare(w.service.containers, &err) < 0)
		fail(&err);
	create(&w);
	start(&w);
	(void)loop_run(w.service.loop);
	_exit(EXIT_FAILURE);
}

/*
 * In another process, which sleeps until the share of the restored VM answers, and asks it for what is
 * not there: a container's root file system is looked up soon. Without a share there is nothing to do.
 */
static void look_at_share(const struct warm_up *w, int ready_fd)
{
	struct statx st;
	pid_t pid = fork();

	if (pid < 0)
		fail_errno("fork");
	if (pid)
		return;
	close_keep_errno(ready_fd);
	close_keep_errno(w->hold);
	(void)statx(AT_FDCWD, GUEST_CONFIG_SHARE "/@none", 0, STATX_TYPE, &st);
	_exit(EXIT_SUCCESS);
}

static void on_held(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct warm_up *w = data;
	char byte;

	loop_remove(source);
	w->held = read(w->hold, &byte, 1) == 1;
}

/* A container whose init is about to change its root when it is let go on. */
static void begin_container(struct warm_up *w)
{
	int pair[2], r = socket_pair(SOCK_STREAM, pair);

	if (!r) {
		w->hold = pair[0];
		containers_set_hold(w->service.containers, pair[1]);
		(void)loop_add_fd(w->service.loop, w->hold, EPOLLIN, on_held, w);
		create(w);
		start(w);
		r = loop_run_until(w->service.loop, &w->held, loop_now() + TIMEOUT);
		containers_set_hold(w->service.containers, -1);
		close_keep_errno(pair[1]);
	}
	if (r < 0) {
		errno = -r;
		fail_errno("begin the container");
	}
}

/* In another process. */
static int rehearse_apart(int cgroup_fd, struct error *err)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		rehearse(cgroup_fd);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return error_errno(err, errno, "rehearse a container");
	return process_exit_code(status) ? error_set(err, ECHILD, "the rehearsed container failed")
					 : 0;
}

static _noreturn_ void run(struct handover *page, void (*first)(struct handover *page),
			   unsigned int cpu, int ready_fd)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	static struct warm_up w;
	int cgroup_fd = make_cgroup(&err), r;

	if (cgroup_fd < 0)
		fail(&err);
	r = take_cpu(cgroup_fd, cpu);
	if (r < 0) {
		errno = -r;
		fail_errno("take the last processor");
	}
	/* Here, too: the kernel has workers of each processor, and makes the next when one is short. */
	if (rehearse_apart(cgroup_fd, &err) < 0)
		fail(&err);
	workers_make();
	begin(&w, cgroup_fd);
	begin_container(&w);
	look_at_share(&w, ready_fd);
	memory_make_own();
	(void)!write(ready_fd, "", 1);
	close_keep_errno(ready_fd);
	while (!__atomic_load_n(&page->length, __ATOMIC_ACQUIRE))
		;
	first(page);
	(void)!write(w.hold, "", 1);
	(void)loop_run(w.service.loop);
	_exit(EXIT_FAILURE);
}

/* The signal of a child that is reaped already: the loop is not to come to it in a restored VM. */
static void forget_child_signal(void)
{
	const struct timespec now = {0};
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	(void)sigtimedwait(&children, NULL, &now);
}

int warm_up_rehearse(struct error *err)
{
	_cleanup_close_ int cgroup_fd = make_cgroup(err);
	int r = cgroup_fd;

	if (r >= 0)
		r = rehearse_apart(cgroup_fd, err);
	forget_child_signal();
	if (r >= 0 && rmdir(CGROUP_ROOT "/" CGROUP) < 0)
		r = error_errno(err, errno, "remove the rehearsal's cgroup");
	return r;
}

int warm_up_start(struct handover *page, void (*first)(struct handover *page), struct error *err)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	_cleanup_close_ int ours = -1, theirs = -1;
	int pipe_fds[2];
	pid_t pid;
	char byte;

	if (cpus < 2)
		return error_set(err, ENODEV, "there is no processor for the warm-up");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	ours = pipe_fds[0];
	theirs = pipe_fds[1];
	pid = fork();
	if (!pid)
		run(page, first, cpus - 1, theirs);
	if (pid < 0)
		return error_errno(err, errno, "start the warm-up");
	close_keep_errno(TAKE_FD(theirs));
	return read(ours, &byte, 1) == 1 ? 0 : error_set(err, ECHILD, "the warm-up ended");
}
