/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do for a container, from its bundle: the host's half (what to share, which namespaces,
 * how large a VM) and the guest's half (a rewritten config.json, from which vminitd makes its own
 * plan). No function here makes a system call. Later rooms see their part of the plan, never the
 * bundle's spec.
 *
 * The guest's config.json differs from the bundle's like this: root.path and the sources of bind
 * mounts are paths in the share; an engine's /dev/shm is a tmpfs of its size; paths of namespaces
 * are gone, the namespaces are new ones of the guest; hooks but startContainer, cgroupsPath and vm
 * are gone.
 */
#ifndef RUNVM_PLAN_H
#define RUNVM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "container/bundle.h"
#include "lib/error.h"
#include "libocispec/spec.h"

/* Adds an annotation for vminitd; both strings are owned by the spec from here on. */
void plan_add_annotation(struct oci_spec *guest, char *key, char *value);

/**
 * struct plan_export - one tree of the host that appears in the share
 * @source: absolute path on the host
 * @name: file name in the container's folder of the share
 * @directory: else a single file
 * @readonly: no writes even where the guest's kernel asks for them
 * @recursive: with the mounts below it
 */
struct plan_export {
	char *source;
	char *name;
	bool directory;
	bool readonly;
	bool recursive;
};

/**
 * struct plan_namespace - a namespace of the stand-in
 * @path: of an existing one to join; NULL for a new one
 */
struct plan_namespace {
	enum oci_namespace_type type;
	char *path;
};

/* The size of a VM: @memory in bytes, a multiple of 128 MiB (what memory hot-plug wants). */
struct plan_size {
	unsigned int vcpus;
	uint64_t memory;
};

/**
 * struct plan_vm - the VM
 * @hypervisor: path of QEMU, NULL for the one in PATH
 * @parameters: more arguments for it, NULL-terminated
 * @kernel, @initrd: NULL for runvm's own
 * @kernel_parameters: more of them, NULL-terminated
 */
struct plan_vm {
	struct plan_size size;
	char *hypervisor;
	char **parameters;
	char *kernel;
	char *initrd;
	char **kernel_parameters;
};

/**
 * struct plan - a container to be
 * @exports: the first is the root file system
 * @guest: config.json for vminitd
 * @warnings: what config.json asks for and will not be so, one sentence each
 * @notes: the same, for what engines send every time
 */
struct plan {
	struct plan_export *exports;
	size_t n_exports;
	struct plan_namespace namespaces[OCI_NAMESPACE_TYPES];
	size_t n_namespaces;
	struct plan_vm vm;
	char *cgroups_path;
	struct oci_spec *guest;
	char **warnings;
	size_t n_warnings;
	char **notes;
	size_t n_notes;
};

#define _cleanup_plan_ _cleanup_(plan_freep)

/**
 * plan_make() - plan a container
 * @id: of the container
 *
 * Return: 0; -ENOTSUP or -EINVAL with the JSON path of what a VM, or this version, cannot do.
 */
int plan_make(const struct bundle *bundle, const char *id, struct plan **ret, struct error *err);
void plan_free(struct plan *plan);

/**
 * plan_size() - how large a VM a container needs
 *
 * vm.hwConfig if given; else from linux.resources: quota and period rounded up to CPUs, the memory
 * limit and what the guest itself needs; else a default. Never more CPUs than the host has.
 */
struct plan_size plan_size(const struct bundle *bundle);

/**
 * plan_check_support() - what of a config.json takes effect (plan-support.c)
 * @plan: gets the warnings and notes
 *
 * Return: 0, or -ENOTSUP with the JSON path.
 */
int plan_check_support(const struct bundle *bundle, struct plan *plan, struct error *err);

/**
 * plan_compile_seccomp() - translate linux.seccomp for the guest (plan-seccomp.c)
 *
 * libseccomp takes some milliseconds for it, and a hundred times that in a guest without hardware
 * virtualisation; so the host does it, and the guest's config.json carries the program in an
 * annotation in place of the profile. libseccomp may ask the host's kernel what it knows, so this
 * is no part of plan_make().
 *
 * Return: 0; -EINVAL or -EOPNOTSUPP with the JSON path.
 */
int plan_compile_seccomp(struct plan *plan, struct error *err);

static inline void plan_freep(struct plan **plan)
{
	plan_free(*plan);
}

#endif
