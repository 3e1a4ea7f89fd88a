/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by scope: a variable marked _cleanup_(f) is handed to f when it goes out of scope.
 * An owner gives its value away with TAKE_PTR or TAKE_FD, which leave NULL or -1 behind.
 * File descriptors start at -1 and are close-on-exec from birth.
 */
#ifndef RUNVM_CLEANUP_H
#define RUNVM_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _noreturn_     __attribute__((noreturn))

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})

#define TAKE_FD(fd)                \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

/**
 * close_keep_errno() - close a descriptor unless it is negative, errno untouched
 *
 * Return: always -1, so that `fd = close_keep_errno(fd)` forgets it.
 */
static inline int close_keep_errno(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -1;
}

/* A pointer to an owner of any type may be read as this one. */
typedef void *cleanup_pointer __attribute__((may_alias));

static inline void cleanup_free(void *p)
{
	free(*(cleanup_pointer *)p);
}

static inline void cleanup_close(int *fd)
{
	(void)close_keep_errno(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define _cleanup_free_	   _cleanup_(cleanup_free)
#define _cleanup_close_	   _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

#endif
