// SPDX-License-Identifier: Apache-2.0
#include "vsock/guest-memory.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Offset and size have to be multiples of this for mmap() and munmap(). */
static uint64_t page_size_of(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_range(const struct guest_memory *mem, uint64_t guest_address, uint64_t size,
		       uint64_t user_address, uint64_t offset, int fd, struct error *err)
{
	struct stat st;

	/* Half of the address space: sums of two such numbers cannot wrap. */
	if (!size || size > INT64_MAX || offset > INT64_MAX - size ||
	    guest_address > INT64_MAX - size || user_address > UINT64_MAX - size)
		return error_set(err, EINVAL,
				 "vhost-user: memory region of 0x%" PRIx64 " bytes at 0x%" PRIx64
				 " makes no sense",
				 size, guest_address);
	/* Access past the end of a file is a SIGBUS, which would take the monitor down. */
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "vhost-user: stat of a memory region's file");
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < offset + size)
		return error_set(err, EINVAL,
				 "vhost-user: memory region of 0x%" PRIx64
				 " bytes at offset 0x%" PRIx64 " reaches past the end of its file",
				 size, offset);
	for (size_t i = 0; i < mem->n_regions; i++) {
		const struct guest_memory_region *r = &mem->regions[i];

		if (overlaps(guest_address, size, r->guest_address, r->size))
			return error_set(err, EEXIST,
					 "vhost-user: memory region at 0x%" PRIx64
					 " overlaps the one at 0x%" PRIx64,
					 guest_address, r->guest_address);
	}
	return 0;
}

int guest_memory_add(struct guest_memory *mem, uint64_t guest_address, uint64_t size,
		     uint64_t user_address, uint64_t offset, int fd, struct error *err)
{
	uint64_t page, skip, length;
	void *map;
	int r;

	if (mem->n_regions == GUEST_MEMORY_MAX_REGIONS)
		return error_set(err, ENOSPC, "vhost-user: more than %d memory regions",
				 GUEST_MEMORY_MAX_REGIONS);
	r = check_range(mem, guest_address, size, user_address, offset, fd, err);
	if (r < 0)
		return r;
	page = page_size_of(fd);
	skip = offset % page;
	length = (skip + size + page - 1) / page * page;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		   (off_t)(offset - skip));
	if (map == MAP_FAILED)
		return error_errno(err, errno,
				   "vhost-user: mmap of 0x%" PRIx64 " bytes of guest memory", size);
	mem->regions[mem->n_regions++] = (struct guest_memory_region){
		.guest_address = guest_address,
		.size = size,
		.user_address = user_address,
		.host = (uint8_t *)map + skip,
		.map = map,
		.map_size = length,
	};
	return 0;
}

int guest_memory_remove(struct guest_memory *mem, uint64_t guest_address, uint64_t size,
			uint64_t user_address, struct error *err)
{
	for (size_t i = 0; i < mem->n_regions; i++) {
		struct guest_memory_region *r = &mem->regions[i];

		if (r->guest_address != guest_address || r->size != size ||
		    r->user_address != user_address)
			continue;
		(void)munmap(r->map, r->map_size);
		*r = mem->regions[--mem->n_regions];
		mem->last = 0;
		return 0;
	}
	return error_set(err, ENOENT,
			 "vhost-user: no memory region of 0x%" PRIx64 " bytes at 0x%" PRIx64
			 " to be removed",
			 size, guest_address);
}

void guest_memory_clear(struct guest_memory *mem)
{
	for (size_t i = 0; i < mem->n_regions; i++)
		(void)munmap(mem->regions[i].map, mem->regions[i].map_size);
	mem->n_regions = 0;
	mem->last = 0;
}

static void *region_at(const struct guest_memory_region *r, uint64_t address, size_t *len)
{
	uint64_t in, rest;

	if (address < r->guest_address)
		return NULL;
	in = address - r->guest_address;
	if (in >= r->size)
		return NULL;
	rest = r->size - in;
	if (*len > rest)
		*len = (size_t)rest;
	return r->host + in;
}

void *guest_memory_at(struct guest_memory *mem, uint64_t address, size_t *len)
{
	void *p;

	if (mem->last < mem->n_regions) {
		p = region_at(&mem->regions[mem->last], address, len);
		if (p)
			return p;
	}
	for (size_t i = 0; i < mem->n_regions; i++) {
		p = region_at(&mem->regions[i], address, len);
		if (p) {
			mem->last = i;
			return p;
		}
	}
	return NULL;
}

void *guest_memory_at_user(const struct guest_memory *mem, uint64_t address, size_t len)
{
	for (size_t i = 0; i < mem->n_regions; i++) {
		const struct guest_memory_region *r = &mem->regions[i];
		uint64_t in;

		if (address < r->user_address)
			continue;
		in = address - r->user_address;
		if (in < r->size && len <= r->size - in)
			return r->host + in;
	}
	return NULL;
}

int guest_memory_read(struct guest_memory *mem, uint64_t address, void *to, size_t len)
{
	uint8_t *out = to;

	while (len) {
		size_t part = len;
		const void *from = guest_memory_at(mem, address, &part);

		if (!from)
			return -EFAULT;
		memcpy(out, from, part);
		/* Whoever checks the copy must not be given a second read by the compiler. */
		__asm__ volatile("" ::: "memory");
		out += part;
		address += part;
		len -= part;
	}
	return 0;
}
