/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The share of a VM, on the host's side: the directory that virtiofsd serves, with a folder for each
 * container and a mount in it for each tree that the container sees; and the monitor's own root,
 * which holds that directory and the VM's directory and nothing else of the host.
 *
 * Theory of operation. Whoever starts a container opens its trees in his own mount namespace, as
 * detached mounts (share_open_trees()), and hands the descriptors to the monitor, which has a mount
 * namespace of its own and attaches them (share_attach()). So it does not matter what the monitor
 * can see, and a container can come to a running VM the same way. The share is a mount that is
 * shared, the one kind from which a later mount reaches virtiofsd in its own namespace.
 * Order: share_enter() in the new mount namespace; start virtiofsd and QEMU; when both run,
 * share_leave_host() pivots into the small root and lets the rest of the host go, which would
 * otherwise stay pinned by this namespace.
 */
#ifndef RUNVM_SHARE_H
#define RUNVM_SHARE_H

#include <stddef.h>

#include "container/plan.h"
#include "lib/error.h"

/* Seen from the small root, once in it. */
#define SHARE_ROOT_VM "/vm"

/**
 * share_open_trees() - open what a container sees of the host
 * @exports: sources are looked up in the caller's mount namespace
 * @ret_fds: room for @n descriptors of detached mounts; written only on success
 *
 * A read-only export is a read-only mount: the guest cannot write there whatever it does.
 *
 * Return: 0 or -errno.
 */
int share_open_trees(const struct plan_export *exports, size_t n, int *ret_fds, struct error *err);

/**
 * struct share - the monitor's side
 * @root: the small root's path before share_leave_host()
 * @dirfd: the share's directory
 */
struct share {
	char *root;
	char *path;
	int dirfd;
};

#define SHARE_INIT             \
	{                      \
		NULL, NULL, -1 \
	}

/**
 * share_enter() - make the small root and the share
 * @vm_dir: path of the VM's directory; the small root is mounted on its folder "root"
 *
 * To be called in a mount namespace of its own. @ret->path is what virtiofsd serves.
 */
int share_enter(const char *vm_dir, struct share *ret, struct error *err);

/**
 * share_attach() - let a container's trees appear
 * @id: folder of the container
 * @fds: as share_open_trees() gave them, in the order of the exports; closed here
 */
int share_attach(const struct share *share, const char *id, const struct plan_export *exports,
		 size_t n, int *fds, struct error *err);

/**
 * share_leave_host() - pivot into the small root and detach everything else
 * @vm_dirfd: descriptor of the VM's directory, replaced by one that does not pin the host's mount
 */
int share_leave_host(struct share *share, int vm_dirfd, struct error *err);

#endif
