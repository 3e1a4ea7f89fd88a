// SPDX-License-Identifier: Apache-2.0
/*
 * Templates: the device state of a VM, to a file and from one. The memory is not in it: it is in a
 * file of its own that is mapped shared, which the capability x-ignore-shared leaves out.
 *
 * Theory of operation: both ways QEMU gets the file as a descriptor (getfd) under the name "state"
 * and works with "fd:state", as its sandbox lets it start no program. The capability "events"
 * makes it tell the end by the event MIGRATION. All commands are sent at once: QEMU executes them
 * in order, and what follows a failed one fails too or does no harm. A save begins with vminitd's
 * part: a byte to it on the console, and its line there; then the devices are taken out.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/io.h"
#include "rpc/handover.h"
#include "vmm/qemu-internal.h"

static const char capabilities[] =
	"{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true},"
	"{\"capability\":\"events\",\"state\":true}]}";
static const char uri[] = "{\"uri\":\"fd:state\"}";
static const char fd_name[] = "{\"fdname\":\"state\"}";

static void load_failed(struct qemu_op *op, struct error *err)
{
	struct qemu *q = op->qemu;
	_cleanup_error_ struct error moved = ERROR_INIT;

	error_move(&moved, err);
	(void)error_prefix(&moved, "restore the VM from its template");
	qemu_op_end(op, NULL);
	qemu_fail(q, QEMU_FAILED_RESTORE, &moved);
}

static void load_completed(struct qemu_op *op)
{
	struct qemu *q = op->qemu;

	/* It would pin the store's file system. */
	q->state_fd = close_keep_errno(q->state_fd);
	qemu_op_end(op, NULL);
	qemu_became_ready(q, QEMU_PAUSED);
}

static void load_answered(struct qemu_op *op)
{
	if (!qemu_usable(op->qemu))
		qemu_op_end(op, NULL);
	else if (op->err.errnum)
		load_failed(op, &op->err);
	else if (op->phase)
		load_completed(op);
}

void qemu_load(struct qemu *q)
{
	struct qemu_op *op = qemu_op_new(q, NULL, NULL, load_answered);

	q->state = QEMU_LOADING;
	q->migration = op;
	qemu_op_execute(op, "migrate-set-capabilities", capabilities, -1);
	qemu_op_execute(op, "getfd", fd_name, q->state_fd);
	qemu_op_execute(op, "migrate-incoming", uri, -1);
}

static void save_failed(struct qemu_op *op, struct error *err)
{
	_cleanup_error_ struct error moved = ERROR_INIT;

	error_move(&moved, err);
	(void)error_prefix(&moved, "save the VM as a template");
	op->qemu->state = QEMU_PAUSED;
	qemu_op_end(op, &moved);
}

static void save_completed(struct qemu_op *op)
{
	struct qemu *q = op->qemu;

	qemu_enter(q);
	qemu_op_end(op, NULL);
	if (!q->freed)
		qemu_quit(q);
	qemu_leave(q);
}

static void save_answered(struct qemu_op *op)
{
	if (!qemu_usable(op->qemu))
		qemu_op_end(op, NULL);
	else if (op->err.errnum)
		save_failed(op, &op->err);
	else if (op->phase)
		save_completed(op);
}

void qemu_save(struct qemu *q, int fd, qemu_done_fn *fn, void *data)
{
	struct qemu_op *op = qemu_op_new(q, fn, data, save_answered);
	char byte = q->warm_up ? HANDOVER_SAVE_WARM : HANDOVER_SAVE;

	q->state = QEMU_SAVING;
	q->migration = op;
	q->save_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (q->save_fd < 0 || send(q->console_fd, &byte, 1, MSG_NOSIGNAL) != 1) {
		(void)error_errno(&op->err, errno, "tell vminitd");
		save_answered(op);
	}
}

/* Tells them to go, once. Return: how many ports still have something. */
static unsigned int unplug_all(struct qemu_op *op)
{
	struct qemu *q = op->qemu;
	unsigned int n = 0;

	for (unsigned int i = 0; i < q->n_ports; i++) {
		_cleanup_strbuf_ struct strbuf arguments = STRBUF_INIT;

		if (!q->ports[i].functions[0].id)
			continue;
		n++;
		strbuf_printf(&arguments, "{\"id\":\"%s\"}", q->ports[i].functions[0].id);
		if (!q->save_unplugs)
			qemu_op_execute(op, "device_del", arguments.data, -1);
	}
	q->save_unplugs = true;
	return n;
}

void qemu_save_if_ready(struct qemu *q)
{
	struct qemu_op *op = q->migration;
	uint64_t address;

	if (q->state != QEMU_SAVING || q->save_fd < 0 || !console_releases(q->console) ||
	    unplug_all(op) || !console_handover(q->console, &address))
		return;
	qemu_op_execute(op, "stop", NULL, -1);
	qemu_op_execute(op, "migrate-set-capabilities", capabilities, -1);
	qemu_op_execute(op, "getfd", fd_name, q->save_fd);
	qemu_op_execute(op, "migrate", uri, -1);
	q->save_fd = close_keep_errno(q->save_fd);
}

/* The event may come before the reply to the command that caused it: then that ends the matter. */
void qemu_on_migration_event(struct qemu *q, const struct json *args)
{
	struct qemu_op *op = q->migration;
	const char *status = qmp_string(args, "status");

	if (!op || !status)
		return;
	if (!strcmp(status, "completed"))
		op->phase = 1;
	else if (!strcmp(status, "failed") && !op->err.errnum)
		(void)error_set(&op->err, EIO, "QEMU: migration failed");
	else
		return;
	if (!op->pending)
		op->advance(op);
}
