// SPDX-License-Identifier: Apache-2.0
#include "template/rehearsal.h"

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "rpc/api.h"
#include "rpc/client.h"
#include "vmm/first-devices.h"
#include "vmm/virtiofsd.h"
#include "vsock/vsock-device.h"

#define GUEST_CID    3
#define CALL_TIMEOUT (120 * USEC_PER_SEC) /* at idle priority, on a busy machine */

struct rehearsal {
	struct loop *loop;
	struct vsock_device *vsock;
	struct virtiofsd_program program;
	struct virtiofsd *virtiofsd;
	struct rpc_client *client;
	struct qemu_chardev chardevs[FIRST_DEVICES];
	bool kvm;
	rehearsal_done_fn *fn;
	void *data;
};

static void finish(struct rehearsal *r, const struct error *err)
{
	r->fn(r, err, r->data);
}

static void on_answer(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		      const struct error *err, void *data)
{
	finish(data, err);
}

/* A call that changes nothing. */
static void on_plugged(struct qemu *qemu _unused_, const struct error *err, void *data)
{
	SANDBOX(GetenvRequest) request = SANDBOX_INIT(GETENV_REQUEST);
	static char key[] = "PATH";
	struct rehearsal *r = data;

	if (err) {
		finish(r, err);
		return;
	}
	request.key = key;
	(void)rpc_client_call(r->client, SANDBOX_SERVICE, "Getenv", &request.base, CALL_TIMEOUT,
			      on_answer, r);
}

void rehearsal_start(struct rehearsal *r, struct qemu *qemu, rehearsal_done_fn *fn, void *data)
{
	struct qemu_device devices[FIRST_DEVICES];
	_cleanup_error_ struct error err = ERROR_INIT;

	r->fn = fn;
	r->data = data;
	first_devices(r->kvm, devices);
	if (qemu_plug(qemu, devices, FIRST_DEVICES, on_plugged, r, &err) < 0)
		finish(r, &err);
}

/* What fails shows in the call; and in the end all of them end. */
static void on_virtiofsd_exit(struct virtiofsd *virtiofsd _unused_,
			      const struct error *err _unused_, void *data _unused_)
{
}

static const struct virtiofsd_ops virtiofsd_ops = {.on_exit = on_virtiofsd_exit};
static const struct vsock_device_ops vsock_ops = {.failed = NULL};

static int start_vsock(struct rehearsal *r, int dirfd, struct error *err)
{
	int vhost[2], rpc[2], n;

	n = socket_pair(SOCK_STREAM, vhost);
	if (n < 0)
		return error_errno(err, n, "socketpair");
	r->chardevs[0] = (struct qemu_chardev){FIRST_CHARDEV_VSOCK, vhost[1]};
	n = vsock_device_new(r->loop, GUEST_CID, vhost[0], dirfd, &vsock_ops, r, &r->vsock, err);
	if (n < 0)
		return n;
	n = socket_pair(SOCK_STREAM, rpc);
	if (n < 0)
		return error_errno(err, n, "socketpair");
	r->client = rpc_client_new(r->loop, rpc[0], "vminitd");
	n = vsock_device_connect(r->vsock, VSOCK_PORT_VMINITD, rpc[1]);
	return n < 0 ? error_errno(err, n, "connect to vminitd") : 0;
}

/* A share of the builder's own directory, of which nobody asks anything. */
static int start_share(struct rehearsal *r, int dirfd, struct error *err)
{
	_cleanup_close_ int listening = -1;
	char link[64], path[PATH_MAX];
	struct virtiofsd_config config = {
		.program = &r->program,
		.source = path,
		.cache = VIRTIOFSD_CACHE_AUTO,
		.nofile = virtiofsd_nofile(),
	};
	ssize_t len;
	int n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return error_errno(err, errno, "read \"%s\"", link);
	path[len] = '\0';
	n = virtiofsd_find(NULL, &r->program, err);
	if (n < 0)
		return n;
	r->chardevs[1] = (struct qemu_chardev){FIRST_CHARDEV_SHARE, -1};
	n = virtiofsd_make_sockets(dirfd, &listening, &r->chardevs[1].fd, err);
	if (n < 0)
		return n;
	config.fd = listening;
	return virtiofsd_start(r->loop, &config, &virtiofsd_ops, r, &r->virtiofsd, err);
}

int rehearsal_new(struct loop *loop, int dirfd, bool kvm, struct rehearsal **ret, struct error *err)
{
	struct rehearsal *r = xnew(struct rehearsal);
	int n;

	r->loop = loop;
	r->kvm = kvm;
	for (size_t i = 0; i < FIRST_DEVICES; i++)
		r->chardevs[i].fd = -1;
	n = start_vsock(r, dirfd, err);
	if (!n)
		n = start_share(r, dirfd, err);
	if (n < 0) {
		rehearsal_free(r);
		return n;
	}
	*ret = r;
	return 0;
}

const struct qemu_chardev *rehearsal_chardevs(const struct rehearsal *r, size_t *ret_n)
{
	*ret_n = FIRST_DEVICES;
	return r->chardevs;
}

void rehearsal_qemu_started(struct rehearsal *r)
{
	for (size_t i = 0; i < FIRST_DEVICES; i++)
		r->chardevs[i].fd = close_keep_errno(r->chardevs[i].fd);
}

void rehearsal_free(struct rehearsal *r)
{
	if (!r)
		return;
	rehearsal_qemu_started(r);
	rpc_client_free(r->client);
	vsock_device_free(r->vsock);
	virtiofsd_free(r->virtiofsd);
	virtiofsd_program_clear(&r->program);
	free(r);
}
