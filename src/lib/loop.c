// SPDX-License-Identifier: Apache-2.0
#include "lib/loop.h"

#include <string.h>
#include <time.h>

#include "lib/alloc.h"

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_DEFER };

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	enum source_kind kind;
	int fd;		 /* SOURCE_FD: borrowed; SOURCE_SIGNAL: owned signalfd */
	uint32_t events; /* SOURCE_FD: what is asked for */
	bool in_epoll;
	bool always_ready; /* SOURCE_FD that epoll refuses */
	bool removed;
	uint64_t deadline;
	loop_fn *fn;
	loop_signal_fn *signal_fn;
	void *data;
};

struct loop {
	int epoll_fd;
	struct loop_source *sources;
	bool stopped;
	int code;
};

#define EVENTS_PER_WAIT 32
/* A quarter of an hour. */
#define MAX_POLL_MSEC 1000000

int loop_poll_timeout(uint64_t deadline, uint64_t now)
{
	uint64_t msec;

	if (deadline == LOOP_FOREVER)
		return -1;
	if (deadline <= now)
		return 0;
	msec = (deadline - now - 1) / USEC_PER_MSEC + 1;
	return msec > MAX_POLL_MSEC ? MAX_POLL_MSEC : (int)msec;
}

uint64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

int loop_new(struct loop **ret)
{
	struct loop *loop = xnew(struct loop);

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return -errno;
	}
	*ret = loop;
	return 0;
}

static void source_forget(struct loop_source *s)
{
	if (s->in_epoll)
		(void)epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	s->in_epoll = false;
	if (s->kind == SOURCE_SIGNAL)
		s->fd = close_keep_errno(s->fd);
	s->removed = true;
}

static void reap_removed(struct loop *loop)
{
	struct loop_source **link = &loop->sources;

	while (*link) {
		struct loop_source *s = *link;

		if (s->removed) {
			*link = s->next;
			free(s);
		} else {
			link = &s->next;
		}
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (struct loop_source *s = loop->sources; s; s = s->next)
		if (!s->removed)
			source_forget(s);
	reap_removed(loop);
	close_keep_errno(loop->epoll_fd);
	free(loop);
}

static struct loop_source *source_new(struct loop *loop, enum source_kind kind, loop_fn *fn,
				      void *data)
{
	struct loop_source *s = xnew(struct loop_source);

	s->loop = loop;
	s->kind = kind;
	s->fd = -1;
	s->deadline = LOOP_FOREVER;
	s->fn = fn;
	s->data = data;
	s->next = loop->sources;
	loop->sources = s;
	return s;
}

/* epoll reports EPOLLHUP even to who asks for nothing, so a source at rest is taken out. */
static void source_update_epoll(struct loop_source *s, bool wanted)
{
	struct epoll_event ev = {.events = s->events, .data.ptr = s};

	if (s->always_ready)
		return;
	if (!wanted) {
		if (s->in_epoll)
			(void)epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
		s->in_epoll = false;
		return;
	}
	if (!epoll_ctl(s->loop->epoll_fd, s->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &ev))
		s->in_epoll = true;
	else if (errno == EPERM)
		s->always_ready = true;
}

struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *data)
{
	struct loop_source *s = source_new(loop, SOURCE_FD, fn, data);

	s->fd = fd;
	s->events = events;
	source_update_epoll(s, true);
	return s;
}

void loop_set_events(struct loop_source *s, uint32_t events)
{
	if (s->events == events && s->in_epoll == (events != 0))
		return;
	s->events = events;
	source_update_epoll(s, events != 0);
}

struct loop_source *loop_add_timer(struct loop *loop, uint64_t deadline, loop_fn *fn, void *data)
{
	struct loop_source *s = source_new(loop, SOURCE_TIMER, fn, data);

	s->deadline = deadline;
	return s;
}

void loop_set_deadline(struct loop_source *s, uint64_t deadline)
{
	s->deadline = deadline;
}

struct loop_source *loop_add_signals(struct loop *loop, const sigset_t *set, loop_signal_fn *fn,
				     void *data)
{
	struct loop_source *s;
	int fd;

	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return NULL;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return NULL;
	s = source_new(loop, SOURCE_SIGNAL, NULL, data);
	s->fd = fd;
	s->signal_fn = fn;
	s->events = EPOLLIN;
	source_update_epoll(s, true);
	return s;
}

struct loop_source *loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
	return source_new(loop, SOURCE_DEFER, fn, data);
}

void loop_remove(struct loop_source *s)
{
	if (s && !s->removed)
		source_forget(s);
}

struct loop *loop_of(struct loop_source *s)
{
	return s->loop;
}

static void dispatch_signal(struct loop_source *s)
{
	struct signalfd_siginfo info;

	while (!s->removed && read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->signal_fn(s, &info, s->data);
}

static bool is_ready_file(const struct loop_source *s)
{
	return s->always_ready && (s->events & (EPOLLIN | EPOLLOUT));
}

/* What is due without epoll: returns how many calls were made. */
static int dispatch_due(struct loop *loop, uint64_t now)
{
	int calls = 0;

	/* A call may add sources: they go in front of the list and wait for the next round. */
	for (struct loop_source *s = loop->sources; s; s = s->next) {
		if (s->removed)
			continue;
		if (s->kind == SOURCE_DEFER) {
			source_forget(s);
			s->fn(s, 0, s->data);
			calls++;
		} else if (s->kind == SOURCE_TIMER && s->deadline <= now) {
			s->deadline = LOOP_FOREVER;
			s->fn(s, 0, s->data);
			calls++;
		} else if (is_ready_file(s)) {
			s->fn(s, s->events & (EPOLLIN | EPOLLOUT), s->data);
			calls++;
		}
	}
	return calls;
}

static int wait_milliseconds(struct loop *loop, uint64_t now, uint64_t deadline)
{
	uint64_t nearest = deadline;

	for (struct loop_source *s = loop->sources; s; s = s->next) {
		if (s->removed)
			continue;
		if (s->kind == SOURCE_DEFER || is_ready_file(s))
			return 0;
		if (s->kind == SOURCE_TIMER && s->deadline < nearest)
			nearest = s->deadline;
	}
	return loop_poll_timeout(nearest, now);
}

int loop_iterate(struct loop *loop, uint64_t deadline)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	uint64_t now = loop_now();
	int n, calls;

	n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT,
		       wait_milliseconds(loop, now, deadline));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct loop_source *s = events[i].data.ptr;

		if (s->removed)
			continue;
		if (s->kind == SOURCE_SIGNAL)
			dispatch_signal(s);
		else
			s->fn(s, events[i].events, s->data);
	}
	now = loop_now();
	calls = dispatch_due(loop, now);
	reap_removed(loop);
	return n <= 0 && !calls && now >= deadline ? -ETIME : 0;
}

int loop_run(struct loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped) {
		int r = loop_iterate(loop, LOOP_FOREVER);

		if (r < 0)
			return r;
	}
	return loop->code;
}

void loop_stop(struct loop *loop, int code)
{
	loop->stopped = true;
	loop->code = code;
}

int loop_run_until(struct loop *loop, const bool *done, uint64_t deadline)
{
	while (!*done) {
		int r = loop_iterate(loop, deadline);

		if (r < 0 && !*done)
			return r;
	}
	return 0;
}
