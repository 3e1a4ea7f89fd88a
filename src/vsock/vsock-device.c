// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Events (a kick, a unix socket, a new client) only note what has become
 * possible and ask for service(), which runs once at the end of the same turn of the loop: it takes
 * packets from the tx ring, then fills the rx ring, and only then shows the guest both used indexes,
 * so that a turn costs at most one call a ring.
 *
 * What goes to the guest comes from three places, in this order: RSTs for packets that belong to no
 * connection, from a queue of fixed size; control packets, from the connections in `control`; and
 * bytes, from the connections in `data`, each of which gets one read into up to RX_BATCH buffers
 * before the next has its turn. A connection is in a list exactly while it has something of that
 * kind: place() sees to that after each change.
 *
 * No deadlock: packets from the guest are taken although it offers no buffers, as virtio 1.2,
 * 5.10.6.1.2 wants it. What they make due is a bit of a connection; only where it is a RST for no
 * connection and the queue is full does the tx ring wait for the rx ring.
 *
 * Kicks are asked for only when a ring has been found empty that is needed: tx always, rx while
 * something waits for a buffer.
 */
#include "vsock/vsock-device.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/socket.h"
#include "vsock/vhost-user.h"
#include "vsock/vsock-connection.h"
#include "vsock/vsock-listener.h"
#include "vsock/vsock-packet.h"

enum { RING_RX, RING_TX };

#define F_VERSION_1 32

/* Connections that only clients of the host may have: the guest cannot take all there are. */
#define HOST_RESERVE 256

#define HASH_BITS    10
#define RST_QUEUE    128

/* Chains for one service() of each ring, so that the rest of the loop has its turn too. */
#define RX_BUDGET 256
#define TX_BUDGET 256

/* Buffers for one read; Linux posts them with 4 KiB each. */
#define RX_BATCH    16
#define RX_IOV	    (RX_BATCH * 4 + VRING_MAX_IOV)
#define MAX_PAYLOAD (64u << 10) /* in one packet: what Linux takes and sends at most */

/* Host ports of clients, as Firecracker has them: out of the way of ports that listen. */
#define CLIENT_PORT_MIN 0x40000000u
#define CLIENT_PORT_MAX 0x7fffffffu

#define LINGER_TIME	(30 * USEC_PER_SEC)
#define LOG_MAX		100 /* lines about one guest */
#define STALL_TIME	(1 * USEC_PER_SEC)

LIST_HEAD(connection_bucket, vsock_connection);
TAILQ_HEAD(connection_list, vsock_connection);

struct listener {
	TAILQ_ENTRY(listener) link;
	struct vsock_listener *listener;
};

TAILQ_HEAD(listener_list, listener);

struct vsock_device {
	struct loop *loop;
	uint64_t guest_cid;
	uint8_t config_space[8];
	struct vhost_user_config config;
	int dirfd;
	const struct vsock_device_ops *ops;
	void *data;
	struct vhost_user *vhost; /* NULL once the device has failed */
	struct loop_source *service;
	struct loop_source *timer;
	uint64_t timer_deadline;
	bool report_ready;
	struct error error; /* why it has failed, until that is reported */
	struct listener_list listeners;
	unsigned int n_logged;

	struct connection_bucket buckets[1 << HASH_BITS];
	uint32_t hash_key;
	uint32_t next_port;
	struct connection_list all, control, data_list, linger;
	size_t n_connections;

	struct vsock_header rst[RST_QUEUE];
	size_t rst_start, n_rst;

	struct iovec iov[RX_IOV];
	struct iovec slices[RX_IOV];
};

static void on_service(struct loop_source *source, uint32_t events, void *data);

static void request_service(struct vsock_device *dev)
{
	if (!dev->service)
		dev->service = loop_defer(dev->loop, on_service, dev);
}

/* A failure that is dealt with in service(), where nothing of the device is in use. */
static void note_failure(struct vsock_device *dev, struct error *err)
{
	if (!dev->error.errnum)
		error_move(&dev->error, err);
	request_service(dev);
}

/* ---- Connections ---- */

static struct connection_bucket *bucket_of(struct vsock_device *dev, uint32_t host_port,
					   uint32_t guest_port)
{
	/* Keyed: the guest chooses ports, and would else choose those of one bucket. */
	uint64_t x = host_port ^ dev->hash_key;

	x = (x * UINT64_C(0x9e3779b97f4a7c15)) ^ guest_port;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= (x >> 29) ^ dev->hash_key;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return &dev->buckets[x >> (64 - HASH_BITS)];
}

static struct vsock_connection *find(struct vsock_device *dev, uint32_t host_port,
				     uint32_t guest_port)
{
	struct vsock_connection *c;

	LIST_FOREACH(c, bucket_of(dev, host_port, guest_port), hash_link)
	if (c->host_port == host_port && c->guest_port == guest_port)
		return c;
	return NULL;
}

static void set_timer(struct vsock_device *dev, uint64_t deadline)
{
	if (deadline >= dev->timer_deadline)
		return;
	dev->timer_deadline = deadline;
	loop_set_deadline(dev->timer, deadline);
}

/* Puts a connection where its state belongs; frees it when it is done. */
static void place(struct vsock_device *dev, struct vsock_connection *c)
{
	bool control = c->due != 0, data = vsock_connection_room(c) > 0;
	/* Who waited for an answer and has gone is waited for no longer than a reset is. */
	bool linger = c->state == VSOCK_LINGERING || (c->state == VSOCK_CONNECTING && c->hung_up);

	/* Its ports are free for another: the guest has forgotten it, or is about to be told. */
	if (c->in_hash && (c->state == VSOCK_DRAINING || c->state == VSOCK_DEAD)) {
		LIST_REMOVE(c, hash_link);
		c->in_hash = false;
	}
	if (control != c->in_control) {
		if (control)
			TAILQ_INSERT_TAIL(&dev->control, c, control_link);
		else
			TAILQ_REMOVE(&dev->control, c, control_link);
		c->in_control = control;
	}
	if (data != c->in_data) {
		if (data)
			TAILQ_INSERT_TAIL(&dev->data_list, c, data_link);
		else
			TAILQ_REMOVE(&dev->data_list, c, data_link);
		c->in_data = data;
	}
	if (linger != c->in_linger) {
		if (linger) {
			c->linger_until = loop_now() + LINGER_TIME;
			TAILQ_INSERT_TAIL(&dev->linger, c, linger_link);
			set_timer(dev, c->linger_until);
		} else {
			TAILQ_REMOVE(&dev->linger, c, linger_link);
		}
		c->in_linger = linger;
	}
	if (vsock_connection_stalled(c))
		set_timer(dev, loop_now() + STALL_TIME);
	if (vsock_connection_done(c)) {
		TAILQ_REMOVE(&dev->all, c, all_link);
		dev->n_connections--;
		vsock_connection_free(c);
	}
}

static void on_connection(struct loop_source *source _unused_, uint32_t events, void *data)
{
	struct vsock_connection *c = data;
	struct vsock_device *dev = c->data;

	vsock_connection_event(c, events);
	place(dev, c);
	request_service(dev);
}

static bool room_for_one(void *data)
{
	struct vsock_device *dev = data;

	return dev->vhost && vsock_device_connections(dev) < VSOCK_MAX_CONNECTIONS;
}

static struct vsock_connection *add_connection(struct vsock_device *dev, int fd,
					       enum vsock_state state, uint32_t host_port,
					       uint32_t guest_port)
{
	uint32_t buf_alloc =
		dev->n_connections < VSOCK_MANY ? VSOCK_BUF_ALLOC : VSOCK_BUF_ALLOC_MANY;
	struct vsock_connection *c;

	c = vsock_connection_new(dev->loop, fd, state, buf_alloc, on_connection, dev);
	c->host_port = host_port;
	c->guest_port = guest_port;
	LIST_INSERT_HEAD(bucket_of(dev, host_port, guest_port), c, hash_link);
	c->in_hash = true;
	TAILQ_INSERT_TAIL(&dev->all, c, all_link);
	dev->n_connections++;
	return c;
}

static uint32_t free_port(struct vsock_device *dev, uint32_t guest_port)
{
	uint32_t port;

	/* Ends: there are fewer connections than ports. */
	do {
		port = dev->next_port;
		dev->next_port = port == CLIENT_PORT_MAX ? CLIENT_PORT_MIN : port + 1;
	} while (find(dev, port, guest_port));
	return port;
}

static void on_client(void *data, int fd, uint32_t port, bool answer_ok)
{
	struct vsock_device *dev = data;
	struct vsock_connection *c;

	if (!dev->vhost) {
		close_keep_errno(fd);
		return;
	}
	c = add_connection(dev, fd, VSOCK_CONNECTING, free_port(dev, port), port);
	c->answer_ok = answer_ok;
	place(dev, c);
	request_service(dev);
}

static const struct vsock_listener_ops listener_ops = {
	.room = room_for_one,
	.client = on_client,
};

/* ---- From the guest ---- */

static void answer_rst(struct vsock_device *dev, const struct vsock_header *h)
{
	/* Never a RST for a RST. The caller has seen to it that there is a place. */
	if (h->op == VSOCK_OP_RST)
		return;
	dev->rst[(dev->rst_start + dev->n_rst++) % RST_QUEUE] = (struct vsock_header){
		.src_cid = h->dst_cid,
		.dst_cid = h->src_cid,
		.src_port = h->dst_port,
		.dst_port = h->src_port,
		.type = h->type,
		.op = VSOCK_OP_RST,
	};
}

/* How often there is something to be said is the guest's choice, and the log is the host's. */
static bool may_log(struct vsock_device *dev)
{
	if (dev->n_logged == LOG_MAX)
		return false;
	if (++dev->n_logged == LOG_MAX)
		log_debug("vsock: no more is said of what this guest does");
	return true;
}

/* The guest connects to a port of the host. */
static void accept_request(struct vsock_device *dev, const struct vsock_header *h)
{
	struct vsock_connection *c;
	char name[32];
	int fd = -EMFILE;

	(void)snprintf(name, sizeof(name), "vsock.sock_%" PRIu32, h->dst_port);
	if (vsock_device_connections(dev) < VSOCK_MAX_CONNECTIONS - HOST_RESERVE)
		fd = socket_connect_at(dev->dirfd, name, SOCK_STREAM | SOCK_NONBLOCK);
	if (fd < 0) {
		if (may_log(dev))
			log_debug("vsock: the guest's connection to port %" PRIu32
				  " is refused: %s",
				  h->dst_port, strerror(-fd));
		answer_rst(dev, h);
		return;
	}
	c = add_connection(dev, fd, VSOCK_OPEN, h->dst_port, h->src_port);
	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	place(dev, c);
}

static void take_packet(struct vsock_device *dev, const struct vring_chain *chain)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];
	struct iovec payload[VRING_MAX_IOV];
	struct vsock_connection *c;
	struct vsock_header h;
	size_t n;
	int r;

	vring_chain_read(chain, 0, bytes, sizeof(bytes));
	r = vsock_header_decode(bytes, chain->size - VSOCK_HEADER_SIZE, &h);
	/* Not from this guest or not for this host: nobody to whom an answer could go. */
	if (h.src_cid != dev->guest_cid || h.dst_cid != VSOCK_CID_HOST) {
		if (may_log(dev))
			log_debug("vsock: packet from CID %" PRIu64 " to %" PRIu64 " dropped",
				  h.src_cid, h.dst_cid);
		return;
	}
	if (r == -EPROTONOSUPPORT) {
		answer_rst(dev, &h);
		return;
	}
	c = find(dev, h.dst_port, h.src_port);
	if (!c) {
		if (!r && h.op == VSOCK_OP_REQUEST)
			accept_request(dev, &h);
		else
			answer_rst(dev, &h);
		return;
	}
	if (r < 0) {
		vsock_connection_reset(c);
	} else {
		n = vring_chain_slice(chain, VSOCK_HEADER_SIZE, h.op == VSOCK_OP_RW ? h.len : 0,
				      payload);
		vsock_connection_packet(c, &h, payload, n);
	}
	place(dev, c);
}

/* Return: whether more is there for another turn. */
static bool serve_tx(struct vsock_device *dev)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vring *v = vhost_user_ring(dev->vhost, RING_TX);
	struct vring_chain chain;

	for (int i = 0; i < TX_BUDGET; i++) {
		int r;

		if (dev->n_rst == RST_QUEUE)
			return false;
		r = vring_pop(v, dev->iov, &chain, &err);
		if (r == 0 && vring_set_notify(v, true))
			continue;
		if (r == 0)
			return false;
		if (r > 0 && chain.size < VSOCK_HEADER_SIZE)
			r = error_set(&err, EBADMSG, "vsock: the guest sent a packet of %zu bytes",
				      chain.size);
		if (r < 0) {
			note_failure(dev, &err);
			return false;
		}
		take_packet(dev, &chain);
		vring_push(v, chain.head, 0);
	}
	(void)vring_set_notify(v, false);
	return true;
}

/* ---- To the guest ---- */

/* Return: 1 with a buffer that holds a header, 0 with none offered, -errno when noted as failure. */
static int next_buffer(struct vsock_device *dev, struct iovec *iov, struct vring_chain *chain)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	r = vring_pop(vhost_user_ring(dev->vhost, RING_RX), iov, chain, &err);
	if (r > 0 && chain->size < VSOCK_HEADER_SIZE)
		r = error_set(&err, EBADMSG, "vsock: the guest offers a buffer of %zu bytes",
			      chain->size);
	if (r < 0)
		note_failure(dev, &err);
	return r;
}

static void put_header(struct vsock_device *dev, const struct vring_chain *chain,
		       const struct vsock_header *h)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];

	vsock_header_encode(h, bytes);
	vring_chain_write(chain, 0, bytes, sizeof(bytes));
	vring_push(vhost_user_ring(dev->vhost, RING_RX), chain->head, VSOCK_HEADER_SIZE + h->len);
}

static void address_to_guest(struct vsock_device *dev, const struct vsock_connection *c,
			     struct vsock_header *h)
{
	h->src_cid = VSOCK_CID_HOST;
	h->dst_cid = dev->guest_cid;
	h->src_port = c->host_port;
	h->dst_port = c->guest_port;
}

/* One control packet. Return: as next_buffer(). */
static int send_control(struct vsock_device *dev)
{
	struct vsock_connection *c;
	struct vring_chain chain;
	struct vsock_header h;
	int r;

	r = next_buffer(dev, dev->iov, &chain);
	if (r <= 0)
		return r;
	if (dev->n_rst) {
		put_header(dev, &chain, &dev->rst[dev->rst_start]);
		dev->rst_start = (dev->rst_start + 1) % RST_QUEUE;
		dev->n_rst--;
		return 1;
	}
	c = TAILQ_FIRST(&dev->control);
	if (!vsock_connection_next(c, &h)) {
		vring_unpop(vhost_user_ring(dev->vhost, RING_RX), 1);
	} else {
		address_to_guest(dev, c, &h);
		put_header(dev, &chain, &h);
	}
	/* To the end of the list if it has more: each of them has its turn. */
	TAILQ_REMOVE(&dev->control, c, control_link);
	c->in_control = false;
	place(dev, c);
	return 1;
}

/* Distributes @len bytes that were read into the buffers, and gives the rest of them back. */
static unsigned send_filled(struct vsock_device *dev, struct vsock_connection *c,
			    const struct vring_chain *chains, const uint32_t *sizes, unsigned n,
			    size_t len)
{
	unsigned i;

	for (i = 0; i < n && len; i++) {
		struct vsock_header h = {.type = VSOCK_TYPE_STREAM, .op = VSOCK_OP_RW};

		h.len = len < sizes[i] ? (uint32_t)len : sizes[i];
		vsock_connection_credit(c, &h);
		address_to_guest(dev, c, &h);
		put_header(dev, &chains[i], &h);
		len -= h.len;
	}
	vring_unpop(vhost_user_ring(dev->vhost, RING_RX), n - i);
	return i;
}

/* One read of one connection. Return: buffers used; *r is as of next_buffer(). */
static unsigned send_bytes(struct vsock_device *dev, int *r)
{
	struct vsock_connection *c = TAILQ_FIRST(&dev->data_list);
	size_t room = vsock_connection_room(c), got, n_iov = 0, n_slices = 0, offered = 0;
	struct vring_chain chains[RX_BATCH];
	uint32_t sizes[RX_BATCH];
	unsigned n = 0, used;

	/* A chain may have VRING_MAX_IOV parts, so there has to be room for that many. */
	while (n < c->batch && offered < room && n_iov + VRING_MAX_IOV <= RX_IOV) {
		size_t size;

		*r = next_buffer(dev, dev->iov + n_iov, &chains[n]);
		if (*r <= 0)
			break;
		size = chains[n].size - VSOCK_HEADER_SIZE;
		size = size < MAX_PAYLOAD ? size : MAX_PAYLOAD;
		sizes[n] = (uint32_t)(size < room - offered ? size : room - offered);
		n_slices += vring_chain_slice(&chains[n], VSOCK_HEADER_SIZE, sizes[n],
					      dev->slices + n_slices);
		n_iov += chains[n].n_iov;
		offered += sizes[n++];
	}
	if (*r < 0 || !n)
		return 0;
	*r = 1;
	if (!offered) {
		_cleanup_error_ struct error err = ERROR_INIT;

		*r = error_set(&err, EBADMSG,
			       "vsock: the guest offers buffers without room for data");
		note_failure(dev, &err);
		return 0;
	}
	got = vsock_connection_read(c, dev->slices, n_slices);
	used = send_filled(dev, c, chains, sizes, n, got);
	/* Who fills all that is offered is offered more, who writes little costs little. */
	if (got == offered)
		c->batch = c->batch * 2 < RX_BATCH ? c->batch * 2 : RX_BATCH;
	else
		c->batch = used > 1 ? used : 1;
	TAILQ_REMOVE(&dev->data_list, c, data_link);
	c->in_data = false;
	place(dev, c);
	return used;
}

/* Return: whether more is there for another turn. */
static bool serve_rx(struct vsock_device *dev)
{
	struct vring *v = vhost_user_ring(dev->vhost, RING_RX);
	int budget = RX_BUDGET;

	while (budget > 0) {
		int r = 1;

		if (dev->n_rst || !TAILQ_EMPTY(&dev->control)) {
			r = send_control(dev);
			budget--;
		} else if (!TAILQ_EMPTY(&dev->data_list)) {
			/* At least one, so that reads that find nothing come to an end too. */
			budget -= (int)send_bytes(dev, &r) + 1;
		} else {
			if (v->notify)
				(void)vring_set_notify(v, false);
			return false;
		}
		if (r < 0 || (r == 0 && !vring_set_notify(v, true)))
			return false;
	}
	return true;
}

/* ---- The device ---- */

static void fail(struct vsock_device *dev)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vsock_connection *c, *next;

	error_move(&err, &dev->error);
	if (!dev->vhost)
		return;
	vhost_user_free(dev->vhost);
	dev->vhost = NULL;
	dev->n_rst = 0;
	for (c = TAILQ_FIRST(&dev->all); c; c = next) {
		next = TAILQ_NEXT(c, all_link);
		vsock_connection_forget(c);
		place(dev, c);
	}
	if (dev->ops->failed)
		dev->ops->failed(dev->data, &err);
}

static void on_service(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct vsock_device *dev = data;
	bool ready = dev->report_ready, more = false;

	dev->service = NULL;
	dev->report_ready = false;
	if (dev->vhost && vhost_user_usable(dev->vhost) && !dev->error.errnum) {
		bool waited;

		more = serve_tx(dev);
		waited = dev->n_rst == RST_QUEUE;
		more = serve_rx(dev) || more;
		/* The rx ring has made room for what the tx ring waited to say. */
		more = more || (waited && dev->n_rst < RST_QUEUE);
		vhost_user_publish(dev->vhost, RING_TX);
		vhost_user_publish(dev->vhost, RING_RX);
	}
	if (more)
		request_service(dev);
	/* Either call may free the device. */
	if (dev->error.errnum)
		fail(dev);
	else if (ready && dev->ops->ready)
		dev->ops->ready(dev->data);
}

static void on_kicked(void *data, unsigned index _unused_)
{
	request_service(data);
}

/*
 * The driver has begun anew: of connections that it had nothing is left, and those that wait for it
 * go on waiting.
 */
static void forget_connections(struct vsock_device *dev)
{
	struct vsock_connection *c, *next;

	dev->n_rst = 0;
	for (c = TAILQ_FIRST(&dev->all); c; c = next) {
		next = TAILQ_NEXT(c, all_link);
		if (!c->request_sent)
			continue;
		vsock_connection_forget(c);
		place(dev, c);
	}
}

static void on_started(void *data, bool fresh)
{
	struct vsock_device *dev = data;

	if (fresh)
		forget_connections(dev);
	dev->report_ready = fresh;
	request_service(dev);
}

/* What the guest has sent before it ended still counts: a program's last output is in there. */
static void on_stopping(void *data)
{
	struct vsock_device *dev = data;

	if (dev->error.errnum)
		return;
	/* All that a ring can hold, and no more: the guest may still be at it. */
	for (int i = 0; i < VRING_MAX_SIZE / TX_BUDGET && serve_tx(dev); i++)
		;
	vhost_user_publish(dev->vhost, RING_TX);
}

static void on_stopped(void *data _unused_)
{
}

static void on_vhost_failed(void *data, const struct error *err)
{
	struct vsock_device *dev = data;
	struct error copy = ERROR_INIT;

	error_set(&copy, err->errnum, "%s", error_message(err));
	note_failure(dev, &copy);
	error_clear(&copy);
}

static const struct vhost_user_ops vhost_ops = {
	.kicked = on_kicked,
	.started = on_started,
	.stopping = on_stopping,
	.stopped = on_stopped,
	.failed = on_vhost_failed,
};

static void on_timer(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct vsock_device *dev = data;
	uint64_t now = loop_now();
	struct vsock_connection *c, *next;

	dev->timer_deadline = LOOP_FOREVER;
	for (c = TAILQ_FIRST(&dev->linger); c && c->linger_until <= now; c = next) {
		next = TAILQ_NEXT(c, linger_link);
		vsock_connection_reset(c);
		place(dev, c);
	}
	for (c = TAILQ_FIRST(&dev->all); c; c = next) {
		next = TAILQ_NEXT(c, all_link);
		if (!vsock_connection_stalled(c))
			continue;
		vsock_connection_ask_credit(c);
		place(dev, c);
	}
	c = TAILQ_FIRST(&dev->linger);
	if (c)
		set_timer(dev, c->linger_until);
	request_service(dev);
}

int vsock_device_new(struct loop *loop, uint64_t guest_cid, int vhost_fd, int dirfd,
		     const struct vsock_device_ops *ops, void *data, struct vsock_device **ret,
		     struct error *err)
{
	_cleanup_close_ int owned = vhost_fd;
	struct vsock_device *dev;
	int r;

	if (guest_cid < VSOCK_CID_GUEST_MIN || guest_cid >= UINT32_MAX)
		return error_set(err, EINVAL, "vsock: %" PRIu64 " cannot be a guest's CID",
				 guest_cid);
	dev = xnew(struct vsock_device);
	dev->loop = loop;
	dev->guest_cid = guest_cid;
	for (size_t i = 0; i < sizeof(dev->config_space); i++)
		dev->config_space[i] = (uint8_t)(guest_cid >> (8 * i));
	dev->config = (struct vhost_user_config){
		.features = UINT64_C(1) << F_VERSION_1 | 1u << VRING_F_INDIRECT_DESC |
			    1u << VRING_F_EVENT_IDX,
		.ring_writable = {[RING_RX] = true, [RING_TX] = false},
		.space = dev->config_space,
		.space_size = sizeof(dev->config_space),
	};
	dev->dirfd = dirfd;
	dev->ops = ops;
	dev->data = data;
	dev->next_port = CLIENT_PORT_MIN;
	if (getrandom(&dev->hash_key, sizeof(dev->hash_key), GRND_NONBLOCK) < 0)
		dev->hash_key = (uint32_t)loop_now();
	TAILQ_INIT(&dev->listeners);
	TAILQ_INIT(&dev->all);
	TAILQ_INIT(&dev->control);
	TAILQ_INIT(&dev->data_list);
	TAILQ_INIT(&dev->linger);
	r = vhost_user_new(loop, TAKE_FD(owned), &dev->config, &vhost_ops, dev, &dev->vhost, err);
	if (r < 0) {
		free(dev);
		return r;
	}
	dev->timer_deadline = LOOP_FOREVER;
	dev->timer = loop_add_timer(loop, LOOP_FOREVER, on_timer, dev);
	*ret = dev;
	return 0;
}

void vsock_device_listen(struct vsock_device *dev, int listen_fd, uint32_t direct_port)
{
	struct listener *l = xnew(struct listener);

	l->listener = vsock_listener_new(dev->loop, listen_fd, direct_port, &listener_ops, dev);
	TAILQ_INSERT_TAIL(&dev->listeners, l, link);
}

int vsock_device_connect(struct vsock_device *dev, uint32_t port, int fd)
{
	_cleanup_close_ int owned = fd;
	int r;

	if (!dev->vhost)
		return -ESHUTDOWN;
	if (!room_for_one(dev))
		return -EMFILE;
	r = io_set_nonblocking(fd, true);
	if (r < 0)
		return r;
	on_client(dev, TAKE_FD(owned), port, false);
	return 0;
}

size_t vsock_device_connections(const struct vsock_device *dev)
{
	size_t n = dev->n_connections;
	const struct listener *l;

	TAILQ_FOREACH(l, &dev->listeners, link)
	n += vsock_listener_waiting(l->listener);
	return n;
}

void vsock_device_free(struct vsock_device *dev)
{
	struct vsock_connection *c, *next_c;
	struct listener *l, *next_l;

	if (!dev)
		return;
	for (l = TAILQ_FIRST(&dev->listeners); l; l = next_l) {
		next_l = TAILQ_NEXT(l, link);
		vsock_listener_free(l->listener);
		free(l);
	}
	for (c = TAILQ_FIRST(&dev->all); c; c = next_c) {
		next_c = TAILQ_NEXT(c, all_link);
		vsock_connection_free(c);
	}
	vhost_user_free(dev->vhost);
	loop_remove(dev->service);
	loop_remove(dev->timer);
	error_clear(&dev->error);
	free(dev);
}
