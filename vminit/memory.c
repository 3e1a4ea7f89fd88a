// SPDX-License-Identifier: Apache-2.0
#include "vminit/memory.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"

#define MAPS	  "/proc/self/maps"
#define MAPS_SIZE 65536

/* Those pages that it has; the others come empty when they are needed. */
static void write_pages(uintptr_t begin, uintptr_t end, size_t page)
{
	size_t n = (end - begin) / page;
	_cleanup_free_ unsigned char *there = xcalloc(n, 1);

	if (mincore((void *)begin, end - begin, there) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		volatile unsigned char *byte = (void *)(begin + i * page);

		if (there[i] & 1)
			*byte = *byte;
	}
}

void memory_make_own(void)
{
	_cleanup_strbuf_ struct strbuf maps = STRBUF_INIT;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *line, *rest;

	if (io_read_file(AT_FDCWD, MAPS, MAPS_SIZE, &maps) < 0)
		return;
	for (line = strtok_r(maps.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long begin, end;
		char access[5];

		if (sscanf(line, "%lx-%lx %4s", &begin, &end, access) == 3 &&
		    !strcmp(access, "rw-p"))
			write_pages(begin, end, page);
	}
}
