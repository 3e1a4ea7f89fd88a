// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "lib/error.h"
#include "lib/strbuf.h"
#include "test.h"
#include "vmm/qemu-device.h"

static void check_add(const struct qemu_device *device, bool multifunction, const char *expected)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	CHECK_INT(qemu_device_check(device, NULL), ==, 0);
	qemu_device_add_arguments(device, "rp0", multifunction ? 2 : 0, multifunction, &text);
	CHECK_STR(text.data, expected);
}

static void test_arguments(void)
{
	struct qemu_device d = {.kind = QEMU_DEVICE_VSOCK, .id = "v", .vsock.chardev = "c"};

	check_add(&d, false,
		  "{\"driver\":\"vhost-user-vsock-pci\",\"id\":\"v\",\"bus\":\"rp0\",\"addr\":\"0."
		  "0\","
		  "\"chardev\":\"c\"}");
	d = (struct qemu_device){.kind = QEMU_DEVICE_FS,
				 .id = "s",
				 .fs = {.chardev = "c", .tag = "a\"b\\", .queue_size = 64}};
	check_add(&d, true,
		  "{\"driver\":\"vhost-user-fs-pci\",\"id\":\"s\",\"bus\":\"rp0\",\"addr\":\"0.2\","
		  "\"multifunction\":true,\"chardev\":\"c\",\"tag\":\"a\\\"b\\\\\",\"queue-size\":"
		  "64}");
	d = (struct qemu_device){.kind = QEMU_DEVICE_NET,
				 .id = "n0",
				 .net = {.fd = 3, .mac = {2, 0, 0xfe, 0, 0, 1}, .mtu = 1400}};
	check_add(&d, false,
		  "{\"driver\":\"virtio-net-pci\",\"id\":\"n0\",\"bus\":\"rp0\",\"addr\":\"0.0\","
		  "\"netdev\":\"net-n0\",\"mac\":\"02:00:fe:00:00:01\",\"host_mtu\":1400,"
		  "\"romfile\":\"\"}");
	d = (struct qemu_device){
		.kind = QEMU_DEVICE_VSOCK, .id = "v", .intx = true, .vsock.chardev = "c"};
	check_add(&d, false,
		  "{\"driver\":\"vhost-user-vsock-pci\",\"id\":\"v\",\"bus\":\"rp0\",\"addr\":"
		  "\"0.0\",\"vectors\":0,\"chardev\":\"c\"}");
	d = (struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = "r"};
	check_add(&d, false,
		  "{\"driver\":\"virtio-rng-pci\",\"id\":\"r\",\"bus\":\"rp0\",\"addr\":\"0.0\"}");
	d = (struct qemu_device){.kind = QEMU_DEVICE_BLOCK, .id = "b", .block.fd = 3};
	check_add(&d, false,
		  "{\"driver\":\"virtio-blk-pci\",\"id\":\"b\",\"bus\":\"rp0\",\"addr\":\"0.0\","
		  "\"drive\":\"blk-b\"}");
}

static void test_back_ends(void)
{
	static const struct {
		enum qemu_net_backend backend;
		const char *expected;
	} nets[] = {
		{QEMU_NET_TAP,
		 "{\"type\":\"tap\",\"id\":\"net-n\",\"fd\":\"fd-n\",\"vhost\":false}"},
		{QEMU_NET_STREAM, "{\"type\":\"stream\",\"id\":\"net-n\",\"addr\":{\"type\":\"fd\","
				  "\"str\":\"fd-n\"},\"server\":false}"},
		{QEMU_NET_USER, "{\"type\":\"user\",\"id\":\"net-n\"}"},
	};
	struct qemu_device block = {
		.kind = QEMU_DEVICE_BLOCK, .id = "b", .block = {.fd = 3, .read_only = true}};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		struct qemu_device d = {
			.kind = QEMU_DEVICE_NET, .id = "n", .net.backend = nets[i].backend};

		strbuf_free(&text);
		qemu_device_netdev_arguments(&d, &text);
		CHECK_STR(text.data, nets[i].expected);
	}
	strbuf_free(&text);
	qemu_device_blockdev_arguments(&block, 7, &text);
	CHECK_STR(text.data, "{\"driver\":\"raw\",\"node-name\":\"blk-b\",\"read-only\":true,"
			     "\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/7\"}}");
}

static void check_refused(struct qemu_device d)
{
	CHECK_INT(qemu_device_check(&d, NULL), <, 0);
}

static void test_refused(void)
{
	char long_id[80], long_tag[38];

	memset(long_id, 'a', sizeof(long_id));
	long_id[sizeof(long_id) - 1] = '\0';
	memset(long_tag, 'a', sizeof(long_tag));
	long_tag[sizeof(long_tag) - 1] = '\0';
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = ""});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = "0a"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = "a\"b"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = "a/b"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_RNG, .id = long_id});
	check_refused((struct qemu_device){.kind = N_QEMU_DEVICE_KINDS, .id = "a"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_VSOCK, .id = "a"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_FS, .id = "a", .fs.tag = "t"});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_FS, .id = "a", .fs.chardev = "c"});
	check_refused((struct qemu_device){
		.kind = QEMU_DEVICE_FS, .id = "a", .fs = {.chardev = "c", .tag = long_tag}});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_NET, .id = "a", .net.fd = -1});
	check_refused((struct qemu_device){.kind = QEMU_DEVICE_BLOCK, .id = "a", .block.fd = -1});
}

int main(void)
{
	TEST_RUN(test_arguments);
	TEST_RUN(test_back_ends);
	TEST_RUN(test_refused);
	return test_end();
}
