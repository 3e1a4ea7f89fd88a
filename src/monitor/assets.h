/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the files of the guest and the programs of the host are. A runvm in its build tree uses the
 * kernel and the initramfs beside it; an installed one those of its package.
 */
#ifndef RUNVM_ASSETS_H
#define RUNVM_ASSETS_H

#include "lib/error.h"

/* Paths, owned. */
struct assets {
	char *kernel;
	char *initrd;
	char *qemu;
};

#define _cleanup_assets_ _cleanup_(assets_clear)

/**
 * assets_find() - find them
 * @kernel, @initrd, @qemu: used instead where not NULL; a @qemu without a slash is looked up in PATH
 *
 * Return: 0; -ENOENT with what is missing and what to do about it.
 */
int assets_find(const char *kernel, const char *initrd, const char *qemu, struct assets *ret,
		struct error *err);
void assets_clear(struct assets *assets);

#endif
