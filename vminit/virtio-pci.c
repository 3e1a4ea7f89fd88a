// SPDX-License-Identifier: Apache-2.0
#include "vminit/virtio-pci.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/io.h"

#define VENDOR	   0x1af4
#define DEVICE_MIN VIRTIO_PCI_DEVICE(0)
#define DEVICE_MAX VIRTIO_PCI_DEVICE(0x3f)
/* What a list of capabilities can hold; a longer one runs in a circle. */
#define CAPABILITIES ((VIRTIO_PCI_CONFIG_SIZE - PCI_STD_HEADER_SIZEOF) / 4)

/* The registers that are programmed again: the base addresses, then the command. */
#define BASE_ADDRESSES_SIZE (PCI_CARDBUS_CIS - PCI_BASE_ADDRESS_0)

#define RESET_TRIES	    1000
#define RESET_PERIOD	    1000 /* microseconds */

#define BIT(n)		    (UINT32_C(1) << (n))
/* In the high half of the features. */
#define FEATURE_VERSION_1   BIT(VIRTIO_F_VERSION_1 - 32)
#define FEATURE_RING_PACKED BIT(VIRTIO_F_RING_PACKED - 32)

#define STATUS_FOUND	    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define STATUS_FEATURES	    (STATUS_FOUND | VIRTIO_CONFIG_S_FEATURES_OK)
#define STATUS_RUNNING	    (STATUS_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

/* --- the configuration space --- */

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static void note_capability(const uint8_t *config, size_t len, size_t at,
			    struct virtio_pci_places *ret)
{
	const uint8_t *c = config + at;

	if (c[0] == PCI_CAP_ID_VNDR && at + sizeof(struct virtio_pci_cap) <= len &&
	    c[VIRTIO_PCI_CAP_CFG_TYPE] == VIRTIO_PCI_CAP_COMMON_CFG) {
		ret->common_bar = c[VIRTIO_PCI_CAP_BAR];
		ret->common_offset = get32(c + VIRTIO_PCI_CAP_OFFSET);
	} else if (c[0] == PCI_CAP_ID_VNDR && at + sizeof(struct virtio_pci_notify_cap) <= len &&
		   c[VIRTIO_PCI_CAP_CFG_TYPE] == VIRTIO_PCI_CAP_NOTIFY_CFG) {
		ret->notify_bar = c[VIRTIO_PCI_CAP_BAR];
		ret->notify_offset = get32(c + VIRTIO_PCI_CAP_OFFSET);
		ret->notify_multiplier = get32(c + VIRTIO_PCI_NOTIFY_CAP_MULT);
	} else if (c[0] == PCI_CAP_ID_MSIX && at + PCI_CAP_MSIX_SIZEOF <= len) {
		uint32_t table = get32(c + PCI_MSIX_TABLE);

		ret->msix_capability = (unsigned int)at;
		ret->msix_bar = table & PCI_MSIX_TABLE_BIR;
		ret->msix_offset = table & PCI_MSIX_TABLE_OFFSET;
		ret->n_vectors = (get16(c + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1U;
	}
}

int virtio_pci_find(const uint8_t *config, size_t len, struct virtio_pci_places *ret)
{
	struct virtio_pci_places places = {.common_bar = PCI_STD_NUM_BARS,
					   .notify_bar = PCI_STD_NUM_BARS};
	size_t at;

	if (len < PCI_STD_HEADER_SIZEOF)
		return -ENXIO;
	places.device_id = get16(config + PCI_DEVICE_ID);
	if (get16(config + PCI_VENDOR_ID) != VENDOR || places.device_id < DEVICE_MIN ||
	    places.device_id > DEVICE_MAX)
		return -ENXIO;
	at = config[PCI_CAPABILITY_LIST];
	for (int i = 0; i < CAPABILITIES && at >= PCI_STD_HEADER_SIZEOF && at + 4 <= len; i++) {
		note_capability(config, len, at, &places);
		at = config[at + PCI_CAP_LIST_NEXT];
	}
	if (places.common_bar >= PCI_STD_NUM_BARS || places.notify_bar >= PCI_STD_NUM_BARS ||
	    places.msix_bar >= PCI_STD_NUM_BARS || places.n_vectors > VIRTIO_PCI_MAX_VECTORS)
		return -ENXIO;
	*ret = places;
	return 0;
}

/* --- the common configuration structure --- */

static int read_queue(volatile struct virtio_pci_common_cfg *c, uint16_t index,
		      struct virtio_pci_state *s)
{
	struct virtio_pci_queue *q = &s->queues[s->n_queues];

	c->queue_select = index;
	if (!c->queue_enable)
		return 0;
	if (s->n_queues == VIRTIO_PCI_MAX_QUEUES)
		return -ENOTSUP;
	q->index = index;
	q->size = c->queue_size;
	q->vector = c->queue_msix_vector;
	q->notify_off = c->queue_notify_off;
	q->descriptors = c->queue_desc_lo | (uint64_t)c->queue_desc_hi << 32;
	q->available = c->queue_avail_lo | (uint64_t)c->queue_avail_hi << 32;
	q->used = c->queue_used_lo | (uint64_t)c->queue_used_hi << 32;
	s->n_queues++;
	return 0;
}

int virtio_pci_read_state(volatile struct virtio_pci_common_cfg *c, struct virtio_pci_state *ret)
{
	struct virtio_pci_state s = {.vector = c->msix_config, .num_queues = c->num_queues};

	if (c->device_status != STATUS_RUNNING)
		return -ENOTSUP;
	for (uint32_t i = 0; i < ARRAY_SIZE(s.features); i++) {
		c->guest_feature_select = i;
		s.features[i] = c->guest_feature;
	}
	if (!(s.features[1] & FEATURE_VERSION_1) || (s.features[1] & FEATURE_RING_PACKED))
		return -ENOTSUP;
	for (uint16_t i = 0; i < s.num_queues; i++)
		if (read_queue(c, i, &s) < 0)
			return -ENOTSUP;
	*ret = s;
	return 0;
}

bool virtio_pci_write_features(volatile struct virtio_pci_common_cfg *c,
			       const struct virtio_pci_state *s)
{
	c->device_status = STATUS_FOUND;
	for (uint32_t i = 0; i < ARRAY_SIZE(s->features); i++) {
		c->device_feature_select = i;
		if (s->features[i] & ~c->device_feature)
			return false;
		c->guest_feature_select = i;
		c->guest_feature = s->features[i];
	}
	c->device_status = STATUS_FEATURES;
	return c->device_status == STATUS_FEATURES;
}

static void write_queue(volatile struct virtio_pci_common_cfg *c, const struct virtio_pci_queue *q)
{
	c->queue_select = q->index;
	c->queue_size = q->size;
	if (q->vector != VIRTIO_MSI_NO_VECTOR)
		c->queue_msix_vector = q->vector;
	c->queue_desc_lo = (uint32_t)q->descriptors;
	c->queue_desc_hi = (uint32_t)(q->descriptors >> 32);
	c->queue_avail_lo = (uint32_t)q->available;
	c->queue_avail_hi = (uint32_t)(q->available >> 32);
	c->queue_used_lo = (uint32_t)q->used;
	c->queue_used_hi = (uint32_t)(q->used >> 32);
	c->queue_enable = 1;
}

void virtio_pci_write_queues(volatile struct virtio_pci_common_cfg *c,
			     const struct virtio_pci_state *s)
{
	if (s->vector != VIRTIO_MSI_NO_VECTOR)
		c->msix_config = s->vector;
	for (unsigned int i = 0; i < s->n_queues; i++)
		write_queue(c, &s->queues[i]);
	c->device_status = STATUS_RUNNING;
}

/* --- a device --- */

/* @offset into one of its base addresses, and the rest of the page there. */
static void *map_registers(const char *name, unsigned int bar, uint32_t offset, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_close_ int fd = -1;
	char path[80];
	uint8_t *map;

	if (offset % page + size > page)
		return NULL;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u", name, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)(offset - offset % page));
	if (map == MAP_FAILED)
		return NULL;
	/* A child has no use for it, and a fork is quicker without. */
	(void)madvise(map, page, MADV_DONTFORK);
	return map + offset % page;
}

static void unmap_registers(volatile void *registers)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *byte = (uint8_t *)registers;

	if (byte)
		(void)munmap(byte - (uintptr_t)byte % page, page);
}

static size_t vector_words(const struct virtio_pci *d)
{
	return d->places.n_vectors * PCI_MSIX_ENTRY_SIZE / sizeof(d->vectors[0]);
}

static bool has_msix(const struct virtio_pci *d)
{
	return d->msix_control & PCI_MSIX_FLAGS_ENABLE;
}

static int note_msix(struct virtio_pci *d, const uint8_t *config, const char *name)
{
	const struct virtio_pci_places *p = &d->places;

	if (!p->msix_capability)
		return 0;
	d->msix_control = get16(config + p->msix_capability + PCI_MSIX_FLAGS);
	if (!has_msix(d))
		return 0;
	d->vectors = map_registers(name, p->msix_bar, p->msix_offset,
				   vector_words(d) * sizeof(d->vectors[0]));
	if (!d->vectors)
		return -ENXIO;
	for (size_t i = 0; i < vector_words(d); i++)
		d->vector_entries[i] = d->vectors[i];
	return 0;
}

/* From the first queue's notification to behind the last one's. */
static size_t notifications_size(const struct virtio_pci *d)
{
	size_t size = 0;

	for (unsigned int i = 0; i < d->state.n_queues; i++) {
		size_t end = (size_t)d->state.queues[i].notify_off * d->places.notify_multiplier +
			     sizeof(uint16_t);

		if (end > size)
			size = end;
	}
	return size;
}

static int note_driver(struct virtio_pci *d, const char *name)
{
	const struct virtio_pci_places *p = &d->places;
	int r;

	d->common = map_registers(name, p->common_bar, p->common_offset, sizeof(*d->common));
	if (!d->common)
		return -ENXIO;
	r = virtio_pci_read_state(d->common, &d->state);
	if (r < 0)
		return r;
	d->notifications =
		map_registers(name, p->notify_bar, p->notify_offset, notifications_size(d));
	return d->notifications ? 0 : -ENXIO;
}

static int note(const char *name, struct virtio_pci *d)
{
	uint8_t config[VIRTIO_PCI_CONFIG_SIZE];
	char path[80];
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	d->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->config_fd < 0)
		return -errno;
	n = pread(d->config_fd, config, sizeof(config), 0);
	r = n < 0 ? -errno : virtio_pci_find(config, (size_t)n, &d->places);
	if (r < 0)
		return r;
	memcpy(d->config, config, sizeof(d->config));
	r = note_msix(d, config, name);
	return r < 0 ? r : note_driver(d, name);
}

int virtio_pci_note(const char *name, struct virtio_pci *ret, struct error *err)
{
	struct virtio_pci d = {.config_fd = -1};
	int r = note(name, &d);

	if (r < 0) {
		virtio_pci_clear(&d);
		return error_errno(err, r, "note how the driver of %s has set it up", name);
	}
	*ret = d;
	return 0;
}

bool virtio_pci_stop(const struct virtio_pci *d)
{
	d->common->device_status = 0;
	/* The device may take its time (virtio 1.2, 4.1.4.3.2). */
	for (int i = 0; i < RESET_TRIES && d->common->device_status; i++)
		(void)usleep(RESET_PERIOD);
	return !d->common->device_status;
}

static bool write_config(const struct virtio_pci *d, unsigned int at, const void *data, size_t len)
{
	return pwrite(d->config_fd, data, len, at) == (ssize_t)len;
}

static bool program_msix(const struct virtio_pci *d)
{
	uint16_t control = htole16(d->msix_control);

	if (!has_msix(d))
		return true;
	for (size_t i = 0; i < vector_words(d); i++)
		d->vectors[i] = d->vector_entries[i];
	return write_config(d, d->places.msix_capability + PCI_MSIX_FLAGS, &control,
			    sizeof(control));
}

bool virtio_pci_program(const struct virtio_pci *d)
{
	return write_config(d, PCI_BASE_ADDRESS_0, d->config + PCI_BASE_ADDRESS_0,
			    BASE_ADDRESSES_SIZE) &&
	       write_config(d, PCI_COMMAND, d->config + PCI_COMMAND, sizeof(uint16_t)) &&
	       program_msix(d) && d->common->num_queues == d->state.num_queues;
}

bool virtio_pci_negotiate(const struct virtio_pci *d)
{
	return virtio_pci_write_features(d->common, &d->state);
}

void virtio_pci_run(const struct virtio_pci *d)
{
	virtio_pci_write_queues(d->common, &d->state);
}

void virtio_pci_notify(const struct virtio_pci *d)
{
	for (unsigned int i = 0; i < d->state.n_queues; i++) {
		const struct virtio_pci_queue *q = &d->state.queues[i];
		size_t at = (size_t)q->notify_off * d->places.notify_multiplier;

		*(volatile uint16_t *)(volatile void *)(d->notifications + at) = q->index;
	}
}

void virtio_pci_clear(struct virtio_pci *d)
{
	unmap_registers(d->common);
	unmap_registers(d->notifications);
	unmap_registers(d->vectors);
	close_keep_errno(d->config_fd);
	*d = (struct virtio_pci){.config_fd = -1};
}
