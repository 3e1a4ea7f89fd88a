/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handover: how a VM that is restored from a template learns what it is to be, with next to no
 * code between its first instruction and that. Without KVM all code has to be translated first, and
 * with it there are still interrupts and turns less.
 *
 * Theory of operation. Who builds a template says HANDOVER_SAVE on the guest's console when it is
 * about to save. vminitd gets the devices ready to go (vminit/hotplug.h), says HANDOVER_RELEASE_LINE,
 * and the host takes them out. Then vminitd takes a page of memory, tells its physical address in a
 * line that begins with HANDOVER_LINE, and looks at the page until something is there: so the VM is
 * saved. Who restores it plugs the devices and writes the page, all before the guest runs. vminitd
 * goes on where it was, takes the devices, applies the request, and serves.
 *
 * The page is written by the host and read by the guest, once. Numbers are in the byte order of
 * both, which is the same.
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
#define HANDOVER_LINE  "vminitd: handover at 0x"

#define HANDOVER_MAGIC UINT64_C(0x72766d2d68616e64)
#define HANDOVER_SIZE  4096

/**
 * struct handover - the page
 * @magic: HANDOVER_MAGIC, from vminitd
 * @length: bytes of @request; 0 until it is there
 * @port: the root port whose slot has the VM's first devices
 * @request: a packed SetupRequest (guest.proto)
 */
struct handover {
	uint64_t magic;
	uint32_t length;
	uint32_t port;
	uint8_t request[HANDOVER_SIZE - 16];
};

#endif
