/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM: the QEMU process, its QMP connection and the guest's console, from start to end. The
 * monitor drives it; everything is asynchronous on the monitor's loop, since the vhost-user back
 * ends that QEMU waits for may live on the same loop.
 *
 * Theory of operation:
 *
 *	qemu_start()
 *	  cold      QEMU answers QMP ........ on_up       (with .paused: waits for qemu_continue())
 *	            the guest boots, vminitd writes its ready line ........ on_ready, QEMU_RUNNING
 *	  restore   capability x-ignore-shared, descriptor by getfd, migrate-incoming, event
 *	            MIGRATION completed ......... on_ready, QEMU_PAUSED
 *	qemu_plug()      descriptors, netdevs, then device_add for functions n-1 .. 0 of one slot, all
 *	                 sent at once; function 0 announces the slot to the guest
 *	qemu_continue()  cont; on a running VM it just calls back; before or after a plug
 *	...
 *	qemu_quit() or qemu_kill(), or the guest's own doing ........ on_exit, QEMU_GONE
 *
 * A VM that fails before on_ready, or a QEMU that breaks the protocol later, comes as on_failed,
 * once, with the kind; QEMU is killed then, and on_exit follows when it is gone. A guest that ends
 * or panics after on_ready comes as on_exit alone, with the reason. After on_exit nothing is called
 * any more. qemu_free() may be called from every callback.
 */
#ifndef RUNVM_VMM_QEMU_H
#define RUNVM_VMM_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "vmm/accel.h"
#include "vmm/qemu-args.h"
#include "vmm/qemu-device.h"

struct console;
struct qemu;
struct qmp;

enum qemu_state {
	QEMU_STARTING, /* no QMP yet */
	QEMU_HELD,     /* .paused: up, guest has not run */
	QEMU_BOOTING,  /* the guest runs, vminitd has not answered */
	QEMU_LOADING,  /* a template's state is read */
	QEMU_PAUSED,
	QEMU_RUNNING,
	QEMU_SAVING,
	QEMU_ENDING, /* told to end or failed; not gone yet */
	QEMU_GONE,
	N_QEMU_STATES
};

enum qemu_failure {
	QEMU_FAILED_PROCESS, /* QEMU did not start, or ended early, for no reason of KVM's */
	QEMU_FAILED_ACCEL, /* KVM was used and is the likely reason: try TCG unless it was forced */
	QEMU_FAILED_BOOT,  /* the guest's kernel panicked, ended, or was silent past the deadline */
	QEMU_FAILED_RESTORE, /* the template's state was not accepted: start cold */
	QEMU_FAILED_QMP,     /* QEMU stopped making sense */
	N_QEMU_FAILURES
};

enum qemu_end {
	QEMU_END_GUEST, /* the guest powered off or rebooted */
	QEMU_END_PANIC, /* the guest's kernel panicked (pvpanic, or the console says so) */
	QEMU_END_ASKED, /* qemu_quit() or qemu_kill() */
	QEMU_END_DIED,	/* QEMU crashed or was killed */
	N_QEMU_ENDS
};

/**
 * struct qemu_ops - what the VM tells the monitor; on_up and on_step are optional
 * @on_up: QMP answers; the guest does not run yet if .paused
 * @on_ready: the guest is up (cold) or loaded and paused (restore)
 * @on_failed: see above; @err quotes the console and QEMU's stderr
 * @on_exit: QEMU is gone; @err says why, with the guest's last lines where it was not asked to
 * @on_step: a step of the start is done ("qmp", "loaded", "ready", "continued"): for tracing
 */
struct qemu_ops {
	void (*on_up)(struct qemu *qemu, void *data);
	void (*on_ready)(struct qemu *qemu, void *data);
	void (*on_failed)(struct qemu *qemu, enum qemu_failure kind, const struct error *err,
			  void *data);
	void (*on_exit)(struct qemu *qemu, enum qemu_end end, const struct error *err, void *data);
	void (*on_step)(struct qemu *qemu, const char *step, void *data);
};

/**
 * struct qemu_start - how to start it
 * @config: the command line; console_fd and qmp_fd are ignored and filled in by qemu_start().
 *	Borrowed for the call alone. The caller closes chardevs' and memory_fd's descriptors after.
 * @accel: what was chosen; its reason is quoted in a failure; may be NULL; borrowed for the call
 * @state_fd: the template's device state, at its beginning; -1 for a cold boot; duplicated.
 *	config->incoming has to agree.
 * @console_log_fd: gets the console's bytes; -1 for none; duplicated
 * @boot_timeout: microseconds until the guest has to be up; 0 for the default of the accelerator
 */
struct qemu_start {
	const struct qemu_config *config;
	const struct accel *accel;
	int state_fd;
	int console_log_fd;
	uint64_t boot_timeout;
};

#define QEMU_BOOT_TIMEOUT_KVM (20 * USEC_PER_SEC)
#define QEMU_BOOT_TIMEOUT_TCG (120 * USEC_PER_SEC)
#define QEMU_CONSOLE_LOG_MAX  (1024 * 1024)

/**
 * qemu_start() - execute QEMU
 * @ops: static
 *
 * Return: 0, and everything else comes by callbacks; -errno when nothing was started.
 */
int qemu_start(struct loop *loop, const struct qemu_start *start, const struct qemu_ops *ops,
	       void *data, struct qemu **ret, struct error *err);
/*
 * Kills QEMU if it still runs, and waits for that (some ten milliseconds: where the loop has to go
 * on, qemu_kill() and on_exit come first). No callback is called from here or later. NULL is
 * allowed.
 */
void qemu_free(struct qemu *qemu);

/**
 * typedef qemu_done_fn - an operation is done
 * @err: NULL on success; borrowed for the call
 *
 * Not called when the VM fails or ends meanwhile: on_failed or on_exit tell.
 */
typedef void qemu_done_fn(struct qemu *qemu, const struct error *err, void *data);

/**
 * qemu_plug() - plug devices, all into one slot, which the guest sees at once
 * @n: 1 to QEMU_SLOT_FUNCTIONS
 *
 * Everything in @devices is copied; net.fd and block.fd are duplicated before this returns. On
 * failure nothing is taken out again: the root port is not used any more, and what was plugged of
 * them stays in QEMU until it ends.
 *
 * Return: 0 when under way (@fn tells the rest); -EINVAL for a device that makes no sense; -ENOSPC
 * when no root port is free; -ESHUTDOWN when the VM ends.
 */
int qemu_plug(struct qemu *qemu, const struct qemu_device *devices, size_t n, qemu_done_fn *fn,
	      void *data, struct error *err);

/**
 * qemu_unplug() - ask the guest to release the slot that holds a device
 * @id: of any device plugged with qemu_plug(); those plugged with it go too
 *
 * @fn is called when QEMU says DEVICE_DELETED for all of them, or with -ETIME after ten seconds.
 */
int qemu_unplug(struct qemu *qemu, const char *id, qemu_done_fn *fn, void *data, struct error *err);

/* The root port in whose slot the device is; -1 when there is none of that id. */
int qemu_port_of(const struct qemu *qemu, const char *id);

/* Adds a connected socket for a vhost-user device to a VM that runs. @fd is duplicated. */
int qemu_add_chardev(struct qemu *qemu, const struct qemu_chardev *chardev, qemu_done_fn *fn,
		     void *data, struct error *err);

/* @fn may be NULL. */
void qemu_continue(struct qemu *qemu, qemu_done_fn *fn, void *data);

/**
 * qemu_save() - save the device state of a VM that is up, for a template, and end it
 * @fd: gets the state; a regular file or a pipe; duplicated
 * @fn: called when the state is written; QEMU is told to quit then, and on_exit follows
 *
 * The guest's memory has to be in a shared memory_fd: it is not part of the state. vminitd is told
 * first, and saved where it waits for the handover (rpc/handover.h): console_handover() says where
 * that goes. Plugged devices are taken out before: QEMU saves no vhost-user device.
 */
void qemu_save(struct qemu *qemu, int fd, qemu_done_fn *fn, void *data);

/* Ends it: QMP quit, then SIGKILL after a second. */
void qemu_quit(struct qemu *qemu);
/* Ends it at once. */
void qemu_kill(struct qemu *qemu);

enum qemu_state qemu_get_state(const struct qemu *qemu);
pid_t qemu_pid(const struct qemu *qemu);
/* For error messages of others about this VM: console_quote(). */
const struct console *qemu_console(const struct qemu *qemu);

/* Names for logs and traces; never NULL. */
const char *qemu_state_name(enum qemu_state state);
const char *qemu_failure_name(enum qemu_failure failure);

#endif
