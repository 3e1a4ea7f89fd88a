/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a VM that wakes up (rpc/handover.h). What is plugged comes to the kernel as an
 * interrupt of its own sort and through the interpreter of ACPI's byte code, is looked for, named,
 * routed and put into sysfs: without KVM, where all of that has to be translated first, a third of a
 * start from a template. But the devices of the template's rehearsal are the like of those that
 * every VM has first (vmm/first-devices.h), and the kernel knows them already.
 *
 * Theory of operation. Before the VM is saved, hotplug_freeze() binds each driver anew, so that its
 * virtqueues are at their beginning, notes how it has set its device up (virtio-pci.h), and stops the
 * device: what the driver still asks of it waits in its virtqueue for the one that will come. ACPI's
 * event is masked: QEMU takes the devices out now, and hotplug_release() lets them go as the byte
 * code would (the registers are those of docs/specs/acpi_pci_hotplug.rst in QEMU's documentation),
 * without the kernel's hearing of it: the drivers stay as they are, and what is asked of them
 * meanwhile waits. In the VM that wakes up the new devices are where the old ones were, and
 * hotplug_thaw() sets them up as the drivers had. The event is unmasked when there is time for it;
 * it finds what is known.
 *
 * What a driver has read of its device stays as it was. Of the share that is the tag, which is the
 * same in every VM. Of the vsock it is the CID, which is not: but its device tells a driver whose VM
 * was moved to another host by an event, and who saves the VM has put that into the event queue
 * (rpc/handover.h). The driver finds it with the first interrupt, before any packet: the device has
 * one interrupt for all queues, and the last queue is looked at first.
 *
 * Where that cannot be (another machine than q35, another kernel than ours), the kernel takes the
 * devices out in its own way, and is told to look for the new ones. But a device that does not offer
 * what the driver of the old one took is none that the template was made for: this VM cannot be.
 */
#ifndef VMINIT_HOTPLUG_H
#define VMINIT_HOTPLUG_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "rpc/handover.h"

/*
 * To be called before QEMU is told to take the devices out. Return: whether the drivers stay, with
 * devices that answer nothing.
 */
bool hotplug_freeze(void);
/* They do not stay after all. */
void hotplug_unfreeze(void);
/* Returns when they are out. Return: 0; -ETIMEDOUT. */
int hotplug_release(struct error *err);
/* Says in @page which queues the drivers have that stay. */
void hotplug_tell_queues(struct handover *page);

/**
 * hotplug_thaw() - the devices of the VM that woke up
 * @loop: for what is done later
 * @port: number of the root port in whose slot they are
 *
 * Return: 0; -ENODEV when the drivers stayed and a device is not what it was.
 */
int hotplug_thaw(struct loop *loop, unsigned int port, struct error *err);

#endif
