/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a container, <root>/<id>: its lock, its status file, and the sockets of its VM.
 *
 *	status.json	see status.h
 *	config.json	the bundle's config.json as it was at create
 *	vsock.sock, vsock.sock_<port>, vminitd.sock, monitor.sock, console.log	of the VM
 *
 * The lock is an flock(2) on the directory itself. Commands that change a container hold it
 * exclusively from container_open() or container_create() to container_close(), so that they
 * exclude each other; commands that look do not take it. A process that is forked off to live on
 * closes it first (process_close_others()), else it would keep the lock.
 */
#ifndef RUNVM_CONTAINER_H
#define RUNVM_CONTAINER_H

#include "container/status.h"
#include "lib/error.h"
#include "libocispec/state.h"

#define CONTAINER_DEFAULT_ROOT "/run/runvm"
#define CONTAINER_CONFIG       "config.json"
#define CONTAINER_ID_MAX       1024 /* bytes, as runc has it */

/**
 * struct container - one container, open
 * @root_path: of --root, absolute; owned
 * @id: owned
 * @dirfd: its directory
 * @lock_fd: a second descriptor of the directory, which carries the lock; -1 without the lock
 * @status: what the status file said at the last read; zero while it has none yet
 */
struct container {
	char *root_path;
	char *id;
	int dirfd;
	int lock_fd;
	struct status status;
};

#define CONTAINER_INIT                     \
	{                                  \
		.dirfd = -1, .lock_fd = -1 \
	}
#define _cleanup_container_ _cleanup_(container_close)

enum container_lock { CONTAINER_UNLOCKED, CONTAINER_LOCKED };

/**
 * container_check_id() - whether an id is one that runc takes
 *
 * [A-Za-z0-9_+.-]+, not "." or "..", so that it is a file name of its own in the root.
 *
 * Return: 0, -EINVAL.
 */
int container_check_id(const char *id, struct error *err);

/**
 * container_create() - make the directory of a new container and lock it
 * @root_path: made if missing (mode 0711)
 * @ret: its status has id, created and owner, and is saved; the caller adds the rest
 *
 * Return: 0; -EEXIST when a container of that id exists (runc's words: "container with given ID
 * already exists"); another -errno.
 */
int container_create(const char *root_path, const char *id, struct container *ret,
		     struct error *err);

/**
 * container_open() - open an existing one and read its status
 * @lock: whether to take the lock, waiting for who has it
 *
 * A directory without a status file (create was killed very early) opens with an empty status. If
 * it holds anything else it is not a container's, and does not exist as one.
 *
 * Return: 0; -ENOENT ("container does not exist"); -EBADMSG when the status file is damaged: *ret
 * is open then all the same, with an empty status, so that `delete --force` can go on; another
 * -errno.
 */
int container_open(const char *root_path, const char *id, enum container_lock lock,
		   struct container *ret, struct error *err);

/* Reads the status file again into @c->status, which stays as it was on failure. */
int container_reload(struct container *c, struct error *err);

/* Writes @c->status. The lock must be held. */
int container_save(struct container *c, struct error *err);

/**
 * container_remove() - remove every file of the directory, and the directory
 *
 * The lock must be held. Killed in between, it leaves a container that can be removed again. It
 * does not descend: a subdirectory that is not empty is an error.
 */
int container_remove(struct container *c, struct error *err);

/* Lets go of the lock alone: others may change the container from then on, or remove it. */
void container_unlock(struct container *c);

/* Whether somebody has the lock, which may be @c itself. */
bool container_is_locked(const struct container *c);

/* Closes both descriptors and frees; the lock goes with the last process that has its fd. */
void container_close(struct container *c);

/**
 * container_state() - what the OCI spec calls the status of a container, now
 *
 * Looks at the processes: a container whose stand-in is gone is stopped. While create runs
 * (its lock is held) it is creating; one whose create was killed is stopped. For the command that
 * itself holds the lock a container in the phase STATUS_CREATING is stopped: its create is dead,
 * though processes that it started may be ending yet.
 */
enum oci_status container_state(const struct container *c);

/**
 * container_list() - the ids under @root_path
 * @ret_ids: owned, NULL-terminated, sorted; for container_list_free()
 *
 * Files, names that are no ids and directories that are no containers' are left out.
 *
 * Return: how many, 0 when @root_path does not exist, or -errno.
 */
ssize_t container_list(const char *root_path, char ***ret_ids, struct error *err);

/* NULL is allowed. */
void container_list_free(char **ids);

#endif
