/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device on PCI (virtio 1.2, 4.1) as its driver has set it up: noted, and told to another
 * device of the same kind that has come to its place, without the driver's hearing of it. To probe
 * the other one would be several thousand blocks of code, of which each has to be translated first
 * where there is no KVM; this is a page of stores.
 *
 * Theory of operation. virtio_pci_note() reads what the driver wrote: the base addresses and the
 * command in the configuration space, MSI-X where the device has it, and the common configuration
 * structure, which it finds by the vendor's capability and maps; and where the queues are notified.
 * What the driver has in memory (the virtqueues, the handlers of interrupts) is nobody's business here:
 * it stays. In the device that comes in its place, virtio_pci_program() makes the registers answer, and
 * then virtio_pci_negotiate() and virtio_pci_run() go through the initialisation that the driver went
 * through (virtio 1.2, 3.1.1).
 *
 * A new device begins its virtqueues at index 0. So must the driver's be, when the VM is saved: no
 * buffer of any of them may have been used. Nothing can tell that from here; who saves the memory
 * looks (rpc/handover.h). What a driver made available after virtio_pci_stop() waits there for the
 * other device, which virtio_pci_notify() tells of it.
 *
 * A driver with packed virtqueues, which begin otherwise, is refused by virtio_pci_note().
 */
#ifndef VMINIT_VIRTIO_PCI_H
#define VMINIT_VIRTIO_PCI_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Without extended configuration space. */
#define VIRTIO_PCI_CONFIG_SIZE 256
/* More than any device has that a VM is saved with. */
#define VIRTIO_PCI_MAX_QUEUES  4
#define VIRTIO_PCI_MAX_VECTORS 8

/* A device's type (virtio 1.2, 5) as PCI tells it. */
#define VIRTIO_PCI_DEVICE(type) (0x1040 + (type))

/**
 * struct virtio_pci_places - what a device is, and where its registers are
 * @device_id: see VIRTIO_PCI_DEVICE()
 * @common_bar, @common_offset: the common configuration structure, in which base address
 * @notify_bar, @notify_offset, @notify_multiplier: where the queues are notified (virtio 1.2, 4.1.4.4)
 * @msix_capability: in the configuration space; 0 when there is none
 * @msix_bar, @msix_offset: the table of it
 * @n_vectors: entries of the table
 */
struct virtio_pci_places {
	uint16_t device_id;
	unsigned int common_bar;
	uint32_t common_offset;
	unsigned int notify_bar;
	uint32_t notify_offset;
	uint32_t notify_multiplier;
	unsigned int msix_capability;
	unsigned int msix_bar;
	uint32_t msix_offset;
	unsigned int n_vectors;
};

/**
 * struct virtio_pci_queue - a virtqueue
 * @index: the device's number for it
 * @size: entries
 * @vector: of MSI-X, or VIRTIO_MSI_NO_VECTOR
 * @notify_off: times the multiplier, its place among the notifications
 * @descriptors, @available, @used: physical addresses of its parts
 */
struct virtio_pci_queue {
	uint16_t index;
	uint16_t size;
	uint16_t vector;
	uint16_t notify_off;
	uint64_t descriptors;
	uint64_t available;
	uint64_t used;
};

/**
 * struct virtio_pci_state - what the driver wrote into the common configuration structure
 * @features: that it took, the low half first
 * @vector: of MSI-X for changes of the configuration, or VIRTIO_MSI_NO_VECTOR
 * @num_queues: that the device has
 * @queues: those that are enabled, @n_queues of them
 */
struct virtio_pci_state {
	uint32_t features[2];
	uint16_t vector;
	uint16_t num_queues;
	unsigned int n_queues;
	struct virtio_pci_queue queues[VIRTIO_PCI_MAX_QUEUES];
};

/**
 * struct virtio_pci - a device
 * @config_fd: its configuration space; owned
 * @config: the head of it
 * @places: in it
 * @common: mapped
 * @notifications: mapped, the place of the first
 * @vectors: MSI-X' table, mapped; NULL when there is none
 * @vector_entries: its content
 * @msix_control: the capability's word of control
 */
struct virtio_pci {
	int config_fd;
	uint8_t config[PCI_STD_HEADER_SIZEOF];
	struct virtio_pci_places places;
	volatile struct virtio_pci_common_cfg *common;
	volatile uint8_t *notifications;
	volatile uint32_t *vectors;
	uint32_t vector_entries[VIRTIO_PCI_MAX_VECTORS * PCI_MSIX_ENTRY_SIZE / sizeof(uint32_t)];
	uint16_t msix_control;
	struct virtio_pci_state state;
};

/**
 * virtio_pci_note() - of a device whose driver is bound and at rest
 * @name: of the PCI device, "0000:01:00.0"
 *
 * Return: 0, and @ret is to be given to virtio_pci_clear(); -errno for one that cannot be replayed.
 */
int virtio_pci_note(const char *name, struct virtio_pci *ret, struct error *err);

/*
 * Resets the device, behind its driver's back: what that makes available from now on stays there.
 * Return: whether it did.
 */
bool virtio_pci_stop(const struct virtio_pci *device);

/**
 * virtio_pci_program() - give the device in the place of the noted one its addresses
 *
 * Return: whether there is one that answers and has as many queues. Which kind it is of is not
 * asked, as that is the most expensive question: the host has the devices in one order.
 */
bool virtio_pci_program(const struct virtio_pci *device);

/**
 * virtio_pci_negotiate() - tell it what the driver took of its features; after virtio_pci_program()
 *
 * Return: false when it does not offer all of that; its driver cannot go on with it.
 */
bool virtio_pci_negotiate(const struct virtio_pci *device);

/* Gives it the queues, and lets it run; after virtio_pci_negotiate(). */
void virtio_pci_run(const struct virtio_pci *device);

/* Has it look into its queues; after virtio_pci_run(). */
void virtio_pci_notify(const struct virtio_pci *device);

/* Closes and unmaps. */
void virtio_pci_clear(struct virtio_pci *device);

/* The parts of these, for tests. */

/* From @len bytes of a configuration space. Return: 0; -ENXIO for no virtio device that we know. */
int virtio_pci_find(const uint8_t *config, size_t len, struct virtio_pci_places *ret);
/* Return: 0; -ENOTSUP for a driver that has not come to its end, or took more than we know. */
int virtio_pci_read_state(volatile struct virtio_pci_common_cfg *common,
			  struct virtio_pci_state *ret);
bool virtio_pci_write_features(volatile struct virtio_pci_common_cfg *common,
			       const struct virtio_pci_state *state);
void virtio_pci_write_queues(volatile struct virtio_pci_common_cfg *common,
			     const struct virtio_pci_state *state);

#endif
