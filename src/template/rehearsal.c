// SPDX-License-Identifier: Apache-2.0
#include "template/rehearsal.h"

#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "rpc/api.h"
#include "rpc/client.h"
#include "vsock/vsock-device.h"

#define GUEST_CID    3
#define CHARDEV	     "rehearsal"
#define DEVICE	     "rehearsal0"
#define CALL_TIMEOUT (120 * USEC_PER_SEC) /* at idle priority, on a busy machine */

/* QEMU's own deadline for an unplug is short for such a machine. */
#define UNPLUG_TRIES 6

struct rehearsal {
	struct qemu *qemu;
	struct vsock_device *vsock;
	struct rpc_client *client;
	unsigned int tries;
	rehearsal_done_fn *fn;
	void *data;
};

static void finish(struct rehearsal *r, const struct error *err)
{
	r->fn(r, err, r->data);
}

static void unplug(struct rehearsal *r);

static void on_unplugged(struct qemu *qemu _unused_, const struct error *err, void *data)
{
	struct rehearsal *r = data;

	if (err && ++r->tries < UNPLUG_TRIES)
		unplug(r);
	else
		finish(r, err);
}

static void unplug(struct rehearsal *r)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (qemu_unplug(r->qemu, DEVICE, on_unplugged, r, &err) < 0)
		finish(r, &err);
}

static void on_answer(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		      const struct error *err, void *data)
{
	struct rehearsal *r = data;

	if (err)
		finish(r, err);
	else
		unplug(r);
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
	/* Two functions, as in a start; the second is one that QEMU has without a back end. */
	static const struct qemu_device devices[] = {
		{.kind = QEMU_DEVICE_VSOCK, .id = DEVICE, .vsock.chardev = CHARDEV},
		{.kind = QEMU_DEVICE_RNG, .id = "rehearsal1"},
	};
	_cleanup_error_ struct error err = ERROR_INIT;

	r->qemu = qemu;
	r->fn = fn;
	r->data = data;
	if (qemu_plug(qemu, devices, ARRAY_SIZE(devices), on_plugged, r, &err) < 0)
		finish(r, &err);
}

/* What fails shows in the call. */
static const struct vsock_device_ops vsock_ops = {.failed = NULL};

int rehearsal_new(struct loop *loop, int dirfd, struct rehearsal **ret,
		  struct qemu_chardev *ret_chardev, struct error *err)
{
	_cleanup_close_ int qemu_end = -1;
	struct rehearsal *r;
	int vhost[2], rpc[2], n;

	n = socket_pair(SOCK_STREAM, vhost);
	if (n < 0)
		return error_errno(err, n, "socketpair");
	qemu_end = vhost[1];
	r = xnew(struct rehearsal);
	n = vsock_device_new(loop, GUEST_CID, vhost[0], dirfd, &vsock_ops, r, &r->vsock, err);
	if (!n) {
		n = socket_pair(SOCK_STREAM, rpc);
		if (n < 0)
			error_errno(err, n, "socketpair");
	}
	if (!n) {
		r->client = rpc_client_new(loop, rpc[0], "vminitd");
		n = vsock_device_connect(r->vsock, VSOCK_PORT_VMINITD, rpc[1]);
		if (n < 0)
			error_errno(err, n, "connect to vminitd");
	}
	if (n < 0) {
		rehearsal_free(r);
		return n;
	}
	*ret_chardev = (struct qemu_chardev){CHARDEV, TAKE_FD(qemu_end)};
	*ret = r;
	return 0;
}

void rehearsal_free(struct rehearsal *r)
{
	if (!r)
		return;
	rpc_client_free(r->client);
	vsock_device_free(r->vsock);
	free(r);
}
