/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's virtiofsd, which serves a VM's share: which of the two programs of that name it is,
 * its command line, its process.
 *
 * Theory of operation: virtiofsd_make_sockets() binds a listening socket in a directory, connects
 * to it and removes the name. virtiofsd_start() starts virtiofsd with the listening end (--fd): the
 * connection waits in the backlog, and virtiofsd, which serves one connection and ends with it,
 * finds it there. The connected end goes to QEMU as a chardev (struct qemu_chardev). So nothing on
 * disk names the socket, neither need wait for the other, and both start side by side.
 */
#ifndef RUNVM_VMM_VIRTIOFSD_H
#define RUNVM_VMM_VIRTIOFSD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "vmm/argv.h"

struct virtiofsd;

enum virtiofsd_kind {
	VIRTIOFSD_C,	/* of QEMU up to 7.2: -o source=... */
	VIRTIOFSD_RUST, /* of the virtiofsd project: --shared-dir ... */
	N_VIRTIOFSD_KINDS
};

enum virtiofsd_cache { VIRTIOFSD_CACHE_AUTO, VIRTIOFSD_CACHE_ALWAYS, VIRTIOFSD_CACHE_NEVER };

/**
 * struct virtiofsd_program - an installed one
 * @path: owned
 */
struct virtiofsd_program {
	char *path;
	enum virtiofsd_kind kind;
};

/**
 * struct virtiofsd_config - how to serve
 * @program: which
 * @source: path of the shared directory as virtiofsd sees it
 * @cache: see virtiofsd(1)
 * @threads: size of the pool of request threads; 0: requests are served by the queue's own thread
 * @nofile: value for RLIMIT_NOFILE, 0 to leave it; see virtiofsd_nofile()
 * @fd: listening socket; borrowed
 */
struct virtiofsd_config {
	const struct virtiofsd_program *program;
	const char *source;
	enum virtiofsd_cache cache;
	unsigned int threads;
	uint64_t nofile;
	int fd;
};

/* Where distributions put it. Return: a path that is executable, static; NULL when there is none. */
const char *virtiofsd_path(void);

/**
 * virtiofsd_find() - the program, and which it is
 * @configured: the only path looked at; NULL for virtiofsd_path()
 *
 * Which kind it is, is read from the program file itself: no process is run.
 *
 * Return: 0; -ENOENT when there is none (the message says which package has it); -ENOEXEC for a
 * file that is neither.
 */
int virtiofsd_find(const char *configured, struct virtiofsd_program *ret, struct error *err);
void virtiofsd_program_clear(struct virtiofsd_program *program);

/* The command line. Return: 0; -EINVAL for a source that cannot be said in it. */
int virtiofsd_render(const struct virtiofsd_config *config, struct argv *ret, struct error *err);

/* What to ask for as RLIMIT_NOFILE: as many as the kernel allows this process, at most 1,000,000. */
uint64_t virtiofsd_nofile(void);

/**
 * struct virtiofsd_ops - what it tells the monitor
 * @on_exit: the process is gone; @err says how, with what it said last. It ends by itself when
 *	QEMU's end of the socket is closed. virtiofsd_free() may be called from here.
 */
struct virtiofsd_ops {
	void (*on_exit)(struct virtiofsd *virtiofsd, const struct error *err, void *data);
};

/**
 * virtiofsd_make_sockets() - both ends of its connection
 * @dirfd: a private directory in which the socket has a name for a moment
 * @ret_listening: for virtiofsd
 * @ret_connected: for QEMU; both are owned by the caller, who closes them once the programs have
 *	them
 *
 * Return: 0 or -errno.
 */
int virtiofsd_make_sockets(int dirfd, int *ret_listening, int *ret_connected, struct error *err);

/**
 * virtiofsd_start() - execute it
 *
 * Return: 0 or -errno.
 */
int virtiofsd_start(struct loop *loop, const struct virtiofsd_config *config,
		    const struct virtiofsd_ops *ops, void *data, struct virtiofsd **ret,
		    struct error *err);
/* Kills it if it still runs. NULL is allowed. */
void virtiofsd_free(struct virtiofsd *virtiofsd);
pid_t virtiofsd_pid(const struct virtiofsd *virtiofsd);

#endif
