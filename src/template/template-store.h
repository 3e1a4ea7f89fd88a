/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of templates: a directory, see template.h for what is in it and for how readers,
 * builders and removals go together. This is what the room's own parts and `runvm template` use.
 */
#ifndef RUNVM_TEMPLATE_STORE_H
#define RUNVM_TEMPLATE_STORE_H

#include "template/template-meta.h"
#include "template/template-pages.h"
#include "template/template.h"

#define TEMPLATE_META_FILE   "meta.json"
#define TEMPLATE_MEMORY_FILE "memory"
#define TEMPLATE_STATE_FILE  "state"

/* A build for a key whose last one failed is not tried in the background within this time. */
#define TEMPLATE_RETRY_SEC 600

/* Path of the store; NULL when templates are off or there is no place. The caller frees it. */
char *template_store_path(void);

/**
 * template_store_open() - the directory
 * @create: make what is missing of it
 *
 * Return: a descriptor; -ENOENT when templates are off or it is not there; -EPERM for a directory
 * of another user, or one that others can write to.
 */
int template_store_open(bool create, struct error *err);

/**
 * template_store_lock() - become the one who adds to the store
 *
 * Return: a descriptor that holds the lock until it is closed; -EWOULDBLOCK when another has it.
 */
int template_store_lock(int store_fd, struct error *err);

/* template_open() in a store that is open. Damaged ones are removed if no builder is at work. */
int template_open_at(int store_fd, const struct template_key *key, struct template *ret,
		     struct error *err);

/**
 * template_store_begin() - an empty directory for a new template; the lock must be held
 *
 * Clears away what builders and removals have left that came to a sudden end.
 *
 * Return: a descriptor or -errno.
 */
int template_store_begin(int store_fd, const struct template_key *key, struct error *err);

/**
 * template_store_commit() - complete a new template; the lock must be held
 * @dirfd: of template_store_begin()
 * @memory_fd, @state_fd: its files, written
 * @meta: stamps, checksum of the state and time of creation are filled in here
 *
 * It appears, replacing another of its key, and the ones that are too many or fit no longer go.
 */
int template_store_commit(int store_fd, const struct template_key *key, int dirfd, int memory_fd,
			  int state_fd, const struct template_pages *pages,
			  struct template_meta *meta, struct error *err);

/* Remembers that a build failed and why; tells whether one did lately. */
void template_store_note_failure(int store_fd, const struct template_key *key, const char *why);
bool template_store_failed_lately(int store_fd, const struct template_key *key);

/* Removes one. Return: 0, -ENOENT, another -errno. */
int template_store_remove(int store_fd, const struct template_key *key, struct error *err);

/**
 * struct template_info - for lists
 * @error: owned; why it cannot be used; NULL for a sound one, and the rest is only set then
 * @meta: owned
 * @used: when it was last opened or made
 * @disk: bytes of its files
 * @fits: the files and the host it was made from are still the same
 */
struct template_info {
	struct template_key key;
	char *error;
	struct template_meta meta;
	struct timespec used;
	uint64_t disk;
	bool fits;
};

/**
 * template_store_list() - all of them, the one used last in front
 *
 * Return: how many, in *ret for template_store_list_free(), or -errno.
 */
ssize_t template_store_list(int store_fd, struct template_info **ret, struct error *err);
void template_store_list_free(struct template_info *list, size_t n);

#endif
