// SPDX-License-Identifier: Apache-2.0
#include "template/template-pages.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"

#define COPY_BUFFER 262144

/* A huge page of the host; where it has another size, the kernel refuses what is asked for this. */
#define HUGE_PAGE UINT64_C(2097152)
#define PER_HUGE  (HUGE_PAGE / TEMPLATE_PAGE)
#define HUGE_FROM (PER_HUGE / 2) /* pages that are filled: the others are taken for nothing */
/* After that no more are asked for: QEMU, which starts beside it, is not to wait for its memory. */
#define HUGE_TIME (20 * USEC_PER_MSEC)
#ifndef MADV_COLLAPSE /* since Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

static struct template_pages *pages_new(size_t n_runs)
{
	return xcalloc(1, sizeof(struct template_pages) + n_runs * sizeof(struct template_run));
}

/* --- saving --- */

/**
 * struct scan - where template_pages_save() is
 * @run: the one that grows; none while @run.n is 0
 */
struct scan {
	const uint8_t *memory;
	int fd;
	struct template_pages *pages;
	struct template_run run;
};

static bool page_is_zero(const uint8_t *page)
{
	/* Each byte is equal to the one before, and the first is zero. */
	return !page[0] && !memcmp(page, page + 1, TEMPLATE_PAGE - 1);
}

static int scan_end_run(struct scan *s)
{
	struct template_pages *p = s->pages;
	int r;

	if (!s->run.n)
		return 0;
	if (p->n_runs == TEMPLATE_RUNS_MAX)
		return -EFBIG;
	r = io_write_all(s->fd, s->memory + (size_t)s->run.first * TEMPLATE_PAGE,
			 (size_t)s->run.n * TEMPLATE_PAGE);
	if (r < 0)
		return r;
	p->runs[p->n_runs++] = s->run;
	p->total += s->run.n;
	s->run.n = 0;
	return 0;
}

static int scan_pages(struct scan *s, uint64_t from, uint64_t to)
{
	for (uint64_t page = from; page < to; page++) {
		int r = 0;

		if (!page_is_zero(s->memory + page * TEMPLATE_PAGE)) {
			if (!s->run.n)
				s->run.first = (uint32_t)page;
			s->run.n++;
		} else {
			r = scan_end_run(s);
		}
		if (r < 0)
			return r;
	}
	return scan_end_run(s);
}

static int scan_file(struct scan *s, int memfd, uint64_t size)
{
	off_t data = 0, hole;

	while ((uint64_t)data < size) {
		int r;

		data = lseek(memfd, data, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(memfd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = scan_pages(s, (uint64_t)data / TEMPLATE_PAGE, (uint64_t)hole / TEMPLATE_PAGE);
		if (r < 0)
			return r;
		data = hole;
	}
	return 0;
}

int template_pages_save(int memfd, uint64_t size, int fd, struct template_pages **ret)
{
	_cleanup_free_ struct template_pages *pages = pages_new(TEMPLATE_RUNS_MAX);
	struct scan scan = {.fd = fd, .pages = pages};
	void *memory;
	int r;

	if (size % TEMPLATE_PAGE || size / TEMPLATE_PAGE > UINT32_MAX)
		return -EINVAL;
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	scan.memory = memory;
	r = scan_file(&scan, memfd, size);
	(void)munmap(memory, size);
	if (!r)
		*ret = TAKE_PTR(pages);
	return r;
}

/* --- loading --- */

int template_pages_check(const struct template_run *runs, size_t n_runs, uint64_t size,
			 struct template_pages **ret)
{
	_cleanup_free_ struct template_pages *pages = NULL;
	uint64_t end = 0;

	if (n_runs > TEMPLATE_RUNS_MAX)
		return -EBADMSG;
	pages = pages_new(n_runs);
	for (size_t i = 0; i < n_runs; i++) {
		if (!runs[i].n || runs[i].first < end)
			return -EBADMSG;
		end = (uint64_t)runs[i].first + runs[i].n;
		pages->runs[pages->n_runs++] = runs[i];
		pages->total += runs[i].n;
	}
	if (end > size / TEMPLATE_PAGE)
		return -EBADMSG;
	*ret = TAKE_PTR(pages);
	return 0;
}

/* Where sendfile is not possible (a file system without it). */
static int copy_slowly(int fd, off_t from, int memfd, off_t to, size_t len)
{
	_cleanup_free_ char *buffer = xmalloc(COPY_BUFFER);

	while (len) {
		ssize_t n = pread(fd, buffer, len < COPY_BUFFER ? len : COPY_BUFFER, from);

		if (n > 0)
			n = pwrite(memfd, buffer, (size_t)n, to);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		from += n;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_run(int fd, off_t from, int memfd, off_t to, size_t len)
{
	/* It writes at the position. That is QEMU's too, which maps and never seeks. */
	if (lseek(memfd, to, SEEK_SET) < 0)
		return -errno;
	while (len) {
		ssize_t n = sendfile(memfd, fd, &from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EINVAL || errno == ENOSYS))
			return copy_slowly(fd, from, memfd, to, len);
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

/**
 * struct dense - neighbouring blocks of the size of a huge page that are to be some
 * @memory: the whole memory, mapped, beginning where a huge page can
 * @first, @n: those that were not asked for yet
 * @until: when asking for more has to stop: it takes long where the host's memory is in pieces
 */
struct dense {
	char *memory;
	uint64_t first;
	uint64_t n;
	uint64_t until;
};

/* Whatever the settings of transparent huge pages: see MADV_COLLAPSE in madvise(2). */
static int make_huge(struct dense *d)
{
	uint64_t n = d->n;

	d->n = 0;
	if (n && loop_now() >= d->until)
		return -ETIME;
	if (n && madvise(d->memory + d->first * HUGE_PAGE, n * HUGE_PAGE, MADV_COLLAPSE) < 0)
		return -errno;
	return 0;
}

/* @page: of the block; only one that is there can become a huge one. It will be filled. */
static int add_block(struct dense *d, int memfd, uint64_t block, uint64_t page)
{
	int r = d->first + d->n == block ? 0 : make_huge(d);

	if (r < 0)
		return r;
	if (!d->n)
		d->first = block;
	d->n++;
	return pwrite(memfd, "", 1, (off_t)(page * TEMPLATE_PAGE)) == 1 ? 0 : -EIO;
}

/* Stops at the first that is not to be had: the next would not be either, and asking costs time. */
static int make_dense_blocks_huge(const struct template_pages *pages, int memfd, char *memory)
{
	struct dense dense = {.memory = memory, .until = loop_now() + HUGE_TIME};
	uint64_t block = UINT64_MAX, filled = 0;

	for (size_t i = 0; i < pages->n_runs; i++) {
		uint64_t page = pages->runs[i].first, end = page + pages->runs[i].n;

		while (page < end) {
			uint64_t next = (page / PER_HUGE + 1) * PER_HUGE;
			uint64_t to = end < next ? end : next;
			int r = 0;

			if (page / PER_HUGE != block)
				filled = 0;
			block = page / PER_HUGE;
			/* Once for each. */
			if (filled < HUGE_FROM && filled + (to - page) >= HUGE_FROM)
				r = add_block(&dense, memfd, block, page);
			if (r < 0)
				return r;
			filled += to - page;
			page = to;
		}
	}
	return make_huge(&dense);
}

/*
 * Where most of a huge page will be filled, the host is to have one: that is filled and given back
 * in a fraction of the time, and QEMU comes to it by one fault. Without one it is only slower.
 */
static void prepare_huge(const struct template_pages *pages, int memfd)
{
	char *space, *memory;
	struct stat st;
	void *mapped;
	size_t room;

	if (fstat(memfd, &st) < 0)
		return;
	room = (size_t)st.st_size + HUGE_PAGE;
	space = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return;
	memory = space + (HUGE_PAGE - (uintptr_t)space % HUGE_PAGE) % HUGE_PAGE;
	mapped = mmap(memory, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      memfd, 0);
	if (mapped != MAP_FAILED)
		(void)make_dense_blocks_huge(pages, memfd, memory);
	(void)munmap(space, room);
}

int template_pages_fill(const struct template_pages *pages, int fd, int memfd)
{
	off_t from = 0;

	prepare_huge(pages, memfd);
	for (size_t i = 0; i < pages->n_runs; i++) {
		const struct template_run *run = &pages->runs[i];
		size_t len = (size_t)run->n * TEMPLATE_PAGE;
		int r = copy_run(fd, from, memfd, (off_t)run->first * TEMPLATE_PAGE, len);

		if (r < 0)
			return r;
		from += (off_t)len;
	}
	return 0;
}
