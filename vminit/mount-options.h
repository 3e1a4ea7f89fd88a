/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a mount, as words in config.json and as flags for the kernel. Pure: vminit/plan.c
 * and the Mount call use it, both sides of the test too.
 *
 * Source: OCI runtime spec, config.md, "Linux mount options"; mount(2), mount_setattr(2).
 */
#ifndef VMINIT_MOUNT_OPTIONS_H
#define VMINIT_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/**
 * struct mount_attr_change - what mount_setattr(2) is to change
 * @set: MOUNT_ATTR_* to set
 * @clear: MOUNT_ATTR_* to clear; with any of the atime values, all of MOUNT_ATTR__ATIME
 */
struct mount_attr_change {
	uint64_t set;
	uint64_t clear;
};

/**
 * struct mount_options - what the words mean together; a later word wins over an earlier one
 * @flags: MS_*, for a new file system by mount(2)
 * @attr: the same as far as it concerns the mount alone, for a bind mount
 * @recursive_attr: of the words with an r in front (rro, rnosuid ...)
 * @propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC; 0 when not given
 * @bind: bind or rbind was given
 * @recursive: rbind was given
 * @copy_up: tmpcopyup was given
 * @data: owned; the words that no table knows, with commas, for the file system; NULL without any
 */
struct mount_options {
	unsigned long flags;
	struct mount_attr_change attr;
	struct mount_attr_change recursive_attr;
	unsigned long propagation;
	bool bind;
	bool recursive;
	bool copy_up;
	char *data;
};

/**
 * mount_options_parse() - read the words
 * @words: may be NULL with @n 0
 * @ret: its data is for the caller to free; written only on success
 * @err: names the word, without a JSON path
 *
 * Return: 0, or -EINVAL for a word that is known but cannot be served (idmap, ridmap).
 */
int mount_options_parse(char *const *words, size_t n, struct mount_options *ret, struct error *err);

/* The MS_* flags of a propagation ("rslave" ...), 0 for another word. */
unsigned long mount_propagation_flags(const char *word);

#endif
