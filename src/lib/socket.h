/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets: names longer than sun_path's 107 bytes (bound and connected through a directory
 * descriptor, by /proc/self/fd), pairs, and descriptors in messages.
 */
#ifndef RUNVM_SOCKET_H
#define RUNVM_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#define SOCKET_MAX_FDS 253 /* SCM_MAX_FD of the kernel */

/**
 * socket_listen_at() - make a listening socket in a directory
 * @dirfd: descriptor of the directory, not AT_FDCWD
 * @name: a file name without a slash
 * @type: SOCK_STREAM or SOCK_SEQPACKET, plus SOCK_NONBLOCK if wanted
 *
 * The socket file has mode 0600.
 *
 * Return: the descriptor (close-on-exec), or -errno; -EADDRINUSE when the name exists.
 */
int socket_listen_at(int dirfd, const char *name, int type);

/* Connects; may block only where the listener's backlog is full. Return: fd or -errno. */
int socket_connect_at(int dirfd, const char *name, int type);

/* The same by a path of any length. */
int socket_connect_path(const char *path, int type);

/* A close-on-exec pair. Return: 0 or -errno. */
int socket_pair(int type, int ret[2]);

/**
 * socket_send_fds() - one message with descriptors
 *
 * Never raises SIGPIPE. Return: bytes sent, or -errno.
 */
ssize_t socket_send_fds(int fd, const void *data, size_t len, const int *fds, size_t n_fds);

/**
 * socket_recv_fds() - receive one message
 * @fds: room for *n_fds descriptors; filled with close-on-exec ones; those beyond are closed
 * @n_fds: in: room, out: how many came
 *
 * Return: bytes received (0 at the end of the stream), or -errno; -EMSGSIZE when it was cut.
 */
ssize_t socket_recv_fds(int fd, void *data, size_t len, int *fds, size_t *n_fds);

#endif
