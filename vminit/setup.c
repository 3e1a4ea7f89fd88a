// SPDX-License-Identifier: Apache-2.0
#include "vminit/setup.h"

#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/utsname.h>
#include <linux/netlink.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "libocispec/guest-config.h"
#include "rpc/handover.h"
#include "vminit/steps.h"

/* How long the device of the share may take to appear after the guest was reached. */
#define SHARE_TIMEOUT (10 * USEC_PER_SEC)
/* How long the host may take to answer what is under way when a container goes. */
#define SETTLE_TIMEOUT (1 * USEC_PER_SEC)

/* Where the share is mounted; empty before there is one. */
static char share[128];
/* Of setup_share_ahead(): it is mounted on GUEST_CONFIG_SHARE. */
static bool ahead;

#define MACHINE_ID_FILE "/etc/machine-id"
#define MACHINE_ID_LEN	32
#define BOOT_ID_LEN	36
#define RANDOM_FILE	"/dev/random"

/* The files of an identity. */
enum { MACHINE_ID, BOOT_ID, N_IDS };

static const struct {
	const char *path;
	size_t len; /* of the id, without the newline */
} ids[N_IDS] = {{MACHINE_ID_FILE, MACHINE_ID_LEN}, {SETUP_BOOT_ID_FILE, BOOT_ID_LEN}};

/* Of setup_prepare(): the content of the files, where it could be mapped. */
static char *mapped[N_IDS];
static int random_fd = -1;

static char *map_id(const char *path, size_t len)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	char *map;

	if (fd < 0 || ftruncate(fd, (off_t)len + 1) < 0)
		return NULL;
	map = mmap(NULL, len + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	/* With this the page is there, and ours to write. */
	memset(map, '0', len);
	map[len] = '\n';
	return map;
}

void setup_prepare(void)
{
	for (size_t i = 0; i < N_IDS; i++)
		mapped[i] = map_id(ids[i].path, ids[i].len);
	random_fd = open(RANDOM_FILE, O_RDWR | O_CLOEXEC);
}

static int add_entropy(const struct setup *s, struct error *err)
{
	union {
		struct rand_pool_info info;
		uint8_t room[sizeof(struct rand_pool_info) + SETUP_MAX_ENTROPY];
	} pool;
	_cleanup_close_ int fd = TAKE_FD(random_fd);
	int r = 0;

	if (!s->entropy_len)
		return 0;
	if (s->entropy_len < SETUP_MIN_ENTROPY || s->entropy_len > SETUP_MAX_ENTROPY)
		return error_set(err, EINVAL, "entropy: %zu bytes, expected %d to %d",
				 s->entropy_len, SETUP_MIN_ENTROPY, SETUP_MAX_ENTROPY);
	if (fd < 0)
		fd = open(RANDOM_FILE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open \"%s\"", RANDOM_FILE);
	pool.info.entropy_count = (int)s->entropy_len * 8;
	pool.info.buf_size = (int)s->entropy_len;
	memcpy(pool.room + sizeof(pool.info), s->entropy, s->entropy_len);
	/* The reseed makes what the pool of all clones would give next this VM's own. */
	if (ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		r = error_errno(err, errno, "add entropy");
	explicit_bzero(&pool, sizeof(pool));
	return r;
}

static int write_identity(size_t id, const char *text, struct error *err)
{
	const char *path = ids[id].path;
	_cleanup_free_ char *line = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (!text[0]) {
		if (mapped[id])
			(void)unlink(path);
		return 0;
	}
	if (mapped[id] && strlen(text) == ids[id].len) {
		memcpy(mapped[id], text, ids[id].len);
		return 0;
	}
	line = xasprintf("%s\n", text);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	if (fd < 0)
		return error_errno(err, errno, "write \"%s\"", path);
	r = io_write_all(fd, line, strlen(line));
	return r < 0 ? error_errno(err, r, "write \"%s\"", path) : 0;
}

/* Kernel events, so that a device that is still being plugged wakes us. Return: fd or -errno. */
static int open_uevents(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
	_cleanup_close_ int fd = -1;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void wait_uevent(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = loop_now();
	char message[2048];

	if (now < deadline)
		(void)poll(&p, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1);
	while (recv(fd, message, sizeof(message), 0) > 0)
		;
}

/*
 * Mounts the share. Its device may be plugged in this moment: the kernel says EINVAL to a tag that
 * no device has. This waits in the handler, before which nothing else could run anyway.
 */
static int mount_share(const char *tag, const char *where, struct error *err)
{
	uint64_t deadline = loop_now() + SHARE_TIMEOUT;
	_cleanup_close_ int uevents = -1;

	for (;;) {
		if (!mount(tag, where, "virtiofs", 0, NULL))
			return 0;
		if (errno == ENOENT) {
			if (mkdir(where, 0755) < 0)
				return error_errno(err, errno, "make \"%s\"", where);
			continue;
		}
		if (errno != EINVAL || loop_now() >= deadline)
			return error_errno(err, errno, "mount the share \"%s\" on \"%s\"", tag,
					   where);
		if (uevents < 0) {
			/* Before the next try, or its event could come between the two. */
			uevents = open_uevents();
			if (uevents < 0)
				return error_errno(err, uevents, "listen for devices");
			continue;
		}
		wait_uevent(uevents, deadline);
	}
}

/*
 * The minor device number of the share, which is in the kernel's names for it.
 * @flags: AT_STATX_DONT_SYNC: the host is not asked
 */
static int share_minor(const char *where, unsigned int flags)
{
	struct statx st;

	if (statx(AT_FDCWD, where, (int)flags, 0, &st) < 0)
		return -errno;
	return (int)st.stx_dev_minor;
}

/*
 * Each request of the share goes to another process on the host and back: reading three times as fast
 * in large pieces is worth what is read in vain. Whether it succeeds is of no matter. The answer to
 * FUSE_INIT can lower it: so after that, or before.
 */
static void set_read_ahead(const char *where, unsigned int flags)
{
	int number = share_minor(where, flags);
	char path[64], kib[16];

	if (number < 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/0:%d/read_ahead_kb", number);
	snprintf(kib, sizeof(kib), "%d", HANDOVER_READ_AHEAD / 1024);
	(void)io_write_file(AT_FDCWD, path, kib);
}

/* Of the share's connection: how many requests are under way. Return: fd or -errno. */
static int open_waiting(void)
{
	int number = share_minor(share, AT_STATX_DONT_SYNC), fd;
	char path[64];

	if (number < 0)
		return number;
	snprintf(path, sizeof(path), SETUP_FUSE_CONTROL "/%d/waiting", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * What is in the background, as the RELEASE of a file, is counted in "waiting". A question of our own
 * comes back behind what was under way, so this asks as often as there are answers to wait for.
 */
void setup_settle_share(void)
{
	_cleanup_close_ int fd = share[0] ? open_waiting() : -1;
	uint64_t deadline = loop_now() + SETTLE_TIMEOUT;
	struct statfs fs;
	char text[32];

	if (fd < 0)
		return;
	do {
		ssize_t n = pread(fd, text, sizeof(text), 0);

		if (n < 1 || text[0] == '0' || statfs(share, &fs) < 0)
			return;
	} while (loop_now() < deadline);
}

int setup_identity(const struct setup *s, struct error *err)
{
	int r;

	if (s->realtime.tv_sec && clock_settime(CLOCK_REALTIME, &s->realtime) < 0)
		return error_errno(err, errno, "set the clock");
	r = add_entropy(s, err);
	if (!r)
		r = write_identity(MACHINE_ID, s->machine_id, err);
	if (!r)
		r = write_identity(BOOT_ID, s->boot_id, err);
	return r;
}

int setup_share_ahead(struct error *err)
{
	static const char where[] = GUEST_CONFIG_SHARE;

	if (mkdir(where, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make \"%s\"", where);
	if (mount(HANDOVER_SHARE_TAG, where, "virtiofs", 0, NULL) < 0)
		return error_errno(err, errno, "mount the share ahead");
	ahead = true;
	set_read_ahead(where, AT_STATX_DONT_SYNC);
	return 0;
}

int setup_share(const struct setup *s, struct error *err)
{
	const char *where = s->share_mount_point[0] ? s->share_mount_point : GUEST_CONFIG_SHARE;
	bool there = ahead && !strcmp(s->share_tag, HANDOVER_SHARE_TAG) &&
		     !strcmp(where, GUEST_CONFIG_SHARE);
	int r = 0;

	if (!s->share_tag[0])
		return 0;
	if (!there)
		r = mount_share(s->share_tag, where, err);
	if (!r)
		snprintf(share, sizeof(share), "%s", where);
	if (!r && !there)
		set_read_ahead(where, AT_STATX_FORCE_SYNC);
	steps_done("share mounted");
	return r;
}

char *setup_kernel_release(char buffer[SETUP_KERNEL_SIZE])
{
	struct utsname name;

	buffer[0] = '\0';
	if (!uname(&name)) {
		strncpy(buffer, name.release, SETUP_KERNEL_SIZE - 1);
		buffer[SETUP_KERNEL_SIZE - 1] = '\0';
	}
	return buffer;
}
