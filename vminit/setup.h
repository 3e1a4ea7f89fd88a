/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes this VM one of its own after a boot or a restore: time, entropy, identity, and the
 * share through which it reaches its files.
 */
#ifndef VMINIT_SETUP_H
#define VMINIT_SETUP_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/error.h"

#define SETUP_MIN_ENTROPY 32
#define SETUP_MAX_ENTROPY 4096
#define SETUP_KERNEL_SIZE 66

/* Where the boot id lies that containers are to see; proc mounts of containers show it (rootfs.c). */
#define SETUP_BOOT_ID_FILE "/run/boot_id"
/* Where fusectl is mounted (boot.c). */
#define SETUP_FUSE_CONTROL "/sys/fs/fuse/connections"

/**
 * struct setup - the values of a SetupRequest
 * @realtime: CLOCK_REALTIME; 0 leaves it
 * @machine_id: "" for none, as with the other strings
 */
struct setup {
	struct timespec realtime;
	const uint8_t *entropy;
	size_t entropy_len;
	const char *machine_id;
	const char *boot_id;
	const char *share_tag;
	const char *share_mount_point;
};

/*
 * What setup_identity() needs, opened ahead, so that it comes in a VM that wakes up to a few stores
 * and calls. Without it, it opens what it needs. Failure is none.
 */
void setup_prepare(void);
/* Time, entropy, ids; before any process of a container runs. Return: 0 or -errno. */
int setup_identity(const struct setup *setup, struct error *err);
/*
 * Mounts the share of a VM that is to be saved, whose device answers nothing any more: the kernel's
 * first request, FUSE_INIT, waits for the device of the VM that wakes up, and setup_share() finds the
 * share mounted. To mount it costs a fifth of what else a VM runs between its waking up and a
 * container. Return: 0 or -errno.
 */
int setup_share_ahead(struct error *err);
/* The share, if there is to be one; its device is waited for. Return: 0 or -errno. */
int setup_share(const struct setup *setup, struct error *err);
/* `uname -r`. Return: @buffer. */
char *setup_kernel_release(char buffer[SETUP_KERNEL_SIZE]);

/*
 * Waits until the host has answered everything that was asked of the share so far, for a second at
 * most. Without a share it does nothing.
 */
void setup_settle_share(void);

#endif
