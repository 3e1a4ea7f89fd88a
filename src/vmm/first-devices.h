/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that every VM gets first, in the slot of its first root port: its vsock and its share.
 * A template is made with such a pair, and its guest's drivers take the like for it
 * (vminit/hotplug.h): all that the guest sees of them, but for the CID, is the same in every VM.
 */
#ifndef RUNVM_VMM_FIRST_DEVICES_H
#define RUNVM_VMM_FIRST_DEVICES_H

#include "vmm/qemu-args.h"
#include "vmm/qemu-device.h"

/* Ids of the chardevs that QEMU has to be started with. */
#define FIRST_CHARDEV_VSOCK "vsock"
#define FIRST_CHARDEV_SHARE "share"

/* Of the devices. */
#define FIRST_DEVICE_VSOCK "vsock0"
#define FIRST_DEVICE_SHARE "share0"
#define FIRST_DEVICES	   2

/* @kvm: see struct qemu_device, intx. */
void first_devices(bool kvm, struct qemu_device ret[FIRST_DEVICES]);

#endif
