// SPDX-License-Identifier: Apache-2.0
#include "vmm/memory.h"

#include <assert.h>
#include <errno.h>

#define GIB (UINT64_C(1) << 30)

/**
 * struct layout - of one machine
 * @base: of the memory
 * @hole_from: a VM whose memory would go beyond @hole_if above @base has this much below the hole
 * @hole_end: where the rest of it begins
 */
struct layout {
	uint64_t base;
	uint64_t hole_if;
	uint64_t hole_from;
	uint64_t hole_end;
};

static const struct layout layouts[] = {
	/* pc_q35_init(): up to 2.75 GiB lie in one piece, else 2 GiB of them. */
	[VM_ARCH_X86_64] = {.hole_if = 0xb0000000, .hole_from = 0x80000000, .hole_end = 4 * GIB},
	/* VIRT_MEM: without a hole. */
	[VM_ARCH_AARCH64] = {.base = GIB, .hole_if = UINT64_MAX},
};
static_assert(ARRAY_SIZE(layouts) == N_VM_ARCHS, "one layout for each architecture");

int vm_memory_offset(const struct qemu_config *c, uint64_t physical, uint64_t *ret)
{
	const struct layout *l = &layouts[c->arch];
	uint64_t low = c->memory >= l->hole_if ? l->hole_from : c->memory;
	uint64_t offset;

	if (physical < l->base)
		return -ERANGE;
	offset = physical - l->base;
	if (offset >= low) {
		if (low == c->memory || physical < l->hole_end)
			return -ERANGE;
		offset = physical - l->hole_end + low;
	}
	if (offset >= c->memory)
		return -ERANGE;
	*ret = offset;
	return 0;
}
