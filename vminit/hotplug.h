/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a VM that wakes up (rpc/handover.h). What is plugged comes to the kernel as an
 * interrupt of its own sort and through the interpreter of ACPI's byte code, is looked for, named,
 * routed and put into sysfs: without KVM, where all of that has to be translated first, a third of a
 * start from a template. But the devices of the template's rehearsal are the like of those that
 * every VM has first (vmm/first-devices.h), and the kernel knows them already.
 *
 * Theory of operation. Before the VM is saved, hotplug_freeze() lets the drivers go and takes down
 * what the configuration space of each device says. ACPI's event is masked: QEMU takes the devices
 * out now, and hotplug_release() lets them go as the byte code would (the registers are those of
 * docs/specs/acpi_pci_hotplug.rst in QEMU's documentation), without the kernel's hearing of it. In
 * the VM that wakes up the new devices are where the old ones were, and hotplug_thaw() programs
 * their configuration space as it was and binds the drivers. The event is unmasked when there is
 * time for it; it finds what is known.
 *
 * Where that cannot be (another machine than q35, another kernel than ours), the kernel takes the
 * devices out in its own way, and is told to look for the new ones.
 */
#ifndef VMINIT_HOTPLUG_H
#define VMINIT_HOTPLUG_H

#include "lib/error.h"
#include "lib/loop.h"

/* To be called before QEMU is told to take the devices out. */
void hotplug_freeze(void);
/* Returns when they are out. Return: 0; -ETIMEDOUT. */
int hotplug_release(struct error *err);

/**
 * hotplug_thaw() - the devices of the VM that woke up
 * @loop: for what is done later
 * @port: number of the root port in whose slot they are
 */
void hotplug_thaw(struct loop *loop, unsigned int port);

#endif
