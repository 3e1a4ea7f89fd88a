// SPDX-License-Identifier: Apache-2.0
#include "vminit/hotplug.h"

#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

#include "lib/io.h"
#include "lib/log.h"
#include "vminit/steps.h"
#include "vminit/virtio-pci.h"

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

/* The queue of a vsock device for events (virtio 1.2, 5.10.2), and that for packets to the guest. */
#define VSOCK_RX    0
#define VSOCK_EVENT 2
/* The first queue of a file system device for requests (virtio 1.2, 5.11.2). */
#define FS_REQUEST 1

/**
 * struct function - one device of the slot, whose driver stays
 * @name: of the kernel, "0000:01:00.0"
 */
struct function {
	char name[16];
	struct virtio_pci device;
};

static struct {
	struct function functions[MAX_FUNCTIONS];
	size_t n;
	size_t n_queues;
} frozen;

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

static bool is_kind(const struct virtio_pci *device, unsigned int type)
{
	return device->places.device_id == VIRTIO_PCI_DEVICE(type);
}

#if defined(__x86_64__)

/* The registers of ACPI's PCI hot-plug on q35. */
#define ACPI_PORTS	0xcc0
#define ACPI_PORTS_LEN	0x14
#define ACPI_DOWN	(ACPI_PORTS + 4)    /* slots of the bus that are to go */
#define ACPI_EJECT	(ACPI_PORTS + 8)    /* slots that may go */
#define ACPI_BUS_SELECT (ACPI_PORTS + 0x10) /* of which bus these two are */
#define ACPI_BUSES	256

static const struct virtio_pci_queue *find_queue(const struct virtio_pci *device, uint16_t index)
{
	for (unsigned int i = 0; i < device->state.n_queues; i++)
		if (device->state.queues[i].index == index)
			return &device->state.queues[i];
	return NULL;
}

/* QEMU sends no interrupt for the event: it has to come with that for packets. */
static bool hears_event(const struct virtio_pci *device)
{
	const struct virtio_pci_queue *rx = find_queue(device, VSOCK_RX);
	const struct virtio_pci_queue *event = find_queue(device, VSOCK_EVENT);

	return rx && event && rx->vector == event->vector;
}

static bool freeze_function(unsigned int number)
{
	struct function *f = &frozen.functions[frozen.n];
	_cleanup_error_ struct error err = ERROR_INIT;

	snprintf(f->name, sizeof(f->name), "0000:%02x:00.%u", PORT_BUS(PORT), number);
	if (io_write_file(AT_FDCWD, DRIVER "/unbind", f->name) < 0 ||
	    io_write_file(AT_FDCWD, DRIVER "/bind", f->name) < 0)
		return false;
	if (virtio_pci_note(f->name, &f->device, &err) < 0) {
		log_warning("%s", error_message(&err));
		return false;
	}
	frozen.n++;
	frozen.n_queues += f->device.state.n_queues;
	return virtio_pci_stop(&f->device) &&
	       (!is_kind(&f->device, VIRTIO_ID_VSOCK) || hears_event(&f->device));
}

/* Whether all of them are: half of them would be no help. */
static bool freeze_functions(void)
{
	for (unsigned int i = 0; i < MAX_FUNCTIONS; i++)
		if (function_there(PORT, i) && !freeze_function(i))
			return false;
	return frozen.n && frozen.n_queues <= HANDOVER_QUEUES;
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

/* The kernel hears of it when they are taken out. */
void hotplug_unfreeze(void)
{
	for (size_t i = 0; i < frozen.n; i++)
		virtio_pci_clear(&frozen.functions[i].device);
	frozen.n = 0;
	unmask_acpi();
}

bool hotplug_freeze(void)
{
	if (!can_eject() || io_write_file(AT_FDCWD, ACPI_EVENT, "mask\n") < 0)
		return false;
	if (freeze_functions())
		return true;
	hotplug_unfreeze();
	return false;
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

void hotplug_tell_queues(struct handover *page)
{
	for (size_t i = 0; i < frozen.n; i++) {
		const struct virtio_pci *device = &frozen.functions[i].device;

		for (unsigned int j = 0; j < device->state.n_queues; j++) {
			const struct virtio_pci_queue *q = &device->state.queues[j];

			if (is_kind(device, VIRTIO_ID_VSOCK) && q->index == VSOCK_EVENT)
				page->event_queue = page->n_queues;
			if (is_kind(device, VIRTIO_ID_FS) && q->index == FS_REQUEST)
				page->share_queue = page->n_queues;
			page->queues[page->n_queues++] =
				(struct handover_queue){q->descriptors, q->available, q->used};
		}
	}
}

static int thaw_functions(struct error *err)
{
	for (size_t i = 0; i < frozen.n; i++) {
		const struct function *f = &frozen.functions[i];

		if (!virtio_pci_program(&f->device) || !virtio_pci_negotiate(&f->device))
			return error_set(err, ENODEV, "the device %s is not what it was", f->name);
		virtio_pci_run(&f->device);
		/* The host's end of a vsock looks by itself. */
		if (is_kind(&f->device, VIRTIO_ID_FS))
			virtio_pci_notify(&f->device);
	}
	return 0;
}

static void on_time(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	loop_remove(source);
	unmask_acpi();
}

int hotplug_thaw(struct loop *loop, unsigned int port, struct error *err)
{
	int r = 0;

	if (frozen.n)
		r = thaw_functions(err);
	else
		rescan(port);
	/* What was not found is ACPI's to find. */
	if (frozen.n || function_there(port, 0))
		(void)loop_add_timer(loop, loop_now() + UNMASK_AFTER, on_time, NULL);
	else
		unmask_acpi();
	steps_done("devices found");
	return r;
}
