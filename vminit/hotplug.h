/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hot-plug on the host's word. What is plugged comes to the kernel through the interpreter of
 * ACPI's byte code, as an interrupt of its own sort: without KVM, where all of that has to be
 * translated first, a fifth of a start from a template. So the host says on the console in which
 * root port there is something new, and vminitd has the kernel look there. ACPI's own event is
 * masked meanwhile, but for an unplug.
 */
#ifndef VMINIT_HOTPLUG_H
#define VMINIT_HOTPLUG_H

#include "lib/loop.h"

/**
 * hotplug_begin() - listen on the console (descriptor 0), where the host will speak there
 *
 * Where ACPI's event cannot be masked it stays as it is, and devices are found in both ways.
 */
void hotplug_begin(struct loop *loop);

#endif
