/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handover: how a VM that is restored from a template learns what it is to be, with next to no
 * code between its first instruction and that. Without KVM all code has to be translated first, and
 * with it there are still interrupts and turns less.
 *
 * Theory of operation. Who builds a template says HANDOVER_SAVE on the guest's console when it is
 * about to save. vminitd gets the devices ready to go (vminit/hotplug.h), says HANDOVER_RELEASE_LINE,
 * and the host takes them out. Then vminitd takes a page of memory, writes there which virtqueues
 * their drivers have, tells its physical address in a line that begins with HANDOVER_LINE, and looks
 * at the page until a request is there: so the VM is saved. Who restores it writes the request before
 * the guest runs, plugs the devices while it runs, and says in the page when they are there. vminitd
 * goes on where it was, becomes who it is to be and takes the devices, with a processor for each where
 * there is a second one, and serves.
 *
 * The virtqueues are for who saves the VM: the devices of the restored one begin at their index 0,
 * so none of them may have been used; in the event queue of the vsock device it leaves a word for the
 * driver; and in the share's queue there is the first request of a file system that is mounted
 * already, FUSE_INIT, which the restored VM's virtiofsd will find (template/queues.h).
 *
 * The page is written by the guest once, and then by the host, once and one word again; what the guest
 * writes later is for itself. Numbers are in
 * the byte order of both, which is the same.
 */
#ifndef RUNVM_RPC_HANDOVER_H
#define RUNVM_RPC_HANDOVER_H

#include <stdint.h>

/* vminitd is up and listens: a line on the console that begins with this. */
#define CONSOLE_READY_LINE "vminitd: ready"

/* To vminitd, one byte on the console: a template is to be saved. */
#define HANDOVER_SAVE 's'
/* The same, for a VM whose last processor is there to translate ahead (vminit/warm-up.h). */
#define HANDOVER_SAVE_WARM 'w'

/* The first answer. */
#define HANDOVER_RELEASE_LINE "vminitd: releases its devices"
/* The second: a line of this, the physical address of the page in hexadecimal digits. */
#define HANDOVER_LINE "vminitd: handover at 0x"

/*
 * The mount tag of the share in every VM, that of a template's making included: its driver has read
 * the tag before the VM was saved.
 */
#define HANDOVER_SHARE_TAG "runvm"

/* How many bytes of a file in the share the guest's kernel reads ahead at most (FUSE_INIT). */
#define HANDOVER_READ_AHEAD (1024 * 1024)

#define HANDOVER_MAGIC	    UINT64_C(0x72766d2d68616e64)
#define HANDOVER_SIZE	    4096
#define HANDOVER_QUEUES	    8

/**
 * struct handover_queue - where a virtqueue's parts are, as physical addresses
 */
struct handover_queue {
	uint64_t descriptors;
	uint64_t available;
	uint64_t used;
};

/**
 * struct handover - the page
 * @magic: HANDOVER_MAGIC, from vminitd
 * @length: bytes of @request; 0 until it is there
 * @slot: 1 + the number of the root port whose slot has the VM's first devices; 0 until they are there
 * @n_queues: how many there are in @queues, from vminitd; 0 when no driver stays with its device
 * @event_queue: which of @queues is the vsock device's event queue
 * @share_queue: which of @queues FUSE_INIT waits in
 * @identity: of the guest alone: how far that is (vminit/handover.c)
 * @queues: of the devices whose drivers stay
 * @request: a packed SetupRequest (guest.proto)
 */
struct handover {
	uint64_t magic;
	uint32_t length;
	uint32_t slot;
	uint32_t n_queues;
	uint32_t event_queue;
	uint32_t share_queue;
	uint32_t identity;
	struct handover_queue queues[HANDOVER_QUEUES];
	uint8_t request[HANDOVER_SIZE - 32 - HANDOVER_QUEUES * sizeof(struct handover_queue)];
};

_Static_assert(sizeof(struct handover) == HANDOVER_SIZE, "the page is full");

#endif
