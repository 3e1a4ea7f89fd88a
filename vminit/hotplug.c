// SPDX-License-Identifier: Apache-2.0
#include "vminit/hotplug.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

#include "lib/io.h"
#include "vminit/steps.h"

/* The event of q35's hot-plug of PCI devices, and no other. */
#define ACPI_EVENT "/sys/firmware/acpi/interrupts/gpe01"

/* Until then a short container is done, and a long one has begun. */
#define UNMASK_AFTER	(5 * USEC_PER_SEC)

#define RELEASE_TIMEOUT (60 * USEC_PER_SEC)
#define RELEASE_PERIOD	(10 * USEC_PER_MSEC)

#define DRIVER		"/sys/bus/pci/drivers/virtio-pci"
#define MAX_FUNCTIONS	8
/* The firmware numbers the buses as the host numbers the ports behind which they are. */
#define PORT_BUS(port) ((port) + 1)
/* That of the rehearsal. */
#define PORT 0

/* The registers that are programmed again: the base addresses, then the command. */
#define BASE_ADDRESSES_SIZE (PCI_CARDBUS_CIS - PCI_BASE_ADDRESS_0)

/**
 * struct function - one device of the slot, without its driver
 * @name: of the kernel, "0000:01:00.0"
 * @config_fd: its configuration space
 * @config: the head of it as it was
 */
struct function {
	char name[16];
	int config_fd;
	uint8_t config[PCI_STD_HEADER_SIZEOF];
};

static struct {
	struct function functions[MAX_FUNCTIONS];
	size_t n;
	int bind_fd;
} frozen = {.bind_fd = -1};

static void function_path(unsigned int port, unsigned int function, const char *file, char path[80])
{
	snprintf(path, 80, "/sys/bus/pci/devices/0000:%02x:00.%u%s", PORT_BUS(port), function,
		 file);
}

static bool function_there(unsigned int port, unsigned int function)
{
	char path[80];

	function_path(port, function, "", path);
	return !access(path, F_OK);
}

static void rescan(unsigned int port)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/class/pci_bus/0000:%02x/rescan", PORT_BUS(port));
	(void)io_write_file(AT_FDCWD, path, "1");
}

static void unmask_acpi(void)
{
	(void)io_write_file(AT_FDCWD, ACPI_EVENT, "unmask\n");
}

#if defined(__x86_64__)

/* The registers of ACPI's PCI hot-plug on q35. */
#define ACPI_PORTS	0xcc0
#define ACPI_PORTS_LEN	0x14
#define ACPI_DOWN	(ACPI_PORTS + 4)    /* slots of the bus that are to go */
#define ACPI_EJECT	(ACPI_PORTS + 8)    /* slots that may go */
#define ACPI_BUS_SELECT (ACPI_PORTS + 0x10) /* of which bus these two are */
#define ACPI_BUSES	256

static bool freeze_function(unsigned int number)
{
	struct function *f = &frozen.functions[frozen.n];
	char path[80];

	snprintf(f->name, sizeof(f->name), "0000:%02x:00.%u", PORT_BUS(PORT), number);
	function_path(PORT, number, "/driver/unbind", path);
	if (io_write_file(AT_FDCWD, path, f->name) < 0)
		return false;
	/* Enabled by somebody it stays so: its interrupt is not routed again. */
	function_path(PORT, number, "/enable", path);
	if (io_write_file(AT_FDCWD, path, "1") < 0)
		return false;
	function_path(PORT, number, "/config", path);
	f->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (f->config_fd < 0)
		return false;
	frozen.n++;
	return pread(f->config_fd, f->config, sizeof(f->config), 0) == (ssize_t)sizeof(f->config);
}

/* Whether all of them are: half of them would be no help. */
static bool freeze_functions(void)
{
	for (unsigned int i = 0; i < MAX_FUNCTIONS; i++)
		if (function_there(PORT, i) && !freeze_function(i))
			return false;
	frozen.bind_fd = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	return frozen.n && frozen.bind_fd >= 0;
}

/* Return: whether something went. */
static bool eject(void)
{
	bool some = false;

	for (unsigned int bus = 0; bus < ACPI_BUSES; bus++) {
		unsigned int slots;

		outl(bus, ACPI_BUS_SELECT);
		slots = inl(ACPI_DOWN);
		if (slots) {
			outl(slots, ACPI_EJECT);
			some = true;
		}
	}
	return some;
}

static bool can_eject(void)
{
	return !ioperm(ACPI_PORTS, ACPI_PORTS_LEN, 1);
}

#else

static bool freeze_functions(void)
{
	return false;
}

static bool eject(void)
{
	return false;
}

static bool can_eject(void)
{
	return false;
}

#endif

/* The kernel forgets them, or never knew them. */
static void forget_functions(void)
{
	char path[80];

	for (size_t i = 0; i < frozen.n; i++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
			 frozen.functions[i].name);
		(void)io_write_file(AT_FDCWD, path, "1");
		close_keep_errno(frozen.functions[i].config_fd);
	}
	frozen.n = 0;
	frozen.bind_fd = close_keep_errno(frozen.bind_fd);
}

void hotplug_freeze(void)
{
	bool can = can_eject();

	if (can && io_write_file(AT_FDCWD, ACPI_EVENT, "mask\n") < 0)
		can = false;
	if (can && !freeze_functions()) {
		forget_functions();
		unmask_acpi();
	}
}

int hotplug_release(struct error *err)
{
	uint64_t deadline = loop_now() + RELEASE_TIMEOUT;

	while (loop_now() < deadline) {
		if (frozen.n ? eject() : !function_there(PORT, 0))
			return 0;
		(void)usleep(RELEASE_PERIOD);
	}
	return error_set(err, ETIMEDOUT, "the host did not take its devices out");
}

static bool thaw_function(const struct function *f)
{
	uint8_t now[PCI_STD_HEADER_SIZEOF];

	if (pread(f->config_fd, now, 4, 0) != 4 || memcmp(now, f->config, 4) != 0)
		return false;
	if (pwrite(f->config_fd, f->config + PCI_BASE_ADDRESS_0, BASE_ADDRESSES_SIZE,
		   PCI_BASE_ADDRESS_0) != (ssize_t)BASE_ADDRESSES_SIZE ||
	    pwrite(f->config_fd, f->config + PCI_COMMAND, 2, PCI_COMMAND) != 2)
		return false;
	return write(frozen.bind_fd, f->name, strlen(f->name)) == (ssize_t)strlen(f->name);
}

static bool thaw_functions(unsigned int port)
{
	if (port != PORT || !frozen.n)
		return false;
	for (size_t i = 0; i < frozen.n; i++)
		if (!thaw_function(&frozen.functions[i]))
			return false;
	return true;
}

static void on_time(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	loop_remove(source);
	unmask_acpi();
}

void hotplug_thaw(struct loop *loop, unsigned int port)
{
	if (!thaw_functions(port)) {
		forget_functions();
		rescan(port);
	}
	/* What was not found is ACPI's to find. */
	if (function_there(port, 0))
		(void)loop_add_timer(loop, loop_now() + UNMASK_AFTER, on_time, NULL);
	else
		unmask_acpi();
	steps_done("devices found");
}
