/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every start does, done once before the VM is saved: the first devices are plugged, and
 * vminitd is called through them. The guest then has behind it what only the first time needs:
 * interrupt routing, windows of bridges, slabs, pages of vminitd; and it knows the devices (what
 * becomes of that is told in vminit/hotplug.h). They stay until qemu_save() takes them out, as QEMU
 * saves no VM with a vhost-user device. A VM whose vminitd does not answer is never saved.
 */
#ifndef RUNVM_TEMPLATE_REHEARSAL_H
#define RUNVM_TEMPLATE_REHEARSAL_H

#include "lib/error.h"
#include "lib/loop.h"
#include "vmm/qemu.h"

struct rehearsal;

/* It is over; @err is NULL when all went well. rehearsal_free() may be called from here. */
typedef void rehearsal_done_fn(struct rehearsal *rehearsal, const struct error *err, void *data);

/**
 * rehearsal_new() - the back ends of the devices
 * @dirfd: where sockets are bound for a moment, and the guest's own connections would go; there are
 *	none of these
 * @kvm: the VM has it
 */
int rehearsal_new(struct loop *loop, int dirfd, bool kvm, struct rehearsal **ret,
		  struct error *err);

/* For struct qemu_config. Return: borrowed, until rehearsal_qemu_started(). */
const struct qemu_chardev *rehearsal_chardevs(const struct rehearsal *rehearsal, size_t *ret_n);
/* QEMU has its ends of the sockets. */
void rehearsal_qemu_started(struct rehearsal *rehearsal);

/* Begins, on a VM that is ready. @fn is called once, unless the VM fails. */
void rehearsal_start(struct rehearsal *rehearsal, struct qemu *qemu, rehearsal_done_fn *fn,
		     void *data);

/* The VM has to be gone, or its devices. NULL is allowed. */
void rehearsal_free(struct rehearsal *rehearsal);

#endif
