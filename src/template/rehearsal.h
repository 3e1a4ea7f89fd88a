/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every start does, done once before the VM is saved: devices are plugged, vminitd is called
 * through them, and they are taken out again, as QEMU saves no VM with a vhost-user device. The
 * guest then has behind it what only the first time needs: interrupt routing, windows of bridges,
 * slabs, pages of vminitd. Under TCG, where each instruction of the guest that runs for the first
 * time in a QEMU has to be translated, the way from "cont" to Setup's answer is a tenth shorter
 * (94,500 instructions without, 87,500 after a plug alone, 85,000 after a call as well). And a
 * VM whose vminitd does not answer is never saved.
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
 * rehearsal_new() - the back end of the device
 * @dirfd: where the guest's own connections would go; there are none
 * @ret_chardev: for struct qemu_config; the caller closes its descriptor once QEMU has it
 */
int rehearsal_new(struct loop *loop, int dirfd, struct rehearsal **ret,
		  struct qemu_chardev *ret_chardev, struct error *err);

/* Begins, on a VM that is ready. @fn is called once, unless the VM fails. */
void rehearsal_start(struct rehearsal *rehearsal, struct qemu *qemu, rehearsal_done_fn *fn,
		     void *data);

/* NULL is allowed. */
void rehearsal_free(struct rehearsal *rehearsal);

#endif
