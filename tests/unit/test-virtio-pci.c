// SPDX-License-Identifier: Apache-2.0
/* The registers of a virtio device: its configuration space, and a device made of plain memory. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "lib/cleanup.h"
#include "test.h"
#include "vminit/virtio-pci.h"

#define RUNNING                                                                               \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK)
#define VERSION_1 1U /* in the high half */

/* As QEMU has it: MSI-X, then the vendor's capabilities in an order of their own. */
static void make_config(uint8_t config[VIRTIO_PCI_CONFIG_SIZE])
{
	static const uint8_t ids[] = {0xf4, 0x1a, 0x53, 0x10};
	static const uint8_t msix[] = {PCI_CAP_ID_MSIX, 0x84, 2, 0x80, 1, 8, 0, 0, 1, 12, 0, 0};
	static const uint8_t notify[] = {PCI_CAP_ID_VNDR,
					 0x70,
					 20,
					 VIRTIO_PCI_CAP_NOTIFY_CFG,
					 5,
					 0,
					 0,
					 0,
					 0,
					 0x30,
					 0,
					 0,
					 0,
					 0x10,
					 0,
					 0,
					 4,
					 0,
					 0,
					 0};
	static const uint8_t common[] = {
		PCI_CAP_ID_VNDR, 0, 16, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0, 0, 0, 0, 0x20, 0, 0};

	memset(config, 0, VIRTIO_PCI_CONFIG_SIZE);
	memcpy(config, ids, sizeof(ids));
	config[PCI_CAPABILITY_LIST] = 0x98;
	memcpy(config + 0x98, msix, sizeof(msix));
	memcpy(config + 0x84, notify, sizeof(notify));
	memcpy(config + 0x70, common, sizeof(common));
}

static void test_find(void)
{
	uint8_t config[VIRTIO_PCI_CONFIG_SIZE];
	struct virtio_pci_places p;

	make_config(config);
	CHECK_INT(virtio_pci_find(config, sizeof(config), &p), ==, 0);
	CHECK_INT(p.device_id, ==, VIRTIO_PCI_DEVICE(VIRTIO_ID_VSOCK));
	CHECK_INT(p.common_bar, ==, 4);
	CHECK_INT(p.common_offset, ==, 0x2000);
	CHECK_INT(p.notify_bar, ==, 5);
	CHECK_INT(p.notify_offset, ==, 0x3000);
	CHECK_INT(p.notify_multiplier, ==, 4);
	CHECK_INT(p.msix_capability, ==, 0x98);
	CHECK_INT(p.msix_bar, ==, 1);
	CHECK_INT(p.msix_offset, ==, 0x800);
	CHECK_INT(p.n_vectors, ==, 3);
	/* Without MSI-X. */
	config[PCI_CAPABILITY_LIST] = 0x84;
	CHECK_INT(virtio_pci_find(config, sizeof(config), &p), ==, 0);
	CHECK_INT(p.msix_capability, ==, 0);
	CHECK_INT(p.n_vectors, ==, 0);
}

/* What is changed in a good one, and makes it a bad one. */
static void test_find_nothing(void)
{
	static const struct {
		uint8_t at;
		uint8_t value;
	} bad[] = {
		{PCI_VENDOR_ID, 0xf5},
		{PCI_DEVICE_ID + 1, 0x11},
		{PCI_CAPABILITY_LIST, 0},
		{PCI_CAPABILITY_LIST, 0x3c},
		{PCI_CAPABILITY_LIST, 0xff},
		{0x99, 0x98}, /* a circle */
		{0x73, 9},
		{0x74, PCI_STD_NUM_BARS},
		{0x87, 9},
		{0x88, PCI_STD_NUM_BARS},
		{0x98 + PCI_MSIX_TABLE, 7},
		{0x98 + PCI_MSIX_FLAGS, 0xff},
	};
	struct virtio_pci_places p;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t config[VIRTIO_PCI_CONFIG_SIZE];

		make_config(config);
		config[bad[i].at] = bad[i].value;
		CHECK_INT(virtio_pci_find(config, sizeof(config), &p), ==, -ENXIO);
	}
	/* What a user may read of it. */
	for (size_t len = 0; len < 0x70; len++) {
		uint8_t config[VIRTIO_PCI_CONFIG_SIZE];

		make_config(config);
		CHECK_INT(virtio_pci_find(config, len, &p), ==, -ENXIO);
	}
}

/* Memory selects nothing: the one queue that is read stands for every number. */
static struct virtio_pci_common_cfg running(void)
{
	return (struct virtio_pci_common_cfg){
		.device_feature = VERSION_1 | 0x30,
		.guest_feature = VERSION_1 | 0x20,
		.msix_config = 0,
		.num_queues = 1,
		.device_status = RUNNING,
		.queue_size = 128,
		.queue_msix_vector = 1,
		.queue_enable = 1,
		.queue_notify_off = 3,
		.queue_desc_lo = 0x1000,
		.queue_desc_hi = 1,
		.queue_avail_lo = 0x2000,
		.queue_used_lo = 0x3000,
		.queue_used_hi = 2,
	};
}

static void test_replay(void)
{
	struct virtio_pci_common_cfg old = running(), new = {.num_queues = 1};
	struct virtio_pci_state s;

	CHECK_INT(virtio_pci_read_state(&old, &s), ==, 0);
	CHECK_INT(s.n_queues, ==, 1);
	CHECK_INT(s.queues[0].descriptors, ==, 0x100001000);
	CHECK_INT(s.queues[0].available, ==, 0x2000);
	CHECK_INT(s.queues[0].used, ==, 0x200003000);
	CHECK_INT(s.queues[0].notify_off, ==, 3);
	new.queue_notify_off = 3; /* the device's own */
	new.device_feature = old.device_feature;
	CHECK(virtio_pci_write_features(&new, &s));
	CHECK_INT(new.device_status, ==, RUNNING & ~VIRTIO_CONFIG_S_DRIVER_OK);
	virtio_pci_write_queues(&new, &s);
	/* Where the selectors were left differs. */
	new.device_feature_select = old.device_feature_select;
	CHECK(!memcmp(&old, &new, sizeof(old)));
}

/* Without MSI-X no vector is written. */
static void test_replay_intx(void)
{
	struct virtio_pci_common_cfg old = running(),
				     new = {.msix_config = 77, .queue_msix_vector = 78};
	struct virtio_pci_state s;

	old.msix_config = old.queue_msix_vector = VIRTIO_MSI_NO_VECTOR;
	CHECK_INT(virtio_pci_read_state(&old, &s), ==, 0);
	new.device_feature = old.device_feature;
	CHECK(virtio_pci_write_features(&new, &s));
	CHECK_INT(new.device_status, ==, RUNNING & ~VIRTIO_CONFIG_S_DRIVER_OK);
	virtio_pci_write_queues(&new, &s);
	CHECK_INT(new.msix_config, ==, 77);
	CHECK_INT(new.queue_msix_vector, ==, 78);
}

static void test_stop_and_notify(void)
{
	struct virtio_pci_common_cfg common = running();
	uint16_t notifications[8];
	struct virtio_pci d = {
		.common = &common,
		.notifications = (uint8_t *)notifications,
		.places.notify_multiplier = 4,
		.state = {.n_queues = 2,
			  .queues = {{.index = 0, .notify_off = 1}, {.index = 5, .notify_off = 3}}},
	};

	memset(notifications, 0xff, sizeof(notifications));
	virtio_pci_notify(&d);
	for (size_t i = 0; i < ARRAY_SIZE(notifications); i++)
		CHECK_INT(notifications[i], ==, i == 2 ? 0 : i == 6 ? 5 : 0xffff);
	virtio_pci_stop(&d);
	CHECK_INT(common.device_status, ==, 0);
}

static void test_refused(void)
{
	struct virtio_pci_common_cfg c = running(), lesser = {.device_feature = VERSION_1 | 0x10};
	struct virtio_pci_state s;

	CHECK_INT(virtio_pci_read_state(&c, &s), ==, 0);
	/* A feature is missing. */
	CHECK(!virtio_pci_write_features(&lesser, &s));
	CHECK(!(lesser.device_status & VIRTIO_CONFIG_S_FEATURES_OK));
	c.device_status = RUNNING & ~VIRTIO_CONFIG_S_DRIVER_OK;
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, -ENOTSUP);
	c = running();
	c.guest_feature = 0x20;
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, -ENOTSUP);
	/* Packed virtqueues: bit 34. */
	c = running();
	c.guest_feature |= 1U << 2;
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, -ENOTSUP);
	c = running();
	c.num_queues = VIRTIO_PCI_MAX_QUEUES + 1;
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, -ENOTSUP);
	c.queue_enable = 0;
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, 0);
	CHECK_INT(s.n_queues, ==, 0);
	/* Nothing is there: all bits are set. */
	memset(&c, 0xff, sizeof(c));
	CHECK_INT(virtio_pci_read_state(&c, &s), ==, -ENOTSUP);
}

int main(void)
{
	TEST_RUN(test_find);
	TEST_RUN(test_find_nothing);
	TEST_RUN(test_replay);
	TEST_RUN(test_replay_intx);
	TEST_RUN(test_stop_and_notify);
	TEST_RUN(test_refused);
	return test_end();
}
