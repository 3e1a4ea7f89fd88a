// SPDX-License-Identifier: Apache-2.0
/*
 * The builder: a process that boots a generic VM, lets it rehearse a start (rehearsal.h), waits
 * until nothing happens in it any more, saves it where it waits for the handover (rpc/handover.h),
 * and puts it in the store.
 *
 * Theory of operation: it is pid 1 of a pid namespace of its own where that is permitted, like a
 * monitor, so that QEMU ends with it, however that comes; elsewhere QEMU has that from its
 * PR_SET_PDEATHSIG. It closes every descriptor that it inherits. Only the lock, which the kernel
 * takes from the dead, says that it is there; what it leaves when killed is cleared away by the
 * next. A builder in the foreground ends with the command that waits for it; one in the background
 * is nobody's child (forked twice) and tells its failure to the store.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/packet.h"
#include "lib/process.h"
#include "lib/socket.h"
#include "rpc/handover.h"
#include "template/idle.h"
#include "template/queues.h"
#include "template/rehearsal.h"
#include "template/template-store.h"
#include "vmm/console.h"
#include "vmm/memory.h"
#include "vmm/qemu.h"

#define TITLE "runvm-template"

/* When the guest is quiet: so much processor time or less, of QEMU, in each of so many periods. */
#define SETTLE_PERIOD (100 * USEC_PER_MSEC)
#define SETTLE_BUSY   (2 * USEC_PER_MSEC)
#define SETTLE_QUIET  3
/* By then the guest has reported its free pages (its kernel waits two seconds), twice if need be. */
#define SETTLE_MIN (5 * USEC_PER_SEC)
/* A guest that is never quiet is saved all the same; where the time is not known, at once. */
#define SETTLE_MAX (10 * USEC_PER_SEC)

/* Letters of the one packet that a builder in the foreground sends. */
enum { TELL_DONE = 'd', TELL_FAILED = 'f' };

/**
 * struct build - one build, in the builder
 * @tell: socket to who waits; -1 in the background
 * @settling: since when it is to become quiet
 * @quiet: so many periods in a row nothing happened
 * @saved: the state is written
 */
struct build {
	const struct qemu_config *config;
	const struct accel *accel;
	int tell;
	char *recipe;
	struct template_key key;
	int store_fd;
	int lock_fd;
	int dirfd;
	int memfd;
	int state_fd;
	struct loop *loop;
	struct qemu *qemu;
	struct rehearsal *rehearsal;
	struct idle idle;
	uint64_t settling;
	unsigned int quiet;
	bool saved;
};

/* --- the end --- */

static _noreturn_ void leave(struct build *b, const struct error *err)
{
	qemu_free(b->qemu);
	rehearsal_free(b->rehearsal);
	if (err && b->store_fd >= 0 && b->lock_fd >= 0)
		template_store_note_failure(b->store_fd, &b->key, error_message(err));
	if (b->tell >= 0 && err)
		(void)packet_send_error(b->tell, TELL_FAILED, err);
	else if (b->tell >= 0)
		(void)packet_send(b->tell, TELL_DONE, NULL);
	_exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

static _noreturn_ void leave_with(struct build *b, int errnum, const char *what)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	error_set(&err, errnum, "%s", what);
	leave(b, &err);
}

/* Where the guest says that it looks, which has to be true; and what it says there. */
static int find_handover(const struct build *b, struct handover *ret_page, uint64_t *ret,
			 struct error *err)
{
	uint64_t address;

	if (!console_handover(qemu_console(b->qemu), &address) ||
	    vm_memory_offset(b->config, address, ret) < 0 ||
	    pread(b->memfd, ret_page, sizeof(*ret_page), (off_t)*ret) !=
		    (ssize_t)sizeof(*ret_page) ||
	    ret_page->magic != HANDOVER_MAGIC)
		return error_set(err, EPROTO, "the guest does not wait for a handover");
	return 0;
}

/* QEMU is gone: its memory is final. */
static int put_in_store(struct build *b, struct error *err)
{
	struct template_meta meta = {
		.recipe = b->recipe,
		.memory_size = b->config->memory,
		.cpus = b->config->cpus,
		.kvm = b->config->kvm,
	};
	_cleanup_free_ struct template_pages *pages = NULL;
	_cleanup_close_ int fd = -1;
	struct handover page;
	int r;

	r = find_handover(b, &page, &meta.handover, err);
	if (!r)
		r = queues_prepare(b->config, b->memfd, &page, err);
	if (r < 0)
		return r;
	fd = openat(b->dirfd, TEMPLATE_MEMORY_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "make \"%s\"", TEMPLATE_MEMORY_FILE);
	r = template_pages_save(b->memfd, b->config->memory, fd, &pages);
	if (r < 0)
		return error_errno(err, r, "write the template's memory");
	return template_store_commit(b->store_fd, &b->key, b->dirfd, fd, b->state_fd, pages, &meta,
				     err);
}

/* --- QEMU --- */

static void on_saved(struct qemu *qemu _unused_, const struct error *err, void *data)
{
	struct build *b = data;

	if (err)
		leave(b, err);
	b->saved = true;
}

static void on_settle_timer(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct build *b = data;
	uint64_t now = loop_now(), used = 0;
	int r = idle_busy_time(&b->idle, &used);

	b->quiet = r < 0 || used > SETTLE_BUSY ? 0 : b->quiet + 1;
	if (now - b->settling < SETTLE_MIN ||
	    (b->quiet < SETTLE_QUIET && r >= 0 && now - b->settling < SETTLE_MAX)) {
		loop_set_deadline(source, now + SETTLE_PERIOD);
		return;
	}
	qemu_save(b->qemu, b->state_fd, on_saved, b);
}

static void on_rehearsed(struct rehearsal *rehearsal _unused_, const struct error *err, void *data)
{
	struct build *b = data;

	if (err)
		leave(b, err);
	b->settling = loop_now();
	idle_watch(&b->idle, qemu_pid(b->qemu));
	(void)loop_add_timer(b->loop, b->settling + SETTLE_PERIOD, on_settle_timer, b);
}

static void on_ready(struct qemu *qemu, void *data)
{
	struct build *b = data;

	rehearsal_start(b->rehearsal, qemu, on_rehearsed, b);
}

static void on_failed(struct qemu *qemu _unused_, enum qemu_failure kind, const struct error *err,
		      void *data)
{
	_cleanup_error_ struct error own = ERROR_INIT;
	struct build *b = data;

	/* The caller may try again without KVM. */
	error_set(&own, kind == QEMU_FAILED_ACCEL ? ENODEV : err->errnum, "%s", error_message(err));
	leave(b, &own);
}

static void on_qemu_exit(struct qemu *qemu _unused_, enum qemu_end end _unused_,
			 const struct error *err, void *data)
{
	_cleanup_error_ struct error own = ERROR_INIT;
	struct build *b = data;

	if (!b->saved)
		leave(b, err);
	leave(b, put_in_store(b, &own) < 0 ? &own : NULL);
}

static const struct qemu_ops qemu_ops = {
	.on_ready = on_ready,
	.on_failed = on_failed,
	.on_exit = on_qemu_exit,
};

static int start_qemu(struct build *b, struct error *err)
{
	struct template memory = {.memory_size = b->config->memory};
	struct qemu_config config = *b->config;
	const struct qemu_start start = {
		.config = &config,
		.accel = b->accel,
		.state_fd = -1,
		.console_log_fd = -1,
		.boot_timeout = TEMPLATE_BUILD_TIMEOUT,
	};
	int r;

	b->state_fd =
		openat(b->dirfd, TEMPLATE_STATE_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->state_fd < 0)
		return error_errno(err, errno, "make \"%s\"", TEMPLATE_STATE_FILE);
	b->memfd = template_new_memory(&memory, err);
	if (b->memfd < 0)
		return b->memfd;
	r = rehearsal_new(b->loop, b->dirfd, config.kvm, &b->rehearsal, err);
	if (r < 0)
		return r;
	config.name = NULL;
	config.memory_fd = b->memfd;
	config.chardevs = rehearsal_chardevs(b->rehearsal, &config.n_chardevs);
	config.paused = config.incoming = false;
	r = qemu_start(b->loop, &start, &qemu_ops, b, &b->qemu, err);
	rehearsal_qemu_started(b->rehearsal);
	return r;
}

/* --- the process --- */

static void on_deadline(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	leave_with(data, ETIMEDOUT, "the template was not done in time");
}

static void on_caller_gone(struct loop_source *source _unused_, uint32_t events _unused_,
			   void *data _unused_)
{
	_exit(EXIT_FAILURE);
}

#define CGROUP_ROOT "/sys/fs/cgroup"

/*
 * To the root of every hierarchy, where it may: the cgroup of the caller may be accounted to a
 * container, and whoever made it wants to remove it. With v2 alone there is one hierarchy; with v1
 * each directory in the tmpfs is one.
 */
static void leave_cgroups(void)
{
	_cleanup_closedir_ DIR *dir = opendir(CGROUP_ROOT);
	struct dirent *entry;

	if (!access(CGROUP_ROOT "/cgroup.procs", F_OK)) {
		(void)io_write_file(AT_FDCWD, CGROUP_ROOT "/cgroup.procs", "0");
		return;
	}
	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *path =
			xasprintf(CGROUP_ROOT "/%s/cgroup.procs", entry->d_name);

		if (entry->d_name[0] != '.')
			(void)io_write_file(AT_FDCWD, path, "0");
	}
}

/* Nothing of the caller's but @keep, which is -1 in the background. */
static void let_go(int keep)
{
	int null;

	log_set_file(-1, LOG_FORMAT_TEXT);
	log_set_stderr(-1);
	process_close_others(&keep, 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		(void)dup2(null, fd);
	close_keep_errno(null);
}

static void become_builder(bool background)
{
	process_set_title(TITLE);
	(void)setsid();
	(void)umask(077);
	if (chdir("/") < 0)
		_exit(EXIT_FAILURE);
	process_reset_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	if (!background) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	leave_cgroups();
	/* Not SCHED_IDLE: on a machine that is busy for good it would never be done. */
	(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	(void)setpriority(PRIO_PROCESS, 0, 19);
}

/* Return: 1 when there is nothing to do. */
static int prepare(struct build *b, struct error *err)
{
	bool background = b->tell < 0;
	_cleanup_template_ struct template there = TEMPLATE_INIT;
	int r;

	r = template_recipe_make(b->config, &b->recipe, err);
	if (r < 0)
		return r;
	b->key = template_recipe_key(b->recipe);
	b->store_fd = template_store_open(true, err);
	if (b->store_fd < 0)
		return b->store_fd;
	b->lock_fd = template_store_lock(b->store_fd, err);
	if (b->lock_fd < 0)
		return b->lock_fd;
	if (background && (template_store_failed_lately(b->store_fd, &b->key) ||
			   !template_open_at(b->store_fd, &b->key, &there, NULL)))
		return 1;
	b->dirfd = template_store_begin(b->store_fd, &b->key, err);
	return b->dirfd < 0 ? b->dirfd : 0;
}

static _noreturn_ void build(const struct qemu_config *config, const struct accel *accel, int tell)
{
	struct build b = {
		.config = config,
		.accel = accel,
		.tell = tell,
		.store_fd = -1,
		.lock_fd = -1,
		.dirfd = -1,
		.memfd = -1,
		.state_fd = -1,
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	let_go(tell);
	become_builder(tell < 0);
	r = loop_new(&b.loop);
	if (r < 0)
		leave_with(&b, r, "make an event loop");
	(void)loop_add_timer(b.loop, loop_now() + TEMPLATE_BUILD_TIMEOUT, on_deadline, &b);
	if (b.tell >= 0)
		(void)loop_add_fd(b.loop, b.tell, EPOLLIN | EPOLLRDHUP, on_caller_gone, &b);
	r = prepare(&b, &err);
	if (r > 0)
		_exit(EXIT_SUCCESS);
	if (!r)
		r = start_qemu(&b, &err);
	if (r < 0)
		leave(&b, &err);
	r = loop_run(b.loop);
	leave_with(&b, r, "epoll_wait");
}

/* A child in a pid namespace of its own, or without where that is not permitted. */
static pid_t fork_contained(void)
{
	struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 && (errno == EPERM || errno == ENOSYS) ? fork() : pid;
}

/* --- the caller's side --- */

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int receive_result(int fd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = packet_receive(fd, &text);

	if (r == TELL_DONE)
		return 0;
	if (r == TELL_FAILED)
		return packet_error(text.data, err);
	return error_set(err, ECHILD, "the process that builds the template died");
}

int template_build(const struct qemu_config *config, const struct accel *accel,
		   struct template_key *ret_key, struct error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;
	pid_t pid;

	if (ret_key) {
		r = template_key_make(config, ret_key, err);
		if (r < 0)
			return r;
	}
	r = socket_pair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return error_errno(err, r, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	pid = fork_contained();
	if (!pid)
		build(config, accel, theirs);
	if (pid < 0)
		return error_errno(err, errno, "fork");
	close_keep_errno(TAKE_FD(theirs));
	r = receive_result(ours, err);
	/* It ends by itself when this is closed, whatever it is at. */
	close_keep_errno(TAKE_FD(ours));
	(void)reap(pid);
	return r;
}

int template_build_in_background(const struct qemu_config *config, const struct accel *accel,
				 struct error *err)
{
	_cleanup_free_ char *path = template_store_path();
	int status;
	pid_t pid;

	if (!path || !template_possible(config))
		return 0;
	pid = fork();
	if (!pid) {
		pid = fork_contained();
		if (!pid)
			build(config, accel, -1);
		_exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	if (pid < 0)
		return error_errno(err, errno, "fork");
	status = reap(pid);
	return status ? error_set(err, EAGAIN, "the process that builds a template did not start")
		      : 0;
}
