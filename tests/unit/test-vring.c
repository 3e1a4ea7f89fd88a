// SPDX-License-Identifier: Apache-2.0
/* Guest memory and virtqueues, without anybody at the other end. */
#include <endian.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "vsock/vring.h"

#define BASE  UINT64_C(0x100000)
#define USER  UINT64_C(0x7f0000000000)
#define PAGE  4096u
#define NUM   4u
#define DESC  0u
#define AVAIL 0x100u
#define USED  0x200u
#define DATA  0x1000u

static struct guest_memory mem;
static struct vring ring;
static uint8_t *bytes;
static int mem_fd;
static struct iovec iov[VRING_MAX_IOV];
static struct vring_chain chain;

/* Four pages in two regions, which meet in the guest after the second page and not on the host. */
static void set_up(bool writable)
{
	mem_fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK_INT(ftruncate(mem_fd, 4 * PAGE), ==, 0);
	bytes = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
	CHECK(bytes != MAP_FAILED);
	CHECK_INT(guest_memory_add(&mem, BASE, 2 * PAGE, USER, 0, mem_fd, NULL), ==, 0);
	CHECK_INT(guest_memory_add(&mem, BASE + 2 * PAGE, 2 * PAGE, USER + (64 * PAGE), 2 * PAGE,
				   mem_fd, NULL),
		  ==, 0);
	vring_init(&ring, &mem, writable);
	CHECK_INT(vring_set_num(&ring, NUM, NULL), ==, 0);
	CHECK_INT(vring_set_addresses(&ring, USER + DESC, USER + AVAIL, USER + USED, NULL), ==, 0);
	vring_set_base(&ring, 0);
	CHECK_INT(vring_map(&ring, NULL), ==, 0);
}

static void tear_down(void)
{
	guest_memory_clear(&mem);
	munmap(bytes, 4 * PAGE);
	close(mem_fd);
}

static void put16(size_t at, uint16_t value)
{
	value = htole16(value);
	memcpy(bytes + at, &value, 2);
}

static void put_text(size_t at, const char *text)
{
	for (; *text; text++)
		bytes[at++] = (uint8_t)*text;
}

static uint16_t get16(size_t at)
{
	uint16_t value;

	memcpy(&value, bytes + at, 2);
	return le16toh(value);
}

static void put_desc(unsigned i, uint64_t address, uint32_t len, uint16_t flags, uint16_t next)
{
	address = htole64(address);
	len = htole32(len);
	memcpy(bytes + DESC + 16 * i, &address, 8);
	memcpy(bytes + DESC + 16 * i + 8, &len, 4);
	put16(DESC + 16 * i + 12, flags);
	put16(DESC + 16 * i + 14, next);
}

static void offer(uint16_t head)
{
	uint16_t index = get16(AVAIL + 2);

	put16(AVAIL + 4 + 2 * (index % NUM), head);
	put16(AVAIL + 2, (uint16_t)(index + 1));
}

static void test_memory(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	uint8_t copy[8];
	size_t len;

	set_up(false);
	len = 100;
	CHECK(guest_memory_at(&mem, BASE + 2 * PAGE - 10, &len) != NULL);
	CHECK_INT(len, ==, 10);
	len = 1;
	CHECK(!guest_memory_at(&mem, BASE - 1, &len));
	CHECK(!guest_memory_at(&mem, BASE + 4 * PAGE, &len));
	CHECK(!guest_memory_at(&mem, UINT64_MAX, &len));
	put_text(2 * PAGE - 4, "abcdefgh");
	CHECK_INT(guest_memory_read(&mem, BASE + 2 * PAGE - 4, copy, 8), ==, 0);
	CHECK(memcmp(copy, "abcdefgh", 8) == 0);
	CHECK_INT(guest_memory_read(&mem, BASE + 4 * PAGE - 4, copy, 8), ==, -EFAULT);
	CHECK(guest_memory_at_user(&mem, USER + 2 * PAGE - 8, 8) != NULL);
	CHECK(!guest_memory_at_user(&mem, USER + 2 * PAGE - 7, 8));
	CHECK(!guest_memory_at_user(&mem, USER - 1, 1));
	CHECK(!guest_memory_at_user(&mem, USER, SIZE_MAX));

	CHECK_INT(guest_memory_add(&mem, BASE + PAGE, PAGE, 0, 0, mem_fd, &err), ==, -EEXIST);
	CHECK_INT(guest_memory_add(&mem, 0, 0, 0, 0, mem_fd, &err), ==, -EINVAL);
	CHECK_INT(guest_memory_add(&mem, UINT64_MAX - 10, 20, 0, 0, mem_fd, &err), ==, -EINVAL);
	CHECK_INT(guest_memory_add(&mem, 0, PAGE, UINT64_MAX - 1, 0, mem_fd, &err), ==, -EINVAL);
	CHECK_INT(guest_memory_add(&mem, 0, PAGE, 0, UINT64_MAX - 1, mem_fd, &err), ==, -EINVAL);
	CHECK_INT(guest_memory_add(&mem, 0, PAGE, 0, 4 * PAGE, mem_fd, &err), ==, -EINVAL);
	CHECK_CONTAINS(error_message(&err), "past the end of its file");
	CHECK_INT(guest_memory_remove(&mem, BASE, PAGE, USER, &err), ==, -ENOENT);
	CHECK_INT(guest_memory_remove(&mem, BASE, 2 * PAGE, USER, &err), ==, 0);
	len = 1;
	CHECK(!guest_memory_at(&mem, BASE, &len));
	/* An offset within a page is no obstacle. */
	CHECK_INT(guest_memory_add(&mem, BASE, 100, USER, 10, mem_fd, &err), ==, 0);
	CHECK(guest_memory_at(&mem, BASE, &len) != NULL);
	tear_down();
}

static void test_slots_run_out(void)
{
	set_up(false);
	for (uint64_t i = mem.n_regions; i < GUEST_MEMORY_MAX_REGIONS; i++)
		CHECK_INT(guest_memory_add(&mem, (i + 1) << 32, PAGE, i << 32, 0, mem_fd, NULL), ==,
			  0);
	CHECK_INT(guest_memory_add(&mem, UINT64_C(1) << 50, PAGE, 0, 0, mem_fd, NULL), ==, -ENOSPC);
	tear_down();
}

static void test_settings(void)
{
	set_up(false);
	CHECK_INT(vring_set_num(&ring, 0, NULL), ==, -EINVAL);
	CHECK_INT(vring_set_num(&ring, 3, NULL), ==, -EINVAL);
	CHECK_INT(vring_set_num(&ring, 2048, NULL), ==, -EINVAL);
	CHECK_INT(vring_set_addresses(&ring, USER + 8, USER, USER, NULL), ==, -EINVAL);
	CHECK_INT(vring_set_addresses(&ring, USER, USER + 1, USER, NULL), ==, -EINVAL);
	CHECK_INT(vring_set_addresses(&ring, USER, USER, USER + 2, NULL), ==, -EINVAL);
	/* The used ring's last word would lie past the region's end. */
	CHECK_INT(
		vring_set_addresses(&ring, USER, USER + AVAIL, USER + 2 * PAGE - 4 - 8 * NUM, NULL),
		==, 0);
	CHECK_INT(vring_map(&ring, NULL), ==, -EFAULT);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 0);
	tear_down();
}

static void test_chain_across_regions(void)
{
	char text[8];

	set_up(false);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 0);
	put_text(2 * PAGE - 2, "cdef");
	put_text(DATA, "ab");
	put_desc(3, BASE + DATA, 2, 1, 1);
	put_desc(1, BASE + 2 * PAGE - 2, 4, 0, 0);
	offer(3);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 1);
	CHECK_INT(chain.head, ==, 3);
	CHECK_INT(chain.size, ==, 6);
	CHECK_INT(chain.n_iov, ==, 3);
	vring_chain_read(&chain, 0, text, 6);
	CHECK(memcmp(text, "abcdef", 6) == 0);
	vring_chain_read(&chain, 1, text, 4);
	CHECK(memcmp(text, "bcde", 4) == 0);
	CHECK_INT(vring_chain_slice(&chain, 3, 100, iov + 10), ==, 2);
	CHECK_INT(iov[10].iov_len, ==, 1);
	CHECK_INT(iov[11].iov_len, ==, 2);
	vring_unpop(&ring, 1);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 1);
	vring_push(&ring, chain.head, 0);
	CHECK_INT(get16(USED + 2), ==, 0);
	CHECK(vring_publish(&ring));
	CHECK_INT(get16(USED + 2), ==, 1);
	CHECK_INT(get16(USED + 4), ==, 3);
	tear_down();
}

static void use_one(void)
{
	put_desc(0, BASE + DATA, 1, 2, 0);
	offer(0);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 1);
	vring_push(&ring, chain.head, 1);
}

static void test_notifications_by_flag(void)
{
	set_up(true);
	use_one();
	CHECK(vring_publish(&ring));
	CHECK(!vring_publish(&ring));
	put16(AVAIL, 1);
	use_one();
	CHECK(!vring_publish(&ring));
	put16(AVAIL, 0);
	use_one();
	CHECK(vring_publish(&ring));
	CHECK(!vring_set_notify(&ring, false));
	CHECK_INT(get16(USED), ==, 1);
	CHECK(!vring_set_notify(&ring, true));
	CHECK_INT(get16(USED), ==, 0);
	/* Something came while no kicks were asked for. */
	offer(0);
	CHECK(vring_set_notify(&ring, true));
	tear_down();
}

static void test_notifications_by_index(void)
{
	const size_t used_event = AVAIL + 4 + 2 * NUM, avail_event = USED + 4 + 8 * NUM;

	set_up(true);
	ring.event_idx = true;
	/* The index wraps around amid all this. */
	vring_set_base(&ring, 0xfffe);
	put16(AVAIL + 2, 0xfffe);
	use_one();
	CHECK(vring_publish(&ring)); /* the first after a start, whatever is wished */
	put16(used_event, 0);	     /* not before 0 is used, which makes the index 1 */
	use_one();
	CHECK(!vring_publish(&ring));
	CHECK_INT(get16(USED + 2), ==, 0);
	use_one();
	CHECK(vring_publish(&ring));
	use_one();
	CHECK(!vring_publish(&ring));
	/* Several at once that go past it. */
	put16(used_event, 3);
	use_one();
	use_one();
	use_one();
	CHECK(vring_publish(&ring));
	CHECK(!vring_set_notify(&ring, true));
	CHECK_INT(get16(avail_event), ==, get16(AVAIL + 2));
	tear_down();
}

static void broken(const char *message)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(vring_pop(&ring, iov, &chain, &err), ==, -EIO);
	CHECK_CONTAINS(error_message(&err), message);
	/* It stays so. */
	CHECK_INT(vring_pop(&ring, iov, &chain, &err), ==, -EIO);
	CHECK(!vring_set_notify(&ring, true));
	vring_set_base(&ring, get16(AVAIL + 2));
}

static void test_broken_rings(void)
{
	set_up(true);
	put16(AVAIL + 2, NUM + 1);
	broken("index jumps");
	offer(NUM);
	broken("out of range");
	put_desc(0, BASE + DATA, 1, 0, 0);
	offer(0);
	broken("wrong direction");
	put_desc(0, BASE + DATA, 0, 2 | 1, 0);
	offer(0);
	broken("loop");
	put_desc(0, BASE + DATA, PAGE, 2 | 1, 0);
	offer(0);
	broken("too many buffers");
	put_desc(0, BASE + 4 * PAGE - 1, 2, 2, 0);
	offer(0);
	broken("outside memory");
	put_desc(0, BASE, 0xffffffff, 2, 0);
	offer(0);
	broken("outside memory");
	put_desc(0, BASE + DATA, 16, 4, 0);
	offer(0);
	broken("where none may be");
	ring.indirect = true;
	/* A table that is itself cut by the end of a region is read all the same. */
	put_desc(0, BASE + 2 * PAGE - 24, 32, 4, 0);
	memset(bytes + 2 * PAGE - 24, 0, 32);
	bytes[2 * PAGE - 24 + 12] = 2;
	offer(0);
	CHECK_INT(vring_pop(&ring, iov, &chain, NULL), ==, 1);
	CHECK_INT(chain.size, ==, 0);
	put_desc(0, BASE + DATA, 15, 4, 0);
	offer(0);
	broken("bad size");
	tear_down();
}

int main(void)
{
	TEST_RUN(test_memory);
	TEST_RUN(test_slots_run_out);
	TEST_RUN(test_settings);
	TEST_RUN(test_chain_across_regions);
	TEST_RUN(test_notifications_by_flag);
	TEST_RUN(test_notifications_by_index);
	TEST_RUN(test_broken_rings);
	return test_end();
}
