// SPDX-License-Identifier: Apache-2.0
/*
 * Operations: some QMP commands, a state, a callback at the end.
 */
#include "lib/alloc.h"
#include "vmm/qemu-internal.h"

struct qemu_op *qemu_op_new(struct qemu *q, qemu_done_fn *fn, void *data,
			    void (*advance)(struct qemu_op *op))
{
	struct qemu_op *op = xnew(struct qemu_op);

	op->qemu = q;
	op->fn = fn;
	op->data = data;
	op->advance = advance;
	op->next = q->ops_list;
	q->ops_list = op;
	return op;
}

static void op_free(struct qemu_op *op)
{
	loop_remove(op->timer);
	free(op->function_0);
	error_clear(&op->err);
	free(op);
}

static void op_unlink(struct qemu_op *op)
{
	struct qemu_op **link = &op->qemu->ops_list;

	while (*link != op)
		link = &(*link)->next;
	*link = op->next;
	if (op->qemu->migration == op)
		op->qemu->migration = NULL;
}

void qemu_op_end(struct qemu_op *op, const struct error *err)
{
	struct qemu *q = op->qemu;

	op_unlink(op);
	qemu_enter(q);
	/* When QMP is gone, the end of the VM is the news, and it comes by itself. */
	if (op->fn && qemu_usable(q))
		op->fn(q, err, op->data);
	op_free(op);
	qemu_leave(q);
}

static void on_reply(_unused_ struct qmp *qmp, _unused_ const struct json *reply,
		     const struct error *err, void *data)
{
	struct qemu_op *op = data;

	if (err && !op->err.errnum)
		(void)error_set(&op->err, err->errnum, "%s", error_message(err));
	if (!--op->pending)
		op->advance(op);
}

void qemu_op_execute(struct qemu_op *op, const char *command, const char *arguments, int fd)
{
	op->pending++;
	qmp_execute(op->qemu->qmp, command, arguments, fd, 0, on_reply, op);
}

void qemu_ops_free(struct qemu *q)
{
	while (q->ops_list) {
		struct qemu_op *op = q->ops_list;

		q->ops_list = op->next;
		op_free(op);
	}
	q->migration = NULL;
}
