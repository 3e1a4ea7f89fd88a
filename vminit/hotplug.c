// SPDX-License-Identifier: Apache-2.0
#include "vminit/hotplug.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/io.h"
#include "vminit/steps.h"

/* The event of q35's hot-plug of PCI devices, and no other. */
#define ACPI_EVENT "/sys/firmware/acpi/interrupts/gpe01"

/* Until then a short container is done, and a long one has begun. */
#define UNMASK_AFTER (5 * USEC_PER_SEC)

void hotplug_mask_acpi(void)
{
	(void)io_write_file(AT_FDCWD, ACPI_EVENT, "mask\n");
}

static void unmask_acpi(void)
{
	(void)io_write_file(AT_FDCWD, ACPI_EVENT, "unmask\n");
}

static void on_time(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	loop_remove(source);
	unmask_acpi();
}

/*
 * The firmware numbers the buses as the host numbers the ports behind which they are. A device that
 * is not there is ACPI's to find: somebody's own kernel may number them in another way.
 */
void hotplug_look_in_port(struct loop *loop, unsigned int port)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/pci_bus/0000:%02x/rescan", port + 1);
	(void)io_write_file(AT_FDCWD, path, "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:%02x:00.0", port + 1);
	if (access(path, F_OK) < 0)
		unmask_acpi();
	else
		(void)loop_add_timer(loop, loop_now() + UNMASK_AFTER, on_time, NULL);
	steps_done("devices found");
}
