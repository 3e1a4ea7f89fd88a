/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: a VM that was booted, waits in vminitd, and was saved, from which others are restored.
 * The monitor opens one and fills a memfd from it; what no template fits starts cold, and create
 * has one built in the background then. `runvm template` builds, lists and removes them.
 *
 * Theory of operation. A key (template-key.h) is the hash of everything that shapes the saved VM.
 * The store is a directory with a directory for each key in it:
 *
 *	KEY/meta.json	what it was made from, sizes, checksums; see template-meta.h
 *	KEY/memory	the pages of the guest's memory that hold something, one behind the other,
 *			and the table of where they belong; see template-pages.h
 *	KEY/state	QEMU's device state
 *	.lock		flock: one builder at a time
 *	.new-KEY, .old-KEY	what a builder is at or a removal was at; a builder, who has the
 *			lock, takes those of others for garbage
 *	.failed-KEY	why the last build failed: the background does not try again for a while
 *
 * A template appears and goes by rename of its directory, complete or not at all; nothing in it
 * ever changes but the directory's modification time, which says when it was last used. Who has it
 * open keeps it: the files are read through descriptors. What does not look right on opening
 * (owner, sizes, times, checksums) or is refused by QEMU is taken away, and the next start that
 * misses it has it built again.
 *
 * RUNVM_TEMPLATES in the environment: "auto" or nothing; "off"; or an absolute path, which is the
 * store then. Otherwise it is /var/cache/runvm/templates for root, else
 * $XDG_CACHE_HOME/runvm/templates or ~/.cache/runvm/templates.
 *
 * What the monitor does:
 *
 *	r = template_key_make(&config, &key, &err);	config as for a cold boot
 *	r = template_open(&key, &template, &err);
 *	0:	config.memory_fd = template_new_memory(&template, &err);
 *		config.incoming = true, start.state_fd = template.state_fd; qemu_start();
 *		template_fill_memory(&template, config.memory_fd, &err);
 *			after qemu_start(), so that QEMU starts meanwhile, and before the loop
 *			runs: QEMU touches no memory before migrate-incoming, which comes from it
 *		on_ready: template_hand_over(), continue, plug,
 *		template_hand_devices_over(), and when it answers template_close()
 *		on_failed, QEMU_FAILED_RESTORE: template_discard(), then cold
 *	else:	cold; and once the container is up, from create, which is in the engine's pid
 *		namespace and so not ended with the VM: template_build_in_background()
 */
#ifndef RUNVM_TEMPLATE_H
#define RUNVM_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "template/template-key.h"
#include "vmm/accel.h"
#include "vmm/qemu-args.h"

/* Templates in a store; with one more, the one that was not used for the longest time goes. */
#define TEMPLATE_MAX 8

/* From a builder's start to its end, which comes by itself then. Long: it runs at idle priority. */
#define TEMPLATE_BUILD_TIMEOUT (300 * USEC_PER_SEC)

struct template_pages;

/**
 * struct template - an open one
 * @key: of it
 * @memory_size: bytes of the guest's memory
 * @handover: where in it the guest looks for the handover (rpc/handover.h)
 * @memory_fd: its pages
 * @state_fd: of QEMU's device state, at its beginning; no others share its position
 * @pages: owned
 * @store_fd: the directory it is in; it pins a mount until template_close()
 * @directory_inode: of the template's own directory
 */
struct template
{
	struct template_key key;
	uint64_t memory_size;
	uint64_t handover;
	int memory_fd;
	int state_fd;
	struct template_pages *pages;
	int store_fd;
	ino_t directory_inode;
};

#define TEMPLATE_INIT                                           \
	{                                                       \
		.memory_fd = -1, .state_fd = -1, .store_fd = -1 \
	}
#define _cleanup_template_ _cleanup_(template_close)

/**
 * template_open() - the template for a key
 *
 * One that is damaged is removed. Takes some 0.1 ms, found or not.
 *
 * Return: 0; -ENOENT when there is none, or templates are off; another -errno when the store cannot
 * be used: in either case the VM starts cold.
 */
int template_open(const struct template_key *key, struct template *ret, struct error *err);

/* A memfd of the template's memory size, empty. Return: a close-on-exec descriptor or -errno. */
int template_new_memory(const struct template *template, struct error *err);

/**
 * template_fill_memory() - copy the template's pages
 * @memfd: of template_new_memory(); others may have it open and mapped
 *
 * Blocks for some 10 ms.
 */
int template_fill_memory(const struct template *template, int memfd, struct error *err);

/**
 * template_hand_over() - write what the VM wakes up with (rpc/handover.h), before it runs
 * @memfd: its memory, filled
 * @request: a packed SetupRequest of @len bytes
 *
 * Return: 0; -EMSGSIZE for one that is too long; another -errno.
 */
int template_hand_over(const struct template *template, int memfd, const void *request, size_t len,
		       struct error *err);

/* Tells the VM, which runs, that its first devices are in the slot of this root port. */
int template_hand_devices_over(const struct template *template, int memfd, unsigned int port,
			       struct error *err);

/* It was refused: takes it out of the store, if what is there under its key is still it. */
void template_discard(struct template *template);

/* Closes what is open; the store keeps it. */
void template_close(struct template *template);

/**
 * template_build() - boot a generic VM, save it, and put it in the store
 * @config: the VM; name, descriptors, chardevs, paused and incoming do not matter
 * @accel: for messages; may be NULL
 * @ret_key: may be NULL
 *
 * Replaces one of the same key. The work is done in a process of its own, for which this waits.
 *
 * Return: 0; -EAGAIN when somebody else builds; -ENOENT when templates are off; -ENODEV when QEMU could not
 * run it with that acceleration; another -errno.
 */
int template_build(const struct qemu_config *config, const struct accel *accel,
		   struct template_key *ret_key, struct error *err);

/**
 * template_build_in_background() - the same, without waiting, unless there is one already
 *
 * The process that does it has nothing of the caller's: no descriptors, no standard streams, not
 * its directory, session, or cgroup, and runs when nobody else wants the processor. It does
 * nothing when somebody else builds, or when a build for this key failed within the last ten
 * minutes.
 *
 * Return: 0, also when there is nothing to do; -errno when no process could be made.
 */
int template_build_in_background(const struct qemu_config *config, const struct accel *accel,
				 struct error *err);

#endif
