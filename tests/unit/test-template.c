// SPDX-License-Identifier: Apache-2.0
/* The store of templates: what goes in comes out, and what was damaged does not. */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "rpc/handover.h"
#include "template/template-store.h"
#include "tests/unit/temporary.h"
#include "tests/unit/test.h"

#define MEMORY_SIZE (UINT64_C(4) << 20)
#define STATE_TEXT  "the state of devices"
/* The page of zeros that is data. */
#define HANDOVER_OFFSET (12 * TEMPLATE_PAGE)

/* A store of its own for each test. */
static int new_store(void)
{
	static int count;
	_cleanup_free_ char *path = xasprintf("%s/store-%d/deep/er", temporary_dir(), count++);
	int fd;

	setenv("RUNVM_TEMPLATES", path, 1);
	fd = template_store_open(true, NULL);
	CHECK_INT(fd, >=, 0);
	return fd;
}

static void fill_page(int memfd, unsigned int page, char byte)
{
	char data[TEMPLATE_PAGE];

	memset(data, byte, sizeof(data));
	/* The last byte alone. */
	if (byte == 'z') {
		memset(data, 0, sizeof(data));
		data[sizeof(data) - 1] = 'z';
	}
	CHECK_INT(pwrite(memfd, data, sizeof(data), (off_t)page * TEMPLATE_PAGE), ==, sizeof(data));
}

/* First and last page, runs, a page of zeros that is data, a page that differs in one byte. */
static int make_memory(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	CHECK_INT(ftruncate(fd, (off_t)MEMORY_SIZE), ==, 0);
	fill_page(fd, 0, 'a');
	fill_page(fd, 10, 'b');
	fill_page(fd, 11, 'c');
	fill_page(fd, 12, '\0');
	fill_page(fd, 13, 'z');
	fill_page(fd, MEMORY_SIZE / TEMPLATE_PAGE - 1, 'e');
	return fd;
}

static char *recipe_of(unsigned int n)
{
	return xasprintf("format 4\nargument \"%u\"\n", n);
}

static struct template_key key_of(unsigned int n)
{
	_cleanup_free_ char *recipe = recipe_of(n);

	return template_recipe_key(recipe);
}

static int put(int store, unsigned int n)
{
	_cleanup_free_ char *recipe = recipe_of(n);
	struct template_meta meta = {.recipe = recipe,
				     .memory_size = MEMORY_SIZE,
				     .cpus = 3,
				     .kvm = true,
				     .handover = HANDOVER_OFFSET};
	_cleanup_free_ struct template_pages *pages = NULL;
	_cleanup_close_ int lock = template_store_lock(store, NULL), dirfd = -1, memory = -1,
			    state = -1, memfd = make_memory();
	struct template_key key = key_of(n);

	CHECK_INT(lock, >=, 0);
	dirfd = template_store_begin(store, &key, NULL);
	CHECK_INT(dirfd, >=, 0);
	memory = openat(dirfd, TEMPLATE_MEMORY_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	state = openat(dirfd, TEMPLATE_STATE_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK_INT(io_write_all(state, STATE_TEXT, strlen(STATE_TEXT)), ==, 0);
	CHECK_INT(template_pages_save(memfd, MEMORY_SIZE, memory, &pages), ==, 0);
	return template_store_commit(store, &key, dirfd, memory, state, pages, &meta, NULL);
}

static int try_open(int store, unsigned int n)
{
	_cleanup_template_ struct template t = TEMPLATE_INIT;
	struct template_key key = key_of(n);

	return template_open_at(store, &key, &t, NULL);
}

static bool exists(int store, const char *name)
{
	return !faccessat(store, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void check_same_memory(int a, int b)
{
	void *x = mmap(NULL, MEMORY_SIZE, PROT_READ, MAP_SHARED, a, 0);
	void *y = mmap(NULL, MEMORY_SIZE, PROT_READ, MAP_SHARED, b, 0);
	int differs = memcmp(x, y, MEMORY_SIZE);

	munmap(x, MEMORY_SIZE);
	munmap(y, MEMORY_SIZE);
	CHECK_INT(differs, ==, 0);
}

static void check_content(const struct template *t)
{
	_cleanup_close_ int memfd = template_new_memory(t, NULL), expected = make_memory();
	char state[sizeof(STATE_TEXT)] = "";
	struct stat st;

	CHECK_INT(t->memory_size, ==, MEMORY_SIZE);
	CHECK_INT(template_fill_memory(t, memfd, NULL), ==, 0);
	/* The page that is all zeros was left out. (To read holes in a mapping fills them.) */
	CHECK_INT(fstat(memfd, &st), ==, 0);
	CHECK_INT(st.st_blocks, ==, 5 * TEMPLATE_PAGE / 512);
	check_same_memory(memfd, expected);
	CHECK_INT(lseek(t->state_fd, 0, SEEK_CUR), ==, 0);
	CHECK_INT(read(t->state_fd, state, sizeof(state)), ==, strlen(STATE_TEXT));
	CHECK_STR(state, STATE_TEXT);
}

static void test_round_trip(void)
{
	_cleanup_template_ struct template t = TEMPLATE_INIT;
	_cleanup_close_ int store = new_store();
	struct template_key key = key_of(1);

	CHECK_INT(template_open(&key, &t, NULL), ==, -ENOENT);
	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, 0);
	CHECK_STR(t.key.hex, key.hex);
	check_content(&t);
	CHECK_INT(try_open(store, 2), ==, -ENOENT);
}

/* The page comes whole, where the builder said, and nothing else changes. */
static void test_hand_over(void)
{
	_cleanup_template_ struct template t = TEMPLATE_INIT;
	_cleanup_close_ int store = new_store(), memfd = -1;
	static const uint8_t request[] = {1, 2, 3}, large[HANDOVER_SIZE];
	struct handover page;
	struct template_key key = key_of(1);

	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, 0);
	CHECK_INT(t.handover, ==, HANDOVER_OFFSET);
	memfd = template_new_memory(&t, NULL);
	CHECK_INT(template_fill_memory(&t, memfd, NULL), ==, 0);
	CHECK_INT(template_hand_over(&t, memfd, request, 0, NULL), ==, -EMSGSIZE);
	CHECK_INT(template_hand_over(&t, memfd, large, sizeof(page.request) + 1, NULL), ==,
		  -EMSGSIZE);
	CHECK_INT(template_hand_over(&t, memfd, request, sizeof(request), NULL), ==, 0);
	CHECK_INT(pread(memfd, &page, sizeof(page), HANDOVER_OFFSET), ==, HANDOVER_SIZE);
	CHECK(page.magic == HANDOVER_MAGIC);
	CHECK_INT(page.length, ==, sizeof(request));
	CHECK_INT(page.slot, ==, 0);
	CHECK(!memcmp(page.request, request, sizeof(request)));
	CHECK_INT(page.request[sizeof(request)], ==, 0);
	CHECK_INT(template_hand_devices_over(&t, memfd, 7, NULL), ==, 0);
	CHECK_INT(pread(memfd, &page, sizeof(page), HANDOVER_OFFSET), ==, HANDOVER_SIZE);
	CHECK_INT(page.slot, ==, 8);
	CHECK_INT(page.length, ==, sizeof(request));
}

/* Who has one open keeps it, and a removed one is gone for others. */
static void test_open_and_removed(void)
{
	_cleanup_template_ struct template t = TEMPLATE_INIT, second = TEMPLATE_INIT;
	_cleanup_close_ int store = new_store();
	struct template_key key = key_of(1);

	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, 0);
	CHECK_INT(template_store_remove(store, &key, NULL), ==, 0);
	CHECK_INT(template_store_remove(store, &key, NULL), ==, -ENOENT);
	CHECK_INT(template_open(&key, &second, NULL), ==, -ENOENT);
	check_content(&t);
	/* A newer one of the same key is not what is discarded then. */
	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(put(store, 1), ==, 0);
	template_discard(&t);
	CHECK_INT(template_open(&key, &second, NULL), ==, 0);
	template_discard(&second);
	CHECK_INT(template_open(&key, &second, NULL), ==, -ENOENT);
}

/* --- damage --- */

static int open_file(int store, unsigned int n, const char *name, int flags)
{
	struct template_key key = key_of(n);
	_cleanup_free_ char *path = xasprintf("%s/%s", key.hex, name);

	return openat(store, path, flags | O_CLOEXEC);
}

static void flip(int store, const char *name, off_t at)
{
	_cleanup_close_ int fd = open_file(store, 1, name, O_RDWR);
	char byte;

	CHECK_INT(pread(fd, &byte, 1, at), ==, 1);
	byte ^= 1;
	CHECK_INT(pwrite(fd, &byte, 1, at), ==, 1);
}

static off_t size_of(int store, const char *name)
{
	_cleanup_close_ int fd = open_file(store, 1, name, O_RDONLY);
	struct stat st;

	CHECK_INT(fstat(fd, &st), ==, 0);
	return st.st_size;
}

/* Puts the times back as far as a system call can: the change time stays new. */
static void set_mtime(int store, const char *name, const struct stat *old)
{
	_cleanup_close_ int fd = open_file(store, 1, name, O_RDWR);
	const struct timespec times[2] = {old->st_atim, old->st_mtim};

	CHECK_INT(futimens(fd, times), ==, 0);
}

static const char *const file_names[] = {TEMPLATE_META_FILE, TEMPLATE_MEMORY_FILE,
					 TEMPLATE_STATE_FILE};

/* One byte anywhere: all of meta.json, samples of the memory's pages, all of their table. */
static void test_flipped_bytes(void)
{
	_cleanup_close_ int store = new_store();

	for (size_t f = 0; f < ARRAY_SIZE(file_names); f++) {
		off_t step = f == 1 ? 509 : 7;

		CHECK_INT(put(store, 1), ==, 0);
		/* meta.json of the next template may be shorter: it tells times to the nanosecond. */
		for (off_t at = 0; at < size_of(store, file_names[f]); at += step) {
			struct stat old;
			_cleanup_close_ int fd = open_file(store, 1, file_names[f], O_RDONLY);

			CHECK_INT(fstat(fd, &old), ==, 0);
			flip(store, file_names[f], at);
			set_mtime(store, file_names[f], &old);
			if (try_open(store, 1) != -ENOENT)
				TEST_FAIL("%s: byte %ld", file_names[f], (long)at);
			/* And it is gone. */
			CHECK_INT(put(store, 1), ==, 0);
			CHECK_INT(try_open(store, 1), ==, 0);
		}
	}
}

static void test_truncated(void)
{
	_cleanup_close_ int store = new_store();

	for (size_t f = 0; f < ARRAY_SIZE(file_names); f++) {
		for (int part = 0; part < 5; part++) {
			_cleanup_close_ int fd = -1;
			off_t size;

			CHECK_INT(put(store, 1), ==, 0);
			size = size_of(store, file_names[f]);
			fd = open_file(store, 1, file_names[f], O_RDWR);
			/* Nothing, a quarter, three quarters, all but a byte, and a byte more. */
			CHECK_INT(ftruncate(fd, part == 3   ? size - 1
						: part == 4 ? size + 1
							    : size * part / 3),
				  ==, 0);
			CHECK_INT(try_open(store, 1), ==, -ENOENT);
		}
	}
}

static void test_missing_files(void)
{
	_cleanup_close_ int store = new_store();

	for (size_t f = 0; f < ARRAY_SIZE(file_names); f++) {
		struct template_key key = key_of(1);
		_cleanup_free_ char *path = xasprintf("%s/%s", key.hex, file_names[f]);

		CHECK_INT(put(store, 1), ==, 0);
		CHECK_INT(unlinkat(store, path, 0), ==, 0);
		/* A link to a good one is none. */
		CHECK_INT(symlinkat("/etc/passwd", store, path), ==, 0);
		CHECK_INT(try_open(store, 1), ==, -ENOENT);
	}
}

/* A template under another's name, and one that was copied. */
static void test_foreign(void)
{
	_cleanup_close_ int store = new_store();
	struct template_key one = key_of(1), two = key_of(2);
	_cleanup_free_ char *copy = NULL;

	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(renameat(store, one.hex, store, two.hex), ==, 0);
	CHECK_INT(try_open(store, 2), ==, -ENOENT);
	CHECK(!exists(store, two.hex));
	CHECK_INT(put(store, 1), ==, 0);
	copy = xasprintf("cd %s && cp -a %s copy && rm -r %s && mv copy %s",
			 getenv("RUNVM_TEMPLATES"), one.hex, one.hex, one.hex);
	CHECK_INT(system(copy), ==, 0);
	CHECK_INT(try_open(store, 1), ==, -ENOENT);
}

static void test_table(void)
{
	static const struct template_run good[] = {{0, 1}, {1, 1}, {5, 3}};
	static const struct template_run empty[] = {{0, 0}}, overlapping[] = {{0, 2}, {1, 1}},
					 backward[] = {{5, 1}, {0, 1}}, beyond[] = {{7, 2}},
					 overflow[] = {{UINT32_MAX, UINT32_MAX}};
	const uint64_t size = UINT64_C(8) * TEMPLATE_PAGE;
	_cleanup_free_ struct template_pages *pages = NULL;

	CHECK_INT(template_pages_check(good, 3, size, &pages), ==, 0);
	CHECK_INT(pages->total, ==, 5);
	CHECK_INT(template_pages_check(empty, 1, size, &pages), ==, -EBADMSG);
	CHECK_INT(template_pages_check(overlapping, 2, size, &pages), ==, -EBADMSG);
	CHECK_INT(template_pages_check(backward, 2, size, &pages), ==, -EBADMSG);
	CHECK_INT(template_pages_check(beyond, 1, size, &pages), ==, -EBADMSG);
	CHECK_INT(template_pages_check(overflow, 1, size, &pages), ==, -EBADMSG);
	CHECK_INT(template_pages_check(good, TEMPLATE_RUNS_MAX + 1, size, &pages), ==, -EBADMSG);
}

#define BLOCK	  512U /* pages of a huge page */
#define HUGE_SIZE (UINT64_C(5) * BLOCK * TEMPLATE_PAGE)

/* Whether this kernel makes huge pages of a memfd for who asks. */
static bool huge_pages_there(void)
{
	_cleanup_close_ int fd = memfd_create("probe", MFD_CLOEXEC);
	size_t block = (size_t)BLOCK * TEMPLATE_PAGE;
	struct stat st;
	char *space, *memory;

	CHECK_INT(ftruncate(fd, (off_t)block), ==, 0);
	space = mmap(NULL, 2 * block, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memory = space + (block - (uintptr_t)space % block) % block;
	CHECK(mmap(memory, block, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == memory);
	memory[0] = 1;
	(void)madvise(memory, block, 25 /* MADV_COLLAPSE */);
	CHECK_INT(fstat(fd, &st), ==, 0);
	CHECK_INT(munmap(space, 2 * block), ==, 0);
	return (uint64_t)st.st_blocks * 512 == block;
}

static uint64_t expected(const struct template_pages *pages, uint64_t page)
{
	uint64_t before = 0;

	for (size_t i = 0; i < pages->n_runs; i++) {
		const struct template_run *run = &pages->runs[i];

		if (page >= run->first && page - run->first < run->n)
			return 1 + before + page - run->first;
		before += run->n;
	}
	return 0;
}

/*
 * The half of block 0, in two runs; of block 1 a page less; 2 and 3 in one run, but for the last
 * page; one page of block 4. Each page in the file holds its number, from 1 on.
 */
static void test_fill(void)
{
	static const struct template_run runs[] = {{1, 255},
						   {300, 1},
						   {BLOCK + 100, 255},
						   {2 * BLOCK, 2 * BLOCK - 1},
						   {4 * BLOCK + 7, 1}};
	_cleanup_close_ int file = memfd_create("file", MFD_CLOEXEC), memory = -1;
	const bool huge = huge_pages_there();
	_cleanup_free_ struct template_pages *pages = NULL;
	uint64_t there = 0;
	struct stat st;

	CHECK_INT(template_pages_check(runs, ARRAY_SIZE(runs), HUGE_SIZE, &pages), ==, 0);
	for (uint64_t i = 1; i <= pages->total; i++) {
		uint64_t page[TEMPLATE_PAGE / sizeof(uint64_t)] = {[0] = i, [511] = i};

		CHECK_INT(write(file, page, sizeof(page)), ==, sizeof(page));
	}
	/* The kernel may be short of them for a moment. */
	for (int i = 0; i < 10 && (i == 0 || (huge && there == pages->total)); i++) {
		close_keep_errno(memory);
		memory = memfd_create("memory", MFD_CLOEXEC);
		CHECK_INT(ftruncate(memory, (off_t)HUGE_SIZE), ==, 0);
		CHECK_INT(template_pages_fill(pages, file, memory), ==, 0);
		CHECK_INT(fstat(memory, &st), ==, 0);
		there = (uint64_t)st.st_blocks * 512 / TEMPLATE_PAGE;
	}
	/* For the second range it may be too late to ask. */
	if (huge)
		CHECK(there == pages->total + 256 || there == pages->total + 256 + 1);
	else
		CHECK_INT(there, ==, pages->total);
	for (uint64_t i = 0; i < HUGE_SIZE / TEMPLATE_PAGE; i++) {
		uint64_t page[TEMPLATE_PAGE / sizeof(uint64_t)], number = expected(pages, i);

		CHECK_INT(pread(memory, page, sizeof(page), (off_t)(i * TEMPLATE_PAGE)), ==,
			  sizeof(page));
		CHECK(page[0] == number && page[511] == number && !page[1]);
	}
}

/* --- builders --- */

static void test_lock(void)
{
	_cleanup_close_ int store = new_store(), first = template_store_lock(store, NULL),
			    second = -1;

	CHECK_INT(first, >=, 0);
	CHECK_INT(template_store_lock(store, NULL), ==, -EWOULDBLOCK);
	first = close_keep_errno(first);
	second = template_store_lock(store, NULL);
	CHECK_INT(second, >=, 0);
}

/* Killed at any point, a builder leaves nothing that is opened or that stays. */
static void test_killed_builder(void)
{
	_cleanup_close_ int store = new_store();
	struct template_key key = key_of(1), other = key_of(2);
	_cleanup_free_ char *new_name = xasprintf(".new-%s", key.hex),
			    *old_name = xasprintf(".old-%s-1", other.hex);
	pid_t pid = fork();
	int status;

	if (!pid) {
		int dirfd;

		(void)template_store_lock(store, NULL);
		dirfd = template_store_begin(store, &key, NULL);
		(void)openat(dirfd, TEMPLATE_MEMORY_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		(void)kill(getpid(), SIGKILL);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK(exists(store, new_name));
	CHECK_INT(mkdirat(store, old_name, 0700), ==, 0);
	CHECK_INT(try_open(store, 1), ==, -ENOENT);
	CHECK_INT(put(store, 2), ==, 0);
	CHECK(!exists(store, new_name));
	CHECK(!exists(store, old_name));
	CHECK_INT(try_open(store, 2), ==, 0);
}

/* Readers find the old one or the new one, whole, while it is replaced again and again. */
static void test_replace_while_read(void)
{
	_cleanup_close_ int store = new_store();
	pid_t pid;
	int status;

	CHECK_INT(put(store, 1), ==, 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 50; i++)
			(void)put(store, 1);
		_exit(0);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		_cleanup_template_ struct template t = TEMPLATE_INIT;
		struct template_key key = key_of(1);

		CHECK_INT(template_open_at(store, &key, &t, NULL), ==, 0);
		check_content(&t);
	}
	CHECK_INT(status, ==, 0);
}

static void age(int store, unsigned int n, time_t when)
{
	struct template_key key = key_of(n);
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	CHECK_INT(utimensat(store, key.hex, times, 0), ==, 0);
}

static ssize_t count(int store)
{
	struct template_info *list = NULL;
	ssize_t n = template_store_list(store, &list, NULL);

	if (n > 0)
		template_store_list_free(list, (size_t)n);
	return n;
}

static void test_bound(void)
{
	_cleanup_close_ int store = new_store();

	for (unsigned int i = 0; i < TEMPLATE_MAX; i++) {
		CHECK_INT(put(store, i), ==, 0);
		age(store, i, 1000 + (time_t)i);
	}
	CHECK_INT(count(store), ==, TEMPLATE_MAX);
	/* The oldest, but it was used. */
	CHECK_INT(try_open(store, 0), ==, 0);
	CHECK_INT(put(store, 100), ==, 0);
	CHECK_INT(count(store), ==, TEMPLATE_MAX);
	CHECK_INT(try_open(store, 0), ==, 0);
	CHECK_INT(try_open(store, 1), ==, -ENOENT);
	CHECK_INT(try_open(store, 2), ==, 0);
	CHECK_INT(try_open(store, 100), ==, 0);
}

static void test_list(void)
{
	_cleanup_close_ int store = new_store();
	struct template_key one = key_of(1), two = key_of(2);
	struct template_info *list = NULL;

	CHECK_INT(template_store_list(store, &list, NULL), ==, 0);
	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(put(store, 2), ==, 0);
	flip(store, TEMPLATE_STATE_FILE, 0);
	age(store, 1, 1000);
	CHECK_INT(template_store_list(store, &list, NULL), ==, 2);
	CHECK_STR(list[0].key.hex, two.hex);
	CHECK_STR(list[0].error, NULL);
	CHECK(list[0].fits);
	CHECK_INT(list[0].meta.cpus, ==, 3);
	CHECK(list[0].meta.kvm);
	CHECK_INT(list[0].disk, >, 5 * TEMPLATE_PAGE);
	CHECK_STR(list[1].key.hex, one.hex);
	CHECK(list[1].error);
	CHECK_INT(list[1].used.tv_sec, ==, 1000);
	template_store_list_free(list, 2);
}

static void test_failed_builds(void)
{
	_cleanup_close_ int store = new_store();
	struct template_key key = key_of(1);
	_cleanup_free_ char *name = xasprintf(".failed-%s", key.hex);
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	CHECK(!template_store_failed_lately(store, &key));
	template_store_note_failure(store, &key, "why");
	CHECK(template_store_failed_lately(store, &key));
	CHECK_INT(utimensat(store, name, old, 0), ==, 0);
	CHECK(!template_store_failed_lately(store, &key));
	CHECK_INT(put(store, 2), ==, 0);
	CHECK(!exists(store, name));
	template_store_note_failure(store, &key, "why");
	CHECK_INT(put(store, 1), ==, 0);
	CHECK(!template_store_failed_lately(store, &key));
}

/* --- where --- */

static void check_path(const char *expected)
{
	_cleanup_free_ char *path = template_store_path();

	CHECK_STR(path, expected);
}

static void test_path(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct template_key key = key_of(1);
	struct template t;

	unsetenv("RUNVM_TEMPLATES");
	setenv("XDG_CACHE_HOME", "/cache", 1);
	check_path(geteuid() ? "/cache/runvm/templates" : "/var/cache/runvm/templates");
	setenv("RUNVM_TEMPLATES", "auto", 1);
	check_path(geteuid() ? "/cache/runvm/templates" : "/var/cache/runvm/templates");
	setenv("RUNVM_TEMPLATES", "/a/b", 1);
	check_path("/a/b");
	setenv("RUNVM_TEMPLATES", "off", 1);
	check_path(NULL);
	CHECK_INT(template_open(&key, &t, &err), ==, -ENOENT);
	setenv("RUNVM_TEMPLATES", "offf", 1);
	check_path(NULL);
}

/* What another could write to is not used. */
static void test_permissions(void)
{
	_cleanup_close_ int store = new_store();
	struct template_key key = key_of(1);
	struct template t;

	CHECK_INT(put(store, 1), ==, 0);
	CHECK_INT(fchmod(store, 0770), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, -EPERM);
	CHECK_INT(fchmod(store, 0755), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, 0);
	template_close(&t);
	if (geteuid())
		return;
	CHECK_INT(fchown(store, 1234, 1234), ==, 0);
	CHECK_INT(template_open(&key, &t, NULL), ==, -EPERM);
}

int main(void)
{
	log_set_stderr(-1);
	TEST_RUN(test_round_trip);
	TEST_RUN(test_hand_over);
	TEST_RUN(test_open_and_removed);
	TEST_RUN(test_flipped_bytes);
	TEST_RUN(test_truncated);
	TEST_RUN(test_missing_files);
	TEST_RUN(test_foreign);
	TEST_RUN(test_table);
	TEST_RUN(test_lock);
	TEST_RUN(test_killed_builder);
	TEST_RUN(test_replace_while_read);
	TEST_RUN(test_fill);
	TEST_RUN(test_bound);
	TEST_RUN(test_list);
	TEST_RUN(test_failed_builds);
	TEST_RUN(test_path);
	TEST_RUN(test_permissions);
	return test_end();
}
