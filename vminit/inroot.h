/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a rootfs. A container can change what lies there at any time, so nothing may follow
 * one of its symlinks out of it: everything here goes through openat2(RESOLVE_IN_ROOT), and what is
 * found is used by descriptor (mounts on /proc/self/fd/N), never again by name.
 */
#ifndef VMINIT_INROOT_H
#define VMINIT_INROOT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * inroot_open() - openat2(2) within a root
 * @rootfd: the directory that "/" and ".." at the top mean
 * @flags: O_*; O_CLOEXEC is added
 *
 * Return: fd or -errno.
 */
int inroot_open(int rootfd, const char *path, int flags);

enum inroot_kind { INROOT_DIRECTORY, INROOT_FILE };

/**
 * inroot_make() - open what is there, or make it and the directories above
 * @kind: what to make (0755, or an empty file of 0644) when nothing is there; what is there may be
 *	of any kind. A symlink that leads nowhere is followed, and its target made.
 *
 * Return: an O_PATH descriptor, or -errno.
 */
int inroot_make(int rootfd, const char *path, enum inroot_kind kind);

/* Room for inroot_fd_path(). */
#define INROOT_FD_PATH_SIZE 32
/* "/proc/self/fd/N", for mount(2). Return: @buffer. */
const char *inroot_fd_path(int fd, char buffer[INROOT_FD_PATH_SIZE]);

#endif
