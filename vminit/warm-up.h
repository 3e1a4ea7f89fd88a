/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warm-up: without KVM a VM's code is translated when it first runs, and a VM that was restored
 * from a template has nothing translated yet. That is most of the time of a start. Where the VM has
 * a second CPU, a process of vminitd goes through the life of a container of its own there, while
 * the first CPU takes its devices; what it has run is translated for all.
 *
 * Theory of operation: vminitd forks the process when a template is about to be saved. It makes
 * itself a tiny rootfs in a mount namespace of its own and a server of the same services as
 * vminitd's, on a socket pair, begins to create a container, whose init waits before it changes its
 * root (child.h), and looks at the page of the handover (rpc/handover.h) as vminitd does: both go on
 * at once in a restored VM. It makes the VM who it is to be, if it comes to that first, and vminitd
 * waits for it before it serves; from there on nothing depends on it. It lets the container go on,
 * to its program and its end, and some seconds later it removes that, and ends. A child of it asks
 * something of the share as soon as that answers. The program of the container is in
 * warm-up-program.c. Before the VM is saved the process goes through a container's whole life once,
 * as vminitd does on the first CPU, so that what the kernel does only once for each CPU is done.
 *
 * Both CPUs are busy all the time, and a start is over when together they have translated all of
 * it. So the warm-up has its half, the later one: who came there from the beginning would go side by
 * side with the first CPU, and each would translate what the other is just translating (1,800 of
 * 23,400 blocks when a container was created here as well; now 700 of 21,900).
 *
 * The last processor is the warm-up's for good: neither vminitd nor a container ever runs on it.
 * QEMU before 8.1 may translate for one processor what another is overwriting, and keep it. The
 * kernel is built not to patch itself, and what containers do there stays on processors that do not
 * run side by side with it.
 */
#ifndef VMINIT_WARM_UP_H
#define VMINIT_WARM_UP_H

#include "lib/error.h"
#include "rpc/handover.h"

/**
 * warm_up_rehearse() - the whole life of a container, before a template is saved
 *
 * What the kernel does for the first one only, it does not do in each restored VM.
 *
 * Return: 0 or -errno; nothing is left in either case but what the error is about.
 */
int warm_up_rehearse(struct error *err);

/**
 * warm_up_start() - give the last processor to the warm-up, and fork it; it is ready then
 * @page: shared; what it waits for
 * @first: what it does first in a restored VM
 *
 * Return: 0; -ENODEV with one processor; another -errno.
 */
int warm_up_start(struct handover *page, void (*first)(struct handover *page), struct error *err);

#endif
