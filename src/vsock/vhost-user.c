// SPDX-License-Identifier: Apache-2.0
#include "vsock/vhost-user.h"

#include <inttypes.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/socket.h"
#include "lib/trace.h"
#include "vsock/guest-memory.h"
#include "vsock/vhost-user-message.h"

#define F_PROTOCOL_FEATURES	       30

#define PROTOCOL_F_MQ		       0
#define PROTOCOL_F_REPLY_ACK	       3
#define PROTOCOL_F_CONFIG	       9
#define PROTOCOL_F_RESET_DEVICE	       13
#define PROTOCOL_F_CONFIGURE_MEM_SLOTS 15

#define BIT(n)			       (UINT64_C(1) << (n))

#define PROTOCOL_FEATURES                                                          \
	(BIT(PROTOCOL_F_MQ) | BIT(PROTOCOL_F_REPLY_ACK) | BIT(PROTOCOL_F_CONFIG) | \
	 BIT(PROTOCOL_F_RESET_DEVICE) | BIT(PROTOCOL_F_CONFIGURE_MEM_SLOTS))

/* How long the rings rest after a region was removed, unless one is added sooner. */
#define REMAP_REST (20 * USEC_PER_MSEC)

/* Messages handled in one call: QEMU sends no more than a few before it waits for an answer. */
#define MESSAGES_PER_CALL 32

#define NO_BASE		  (-1)

/**
 * struct back_end_ring - a ring and what belongs to it on the host
 * @kick_fd, @call_fd, @err_fd: owned, -1 for none; a ring with a kick descriptor is started
 * @stopped_at: index that GET_VRING_BASE took away, or NO_BASE
 * @fresh: it has begun somewhere else since the rings were last reported as started
 */
struct back_end_ring {
	struct vhost_user *vu;
	unsigned index;
	struct vring vring;
	int kick_fd;
	int call_fd;
	int err_fd;
	struct loop_source *kick;
	bool enabled;
	bool fresh;
	int32_t stopped_at;
};

struct vhost_user {
	struct loop *loop;
	const struct vhost_user_config *config;
	const struct vhost_user_ops *ops;
	void *data;
	int fd;
	struct loop_source *source;
	struct loop_source *rest;
	bool resting;
	bool running; /* as last reported */
	uint64_t features;
	uint64_t protocol_features;
	struct guest_memory memory;
	struct back_end_ring rings[VHOST_USER_RINGS];
	uint8_t buffer[VHOST_USER_MAX_MESSAGE];
	size_t have;
	int fds[VHOST_USER_MAX_FDS];
	size_t n_fds;
};

/* What a handler answers; a size of 0 leaves it to REPLY_ACK. */
struct reply {
	uint32_t size;
	uint8_t payload[VHOST_USER_MAX_PAYLOAD];
};

struct vring *vhost_user_ring(struct vhost_user *vu, unsigned index)
{
	return &vu->rings[index].vring;
}

bool vhost_user_usable(const struct vhost_user *vu)
{
	if (!vu->running || vu->resting)
		return false;
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++)
		if (!vring_mapped(&vu->rings[i].vring))
			return false;
	return true;
}

void vhost_user_publish(struct vhost_user *vu, unsigned index)
{
	struct back_end_ring *r = &vu->rings[index];
	uint64_t one = 1;

	/* A full counter (EAGAIN) is a call that has not been heard yet: nothing is lost. */
	if (vring_publish(&r->vring) && r->call_fd >= 0)
		(void)!write(r->call_fd, &one, sizeof(one));
}

static void reply_u64(struct reply *reply, uint64_t value)
{
	memcpy(reply->payload, &value, sizeof(value));
	reply->size = sizeof(value);
}

static struct back_end_ring *ring_at(struct vhost_user *vu, uint64_t index, struct error *err)
{
	if (index < VHOST_USER_RINGS)
		return &vu->rings[index];
	error_set(err, EINVAL, "vhost-user: there is no virtqueue %" PRIu64, index);
	return NULL;
}

static void report_kicks(struct vhost_user *vu)
{
	for (unsigned i = 0; i < VHOST_USER_RINGS && vhost_user_usable(vu); i++)
		vu->ops->kicked(vu->data, i);
}

/* Tells the device when the rings have begun or ceased to run. */
static void update_running(struct vhost_user *vu)
{
	bool running = true, fresh = false;

	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		running = running && vu->rings[i].kick_fd >= 0 && vu->rings[i].enabled;
		fresh = fresh || vu->rings[i].fresh;
	}
	if (running == vu->running)
		return;
	vu->running = running;
	if (!running) {
		vu->ops->stopped(vu->data);
		return;
	}
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++)
		vu->rings[i].fresh = false;
	vu->ops->started(vu->data, fresh);
	report_kicks(vu);
}

static void ring_stop(struct back_end_ring *r)
{
	loop_remove(r->kick);
	r->kick = NULL;
	r->kick_fd = close_keep_errno(r->kick_fd);
	vring_unmap(&r->vring);
}

static int handle_get_features(struct vhost_user *vu, const struct vhost_user_message *m _unused_,
			       struct reply *reply, struct error *err _unused_)
{
	reply_u64(reply, vu->config->features | BIT(F_PROTOCOL_FEATURES));
	return 0;
}

static int handle_set_features(struct vhost_user *vu, const struct vhost_user_message *m,
			       struct reply *reply _unused_, struct error *err)
{
	uint64_t unknown = m->number & ~(vu->config->features | BIT(F_PROTOCOL_FEATURES));

	if (unknown)
		return error_set(err, EINVAL, "vhost-user: features 0x%" PRIx64 " were not offered",
				 unknown);
	/* The guest's driver is up: QEMU asks for nothing of this before. */
	trace_step("vsock driver");
	vu->features = m->number;
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		struct back_end_ring *r = &vu->rings[i];

		r->vring.indirect = m->number & BIT(VRING_F_INDIRECT_DESC);
		r->vring.event_idx = m->number & BIT(VRING_F_EVENT_IDX);
		/* vhost-user.rst, "Ring states": who does not know of ENABLE gets enabled rings. */
		if (!(m->number & BIT(F_PROTOCOL_FEATURES)))
			r->enabled = true;
	}
	return 0;
}

static int handle_get_protocol_features(struct vhost_user *vu _unused_,
					const struct vhost_user_message *m _unused_,
					struct reply *reply, struct error *err _unused_)
{
	reply_u64(reply, PROTOCOL_FEATURES);
	return 0;
}

static int handle_set_protocol_features(struct vhost_user *vu, const struct vhost_user_message *m,
					struct reply *reply _unused_, struct error *err)
{
	if (m->number & ~PROTOCOL_FEATURES)
		return error_set(err, EINVAL,
				 "vhost-user: protocol features 0x%" PRIx64 " were not offered",
				 (uint64_t)(m->number & ~PROTOCOL_FEATURES));
	vu->protocol_features = m->number;
	return 0;
}

static int handle_get_queue_num(struct vhost_user *vu _unused_,
				const struct vhost_user_message *m _unused_, struct reply *reply,
				struct error *err _unused_)
{
	reply_u64(reply, VHOST_USER_RINGS);
	return 0;
}

static void stop_rings(struct vhost_user *vu)
{
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		ring_stop(&vu->rings[i]);
		vu->rings[i].enabled = false;
		vu->rings[i].fresh = true;
		vu->rings[i].stopped_at = NO_BASE;
	}
}

/*
 * A session begins. After an unplug the next device comes over the same socket, and QEMU tells it
 * about memory from the start without having taken back what the last one had.
 */
static int handle_set_owner(struct vhost_user *vu, const struct vhost_user_message *m _unused_,
			    struct reply *reply _unused_, struct error *err _unused_)
{
	stop_rings(vu);
	guest_memory_clear(&vu->memory);
	return 0;
}

static int handle_reset(struct vhost_user *vu, const struct vhost_user_message *m _unused_,
			struct reply *reply _unused_, struct error *err _unused_)
{
	stop_rings(vu);
	return 0;
}

/*
 * Memory has changed: look the running rings up again. One that is not there now may be back after
 * the next message, so this is no error here.
 */
static void remap_rings(struct vhost_user *vu)
{
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct vring *v = &vu->rings[i].vring;

		if (vu->rings[i].kick_fd < 0)
			continue;
		if (vring_map(v, &err) < 0)
			log_debug("%s (for now)", error_message(&err));
	}
}

static void remap_done(struct vhost_user *vu)
{
	vu->resting = false;
	loop_set_deadline(vu->rest, LOOP_FOREVER);
	report_kicks(vu);
}

static void on_rest_over(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	remap_done(data);
}

static int handle_set_mem_table(struct vhost_user *vu, const struct vhost_user_message *m,
				struct reply *reply _unused_, struct error *err)
{
	int r = 0;

	guest_memory_clear(&vu->memory);
	for (uint32_t i = 0; i < m->table.n && !r; i++) {
		const struct vhost_user_region *g = &m->table.regions[i];

		r = guest_memory_add(&vu->memory, g->guest_address, g->size, g->user_address,
				     g->offset, vu->fds[i], err);
	}
	if (r < 0)
		guest_memory_clear(&vu->memory);
	remap_rings(vu);
	remap_done(vu);
	return r;
}

static int handle_get_max_mem_slots(struct vhost_user *vu _unused_,
				    const struct vhost_user_message *m _unused_,
				    struct reply *reply, struct error *err _unused_)
{
	reply_u64(reply, GUEST_MEMORY_MAX_REGIONS);
	return 0;
}

static int handle_add_mem_reg(struct vhost_user *vu, const struct vhost_user_message *m,
			      struct reply *reply _unused_, struct error *err)
{
	const struct vhost_user_region *g = &m->region;
	int r;

	r = guest_memory_add(&vu->memory, g->guest_address, g->size, g->user_address, g->offset,
			     vu->fds[0], err);
	if (r < 0)
		return r;
	remap_rings(vu);
	remap_done(vu);
	return 0;
}

static int handle_rem_mem_reg(struct vhost_user *vu, const struct vhost_user_message *m,
			      struct reply *reply _unused_, struct error *err)
{
	const struct vhost_user_region *g = &m->region;
	int r;

	r = guest_memory_remove(&vu->memory, g->guest_address, g->size, g->user_address, err);
	if (r < 0)
		return r;
	remap_rings(vu);
	vu->resting = true;
	loop_set_deadline(vu->rest, loop_now() + REMAP_REST);
	return 0;
}

static int handle_set_vring_num(struct vhost_user *vu, const struct vhost_user_message *m,
				struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->state.index, err);

	if (!r)
		return -EINVAL;
	if (r->kick_fd >= 0)
		return error_set(err, EBUSY, "vhost-user: SET_VRING_NUM on a running virtqueue");
	return vring_set_num(&r->vring, m->state.num, err);
}

static int handle_set_vring_addr(struct vhost_user *vu, const struct vhost_user_message *m,
				 struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->address.index, err);
	int ret;

	if (!r)
		return -EINVAL;
	ret = vring_set_addresses(&r->vring, m->address.desc, m->address.avail, m->address.used,
				  err);
	if (ret < 0 || r->kick_fd < 0)
		return ret;
	return vring_map(&r->vring, err);
}

static int handle_set_vring_base(struct vhost_user *vu, const struct vhost_user_message *m,
				 struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->state.index, err);

	if (!r)
		return -EINVAL;
	if (r->kick_fd >= 0)
		return error_set(err, EBUSY, "vhost-user: SET_VRING_BASE on a running virtqueue");
	if (m->state.num > UINT16_MAX)
		return error_set(err, EINVAL, "vhost-user: virtqueue index %" PRIu32, m->state.num);
	if ((int32_t)m->state.num != r->stopped_at)
		r->fresh = true;
	vring_set_base(&r->vring, (uint16_t)m->state.num);
	return 0;
}

static int handle_get_vring_base(struct vhost_user *vu, const struct vhost_user_message *m,
				 struct reply *reply, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->state.index, err);
	uint32_t state[2];

	if (!r)
		return -EINVAL;
	if (vhost_user_usable(vu))
		vu->ops->stopping(vu->data);
	ring_stop(r);
	/* A broken ring has lost its place: what comes next is another life of the driver. */
	r->stopped_at = r->vring.broken ? NO_BASE : r->vring.next_avail;
	state[0] = m->state.index;
	state[1] = r->vring.next_avail;
	memcpy(reply->payload, state, sizeof(state));
	reply->size = sizeof(state);
	return 0;
}

static void on_kick(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct back_end_ring *r = data;
	struct vhost_user *vu = r->vu;
	uint64_t count;

	if (read(r->kick_fd, &count, sizeof(count)) <= 0 && errno != EAGAIN && errno != EINTR) {
		log_warning("vhost-user: the kick descriptor of virtqueue %u is of no use",
			    r->index);
		loop_set_events(r->kick, 0);
		return;
	}
	if (vhost_user_usable(vu))
		vu->ops->kicked(vu->data, r->index);
}

/* The descriptor that came with the message, made non-blocking; -1 when it says that none did. */
static int take_fd(struct vhost_user *vu, const struct vhost_user_message *m)
{
	if (m->number & VHOST_USER_VRING_NO_FD)
		return -1;
	(void)io_set_nonblocking(vu->fds[0], true);
	return TAKE_FD(vu->fds[0]);
}

static int handle_set_vring_kick(struct vhost_user *vu, const struct vhost_user_message *m,
				 struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->number & VHOST_USER_VRING_MASK, err);
	int ret;

	if (!r)
		return -EINVAL;
	if (m->number & VHOST_USER_VRING_NO_FD)
		return error_set(err, EOPNOTSUPP,
				 "vhost-user: a virtqueue without a kick descriptor");
	ret = vring_map(&r->vring, err);
	if (ret < 0)
		return ret;
	loop_remove(r->kick);
	close_keep_errno(r->kick_fd);
	r->kick_fd = take_fd(vu, m);
	r->kick = loop_add_fd(vu->loop, r->kick_fd, EPOLLIN, on_kick, r);
	return 0;
}

static int handle_set_vring_call(struct vhost_user *vu, const struct vhost_user_message *m,
				 struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->number & VHOST_USER_VRING_MASK, err);
	uint64_t one = 1;

	if (!r)
		return -EINVAL;
	close_keep_errno(r->call_fd);
	r->call_fd = take_fd(vu, m);
	/* A call may have gone to the old descriptor unheard; the driver bears one too many. */
	if (r->call_fd >= 0 && r->kick_fd >= 0)
		(void)!write(r->call_fd, &one, sizeof(one));
	return 0;
}

static int handle_set_vring_err(struct vhost_user *vu, const struct vhost_user_message *m,
				struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->number & VHOST_USER_VRING_MASK, err);

	if (!r)
		return -EINVAL;
	close_keep_errno(r->err_fd);
	r->err_fd = take_fd(vu, m);
	return 0;
}

static int handle_set_vring_enable(struct vhost_user *vu, const struct vhost_user_message *m,
				   struct reply *reply _unused_, struct error *err)
{
	struct back_end_ring *r = ring_at(vu, m->state.index, err);

	if (!r)
		return -EINVAL;
	/* QEMU disables the rings before it stops them. */
	if (!m->state.num && vhost_user_usable(vu))
		vu->ops->stopping(vu->data);
	r->enabled = m->state.num != 0;
	return 0;
}

static int handle_get_config(struct vhost_user *vu, const struct vhost_user_message *m,
			     struct reply *reply, struct error *err _unused_)
{
	uint32_t head[3] = {m->config.offset, m->config.size, 0};
	size_t offset = m->config.offset, size = m->config.size;

	/* Beyond the space: zeroes, as a real device reads. The size has to be the asked one. */
	if (offset < vu->config->space_size) {
		size_t part = vu->config->space_size - offset;

		memcpy(reply->payload + sizeof(head), vu->config->space + offset,
		       part < size ? part : size);
	}
	memcpy(reply->payload, head, sizeof(head));
	reply->size = (uint32_t)(sizeof(head) + size);
	return 0;
}

static int handle_set_config(struct vhost_user *vu _unused_,
			     const struct vhost_user_message *m _unused_,
			     struct reply *reply _unused_, struct error *err)
{
	return error_set(err, EPERM, "vhost-user: the configuration space is read-only");
}

typedef int handler_fn(struct vhost_user *vu, const struct vhost_user_message *m,
		       struct reply *reply, struct error *err);

static handler_fn *const handlers[] = {
	[VHOST_USER_GET_FEATURES] = handle_get_features,
	[VHOST_USER_SET_FEATURES] = handle_set_features,
	[VHOST_USER_SET_OWNER] = handle_set_owner,
	[VHOST_USER_RESET_OWNER] = handle_reset,
	[VHOST_USER_SET_MEM_TABLE] = handle_set_mem_table,
	[VHOST_USER_SET_VRING_NUM] = handle_set_vring_num,
	[VHOST_USER_SET_VRING_ADDR] = handle_set_vring_addr,
	[VHOST_USER_SET_VRING_BASE] = handle_set_vring_base,
	[VHOST_USER_GET_VRING_BASE] = handle_get_vring_base,
	[VHOST_USER_SET_VRING_KICK] = handle_set_vring_kick,
	[VHOST_USER_SET_VRING_CALL] = handle_set_vring_call,
	[VHOST_USER_SET_VRING_ERR] = handle_set_vring_err,
	[VHOST_USER_GET_PROTOCOL_FEATURES] = handle_get_protocol_features,
	[VHOST_USER_SET_PROTOCOL_FEATURES] = handle_set_protocol_features,
	[VHOST_USER_GET_QUEUE_NUM] = handle_get_queue_num,
	[VHOST_USER_SET_VRING_ENABLE] = handle_set_vring_enable,
	[VHOST_USER_GET_CONFIG] = handle_get_config,
	[VHOST_USER_SET_CONFIG] = handle_set_config,
	[VHOST_USER_RESET_DEVICE] = handle_reset,
	[VHOST_USER_GET_MAX_MEM_SLOTS] = handle_get_max_mem_slots,
	[VHOST_USER_ADD_MEM_REG] = handle_add_mem_reg,
	[VHOST_USER_REM_MEM_REG] = handle_rem_mem_reg,
};

_Static_assert(ARRAY_SIZE(handlers) == VHOST_USER_REQUEST_COUNT, "one handler a request");

static int send_reply(struct vhost_user *vu, uint32_t request, const struct reply *reply,
		      struct error *err)
{
	uint8_t bytes[VHOST_USER_MAX_MESSAGE];
	size_t len = VHOST_USER_HEADER_SIZE + reply->size;
	ssize_t n;

	vhost_user_reply_header(request, reply->size, bytes);
	memcpy(bytes + VHOST_USER_HEADER_SIZE, reply->payload, reply->size);
	/* QEMU waits for each reply, so the socket has room unless something is very wrong. */
	n = socket_send_fds(vu->fd, bytes, len, NULL, 0);
	if (n != (ssize_t)len)
		return error_errno(err, n < 0 ? (int)-n : EIO, "vhost-user: reply to %s",
				   vhost_user_request_name(request));
	return 0;
}

static void drop_fds(struct vhost_user *vu)
{
	for (size_t i = 0; i < vu->n_fds; i++)
		vu->fds[i] = close_keep_errno(vu->fds[i]);
	vu->n_fds = 0;
}

static int handle_message(struct vhost_user *vu, const struct vhost_user_message *m,
			  struct error *err)
{
	_cleanup_error_ struct error refusal = ERROR_INIT;
	struct reply reply = {0};
	bool ack = m->need_reply && (vu->protocol_features & BIT(PROTOCOL_F_REPLY_ACK));
	int r;

	r = m->known ? handlers[m->request](vu, m, &reply, &refusal)
		     : error_set(&refusal, EOPNOTSUPP, "vhost-user: unknown request %" PRIu32,
				 m->request);
	if (r < 0 && !ack) {
		error_move(err, &refusal);
		return r;
	}
	if (r < 0)
		log_warning("%s", error_message(&refusal));
	if (!reply.size) {
		if (!ack)
			return 0;
		reply_u64(&reply, r < 0);
	}
	return send_reply(vu, m->request, &reply, err);
}

/* Return: 1 with a whole message in the buffer, 0 when more has to come, -errno. */
static int receive(struct vhost_user *vu, struct error *err)
{
	size_t want = VHOST_USER_HEADER_SIZE;

	for (;;) {
		size_t room;
		ssize_t n;

		if (vu->have >= VHOST_USER_HEADER_SIZE) {
			int length = vhost_user_message_length(vu->buffer, err);

			if (length < 0)
				return length;
			want = (size_t)length;
			if (vu->have == want)
				return 1;
		}
		/* Never past the message's end: descriptors of the next would be mixed with its. */
		room = VHOST_USER_MAX_FDS - vu->n_fds;
		n = socket_recv_fds(vu->fd, vu->buffer + vu->have, want - vu->have,
				    vu->fds + vu->n_fds, &room);
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return error_errno(err, (int)-n, "vhost-user: receive");
		if (n == 0)
			return error_set(err, ECONNRESET, "vhost-user: QEMU hung up");
		vu->n_fds += room;
		vu->have += (size_t)n;
	}
}

static void on_readable(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vhost_user *vu = data;
	int r = 0;

	for (int i = 0; i < MESSAGES_PER_CALL; i++) {
		struct vhost_user_message m;

		r = receive(vu, &err);
		if (r <= 0)
			break;
		r = vhost_user_message_decode(vu->buffer, vu->have, vu->n_fds, &m, &err);
		if (!r)
			r = handle_message(vu, &m, &err);
		drop_fds(vu);
		vu->have = 0;
		if (r < 0)
			break;
		update_running(vu);
	}
	if (r >= 0)
		return;
	drop_fds(vu);
	/* QEMU may be gone, but the memory is still here, and in it the guest's last words. */
	if (vhost_user_usable(vu))
		vu->ops->stopping(vu->data);
	stop_rings(vu);
	loop_remove(vu->source);
	vu->source = NULL;
	vu->fd = close_keep_errno(vu->fd);
	vu->running = false;
	vu->ops->failed(vu->data, &err);
}

int vhost_user_new(struct loop *loop, int fd, const struct vhost_user_config *config,
		   const struct vhost_user_ops *ops, void *data, struct vhost_user **ret,
		   struct error *err)
{
	_cleanup_close_ int owned = fd;
	struct vhost_user *vu;
	int r;

	r = io_set_nonblocking(fd, true);
	if (r < 0)
		return error_errno(err, -r, "vhost-user: make the socket non-blocking");
	vu = xnew(struct vhost_user);
	vu->loop = loop;
	vu->config = config;
	vu->ops = ops;
	vu->data = data;
	vu->fd = TAKE_FD(owned);
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		vu->rings[i] = (struct back_end_ring){
			.vu = vu,
			.index = i,
			.kick_fd = -1,
			.call_fd = -1,
			.err_fd = -1,
			.fresh = true,
			.stopped_at = NO_BASE,
		};
		vring_init(&vu->rings[i].vring, &vu->memory, config->ring_writable[i]);
	}
	vu->source = loop_add_fd(loop, vu->fd, EPOLLIN, on_readable, vu);
	vu->rest = loop_add_timer(loop, LOOP_FOREVER, on_rest_over, vu);
	*ret = vu;
	return 0;
}

void vhost_user_free(struct vhost_user *vu)
{
	if (!vu)
		return;
	for (unsigned i = 0; i < VHOST_USER_RINGS; i++) {
		ring_stop(&vu->rings[i]);
		close_keep_errno(vu->rings[i].call_fd);
		close_keep_errno(vu->rings[i].err_fd);
	}
	loop_remove(vu->source);
	loop_remove(vu->rest);
	drop_fds(vu);
	close_keep_errno(vu->fd);
	guest_memory_clear(&vu->memory);
	free(vu);
}
