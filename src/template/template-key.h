/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which template serves a VM: the hash of a text that says everything that shapes one. The text
 * (the recipe) is also kept beside the template, and tells whether a template still fits what is
 * installed.
 *
 * Files (QEMU, kernel, initramfs, virtiofsd) are in it by path, size, inode and modification time, not
 * by content: that is four stat calls instead of 30 MiB to read at every start, and whoever replaces a
 * file (a package manager, a build, an editor) changes these. The processor is in it for TCG too: the
 * guest's clock counts the host's time stamp counter.
 */
#ifndef RUNVM_TEMPLATE_KEY_H
#define RUNVM_TEMPLATE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/qemu-args.h"

#define TEMPLATE_KEY_DIGITS 32

/* Lower-case hexadecimal digits. */
struct template_key {
	char hex[TEMPLATE_KEY_DIGITS + 1];
};

/* What tells one version of a file from another. */
struct template_file {
	uint64_t size;
	uint64_t inode;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
};

/**
 * struct template_facts - of the host, as far as templates depend on it
 * @initrd: unused when the VM has none
 * @virtiofsd_path: of the host's, with which the guest's driver has agreed on features; may be NULL
 * @processor: words that name the host's processor and what it can do
 * @release: version of the host's kernel, of which KVM is a part; NULL where it does not matter
 */
struct template_facts {
	struct template_file program;
	struct template_file kernel;
	struct template_file initrd;
	const char *virtiofsd_path;
	struct template_file virtiofsd;
	char *processor;
	char *release;
};

/* Looks at the files and the processor. Return: 0 or -errno. */
int template_facts_gather(const struct qemu_config *config, struct template_facts *ret,
			  struct error *err);
void template_facts_clear(struct template_facts *facts);

/**
 * template_possible() - whether a VM may come from a template
 *
 * Not with arguments for QEMU from vm.hypervisor.parameters: they can name a disk, of which a
 * saved guest would remember what is no longer so, or a port that two VMs cannot have.
 */
bool template_possible(const struct qemu_config *config);

/**
 * template_recipe() - the text, from facts alone
 * @config: name, descriptors, chardevs, paused and incoming are left out
 *
 * Lines "name value ..."; strings are JSON string literals.
 *
 * Return: 0; -EINVAL for a VM that makes no sense; -ENOTSUP, see template_possible().
 */
int template_recipe(const struct qemu_config *config, const struct template_facts *facts,
		    char **ret, struct error *err);

/* Its hash. */
struct template_key template_recipe_key(const char *recipe);

/* Facts and recipe in one; the caller frees it. */
int template_recipe_make(const struct qemu_config *config, char **ret, struct error *err);

/* All of it: what a start looks for. */
int template_key_make(const struct qemu_config *config, struct template_key *ret,
		      struct error *err);

/* Whether the files and the host that a recipe names are those of now. */
bool template_recipe_fits(const char *recipe);

/* Whether it has the form of one. */
bool template_key_valid(const char *hex);

#endif
