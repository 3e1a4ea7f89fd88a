// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu-device.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "libocispec/json.h"

#define FS_TAG_MAX 36 /* bytes of "tag" in virtio 1.2, section 5.11.4 */
#define ID_MAX	   64

static void write_chardev(const struct qemu_device *d, struct json_writer *w)
{
	json_write_member_string(w, "chardev", d->vsock.chardev);
}

static void write_fs(const struct qemu_device *d, struct json_writer *w)
{
	json_write_member_string(w, "chardev", d->fs.chardev);
	json_write_member_string(w, "tag", d->fs.tag);
	if (d->fs.queue_size)
		json_write_member_uint(w, "queue-size", d->fs.queue_size);
}

static char *mac_text(const uint8_t mac[6], char text[18])
{
	(void)snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		       mac[4], mac[5]);
	return text;
}

static void write_net(const struct qemu_device *d, struct json_writer *w)
{
	char netdev[ID_MAX + 8], mac[18];

	(void)snprintf(netdev, sizeof(netdev), "net-%s", d->id);
	json_write_member_string(w, "netdev", netdev);
	json_write_member_string(w, "mac", mac_text(d->net.mac, mac));
	if (d->net.mtu)
		json_write_member_uint(w, "host_mtu", d->net.mtu);
	/* The default is a boot ROM, read from a file that a guest without firmware boot needs not. */
	json_write_member_string(w, "romfile", "");
}

static void write_block(const struct qemu_device *d, struct json_writer *w)
{
	char node[ID_MAX + 8];

	(void)snprintf(node, sizeof(node), "blk-%s", d->id);
	json_write_member_string(w, "drive", node);
}

static const struct {
	const char *driver;
	void (*write)(const struct qemu_device *d, struct json_writer *w);
} kinds[] = {
	[QEMU_DEVICE_VSOCK] = {"vhost-user-vsock-pci", write_chardev},
	[QEMU_DEVICE_FS] = {"vhost-user-fs-pci", write_fs},
	[QEMU_DEVICE_NET] = {"virtio-net-pci", write_net},
	[QEMU_DEVICE_RNG] = {"virtio-rng-pci", NULL},
	[QEMU_DEVICE_BLOCK] = {"virtio-blk-pci", write_block},
};
static_assert(ARRAY_SIZE(kinds) == N_QEMU_DEVICE_KINDS, "one driver for each kind");

static bool id_valid(const char *id)
{
	if (!id || !isalpha((unsigned char)id[0]) || strlen(id) > ID_MAX)
		return false;
	for (; *id; id++)
		if (!isalnum((unsigned char)*id) && *id != '-')
			return false;
	return true;
}

int qemu_device_check(const struct qemu_device *d, struct error *err)
{
	if ((unsigned int)d->kind >= N_QEMU_DEVICE_KINDS)
		return error_set(err, EINVAL, "device of unknown kind %d", (int)d->kind);
	if (!id_valid(d->id))
		return error_set(err, EINVAL, "\"%s\" cannot name a device", d->id ? d->id : "");
	switch (d->kind) {
	case QEMU_DEVICE_FS:
		if (!d->fs.tag || !d->fs.tag[0] || strlen(d->fs.tag) > FS_TAG_MAX)
			return error_set(err, EINVAL,
					 "device \"%s\": a mount tag has 1 to %d bytes", d->id,
					 FS_TAG_MAX);
		if (!id_valid(d->fs.chardev))
			return error_set(err, EINVAL, "device \"%s\" has no chardev", d->id);
		return 0;
	case QEMU_DEVICE_VSOCK:
		if (!id_valid(d->vsock.chardev))
			return error_set(err, EINVAL, "device \"%s\" has no chardev", d->id);
		return 0;
	case QEMU_DEVICE_NET:
		if (d->net.backend != QEMU_NET_USER && d->net.fd < 0)
			return error_set(err, EBADF, "device \"%s\" has no descriptor", d->id);
		return 0;
	case QEMU_DEVICE_BLOCK:
		if (d->block.fd < 0)
			return error_set(err, EBADF, "device \"%s\" has no descriptor", d->id);
		return 0;
	default:
		return 0;
	}
}

void qemu_device_add_arguments(const struct qemu_device *d, const char *bus, unsigned int function,
			       bool multifunction, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out, NULL);
	char addr[16];

	(void)snprintf(addr, sizeof(addr), "0.%u", function);
	json_write_begin_object(&w);
	json_write_member_string(&w, "driver", kinds[d->kind].driver);
	json_write_member_string(&w, "id", d->id);
	json_write_member_string(&w, "bus", bus);
	json_write_member_string(&w, "addr", addr);
	if (multifunction)
		json_write_member_bool(&w, "multifunction", true);
	if (d->intx && d->kind != QEMU_DEVICE_RNG)
		json_write_member_uint(&w, "vectors", 0);
	if (kinds[d->kind].write)
		kinds[d->kind].write(d, &w);
	json_write_end_object(&w);
}

void qemu_device_netdev_arguments(const struct qemu_device *d, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out, NULL);
	char id[ID_MAX + 8], fd[ID_MAX + 8];

	(void)snprintf(id, sizeof(id), "net-%s", d->id);
	(void)snprintf(fd, sizeof(fd), "fd-%s", d->id);
	json_write_begin_object(&w);
	switch (d->net.backend) {
	case QEMU_NET_TAP:
		json_write_member_string(&w, "type", "tap");
		json_write_member_string(&w, "id", id);
		json_write_member_string(&w, "fd", fd);
		/* The host's module would be a privilege more, and this is not where time goes. */
		json_write_member_bool(&w, "vhost", false);
		break;
	case QEMU_NET_STREAM:
		json_write_member_string(&w, "type", "stream");
		json_write_member_string(&w, "id", id);
		json_write_key(&w, "addr");
		json_write_begin_object(&w);
		json_write_member_string(&w, "type", "fd");
		json_write_member_string(&w, "str", fd);
		json_write_end_object(&w);
		json_write_member_bool(&w, "server", false);
		break;
	case QEMU_NET_USER:
		json_write_member_string(&w, "type", "user");
		json_write_member_string(&w, "id", id);
		break;
	}
	json_write_end_object(&w);
}

void qemu_device_blockdev_arguments(const struct qemu_device *d, unsigned int fdset,
				    struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out, NULL);
	char node[ID_MAX + 8], path[32];

	(void)snprintf(node, sizeof(node), "blk-%s", d->id);
	(void)snprintf(path, sizeof(path), "/dev/fdset/%u", fdset);
	json_write_begin_object(&w);
	json_write_member_string(&w, "driver", "raw");
	json_write_member_string(&w, "node-name", node);
	json_write_member_bool(&w, "read-only", d->block.read_only);
	json_write_key(&w, "file");
	json_write_begin_object(&w);
	json_write_member_string(&w, "driver", "file");
	json_write_member_string(&w, "filename", path);
	json_write_end_object(&w);
	json_write_end_object(&w);
}
