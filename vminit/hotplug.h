/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hot-plug on the host's word. What is plugged comes to the kernel as an interrupt of its own sort
 * and through the interpreter of ACPI's byte code: without KVM, where all of that has to be
 * translated first, a sixth of a start from a template. A VM that wakes up knows what to expect, so
 * the kernel is told to look, and ACPI's event is masked until there is time for it: it stays
 * pending, and finds what is known.
 */
#ifndef VMINIT_HOTPLUG_H
#define VMINIT_HOTPLUG_H

#include "lib/loop.h"

/* Where the event cannot be masked it stays as it is, and devices are found in both ways. */
void hotplug_mask_acpi(void);

/**
 * hotplug_look_in_port() - have the kernel look for the first devices, and unmask ACPI's event later
 * @port: number of the root port
 */
void hotplug_look_in_port(struct loop *loop, unsigned int port);

#endif
