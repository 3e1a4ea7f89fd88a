// SPDX-License-Identifier: Apache-2.0
/*
 * Hot-plug: batches of devices, each batch the functions of one root port's only slot.
 *
 * Theory of operation: a guest looks at a slot when its function 0 appears. So the back ends'
 * descriptors and the functions above 0 go first, all at once; when they are there, function 0,
 * and the guest finds the whole batch in one scan of one slot. What fails before function 0 is
 * invisible to the guest, but QEMU cannot take out a function that the guest has not seen either:
 * the port is not used again.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"
#include "vmm/qemu-internal.h"

#define UNPLUG_TIMEOUT (10 * USEC_PER_SEC)

enum plug_phase { PLUG_OTHERS, PLUG_FUNCTION_0 };

static bool port_free(const struct qemu_port *port)
{
	for (size_t i = 0; i < QEMU_SLOT_FUNCTIONS; i++)
		if (port->functions[i].id)
			return false;
	return !port->lost;
}

static void port_clear(struct qemu_port *port)
{
	for (size_t i = 0; i < QEMU_SLOT_FUNCTIONS; i++) {
		free(port->functions[i].id);
		port->functions[i].id = NULL;
	}
}

void qemu_ports_free(struct qemu *q)
{
	for (size_t i = 0; i < QEMU_ROOT_PORTS_MAX; i++)
		port_clear(&q->ports[i]);
}

/* The port with the device, or -1. */
static int find_device(const struct qemu *q, const char *id, size_t *ret_function)
{
	for (unsigned int p = 0; p < q->n_ports; p++)
		for (size_t f = 0; f < QEMU_SLOT_FUNCTIONS; f++)
			if (q->ports[p].functions[f].id &&
			    !strcmp(q->ports[p].functions[f].id, id)) {
				*ret_function = f;
				return (int)p;
			}
	return -1;
}

int qemu_port_of(const struct qemu *q, const char *id)
{
	size_t function;

	return find_device(q, id, &function);
}

static int find_free_port(const struct qemu *q)
{
	for (unsigned int p = 0; p < q->n_ports; p++)
		if (port_free(&q->ports[p]))
			return (int)p;
	return -1;
}

static void add_back_end(struct qemu_op *op, const struct qemu_device *d, unsigned int fdset)
{
	_cleanup_strbuf_ struct strbuf pass = STRBUF_INIT, add = STRBUF_INIT;

	if (d->kind == QEMU_DEVICE_NET) {
		if (d->net.backend != QEMU_NET_USER) {
			strbuf_printf(&pass, "{\"fdname\":\"fd-%s\"}", d->id);
			qemu_op_execute(op, "getfd", pass.data, d->net.fd);
		}
		qemu_device_netdev_arguments(d, &add);
		qemu_op_execute(op, "netdev_add", add.data, -1);
	} else if (d->kind == QEMU_DEVICE_BLOCK) {
		strbuf_printf(&pass, "{\"fdset-id\":%u}", fdset);
		qemu_op_execute(op, "add-fd", pass.data, d->block.fd);
		qemu_device_blockdev_arguments(d, fdset, &add);
		qemu_op_execute(op, "blockdev-add", add.data, -1);
	}
}

/* Nobody is told how that ends: what could not be removed is in nobody's way. */
static void remove_back_end(struct qemu *q, enum qemu_device_kind kind, const char *id,
			    unsigned int fdset)
{
	_cleanup_strbuf_ struct strbuf arguments = STRBUF_INIT;

	if (kind == QEMU_DEVICE_NET) {
		strbuf_printf(&arguments, "{\"id\":\"net-%s\"}", id);
		qmp_execute(q->qmp, "netdev_del", arguments.data, -1, 0, NULL, NULL);
	} else if (kind == QEMU_DEVICE_BLOCK) {
		strbuf_printf(&arguments, "{\"node-name\":\"blk-%s\"}", id);
		qmp_execute(q->qmp, "blockdev-del", arguments.data, -1, 0, NULL, NULL);
		strbuf_consume(&arguments, arguments.len);
		strbuf_printf(&arguments, "{\"fdset-id\":%u}", fdset);
		qmp_execute(q->qmp, "remove-fd", arguments.data, -1, 0, NULL, NULL);
	}
}

static char *add_arguments(const struct qemu_device *devices, size_t n, size_t function,
			   unsigned int port)
{
	struct strbuf arguments = STRBUF_INIT;
	char bus[16];

	(void)snprintf(bus, sizeof(bus), "rp%u", port);
	qemu_device_add_arguments(&devices[function], bus, (unsigned int)function, n > 1,
				  &arguments);
	return strbuf_take(&arguments);
}

static void plug_advance(struct qemu_op *op)
{
	struct qemu_port *port = &op->qemu->ports[op->port];

	if (op->err.errnum) {
		port_clear(port);
		port->lost = true;
		qemu_op_end(op, &op->err);
		return;
	}
	if (op->phase == PLUG_FUNCTION_0) {
		qemu_op_end(op, NULL);
		return;
	}
	op->phase = PLUG_FUNCTION_0;
	qemu_op_execute(op, "device_add", op->function_0, -1);
}

static int check_batch(const struct qemu *q, const struct qemu_device *devices, size_t n,
		       struct error *err)
{
	size_t function;

	if (!qemu_usable(q))
		return error_set(err, ESHUTDOWN, "the VM ends");
	if (!n || n > QEMU_SLOT_FUNCTIONS)
		return error_set(err, EINVAL, "%zu devices cannot be plugged at once", n);
	for (size_t i = 0; i < n; i++) {
		int r = qemu_device_check(&devices[i], err);

		if (r < 0)
			return r;
		if (find_device(q, devices[i].id, &function) >= 0)
			return error_set(err, EINVAL, "the VM has a device \"%s\" already",
					 devices[i].id);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(devices[i].id, devices[j].id))
				return error_set(err, EINVAL, "two devices are named \"%s\"",
						 devices[i].id);
	}
	return 0;
}

int qemu_plug(struct qemu *q, const struct qemu_device *devices, size_t n, qemu_done_fn *fn,
	      void *data, struct error *err)
{
	struct qemu_op *op;
	int r, port;

	r = check_batch(q, devices, n, err);
	if (r < 0)
		return r;
	port = find_free_port(q);
	if (port < 0)
		return error_set(err, ENOSPC, "all %u slots of the VM are in use", q->n_ports);
	op = qemu_op_new(q, fn, data, plug_advance);
	op->port = (unsigned int)port;
	for (size_t i = 0; i < n; i++) {
		q->ports[port].functions[i].id = xstrdup(devices[i].id);
		q->ports[port].functions[i].kind = devices[i].kind;
		q->ports[port].functions[i].fdset = q->next_fdset;
		add_back_end(op, &devices[i], q->next_fdset++);
	}
	for (size_t i = n; i-- > 1;) {
		_cleanup_free_ char *arguments = add_arguments(devices, n, i, op->port);

		qemu_op_execute(op, "device_add", arguments, -1);
	}
	op->function_0 = add_arguments(devices, n, 0, op->port);
	if (!op->pending)
		plug_advance(op);
	return 0;
}

static void chardev_advance(struct qemu_op *op)
{
	qemu_op_end(op, op->err.errnum ? &op->err : NULL);
}

int qemu_add_chardev(struct qemu *q, const struct qemu_chardev *chardev, qemu_done_fn *fn,
		     void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf pass = STRBUF_INIT, add = STRBUF_INIT;
	struct qemu_op *op;

	if (!qemu_usable(q))
		return error_set(err, ESHUTDOWN, "the VM ends");
	op = qemu_op_new(q, fn, data, chardev_advance);
	strbuf_puts(&pass, "{\"fdname\":");
	strbuf_json_string(&pass, chardev->id);
	strbuf_putc(&pass, '}');
	strbuf_puts(&add, "{\"id\":");
	strbuf_json_string(&add, chardev->id);
	strbuf_puts(&add, ",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":"
			  "{\"type\":\"fd\",\"data\":{\"str\":");
	strbuf_json_string(&add, chardev->id);
	strbuf_puts(&add, "}},\"server\":false}}}");
	qemu_op_execute(op, "getfd", pass.data, chardev->fd);
	qemu_op_execute(op, "chardev-add", add.data, -1);
	return 0;
}

static void on_unplug_timeout(_unused_ struct loop_source *source, _unused_ uint32_t events,
			      void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qemu_op *op = data;

	(void)error_set(&err, ETIME, "the guest does not release its device");
	qemu_op_end(op, &err);
}

static void unplug_advance(struct qemu_op *op)
{
	if (op->err.errnum)
		qemu_op_end(op, &op->err);
	else if (port_free(&op->qemu->ports[op->port]))
		qemu_op_end(op, NULL);
}

int qemu_unplug(struct qemu *q, const char *id, qemu_done_fn *fn, void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf arguments = STRBUF_INIT;
	struct qemu_op *op;
	size_t function;
	int port;

	if (!qemu_usable(q))
		return error_set(err, ESHUTDOWN, "the VM ends");
	port = find_device(q, id, &function);
	if (port < 0)
		return error_set(err, ENODEV, "the VM has no device \"%s\"", id);
	op = qemu_op_new(q, fn, data, unplug_advance);
	op->port = (unsigned int)port;
	op->timer = loop_add_timer(q->loop, loop_now() + UNPLUG_TIMEOUT, on_unplug_timeout, op);
	strbuf_puts(&arguments, "{\"id\":");
	strbuf_json_string(&arguments,
			   q->ports[port].functions[0].id ? q->ports[port].functions[0].id : id);
	strbuf_putc(&arguments, '}');
	qemu_op_execute(op, "device_del", arguments.data, -1);
	return 0;
}

void qemu_on_deleted_event(struct qemu *q, const struct json *args)
{
	struct qemu_op *op, *next;
	const char *id = qmp_string(args, "device");
	size_t function;
	int port;

	if (!id)
		return;
	port = find_device(q, id, &function);
	if (port < 0)
		return;
	remove_back_end(q, q->ports[port].functions[function].kind, id,
			q->ports[port].functions[function].fdset);
	free(q->ports[port].functions[function].id);
	q->ports[port].functions[function].id = NULL;
	qemu_enter(q);
	for (op = q->ops_list; op && !q->freed; op = next) {
		next = op->next;
		if (op->advance == unplug_advance && op->port == (unsigned int)port && !op->pending)
			unplug_advance(op);
	}
	if (!q->freed)
		qemu_save_if_ready(q);
	qemu_leave(q);
}
