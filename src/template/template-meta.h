/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.json of a template: what it was made from, and how its files looked when they were complete.
 *
 * Theory of operation: the text begins with a checksum of what follows it. The device state and
 * the table of pages have checksums in it, for they are small. The pages do not: 24 MiB would take
 * longer to check than to copy. But nobody writes to a file without its change time telling
 * (ctime, which no system call sets), so that is in here, beside the size; and the builder syncs
 * before it writes this. What that leaves is a disk that changes bits, as it would in any program.
 * A copy of a template elsewhere has other times and is thrown away: they are made in seconds.
 */
#ifndef RUNVM_TEMPLATE_META_H
#define RUNVM_TEMPLATE_META_H

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/error.h"
#include "template/template-key.h"

#define TEMPLATE_META_MAX  65536      /* bytes */
#define TEMPLATE_STATE_MAX (64 << 20) /* bytes */

/* How a file was when it was complete. */
struct template_stamp {
	uint64_t size;
	struct timespec mtime;
	struct timespec ctime;
};

/**
 * struct template_meta - content of meta.json
 * @recipe: owned; see template-key.h
 * @created: real time
 * @memory_size: bytes of the guest's memory
 * @cpus, @kvm: for people
 * @handover: where in the memory what waits for the handover looks (rpc/handover.h)
 * @memory: of the file of pages, behind which is their table
 * @n_runs, @runs_checksum: of that table
 * @state, @state_checksum: of the device state
 */
struct template_meta {
	char *recipe;
	struct timespec created;
	uint64_t memory_size;
	unsigned int cpus;
	bool kvm;
	uint64_t handover;
	struct template_stamp memory;
	uint64_t n_runs;
	uint64_t runs_checksum;
	struct template_stamp state;
	uint64_t state_checksum;
};

#define _cleanup_template_meta_ _cleanup_(template_meta_clear)

/* The text; the caller frees it. */
char *template_meta_write(const struct template_meta *meta);

/**
 * template_meta_read() - the struct from the text
 * @key: whose template it claims to be
 *
 * Return: 0; -EBADMSG for one that is damaged or another's.
 */
int template_meta_read(const char *text, size_t len, const struct template_key *key,
		       struct template_meta *ret, struct error *err);
void template_meta_clear(struct template_meta *meta);

struct template_stamp template_stamp_of(const struct stat *st);
bool template_stamp_equal(const struct template_stamp *a, const struct template_stamp *b);

#endif
