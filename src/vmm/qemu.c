// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "vmm/qemu-internal.h"

#define CONSOLE_READ_SIZE 4096
/* Reads in a row, so that a guest that floods its console cannot hold the loop. */
#define CONSOLE_READS_MAX 16
/* From "quit" to SIGKILL, and from QMP's end to that of the process. */
#define END_GRACE USEC_PER_SEC

static const char *const state_names[] = {
	[QEMU_STARTING] = "starting", [QEMU_HELD] = "held",	[QEMU_BOOTING] = "booting",
	[QEMU_LOADING] = "loading",   [QEMU_PAUSED] = "paused", [QEMU_RUNNING] = "running",
	[QEMU_SAVING] = "saving",     [QEMU_ENDING] = "ending", [QEMU_GONE] = "gone",
};
static_assert(ARRAY_SIZE(state_names) == N_QEMU_STATES, "one name for each state");

static const char *const failure_names[] = {
	[QEMU_FAILED_PROCESS] = "process", [QEMU_FAILED_ACCEL] = "acceleration",
	[QEMU_FAILED_BOOT] = "boot",	   [QEMU_FAILED_RESTORE] = "restore",
	[QEMU_FAILED_QMP] = "qmp",
};
static_assert(ARRAY_SIZE(failure_names) == N_QEMU_FAILURES, "one name for each failure");

const char *qemu_state_name(enum qemu_state state)
{
	return (unsigned int)state < N_QEMU_STATES ? state_names[state] : "unknown";
}

const char *qemu_failure_name(enum qemu_failure failure)
{
	return (unsigned int)failure < N_QEMU_FAILURES ? failure_names[failure] : "unknown";
}

static void destroy(struct qemu *q)
{
	qemu_ops_free(q);
	qemu_ports_free(q);
	console_free(q->console);
	free(q->accel_reason);
	error_clear(&q->why);
	free(q);
}

void qemu_free(struct qemu *q)
{
	if (!q || q->freed)
		return;
	loop_remove(q->console_source);
	loop_remove(q->timer);
	qmp_free(q->qmp);
	spawn_free(q->spawn);
	close_keep_errno(q->console_fd);
	close_keep_errno(q->console_log_fd);
	close_keep_errno(q->state_fd);
	close_keep_errno(q->save_fd);
	q->freed = true;
	if (!q->busy)
		destroy(q);
}

void qemu_enter(struct qemu *q)
{
	q->busy++;
}

void qemu_leave(struct qemu *q)
{
	if (!--q->busy && q->freed)
		destroy(q);
}

bool qemu_usable(const struct qemu *q)
{
	return !q->freed && q->state < QEMU_ENDING && !q->exited && !q->qmp_broken &&
	       qmp_is_up(q->qmp);
}

void qemu_step(struct qemu *q, const char *step)
{
	if (q->ops->on_step)
		q->ops->on_step(q, step, q->data);
}

/* What helps a person to see why: appended to the message. */
static void quote_sources(struct qemu *q, struct error *err)
{
	_cleanup_free_ char *said = spawn_stderr(q->spawn);
	_cleanup_free_ char *shown = console_quote(q->console);
	_cleanup_free_ char *message = xstrdup(error_message(err));

	(void)error_set(err, err->errnum, "%s%s%s%s%s%s%s", message, *said ? "; QEMU said: " : "",
			said, *shown ? "; the guest's console: " : "", shown,
			q->kvm && q->accel_reason ? "; note that " : "",
			q->kvm && q->accel_reason ? q->accel_reason : "");
}

/* Before vminitd answered, KVM is to be suspected of all but what is plainly something else. */
static bool accel_suspect(const struct qemu *q)
{
	return q->kvm && !q->was_ready && q->state != QEMU_LOADING;
}

void qemu_fail(struct qemu *q, enum qemu_failure kind, struct error *err)
{
	_cleanup_error_ struct error moved = ERROR_INIT;

	if (q->told_failed || q->asked || q->state >= QEMU_ENDING)
		return;
	error_move(&moved, err);
	quote_sources(q, &moved);
	q->told_failed = true;
	q->state = QEMU_ENDING;
	(void)error_set(&q->why, moved.errnum, "%s", error_message(&moved));
	if (!q->exited)
		(void)spawn_kill(q->spawn, SIGKILL);
	loop_set_deadline(q->timer, loop_now() + END_GRACE);
	q->ops->on_failed(q, kind, &moved, q->data);
}

void qemu_became_ready(struct qemu *q, enum qemu_state state)
{
	qemu_enter(q);
	/* The timer may be waiting for the process to end: the line may be read after QMP's end. */
	if (!q->qmp_broken && !q->exited)
		loop_set_deadline(q->timer, LOOP_FOREVER);
	q->was_ready = true;
	q->state = state;
	qemu_step(q, state == QEMU_PAUSED ? "loaded" : "ready");
	if (!q->freed)
		q->ops->on_ready(q, q->data);
	qemu_leave(q);
}

/* The line may be there before QMP's answer to what let the guest write it. */
static void ready_if_seen(struct qemu *q)
{
	if (!q->freed && q->state == QEMU_BOOTING && console_ready(q->console))
		qemu_became_ready(q, QEMU_RUNNING);
}

static enum qemu_failure early_exit_kind(const struct qemu *q, const char *said)
{
	if (q->state == QEMU_LOADING)
		return QEMU_FAILED_RESTORE;
	/* Status 1 before QMP: QEMU refused its arguments, unless it speaks of KVM. */
	if (q->state == QEMU_STARTING && WIFEXITED(q->exit_status) && !strcasestr(said, "kvm"))
		return QEMU_FAILED_PROCESS;
	if (accel_suspect(q))
		return QEMU_FAILED_ACCEL;
	return q->guest_shutdown || console_panicked(q->console) ? QEMU_FAILED_BOOT
								 : QEMU_FAILED_PROCESS;
}

static void fail_early_exit(struct qemu *q)
{
	_cleanup_free_ char *how = spawn_describe_status(q->exit_status);
	_cleanup_free_ char *said = spawn_stderr(q->spawn);
	_cleanup_error_ struct error err = ERROR_INIT;

	if (console_panicked(q->console))
		(void)error_set(&err, EIO, "the guest's kernel panicked before the guest was up");
	else if (q->guest_shutdown)
		(void)error_set(&err, EIO, "the guest ended before it was up");
	else
		(void)error_set(&err, EIO, "QEMU %s before the guest was up", how);
	qemu_fail(q, early_exit_kind(q, said), &err);
}

static enum qemu_end describe_end(struct qemu *q, struct error *err)
{
	_cleanup_free_ char *how = spawn_describe_status(q->exit_status);

	if (q->told_failed) {
		(void)error_set(err, q->why.errnum, "%s", error_message(&q->why));
		return q->guest_panicked || console_panicked(q->console) ? QEMU_END_PANIC
									 : QEMU_END_DIED;
	}
	if (q->asked) {
		(void)error_set(err, ESHUTDOWN, "the VM was ended");
		return QEMU_END_ASKED;
	}
	if (q->guest_panicked || (q->guest_shutdown && console_panicked(q->console))) {
		(void)error_set(err, EIO, "the guest's kernel panicked");
		quote_sources(q, err);
		return QEMU_END_PANIC;
	}
	if (q->guest_shutdown) {
		(void)error_set(err, ESHUTDOWN, "the guest ended");
		return QEMU_END_GUEST;
	}
	(void)error_set(err, EIO, "QEMU %s", how);
	quote_sources(q, err);
	return QEMU_END_DIED;
}

/*
 * The process is gone; what it still said on QMP and on the console came first: both are at their
 * end, or took too long.
 */
static void finish(struct qemu *q)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	enum qemu_end end;

	qemu_enter(q);
	if (!q->was_ready)
		fail_early_exit(q);
	if (!q->freed) {
		end = describe_end(q, &err);
		q->state = QEMU_GONE;
		loop_set_deadline(q->timer, LOOP_FOREVER);
		q->ops->on_exit(q, end, &err, q->data);
	}
	qemu_leave(q);
}

static void finish_if_gone(struct qemu *q)
{
	if (q->exited && q->qmp_broken && !q->console_source && q->state != QEMU_GONE)
		finish(q);
}

static void on_process_exit(_unused_ struct spawn *spawn, int status, void *data)
{
	struct qemu *q = data;

	q->exited = true;
	q->exit_status = status;
	loop_set_deadline(q->timer, loop_now() + END_GRACE);
	finish_if_gone(q);
}

static void on_timer(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qemu *q = data;

	if (q->exited) {
		finish(q);
		return;
	}
	if (q->state == QEMU_ENDING) {
		(void)spawn_kill(q->spawn, SIGKILL);
		return;
	}
	qemu_enter(q);
	if (q->qmp_broken) {
		(void)error_set(&err, EPIPE, "%s", error_message(&q->why));
		qemu_fail(q, QEMU_FAILED_QMP, &err);
	} else {
		(void)error_set(&err, ETIMEDOUT, "the guest was not up after %u seconds (%s)",
				(unsigned int)(q->boot_timeout / USEC_PER_SEC),
				q->kvm ? "with KVM" : "without KVM");
		qemu_fail(q,
			  q->state == QEMU_LOADING ? QEMU_FAILED_RESTORE
			  : accel_suspect(q)	   ? QEMU_FAILED_ACCEL
						   : QEMU_FAILED_BOOT,
			  &err);
	}
	qemu_leave(q);
}

static void console_ended(struct qemu *q)
{
	loop_remove(q->console_source);
	q->console_source = NULL;
}

static void on_console(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	char buffer[CONSOLE_READ_SIZE];
	struct qemu *q = data;

	qemu_enter(q);
	for (int i = 0; i < CONSOLE_READS_MAX; i++) {
		ssize_t n = read(q->console_fd, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			console_ended(q);
			break;
		}
		(void)console_feed(q->console, buffer, (size_t)n);
	}
	ready_if_seen(q);
	if (!q->freed)
		qemu_save_if_ready(q);
	if (!q->freed)
		finish_if_gone(q);
	qemu_leave(q);
}

static void on_qmp_up(_unused_ struct qmp *qmp, void *data)
{
	struct qemu *q = data;

	qemu_enter(q);
	if (q->state == QEMU_STARTING) {
		if (q->state_fd < 0)
			q->state = q->held ? QEMU_HELD : QEMU_BOOTING;
		qemu_step(q, "qmp");
		if (!q->freed && q->state_fd >= 0)
			qemu_load(q);
		if (!q->freed && q->ops->on_up)
			q->ops->on_up(q, q->data);
		ready_if_seen(q);
	}
	qemu_leave(q);
}

static void on_status(_unused_ struct qmp *qmp, const struct json *reply, const struct error *err,
		      void *data)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct qemu *q = data;
	const char *status = qmp_string(reply, "status");

	if (err || !status || strcmp(status, "internal-error") != 0)
		return;
	(void)error_set(&why, EIO, "the VM stopped with an internal error of %s",
			q->kvm ? "KVM" : "QEMU");
	qemu_enter(q);
	qemu_fail(q, accel_suspect(q) ? QEMU_FAILED_ACCEL : QEMU_FAILED_QMP, &why);
	qemu_leave(q);
}

static void on_shutdown_event(struct qemu *q, const struct json *args)
{
	const char *reason = qmp_string(args, "reason");
	const struct json *guest = json_member(args, "guest");

	if (guest && guest->type == JSON_BOOL && guest->boolean)
		q->guest_shutdown = true;
	if (reason && !strcmp(reason, "guest-panic"))
		q->guest_panicked = true;
}

static void on_qmp_event(_unused_ struct qmp *qmp, const char *event, const struct json *args,
			 void *data)
{
	struct qemu *q = data;

	if (!strcmp(event, "SHUTDOWN"))
		on_shutdown_event(q, args);
	else if (!strcmp(event, "GUEST_PANICKED"))
		q->guest_panicked = true;
	else if (!strcmp(event, "STOP"))
		/* We may have asked for it; only the state tells a failed one. */
		qmp_execute(q->qmp, "query-status", NULL, -1, 0, on_status, q);
	else if (!strcmp(event, "MIGRATION"))
		qemu_on_migration_event(q, args);
	else if (!strcmp(event, "DEVICE_DELETED"))
		qemu_on_deleted_event(q, args);
}

static void on_qmp_broken(_unused_ struct qmp *qmp, const struct error *err, void *data)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct qemu *q = data;

	q->qmp_broken = true;
	qemu_enter(q);
	if (q->exited || q->state >= QEMU_ENDING) {
		finish_if_gone(q);
	} else if (err->errnum == EPIPE) {
		/* Most likely it exits, and how it does is the better message. */
		(void)error_set(&q->why, err->errnum, "%s", error_message(err));
		loop_set_deadline(q->timer, loop_now() + END_GRACE);
	} else {
		(void)error_set(&why, err->errnum, "%s", error_message(err));
		qemu_fail(q, QEMU_FAILED_QMP, &why);
	}
	qemu_leave(q);
}

static const struct qmp_ops qmp_ops = {
	.on_up = on_qmp_up,
	.on_event = on_qmp_event,
	.on_broken = on_qmp_broken,
};

static void on_continued(struct qemu_op *op)
{
	struct qemu *q = op->qemu;

	qemu_enter(q);
	if (!op->err.errnum && qemu_usable(q)) {
		if (q->state == QEMU_HELD)
			q->state = QEMU_BOOTING;
		else if (q->state == QEMU_PAUSED)
			q->state = QEMU_RUNNING;
		qemu_step(q, "continued");
	}
	/* The step may have freed the VM, which keeps its operations until the last leave. */
	if (!q->freed)
		qemu_op_end(op, op->err.errnum ? &op->err : NULL);
	ready_if_seen(q);
	qemu_leave(q);
}

void qemu_continue(struct qemu *q, qemu_done_fn *fn, void *data)
{
	qemu_op_execute(qemu_op_new(q, fn, data, on_continued), "cont", NULL, -1);
}

void qemu_quit(struct qemu *q)
{
	bool up = qemu_usable(q);

	if (q->state >= QEMU_ENDING)
		return;
	if (!up) {
		qemu_kill(q);
		return;
	}
	q->asked = true;
	q->state = QEMU_ENDING;
	qmp_execute(q->qmp, "quit", NULL, -1, 0, NULL, NULL);
	loop_set_deadline(q->timer, loop_now() + END_GRACE);
}

void qemu_kill(struct qemu *q)
{
	if (q->state == QEMU_GONE)
		return;
	if (!q->told_failed && !q->exited)
		q->asked = true;
	q->state = QEMU_ENDING;
	if (!q->exited)
		(void)spawn_kill(q->spawn, SIGKILL);
}

enum qemu_state qemu_get_state(const struct qemu *q)
{
	return q->state;
}

pid_t qemu_pid(const struct qemu *q)
{
	return spawn_pid(q->spawn);
}

const struct console *qemu_console(const struct qemu *q)
{
	return q->console;
}

static int check_start(const struct qemu_start *start, struct error *err)
{
	static const struct {
		const char *what;
		size_t offset;
	} files[] = {
		{"kernel", offsetof(struct qemu_config, kernel)},
		{"initramfs", offsetof(struct qemu_config, initrd)},
	};

	if (start->config->incoming != (start->state_fd >= 0))
		return error_set(err, EINVAL, "a restore needs a template's state, and no other");
	/* QEMU's own message for these comes late and does not say which file it is. */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path =
			*(const char *const *)((const char *)start->config + files[i].offset);

		if (path && access(path, R_OK) < 0)
			return error_errno(err, errno, "read the guest's %s \"%s\"", files[i].what,
					   path);
	}
	return 0;
}

/*
 * Without KVM the host is mostly a VM itself, where page faults may be dear. QEMU's start fills a heap
 * of 13 MB: three thousand of them, and up to an eighth of a warm start. In huge pages it is a dozen,
 * for 10 MB that glibc does not give back. Each further heap would have huge pages of its own.
 */
static const char *const tcg_environment[] = {
	"GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1", NULL};

/* Executes QEMU with its ends of the two sockets. */
static int start_process(struct qemu *q, const struct qemu_start *start, int qmp_fd, int console_fd,
			 struct error *err)
{
	_cleanup_argv_ struct argv argv = ARGV_INIT;
	_cleanup_free_ int *fds = NULL;
	struct qemu_config config = *start->config;
	struct spawn_config spawn = {.name = "QEMU",
				     .path = config.program,
				     .environment = config.kvm ? NULL : tcg_environment};
	int r;

	config.qmp_fd = qmp_fd;
	config.console_fd = console_fd;
	r = qemu_args_render(&config, &argv, err);
	if (r < 0)
		return r;
	fds = xcalloc(config.n_chardevs + 3, sizeof(*fds));
	fds[spawn.n_fds++] = qmp_fd;
	fds[spawn.n_fds++] = console_fd;
	if (config.memory_fd >= 0)
		fds[spawn.n_fds++] = config.memory_fd;
	for (size_t i = 0; i < config.n_chardevs; i++)
		fds[spawn.n_fds++] = config.chardevs[i].fd;
	spawn.argv = argv.v;
	spawn.fds = fds;
	return spawn_start(q->loop, &spawn, on_process_exit, q, &q->spawn, err);
}

static int dup_optional(int fd, int *ret)
{
	if (fd < 0)
		return 0;
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? -errno : 0;
}

int qemu_start(struct loop *loop, const struct qemu_start *start, const struct qemu_ops *ops,
	       void *data, struct qemu **ret, struct error *err)
{
	_cleanup_close_ int qmp_ours = -1, qmp_theirs = -1, console_ours = -1, console_theirs = -1;
	int qmp_pair[2], console_pair[2];
	struct qemu *q;
	int r;

	r = check_start(start, err);
	if (r < 0)
		return r;
	r = socket_pair(SOCK_STREAM, qmp_pair);
	if (r < 0)
		return error_errno(err, r, "make a socket pair for QMP");
	qmp_ours = qmp_pair[0];
	qmp_theirs = qmp_pair[1];
	r = socket_pair(SOCK_STREAM, console_pair);
	if (r < 0)
		return error_errno(err, r, "make a socket pair for the console");
	console_ours = console_pair[0];
	console_theirs = console_pair[1];
	(void)io_set_nonblocking(console_ours, true);

	q = xnew(struct qemu);
	q->loop = loop;
	q->ops = ops;
	q->data = data;
	q->console_fd = q->console_log_fd = q->state_fd = q->save_fd = -1;
	q->kvm = start->config->kvm;
	q->held = start->config->paused;
	q->warm_up = start->config->warm_up;
	q->n_ports =
		start->config->root_ports ? start->config->root_ports : QEMU_ROOT_PORTS_DEFAULT;
	q->next_fdset = 1;
	q->accel_reason = start->accel ? xstrdup(start->accel->reason) : NULL;
	q->boot_timeout = start->boot_timeout ? start->boot_timeout
			  : q->kvm	      ? QEMU_BOOT_TIMEOUT_KVM
					      : QEMU_BOOT_TIMEOUT_TCG;
	r = dup_optional(start->state_fd, &q->state_fd);
	if (!r)
		r = dup_optional(start->console_log_fd, &q->console_log_fd);
	if (r < 0)
		(void)error_errno(err, r, "start QEMU");
	else
		r = start_process(q, start, qmp_theirs, console_theirs, err);
	if (r < 0) {
		qemu_free(q);
		return r;
	}
	q->console = console_new(q->console_log_fd, QEMU_CONSOLE_LOG_MAX);
	q->console_fd = TAKE_FD(console_ours);
	q->console_source = loop_add_fd(loop, q->console_fd, EPOLLIN, on_console, q);
	q->qmp = qmp_new(loop, TAKE_FD(qmp_ours), &qmp_ops, q);
	q->timer = loop_add_timer(loop, loop_now() + q->boot_timeout, on_timer, q);
	*ret = q;
	return 0;
}
