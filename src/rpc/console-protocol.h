/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host and vminitd say to each other on the guest's console, which works before any device
 * is plugged, and costs little code where all code has to be translated first. The guest's kernel
 * writes there too. Containers cannot reach it.
 */
#ifndef RUNVM_RPC_CONSOLE_PROTOCOL_H
#define RUNVM_RPC_CONSOLE_PROTOCOL_H

/* To the host: vminitd listens. A line that begins with this. */
#define CONSOLE_READY_LINE "vminitd: ready"

/*
 * On the kernel's command line, for vminitd's environment: there is no KVM, and the host will say
 * on the console what it plugs.
 */
#define CONSOLE_AIDS_VARIABLE "vminitd_aids"

/* From the host, each one byte. Devices are in the slot of root port n: CONSOLE_PLUGGED + n. */
#define CONSOLE_PLUGGED 'a'
/* ACPI is to tell about hot-plug, too: an unplug needs it. Off at first. */
#define CONSOLE_ACPI_ON	 '+'
#define CONSOLE_ACPI_OFF '-'

#endif
