/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of a process: epoll, timers, signals, children by pidfd, and deferred calls.
 *
 * Theory of operation: a source calls its function from loop_iterate() and nowhere else. Any
 * function may add and remove any source, its own included: a removed source is never called
 * again and its memory goes at the end of the iteration. Functions do not block.
 */
#ifndef RUNVM_LOOP_H
#define RUNVM_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "lib/cleanup.h"

struct loop;
struct loop_source;

#define LOOP_FOREVER UINT64_MAX

/**
 * typedef loop_fn - what a source calls
 * @source: the source itself, valid during the call
 * @events: EPOLL* bits for descriptors and children, 0 for timers and deferred calls
 * @data: as given when the source was added
 */
typedef void loop_fn(struct loop_source *source, uint32_t events, void *data);
typedef void loop_signal_fn(struct loop_source *source, const struct signalfd_siginfo *info,
			    void *data);

/* Return: 0, or -errno (descriptors exhausted). */
int loop_new(struct loop **ret);
/* Removes every source; their descriptors are closed only where the loop owns them. */
void loop_free(struct loop *loop);

/**
 * loop_add_fd() - watch a descriptor, level triggered
 * @fd: borrowed: the caller closes it, after loop_remove()
 * @events: EPOLLIN, EPOLLOUT ...; 0 watches for EPOLLERR and EPOLLHUP alone
 *
 * Return: the source, never NULL (a descriptor that epoll refuses, such as a regular file, is
 * reported ready all the time, as poll(2) does).
 */
struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fn *fn,
				void *data);
/* A descriptor source that watches for nothing (0 given here) reports not even EPOLLHUP. */
void loop_set_events(struct loop_source *source, uint32_t events);

/**
 * loop_add_timer() - call once at a time
 * @deadline: CLOCK_MONOTONIC microseconds (see loop_now()), or LOOP_FOREVER for not yet
 */
struct loop_source *loop_add_timer(struct loop *loop, uint64_t deadline, loop_fn *fn, void *data);
/* Arms it again, also from its own call. */
void loop_set_deadline(struct loop_source *source, uint64_t deadline);

/**
 * loop_add_signals() - receive signals through a signalfd
 *
 * Blocks the set in the calling thread, for good: fork and exec code has to unblock.
 *
 * Return: the source, NULL with errno on failure.
 */
struct loop_source *loop_add_signals(struct loop *loop, const sigset_t *set, loop_signal_fn *fn,
				     void *data);

/* Calls once, at the end of the present iteration or in the next one. */
struct loop_source *loop_defer(struct loop *loop, loop_fn *fn, void *data);

/* NULL is allowed. */
void loop_remove(struct loop_source *source);

struct loop *loop_of(struct loop_source *source);
/* CLOCK_MONOTONIC in microseconds. */
uint64_t loop_now(void);

/**
 * loop_poll_timeout() - how long poll(2) or epoll_wait(2) may wait
 * @deadline: as loop_now() counts, or LOOP_FOREVER
 *
 * Return: milliseconds, rounded up; 0 when it has passed; -1 for ever. A far one is not waited for in one go.
 */
int loop_poll_timeout(uint64_t deadline, uint64_t now);

/**
 * loop_iterate() - wait for events until @deadline and call what is due
 *
 * Return: 0, -ETIME when the deadline passed with nothing to do, another -errno from epoll.
 */
int loop_iterate(struct loop *loop, uint64_t deadline);

/* Iterates until loop_stop(). Return: the code given there, or -errno from epoll. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);

/**
 * loop_run_until() - iterate until *done is true
 *
 * Return: 0, or -ETIME when the deadline came first.
 */
int loop_run_until(struct loop *loop, const bool *done, uint64_t deadline);

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

#endif
