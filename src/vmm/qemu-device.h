/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that are plugged into a running VM, as plain structs, and their QMP commands as JSON
 * text. No system calls: qemu.h does the plugging.
 */
#ifndef RUNVM_VMM_QEMU_DEVICE_H
#define RUNVM_VMM_QEMU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/strbuf.h"

/* Functions of one slot: as many devices can be plugged in one go. */
#define QEMU_SLOT_FUNCTIONS 8

enum qemu_device_kind {
	QEMU_DEVICE_VSOCK, /* vhost-user-vsock-pci */
	QEMU_DEVICE_FS,	   /* vhost-user-fs-pci */
	QEMU_DEVICE_NET,   /* virtio-net-pci on a tap, a stream socket, or QEMU's user networking */
	QEMU_DEVICE_RNG,   /* virtio-rng-pci */
	QEMU_DEVICE_BLOCK, /* virtio-blk-pci on a passed descriptor of an image */
	N_QEMU_DEVICE_KINDS
};

enum qemu_net_backend { QEMU_NET_TAP, QEMU_NET_STREAM, QEMU_NET_USER };

/**
 * struct qemu_device - one device
 * @id: unique in the VM; letters, digits and '-', a letter first
 * @intx: an interrupt line instead of MSI-X, which takes more code to set up: for a guest without
 *	KVM; not for QEMU_DEVICE_RNG
 * @vsock.chardev: a struct qemu_chardev's id
 * @fs.tag: mount tag, at most 36 bytes
 * @fs.queue_size: 0 for the default
 * @net.fd: tap (opened with IFF_VNET_HDR) or connected stream socket; borrowed until the plug's
 *	callback; unused for QEMU_NET_USER
 * @net.mac: six bytes
 * @net.mtu: 0 to offer none
 * @block.fd: image, opened O_RDONLY if @block.read_only, else O_RDWR; borrowed like net.fd
 */
struct qemu_device {
	enum qemu_device_kind kind;
	const char *id;
	bool intx;
	union {
		struct {
			const char *chardev;
		} vsock;
		struct {
			const char *chardev;
			const char *tag;
			unsigned int queue_size;
		} fs;
		struct {
			enum qemu_net_backend backend;
			int fd;
			uint8_t mac[6];
			unsigned int mtu;
		} net;
		struct {
			int fd;
			bool read_only;
		} block;
	};
};

/**
 * qemu_device_check() - refuse what no QEMU takes or what would not be one device
 *
 * Return: 0 or -EINVAL.
 */
int qemu_device_check(const struct qemu_device *device, struct error *err);

/**
 * qemu_device_add_arguments() - arguments of device_add
 * @bus: id of a root port
 * @function: 0 to QEMU_SLOT_FUNCTIONS - 1
 * @multifunction: more than one function in this slot
 * @out: a JSON object is appended
 */
void qemu_device_add_arguments(const struct qemu_device *device, const char *bus,
			       unsigned int function, bool multifunction, struct strbuf *out);

/* Arguments of netdev_add for a QEMU_DEVICE_NET whose descriptor was passed as "fd-<id>". */
void qemu_device_netdev_arguments(const struct qemu_device *device, struct strbuf *out);

/* Arguments of blockdev-add for a QEMU_DEVICE_BLOCK whose descriptor is in fd set @fdset. */
void qemu_device_blockdev_arguments(const struct qemu_device *device, unsigned int fdset,
				    struct strbuf *out);

#endif
