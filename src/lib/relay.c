// SPDX-License-Identifier: Apache-2.0
#include "lib/relay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/alloc.h"

struct relay_side {
	int fd;
	bool socket;
	bool blocking; /* a write has to stay small enough to fit where poll says there is room */
	struct loop_source *source;
};

struct relay {
	struct relay_side from, to;
	relay_done_fn *fn;
	void *data;
	size_t start, len; /* of what is in the buffer */
	bool ended;
	char buffer[RELAY_BUFFER];
};

static void side_init(struct relay_side *side, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	side->fd = fd;
	side->socket = !fstat(fd, &st) && S_ISSOCK(st.st_mode);
	side->blocking =
		!side->socket && !S_ISREG(st.st_mode) && flags >= 0 && !(flags & O_NONBLOCK);
}

static ssize_t side_read(const struct relay_side *side, void *data, size_t len)
{
	ssize_t n =
		side->socket ? recv(side->fd, data, len, MSG_DONTWAIT) : read(side->fd, data, len);

	return n < 0 ? -errno : n;
}

static ssize_t side_write(const struct relay_side *side, const void *data, size_t len)
{
	ssize_t n;

	if (side->blocking && len > PIPE_BUF)
		len = PIPE_BUF;
	n = side->socket ? send(side->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)
			 : write(side->fd, data, len);
	return n < 0 ? -errno : n;
}

static void finish(struct relay *r, enum relay_end end)
{
	loop_remove(r->from.source);
	loop_remove(r->to.source);
	r->from.source = r->to.source = NULL;
	r->ended = true;
	r->fn(r, end, r->data);
}

static void watch(struct relay *r)
{
	loop_set_events(r->from.source, r->len ? 0 : EPOLLIN);
	/* EPOLLERR alone still tells that the reader is gone. */
	loop_set_events(r->to.source, r->len ? EPOLLOUT : EPOLLERR);
}

static bool is_transient(ssize_t r)
{
	return r == -EAGAIN || r == -EINTR;
}

/* Writes what there is. Return: false when the relay has ended. */
static bool flush(struct relay *r)
{
	while (r->len) {
		ssize_t n = side_write(&r->to, r->buffer + r->start, r->len);

		if (n < 0) {
			if (is_transient(n))
				return true;
			finish(r, RELAY_BROKEN);
			return false;
		}
		r->start += (size_t)n;
		r->len -= (size_t)n;
		if (r->to.blocking)
			break;
	}
	return true;
}

static void on_readable(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct relay *r = data;
	ssize_t n = side_read(&r->from, r->buffer, sizeof(r->buffer));

	if (is_transient(n))
		return;
	/* A pty master's end is EIO; any other failure is an end too: there is nobody to tell. */
	if (n <= 0) {
		finish(r, RELAY_EOF);
		return;
	}
	r->start = 0;
	r->len = (size_t)n;
	if (r->to.blocking || flush(r))
		watch(r);
}

static void on_writable(struct loop_source *source _unused_, uint32_t events, void *data)
{
	struct relay *r = data;

	if (!r->len) {
		if (events & (EPOLLERR | EPOLLHUP))
			finish(r, RELAY_BROKEN);
		return;
	}
	if (flush(r))
		watch(r);
}

struct relay *relay_new(struct loop *loop, int from, int to, relay_done_fn *fn, void *data)
{
	struct relay *r = xmalloc(sizeof(*r));

	r->start = r->len = 0;
	r->ended = false;
	r->fn = fn;
	r->data = data;
	side_init(&r->from, from);
	side_init(&r->to, to);
	r->from.source = loop_add_fd(loop, from, EPOLLIN, on_readable, r);
	r->to.source = loop_add_fd(loop, to, EPOLLERR, on_writable, r);
	return r;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	loop_remove(r->from.source);
	loop_remove(r->to.source);
	free(r);
}

int relay_open_own(int fd, int flags)
{
	char path[32];
	struct stat st;
	int own;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0)
			return own;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? -errno : own;
}
