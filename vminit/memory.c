// SPDX-License-Identifier: Apache-2.0
#include "vminit/memory.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

/* More than a boot and a rehearsal have ever used. */
#define CLEARED_MAX (UINT64_C(64) << 20)

void memory_make_own(void)
{
	if (!mlockall(MCL_CURRENT))
		(void)munlockall();
}

void memory_clear_free(void)
{
	struct sysinfo info;
	uint64_t size;
	void *memory;

	if (sysinfo(&info) < 0)
		return;
	size = (uint64_t)info.freeram * info.mem_unit / 2;
	if (size > CLEARED_MAX)
		size = CLEARED_MAX;
	/* The kernel clears what it hands out, and takes what lies in small pieces first. */
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory != MAP_FAILED)
		(void)munmap(memory, size);
}
