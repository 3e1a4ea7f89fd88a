/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What qemu.c (the process and its states), qemu-plug.c (devices) and qemu-migrate.c (templates)
 * share. For nobody else.
 */
#ifndef RUNVM_VMM_QEMU_INTERNAL_H
#define RUNVM_VMM_QEMU_INTERNAL_H

#include "libocispec/json.h"
#include "vmm/console.h"
#include "vmm/qemu.h"
#include "vmm/qmp.h"
#include "vmm/qmp-wire.h"
#include "vmm/spawn.h"

/**
 * struct qemu_op - an operation that waits for replies or events of QEMU
 * @pending: replies to come
 * @err: the first failure
 * @advance: called when no reply is pending; ends the operation with qemu_op_end(), gives more
 *	commands, or leaves it to wait for an event
 * @phase: where @advance is
 * @port: of a plug or unplug
 * @function_0: owned; arguments of the last device_add of a plug
 * @timer: owned; NULL when there is none
 */
struct qemu_op {
	struct qemu_op *next;
	struct qemu *qemu;
	qemu_done_fn *fn;
	void *data;
	unsigned int pending;
	struct error err;
	void (*advance)(struct qemu_op *op);
	unsigned int phase;
	unsigned int port;
	char *function_0;
	struct loop_source *timer;
};

/**
 * struct qemu_port - a root port and what is in its slot
 * @functions: @id is owned and NULL where there is no device; @fdset is a QEMU_DEVICE_BLOCK's
 * @lost: a plug failed half way: it cannot be used again
 */
struct qemu_port {
	struct {
		char *id;
		enum qemu_device_kind kind;
		unsigned int fdset;
	} functions[QEMU_SLOT_FUNCTIONS];
	bool lost;
};

struct qemu {
	struct loop *loop;
	const struct qemu_ops *ops;
	void *data;
	enum qemu_state state;

	struct spawn *spawn;
	struct qmp *qmp;
	struct console *console;
	int console_fd;
	int console_log_fd;
	struct loop_source *console_source;

	bool kvm;
	char *accel_reason;
	bool held;    /* .paused */
	bool warm_up; /* .warm_up */
	int state_fd; /* of a restore */
	int save_fd;  /* of a save that has not come to the saving; -1 otherwise */
	bool save_unplugs;
	uint64_t boot_timeout;
	struct loop_source *timer; /* until it is up, then until it is gone */

	bool was_ready;
	bool told_failed;
	bool asked;  /* to end */
	bool exited; /* the process, with @exit_status */
	int exit_status;
	bool qmp_broken;
	bool guest_shutdown; /* QEMU said that the guest did it */
	bool guest_panicked;
	struct error why;

	struct qemu_op *ops_list;
	struct qemu_op *migration; /* waits for MIGRATION; in ops_list */
	struct qemu_port ports[QEMU_ROOT_PORTS_MAX];
	unsigned int n_ports;
	unsigned int next_fdset;

	unsigned int busy;
	bool freed;
};

/* Callbacks of the monitor run between these, so that they may free the VM. */
void qemu_enter(struct qemu *q);
void qemu_leave(struct qemu *q);

/* Not failed, not told to end, and QMP works. */
bool qemu_usable(const struct qemu *q);

/* Fails the VM once: takes @err's content, kills QEMU, tells the monitor. */
void qemu_fail(struct qemu *q, enum qemu_failure kind, struct error *err);
void qemu_step(struct qemu *q, const char *step);
/* The guest is up (cold), or loaded. */
void qemu_became_ready(struct qemu *q, enum qemu_state state);

struct qemu_op *qemu_op_new(struct qemu *q, qemu_done_fn *fn, void *data,
			    void (*advance)(struct qemu_op *op));
/* A command of @op: advance() is called when it and all others are answered. */
void qemu_op_execute(struct qemu_op *op, const char *command, const char *arguments, int fd);
/* Calls back and frees. */
void qemu_op_end(struct qemu_op *op, const struct error *err);
void qemu_ops_free(struct qemu *q);

/* Begins to read the template's state; ends in qemu_became_ready() or qemu_fail(). */
void qemu_load(struct qemu *q);
void qemu_on_migration_event(struct qemu *q, const struct json *args);
/* Goes on with a save that waits for vminitd's line, or for the devices to go. */
void qemu_save_if_ready(struct qemu *q);
void qemu_on_deleted_event(struct qemu *q, const struct json *args);
void qemu_ports_free(struct qemu *q);

#endif
