/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtqueues in the memory of a VM that is being saved (rpc/handover.h): their drivers stay,
 * and find other devices when a VM is restored from it.
 */
#ifndef RUNVM_TEMPLATE_QUEUES_H
#define RUNVM_TEMPLATE_QUEUES_H

#include "lib/error.h"
#include "rpc/handover.h"
#include "vmm/qemu-args.h"

/**
 * queues_prepare() - see that they are at their beginning, and leave in them what a clone is to find
 * @memfd: the guest's memory, @config->memory bytes, in which nothing runs any more
 * @page: what the guest says; anything
 *
 * For the vsock's driver the event VIRTIO_VSOCK_EVENT_TRANSPORT_RESET (virtio 1.2, 5.10.6.7), in the
 * first buffer of the event queue, as the device would put it there: the VM has another CID now.
 *
 * For virtiofsd the guest has left FUSE_INIT in the share's queue. It asks for HANDOVER_READ_AHEAD
 * afterwards: the guest's kernel would not ask for so much, but takes it.
 *
 * Return: 0, also where there are no queues; -EPROTO for queues with which no VM could go on.
 */
int queues_prepare(const struct qemu_config *config, int memfd, const struct handover *page,
		   struct error *err);

#endif
