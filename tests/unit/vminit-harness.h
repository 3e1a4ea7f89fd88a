/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vminitd without a VM: its rooms (all but main and boot) run as pid 1 of a pid namespace with a
 * mount namespace of its own on this host, with unix sockets in place of vsock. Needs root and a
 * cgroup v2 hierarchy. The tests are its client.
 */
#ifndef RUNVM_TEST_VMINIT_HARNESS_H
#define RUNVM_TEST_VMINIT_HARNESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/loop.h"
#include "lib/strbuf.h"
#include "rpc/api.h"
#include "rpc/client.h"

#define HARNESS_TIMEOUT (20 * USEC_PER_SEC)

/**
 * struct harness - a running vminitd and a client of it
 * @dirfd: where the sockets are
 * @rootfs: path of a root file system with the host's programs in it
 * @with_spare: set by the caller: it makes an init ahead
 */
struct harness {
	bool with_spare;
	pid_t pid;
	int dirfd;
	char *rootfs;
	struct loop *loop;
	struct rpc_client *client;
};

/* Path of the cgroup of a container, as vminitd knows it; owned by the caller. */
char *harness_cgroup(const char *name);
/* Why it cannot run here; NULL when it can. */
const char *harness_missing(void);
void harness_start(struct harness *h);
/* Return: how many cgroups were left behind, -1 when vminitd died. */
int harness_stop(struct harness *h);

/* One connection that the host side listens for: a stream of a process. */
struct harness_stream {
	int listen_fd;
	int fd;
	unsigned int port;
};

/* Listens on the next port. */
void harness_stream_open(struct harness *h, struct harness_stream *s);
/* Takes vminitd's connection. */
void harness_stream_accept(struct harness_stream *s);
/* Reads to the end. */
void harness_stream_read(struct harness_stream *s, struct strbuf *out);
void harness_stream_close(struct harness_stream *s);

/**
 * harness_config() - a config.json
 * @process: members of process, which begin with a comma, or ""
 * @linux_members: members of linux, likewise
 * @members: of the top level, likewise
 * @script: for `sh -c`; NULL: @process has args
 *
 * Return: owned by the caller.
 */
char *harness_config(struct harness *h, const char *script, const char *process,
		     const char *linux_members, const char *members);

/* Creates with three streams (fewer when NULL). Return: 0 or -errno with the error. */
int harness_create(struct harness *h, const char *id, const char *config,
		   struct harness_stream streams[3], struct error *err);
int harness_exec(struct harness *h, const char *container, const char *id, const char *config,
		 struct harness_stream streams[3], struct error *err);
/* @process: NULL for the init. */
int harness_start_process(struct harness *h, const char *container, const char *process,
			  struct error *err);
int harness_kill(struct harness *h, const char *container, int signal, struct error *err);
/* Return: exit code or -errno. */
int harness_wait(struct harness *h, const char *container, const char *process, struct error *err);
int harness_remove(struct harness *h, const char *container, struct error *err);

/**
 * harness_run() - create, start, wait, remove
 * @out: what it wrote to stdout and stderr
 *
 * Return: exit code, or -errno.
 */
int harness_run(struct harness *h, const char *config, struct strbuf *out, struct error *err);

#endif
