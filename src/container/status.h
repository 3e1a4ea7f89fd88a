/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status file of a container, `status.json` in its directory: what runvm has to know about it
 * from one command to the next. It is replaced atomically; who writes it holds the container's
 * lock (see container.h). It says what was last done, not what is alive: container_state() looks.
 */
#ifndef RUNVM_STATUS_H
#define RUNVM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/process.h"

#define STATUS_FILE "status.json"

/* What the last command that wrote the file had reached. */
enum status_phase {
	STATUS_CREATING, /* create has begun: there may be processes, or not yet */
	STATUS_CREATED,	 /* the process waits in the guest for start */
	STATUS_STARTED,	 /* start told the guest to go on */
};

/**
 * struct status - content of the status file
 * @id: the container's id
 * @oci_version: ociVersion of its config.json
 * @bundle: absolute path
 * @rootfs: absolute path of the root file system on the host
 * @created: RFC 3339 with nanoseconds, UTC
 * @owner: name of the user who created it, for `list`; may be empty
 * @vm: id of the container in whose directory the VM's sockets are: its own id, or that of the
 *	container whose VM it joined
 * @phase: see enum status_phase
 * @standin: the stand-in of the container's init; its pid is the container's pid for engines
 * @monitor: the monitor of the VM
 * @terminal: process.terminal
 * @cgroups: directories made for the container in the host's cgroup hierarchies, absolute;
 *	NULL-terminated, innermost only
 */
struct status {
	char *id;
	char *oci_version;
	char *bundle;
	char *rootfs;
	char *created;
	char *owner;
	char *vm;
	enum status_phase phase;
	struct process_ref standin;
	struct process_ref monitor;
	bool terminal;
	char **cgroups;
	size_t n_cgroups;
};

#define _cleanup_status_ _cleanup_(status_clear)

/**
 * status_read() - read `status.json` in the directory @dirfd
 * @ret: to be cleared; written only on success
 *
 * Strings that the file lacks are NULL; processes that it lacks have pid 0.
 *
 * Return: 0; -ENOENT when there is none; -EBADMSG when it is damaged; another -errno.
 */
int status_read(int dirfd, struct status *ret, struct error *err);

/**
 * status_write() - replace the file, or make it, atomically
 * @status: strings that are NULL and processes whose pid is 0 are left out; the id is needed
 *
 * Return: 0 or -errno; the old content is there as it was, then.
 */
int status_write(int dirfd, const struct status *status, struct error *err);
void status_clear(struct status *status);

#endif
