// SPDX-License-Identifier: Apache-2.0
#include "vminit/child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/socket.h"
#include "libocispec/guest-config.h"
#include "vminit/exec-path.h"
#include "vminit/home.h"
#include "vminit/hooks.h"
#include "vminit/network.h"
#include "vminit/privileges.h"
#include "vminit/rootfs.h"
#include "vminit/spare.h"
#include "vminit/steps.h"
#include "vminit/terminal.h"
#include "vminit/usual.h"

#define EXIT_CHILD 1 /* as runc: of a start that failed */

static int step_time(struct child *child, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	const struct plan *plan = child->plan;
	int r;

	if (!plan->new_time_namespace)
		return 0;
	/* We are in it only after execve, and until then offsets may be written (time_namespaces(7)). */
	if (unshare(CLONE_NEWTIME) < 0)
		return error_errno(err, errno, "linux.namespaces: new time namespace");
	for (size_t i = 0; i < plan->n_time_offsets; i++) {
		const struct oci_time_offset *o = &plan->time_offsets[i];

		free(text);
		text = xasprintf("%s %lld %llu\n", o->clock, (long long)o->secs.value,
				 (unsigned long long)o->nanosecs.value);
		r = io_write_file(AT_FDCWD, "/proc/self/timens_offsets", text);
		if (r < 0)
			return error_errno(err, r, "linux.timeOffsets.%s", o->clock);
	}
	return 0;
}

static int step_network(struct child *child, struct error *err)
{
	if (!(child->setup->namespaces & CLONE_NEWNET))
		return 0;
	if (child->setup->network_fd < 0)
		return network_link_set("lo", true, 0, err);
	if (setns(child->setup->network_fd, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "enter the network namespace");
	return 0;
}

static int step_names(struct child *child, struct error *err)
{
	const char *host = child->plan->hostname, *domain = child->plan->domainname;

	if (host && *host && sethostname(host, strlen(host)) < 0)
		return error_errno(err, errno, "hostname: \"%s\"", host);
	if (domain && *domain && setdomainname(domain, strlen(domain)) < 0)
		return error_errno(err, errno, "domainname: \"%s\"", domain);
	return 0;
}

static int step_sysctls(struct child *child, struct error *err)
{
	_cleanup_close_ int dir = -1;

	if (!child->plan->n_sysctls)
		return 0;
	dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_errno(err, errno, "open \"/proc/sys\"");
	for (size_t i = 0; i < child->plan->n_sysctls; i++) {
		const struct plan_sysctl *s = &child->plan->sysctls[i];
		int r = io_write_file(dir, s->path, s->value);

		if (r < 0)
			return error_errno(err, r, "linux.sysctl: write \"%s\" to \"/proc/sys/%s\"",
					   s->value, s->path);
	}
	return 0;
}

static int step_join(struct child *child, struct error *err)
{
	int flags = (int)(child->setup->namespaces & ~(uint64_t)CLONE_NEWPID);

	if (child->plan->new_time_namespace)
		flags |= CLONE_NEWTIME;
	/* vminitd put us into the pid namespace and the cgroup at birth. */
	if (setns(child->setup->init_pidfd, flags) < 0)
		return error_errno(err, errno, "join the container's namespaces");
	return 0;
}

static int step_hold(struct child *child, struct error *err)
{
	int fd = child->setup->hold_fd;
	char byte = 0;

	if (fd >= 0 && (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1))
		return error_set(err, ECHILD, "nobody lets it go on");
	return 0;
}

static int step_cwd(struct child *child, struct error *err)
{
	char text[64];

	/* runc's words: engines show them. */
	if (chdir(child->process->cwd) < 0)
		return error_set(err, errno, "chdir to cwd (\"%s\") set in config.json failed: %s",
				 child->process->cwd,
				 exec_path_strerror(errno, text, sizeof(text)));
	return 0;
}

static int step_session(struct child *child, struct error *err)
{
	(void)child;
	return setsid() < 0 ? error_errno(err, errno, "new session") : 0;
}

static int step_program(struct child *child, struct error *err)
{
	return exec_path_find(child->process->args[0], child->process->search_path, &child->program,
			      err);
}

/* Before the gate, so that a start only has to load it. */
static int step_seccomp(struct child *child, struct error *err)
{
	const struct plan_process *p = child->process;

	if (p->seccomp_program) {
		if (seccomp_program_decode(p->seccomp_program, &child->filter) < 0)
			return error_set(err, EINVAL, "annotations.%s: not a filter",
					 GUEST_CONFIG_SECCOMP);
		return 0;
	}
	return p->seccomp ? seccomp_program_compile(p->seccomp, &child->filter, err) : 0;
}

static int step_gate(struct child *child, struct error *err)
{
	struct child_message created = {.type = CHILD_CREATED};
	char byte;
	ssize_t n;

	(void)child;
	n = socket_send_fds(CHILD_SYNC_FD, &created, sizeof(created), NULL, 0);
	if (n < 0)
		return error_errno(err, (int)n, "report");
	do
		n = read(CHILD_SYNC_FD, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(EXIT_CHILD);
	return 0;
}

static int step_execute(struct child *child, struct error *err)
{
	char text[64];

	execve(child->program, child->process->args, child->env);
	/* Reached only on failure. The filter may be loaded: no calls but write and exit from here. */
	return error_set(err, errno, "exec %s: %s", child->program,
			 exec_path_strerror(errno, text, sizeof(text)));
}

/* What comes before "plan" does not depend on one: a spare has done it when it is taken. */
static const struct child_step init_steps[] = {
	{"default oom score", privileges_default_oom_score},
	{"session", step_session},
	{"network", step_network},
	{"mount events", spare_follow_mounts},
	{"cgroup namespace", spare_enter_cgroup_namespace},
	{"usual mounts", usual_make},
	{"plan", spare_wait},
	{"oom score", privileges_oom_score},
	{"time namespace", step_time},
	{"names", step_names},
	{"sysctl", step_sysctls},
	{"root file system", rootfs_prepare},
	{"mounts", rootfs_mounts},
	{"devices", rootfs_devices},
	{"terminal", terminal_open},
	{"masked paths", rootfs_masked_paths},
	{"read-only paths", rootfs_readonly_paths},
	{"working directory", rootfs_cwd},
	{"hold", step_hold},
	{"pivot_root", rootfs_enter},
	{"chdir", step_cwd},
	{"program", step_program},
	{"home", home_set},
	{"seccomp", step_seccomp},
	{"gate", step_gate},
	{"hooks", hooks_start_container},
	{"rlimits", privileges_rlimits},
	{"keyring", privileges_keyring},
	{"controlling terminal", terminal_take},
	{"user", privileges_user},
	{"lock", privileges_lock},
	{"execute", step_execute},
};

static const struct child_step exec_steps[] = {
	{"default oom score", privileges_default_oom_score},
	{"oom score", privileges_oom_score},
	{"join", step_join},
	{"session", step_session},
	{"terminal", terminal_open},
	{"chdir", step_cwd},
	{"program", step_program},
	{"home", home_set},
	{"seccomp", step_seccomp},
	{"gate", step_gate},
	{"rlimits", privileges_rlimits},
	{"keyring", privileges_keyring},
	{"controlling terminal", terminal_take},
	{"user", privileges_user},
	{"lock", privileges_lock},
	{"execute", step_execute},
};

/* Must work behind a seccomp filter that allows little: one sendmsg, one exit. */
static _noreturn_ void report_failure(const struct error *err)
{
	struct {
		struct child_message head;
		char text[CHILD_MAX_MESSAGE];
	} message = {.head = {.type = CHILD_FAILED, .errnum = err->errnum}};
	const char *text = error_message(err);
	size_t len = strnlen(text, sizeof(message.text));

	memcpy(message.text, text, len);
	(void)!write(CHILD_SYNC_FD, &message, sizeof(message.head) + len);
	_exit(EXIT_CHILD);
}

/*
 * The program's descriptors to 0, 1, 2, the socket to 3, what the steps need behind it, and the rest
 * of vminitd's closed. Copies above all targets come first, so that no source is overwritten
 * before it is used.
 */
static int arrange_descriptors(const struct child_setup *setup, int sync, struct child_setup *ret)
{
	int fds[] = {setup->stdio[0],	setup->stdio[1],   setup->stdio[2], sync,
		     setup->init_pidfd, setup->network_fd, setup->hold_fd};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	for (int i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		if (fds[i] < 0 && i > CHILD_SYNC_FD)
			continue;
		fds[i] = fcntl(fds[i] < 0 ? null_fd : fds[i], F_DUPFD_CLOEXEC, ARRAY_SIZE(fds));
		if (fds[i] < 0)
			return -errno;
	}
	for (int i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		int flags = i < CHILD_SYNC_FD ? 0 : O_CLOEXEC;

		if (fds[i] < 0)
			(void)close(i);
		else if (dup3(fds[i], i, flags) < 0)
			return -errno;
	}
	ret->init_pidfd = fds[4] < 0 ? -1 : 4;
	ret->network_fd = fds[5] < 0 ? -1 : 5;
	ret->hold_fd = fds[6] < 0 ? -1 : 6;
	return close_range(ARRAY_SIZE(fds), ~0U, 0) < 0 ? -errno : 0;
}

static void reset_signals(void)
{
	sigset_t none;

	/* Handlers went by CLONE_CLEAR_SIGHAND; what was ignored and what is blocked are left. */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _noreturn_ void run_child(const struct child_setup *outer, int sync)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct child_setup setup = *outer;
	struct child child = {
		.setup = &setup,
		.plan = setup.plan,
		.process = setup.process,
		.env = setup.process ? setup.process->env : NULL,
		.rootfs_fd = -1,
		.terminal_fd = -1,
		.outer_cgroup_fd = -1,
	};
	const struct child_step *steps = setup.init_pidfd < 0 ? init_steps : exec_steps;
	size_t n = setup.init_pidfd < 0 ? ARRAY_SIZE(init_steps) : ARRAY_SIZE(exec_steps);
	bool gated = false;
	int r;

	reset_signals();
	/* Nobody in the container may look into us: before execve we know more than it does. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* Modes are what config.json says, until the process gets its own mask. */
	umask(0);
	log_set_stderr(-1);
	r = arrange_descriptors(outer, sync, &setup);
	if (r < 0) {
		error_errno(&err, r, "standard streams");
		report_failure(&err);
	}
	for (size_t i = 0; i < n; i++) {
		if (steps[i].run(&child, &err) < 0)
			break;
		/* Not behind the gate, where a filter may forbid the clock. */
		gated |= steps[i].run == step_gate;
		if (!gated)
			steps_done(steps[i].name);
	}
	report_failure(&err);
}

static pid_t clone_child(const struct child_setup *setup, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)setup->cgroup_fd,
	};

	if (setup->init_pidfd < 0)
		args.flags |= setup->namespaces;
	if (setup->network_fd >= 0)
		args.flags &= ~(uint64_t)CLONE_NEWNET;
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/*
 * A process that joins is born in the container's pid namespace, since setns(2) for that works for
 * children alone: vminitd's children are born there for a moment.
 */
static pid_t clone_joining(const struct child_setup *setup, int *ret_pidfd)
{
	_cleanup_close_ int own = -1;
	pid_t pid;

	if (!(setup->namespaces & CLONE_NEWPID))
		return clone_child(setup, ret_pidfd);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(setup->init_pidfd, CLONE_NEWPID) < 0)
		return -1;
	pid = clone_child(setup, ret_pidfd);
	if (pid == 0)
		return 0;
	if (setns(own, CLONE_NEWPID) < 0) {
		log_error("vminitd cannot return to its own pid namespace: %s", strerror(errno));
		abort();
	}
	return pid;
}

int child_spawn(const struct child_setup *setup, pid_t *ret_pid, int *ret_pidfd, int *ret_sync,
		struct error *err)
{
	_cleanup_close_ int parent = -1, child = -1;
	int pair[2], pidfd = -1, r;
	pid_t pid;

	r = socket_pair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return error_errno(err, r, "socket to the new process");
	parent = pair[0];
	child = pair[1];
	r = io_set_nonblocking(parent, true);
	if (r < 0)
		return error_errno(err, r, "socket to the new process");
	pid = setup->init_pidfd < 0 ? clone_child(setup, &pidfd) : clone_joining(setup, &pidfd);
	if (pid < 0)
		return error_errno(err, errno, "create the process");
	if (pid == 0)
		run_child(setup, child);
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	*ret_sync = TAKE_FD(parent);
	return 0;
}

static int open_namespace(pid_t pid, const char *kind)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int child_keep(pid_t pid, int network_fd, struct child_kept *ret)
{
	struct child_kept kept = CHILD_KEPT_INIT;

	kept.mounts_fd = open_namespace(pid, "mnt");
	if (kept.mounts_fd < 0)
		return -errno;
	/* Without this its end is only slower. */
	kept.network_fd =
		network_fd < 0 ? open_namespace(pid, "net") : fcntl(network_fd, F_DUPFD_CLOEXEC, 0);
	*ret = kept;
	return 0;
}

void child_kept_close(struct child_kept *kept)
{
	close_keep_errno(kept->mounts_fd);
	close_keep_errno(kept->network_fd);
	*kept = (struct child_kept)CHILD_KEPT_INIT;
}
