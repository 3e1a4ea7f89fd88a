/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's memory as its front end (QEMU) shares it: regions of descriptors that are mapped
 * here, and the translation of addresses into pointers. The vhost-user back end fills it; virtqueues
 * look addresses up.
 *
 * An address comes from the guest, so every lookup checks the whole range. A range that crosses from
 * one region into the next is given out in parts. What a pointer leads to can change at any time:
 * copy once, then check the copy.
 */
#ifndef RUNVM_GUEST_MEMORY_H
#define RUNVM_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Slots for hot-plugged memory; QEMU asks (GET_MAX_MEM_SLOTS) and refuses to plug more. */
#define GUEST_MEMORY_MAX_REGIONS 64

/**
 * struct guest_memory_region - one mapped range
 * @guest_address: guest-physical address of the first byte
 * @size: in bytes, never 0
 * @user_address: the same first byte in the front end's address space
 * @host: the same first byte here
 * @map, @map_size: what munmap() gets
 */
struct guest_memory_region {
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address;
	uint8_t *host;
	void *map;
	size_t map_size;
};

/**
 * struct guest_memory - all of them; zeroed is empty
 * @last: the region of the last hit, where the next lookup begins
 */
struct guest_memory {
	struct guest_memory_region regions[GUEST_MEMORY_MAX_REGIONS];
	size_t n_regions;
	size_t last;
};

/**
 * guest_memory_add() - map one more region
 * @fd: borrowed, not needed afterwards
 * @offset: where the region begins in @fd, in bytes
 *
 * Return: 0; -ENOSPC with all slots taken, -EINVAL for a range that is empty, wraps around or
 * reaches past the file's end, -EEXIST where it overlaps another, or mmap()'s error.
 */
int guest_memory_add(struct guest_memory *mem, uint64_t guest_address, uint64_t size,
		     uint64_t user_address, uint64_t offset, int fd, struct error *err);

/**
 * guest_memory_remove() - unmap the region with exactly these addresses and this size
 *
 * Return: 0, -ENOENT when there is none.
 */
int guest_memory_remove(struct guest_memory *mem, uint64_t guest_address, uint64_t size,
			uint64_t user_address, struct error *err);

/* Unmaps everything. */
void guest_memory_clear(struct guest_memory *mem);

/**
 * guest_memory_at() - translate a guest-physical address
 * @len: in: bytes wanted, at least 1; out: bytes that lie behind the returned pointer, which is
 *	less where the region ends
 *
 * Return: the pointer, NULL when @address lies in no region.
 */
void *guest_memory_at(struct guest_memory *mem, uint64_t address, size_t *len);

/* Translates an address of the front end. Return: NULL unless all @len bytes are in one region. */
void *guest_memory_at_user(const struct guest_memory *mem, uint64_t address, size_t len);

/* Copies from guest-physical memory. Return: 0, -EFAULT when a byte of it is in no region. */
int guest_memory_read(struct guest_memory *mem, uint64_t address, void *to, size_t len);

#endif
