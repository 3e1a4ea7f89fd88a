/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a VM without the pages that are zero: the others one behind the other in a file,
 * and a table of where they belong. Copying them takes the time of the copy alone: sendfile(2)
 * moves them from the page cache into a memfd without a mapping of either (measured for 24 MiB in
 * 114 runs: 9 ms; with pwrite from a mapping 11.5, with read and write 11.8, with read into a
 * mapping 15 to 17, from a sparse file by SEEK_DATA 13.8).
 */
#ifndef RUNVM_TEMPLATE_PAGES_H
#define RUNVM_TEMPLATE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define TEMPLATE_PAGE 4096 /* bytes, on every architecture: granule of the format */

/* @n pages from page @first of the memory on, as the file has them. */
struct template_run {
	uint32_t first;
	uint32_t n;
};

/**
 * struct template_pages - the table
 * @runs: ascending and apart from each other
 * @total: pages in all of them
 */
struct template_pages {
	size_t n_runs;
	uint64_t total;
	struct template_run runs[];
};

/* Tables of more runs than this are refused; fully fragmented, it is 512 MiB of memory in use. */
#define TEMPLATE_RUNS_MAX 65536

/**
 * template_pages_save() - write the pages of a memfd that are not zero
 * @memfd: readable
 * @size: bytes of it
 * @fd: written to from its position on
 * @ret: freed by the caller
 *
 * Return: 0; -EFBIG for too many runs; another -errno.
 */
int template_pages_save(int memfd, uint64_t size, int fd, struct template_pages **ret);

/**
 * template_pages_check() - make a table of what a file says
 * @runs: @n_runs of them; copied
 * @size: bytes of the memory
 *
 * Return: 0, or -EBADMSG for one that does not lie within @size in good order.
 */
int template_pages_check(const struct template_run *runs, size_t n_runs, uint64_t size,
			 struct template_pages **ret);

/*
 * Copies the pages from @fd (from its beginning) to where they belong in @memfd, which is empty;
 * into huge pages of the host where they fill the most of one, and there are some. 0 or -errno.
 */
int template_pages_fill(const struct template_pages *pages, int fd, int memfd);

#endif
