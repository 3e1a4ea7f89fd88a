// SPDX-License-Identifier: Apache-2.0
#include "vminit/hotplug.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "lib/io.h"
#include "lib/log.h"
#include "rpc/console-protocol.h"
#include "vminit/steps.h"

/* The event of q35's hot-plug of PCI devices, and no other. */
#define ACPI_EVENT "/sys/firmware/acpi/interrupts/gpe01"

static void acpi_event(const char *what)
{
	(void)io_write_file(AT_FDCWD, ACPI_EVENT, what);
}

/*
 * The firmware numbers the buses as the host numbers the ports behind which they are. A device that
 * is not there is ACPI's to find: somebody's own arguments for QEMU may have changed the order.
 */
static void look_in_port(unsigned int port)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/pci_bus/0000:%02x/rescan", port + 1);
	(void)io_write_file(AT_FDCWD, path, "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:%02x:00.0", port + 1);
	steps_done("looked for devices");
	if (access(path, F_OK) < 0)
		acpi_event("unmask");
}

static void on_console(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	char bytes[16];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n <= 0 && errno != EINTR && errno != EAGAIN) {
		loop_remove(source);
		acpi_event("unmask");
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] == CONSOLE_ACPI_ON) {
			acpi_event("unmask");
		} else if (bytes[i] == CONSOLE_ACPI_OFF) {
			acpi_event("mask");
		} else if (bytes[i] >= CONSOLE_PLUGGED && bytes[i] <= 'z') {
			/* What was before this, the template's rehearsal, is not of the start. */
			steps_forget();
			steps_done("told of devices");
			look_in_port((unsigned int)(bytes[i] - CONSOLE_PLUGGED));
		}
	}
}

/* A byte is there when it was sent, and does not appear on the console. */
static int make_raw(void)
{
	struct termios termios;

	if (tcgetattr(STDIN_FILENO, &termios) < 0)
		return -errno;
	termios.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	termios.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	return tcsetattr(STDIN_FILENO, TCSANOW, &termios) < 0 ? -errno : 0;
}

void hotplug_begin(struct loop *loop)
{
	int r;

	if (!getenv(CONSOLE_AIDS_VARIABLE))
		return;
	r = make_raw();
	if (r < 0) {
		log_warning("the console cannot be read: %s", strerror(-r));
		return;
	}
	(void)loop_add_fd(loop, STDIN_FILENO, EPOLLIN, on_console, NULL);
	acpi_event("mask");
}
