// SPDX-License-Identifier: Apache-2.0
#include "vminit/handover.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#include "lib/log.h"
#include "rpc/handover.h"
#include "vminit/hotplug.h"
#include "vminit/memory.h"
#include "vminit/setup.h"
#include "vminit/steps.h"
#include "vminit/warm-up.h"
#include "vminit/workers.h"

/* pagemap of proc(5): of each page 64 bits, the frame's number in the low 55, "present" in the top. */
#define PAGEMAP		"/proc/self/pagemap"
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FRAME	((UINT64_C(1) << 55) - 1)

/* What was done for the handover has its echo in the kernel, which is not to be every clone's. */
#define SETTLE_TIME (300 * USEC_PER_MSEC)

/* Whose processor comes first writes the identity: vminitd's or the warm-up's. */
enum { IDENTITY_OPEN, IDENTITY_TAKEN, IDENTITY_DONE };

/* Of the monotonic clock, which an identity does not change. */
#define IDENTITY_TIMEOUT (5 * USEC_PER_SEC)

static struct {
	struct service *service;
	bool warm;
} handover;

static int physical_address(const void *page, uint64_t *ret, struct error *err)
{
	_cleanup_close_ int fd = open(PAGEMAP, O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)page / HANDOVER_SIZE * sizeof(uint64_t));
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != (ssize_t)sizeof(entry))
		return error_errno(err, fd < 0 ? errno : EIO, "read \"%s\"", PAGEMAP);
	if (!(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_FRAME))
		return error_set(err, ENXIO, "%s does not tell physical addresses", PAGEMAP);
	*ret = (entry & PAGEMAP_FRAME) * HANDOVER_SIZE;
	return 0;
}

/* Shared, so that the warm-up sees what comes, and the kernel has no reason to copy it. */
static struct handover *new_page(uint64_t *ret_address, struct error *err)
{
	struct handover *page;

	/* What the page's number and place in memory mean depends on it. */
	if (sysconf(_SC_PAGESIZE) != HANDOVER_SIZE) {
		error_set(err, ENOTSUP, "pages of this kernel have another size");
		return NULL;
	}
	page = mmap(NULL, HANDOVER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		error_errno(err, errno, "take a page");
		return NULL;
	}
	memset(page, 0, sizeof(*page));
	page->magic = HANDOVER_MAGIC;
	if (physical_address(page, ret_address, err) < 0) {
		(void)munmap(page, HANDOVER_SIZE);
		return NULL;
	}
	return page;
}

/* The host plugs them while this VM runs already. */
static unsigned int wait_for_devices(const struct handover *page)
{
	uint32_t slot;

	do
		slot = __atomic_load_n(&page->slot, __ATOMIC_ACQUIRE);
	while (!slot);
	return slot - 1;
}

/* Without them nobody could be told; the end of pid 1 is heard, with its last words. */
static void take_devices(const struct handover *page)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (hotplug_thaw(handover.service->loop, wait_for_devices(page), &err) >= 0)
		return;
	log_error("%s", error_message(&err));
	/* A panic does not wait for what the serial port has still to send. */
	(void)tcdrain(STDERR_FILENO);
	_exit(EXIT_FAILURE);
}

/* With what it holds of the entropy, of which the kernel's is to be the only copy. */
static void forget_request(GUEST(SetupRequest) * request)
{
	if (!request)
		return;
	if (request->entropy.len)
		explicit_bzero(request->entropy.data, request->entropy.len);
	runvm__guest__v1__setup_request__free_unpacked(request, NULL);
}

static GUEST(SetupRequest) * read_request(const struct handover *page)
{
	return runvm__guest__v1__setup_request__unpack(
		NULL, page->length <= sizeof(page->request) ? page->length : 0, page->request);
}

static bool claim_identity(struct handover *page)
{
	uint32_t open = IDENTITY_OPEN;

	return __atomic_compare_exchange_n(&page->identity, &open, IDENTITY_TAKEN, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* In the warm-up. What fails here is vminitd's to do, which has somebody to tell. */
static void take_identity(struct handover *page)
{
	GUEST(SetupRequest) * request;
	uint32_t result = IDENTITY_OPEN;

	if (!claim_identity(page))
		return;
	request = read_request(page);
	if (request) {
		struct setup values = service_setup_values(request);

		if (setup_identity(&values, NULL) >= 0)
			result = IDENTITY_DONE;
		forget_request(request);
	}
	__atomic_store_n(&page->identity, result, __ATOMIC_RELEASE);
}

/* The warm-up may be at it. One that does not come to its end has died: twice does no harm. */
static int finish_identity(struct handover *page, const struct setup *values, struct error *err)
{
	uint64_t deadline = loop_now() + IDENTITY_TIMEOUT;
	int r = 0;

	while (__atomic_load_n(&page->identity, __ATOMIC_ACQUIRE) != IDENTITY_DONE) {
		if (!claim_identity(page) && loop_now() < deadline)
			continue;
		r = setup_identity(values, err);
		__atomic_store_n(&page->identity, IDENTITY_DONE, __ATOMIC_RELEASE);
	}
	steps_done("identity");
	return r;
}

static void apply(struct handover *page, struct error *err)
{
	GUEST(SetupRequest) * request;
	struct setup values;
	int r = -EBADMSG;

	/*
	 * The host plugs them while the VM becomes who it is; that is the warm-up's, where there is one.
	 * Then they wake up before the time and random numbers are this VM's, and use neither.
	 */
	if (handover.warm)
		take_devices(page);
	request = read_request(page);
	if (request) {
		values = service_setup_values(request);
		r = finish_identity(page, &values, err);
	} else {
		error_set(err, -r, "what the VM was handed over cannot be read");
	}
	/* Also for somebody to ask what went wrong. */
	if (!handover.warm)
		take_devices(page);
	if (!r)
		(void)setup_share(&values, err);
	forget_request(request);
}

/* Between two instructions of the loop here lie the end of one VM and the beginning of another. */
static void wait_for_host(const struct handover *page)
{
	while (!__atomic_load_n(&page->length, __ATOMIC_ACQUIRE))
		;
}

/* After the warm-up's start, which decides where containers run. A VM without it is only slower. */
static void make_spare(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (containers_make_spare(handover.service->containers, &err) < 0)
		log_warning("%s", error_message(&err));
}

/* Return: NULL when there can be no handover, which is said. */
static struct handover *prepare(uint64_t *ret_address)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct handover *page = new_page(ret_address, &err);

	setup_prepare();
	if (page && (warm_up_rehearse(&err) < 0 ||
		     (handover.warm && warm_up_start(page, take_identity, &err) < 0))) {
		(void)munmap(page, HANDOVER_SIZE);
		page = NULL;
	}
	if (!page) {
		log_error("no template can be made: %s", error_message(&err));
		return NULL;
	}
	/* The other processor is the warm-up's by now. */
	if (handover.warm)
		workers_make();
	make_spare();
	memory_clear_free();
	memory_make_own();
	return page;
}

static void on_settled(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	struct service *service = handover.service;
	struct handover *page;
	uint64_t address = 0;
	char line[64];

	loop_remove(source);
	page = prepare(&address);
	if (!page)
		return;
	hotplug_tell_queues(page);
	(void)usleep(SETTLE_TIME);
	(void)snprintf(line, sizeof(line), HANDOVER_LINE "%" PRIx64 "\n", address);
	(void)!write(STDOUT_FILENO, line, strlen(line));
	/* Here, so that the table's page is there afterwards. */
	steps_forget();
	wait_for_host(page);
	steps_done("woken up");
	apply(page, &service->setup_error);
	service->set_up = true;
	/*
	 * Its entropy is the kernel's alone. The page stays: to give it back is work, too, and a late
	 * warm-up has to see in it that it is time.
	 */
	explicit_bzero(page->request, sizeof(page->request));
}

static void release_devices(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (hotplug_freeze() && setup_share_ahead(&err) < 0) {
		log_warning("%s", error_message(&err));
		error_clear(&err);
		hotplug_unfreeze();
	}
	(void)!write(STDOUT_FILENO, HANDOVER_RELEASE_LINE "\n", sizeof(HANDOVER_RELEASE_LINE));
	if (hotplug_release(&err) < 0) {
		log_error("no template can be made: %s", error_message(&err));
		return;
	}
	/* The connections that went with them are closed meanwhile. */
	(void)loop_add_timer(handover.service->loop, loop_now() + SETTLE_TIME, on_settled, NULL);
}

static void on_console(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	char byte;
	ssize_t n = read(STDIN_FILENO, &byte, 1);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Once: nobody saves what was restored, or what has begun with its containers. */
	loop_remove(source);
	if (handover.service->set_up)
		return;
	handover.warm = n == 1 && byte == HANDOVER_SAVE_WARM;
	if (n == 1 && (byte == HANDOVER_SAVE || byte == HANDOVER_SAVE_WARM))
		release_devices();
}

/* A byte is there when it was sent, and does not appear on the console. */
static int make_raw(void)
{
	struct termios termios;

	if (tcgetattr(STDIN_FILENO, &termios) < 0)
		return -errno;
	termios.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	termios.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	return tcsetattr(STDIN_FILENO, TCSANOW, &termios) < 0 ? -errno : 0;
}

void handover_begin(struct service *service)
{
	int r = make_raw();

	if (r < 0) {
		log_warning("the console cannot be read: %s", strerror(-r));
		return;
	}
	handover.service = service;
	(void)loop_add_fd(service->loop, STDIN_FILENO, EPOLLIN, on_console, NULL);
}
