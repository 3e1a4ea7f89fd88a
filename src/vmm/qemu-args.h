/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line: struct qemu_config in, arguments out, no system calls. The VM it describes
 * is the generic one: kernel, initramfs, console, empty PCIe root ports. What belongs to a
 * container is plugged later (qemu-device.h), so that the line is the same for a cold boot, for the
 * making of a template and for a restore, but for -incoming.
 *
 * Descriptors are rendered by number: spawn_start() keeps the numbers.
 */
#ifndef RUNVM_VMM_QEMU_ARGS_H
#define RUNVM_VMM_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/accel.h"
#include "vmm/argv.h"

/*
 * Root ports: each holds one batch of up to eight devices (the functions of its one slot), see
 * qemu_plug(). One serves the VM's first container, the rest what comes later: one batch for each
 * further container, volume or card. An empty port costs the guest's boot some milliseconds.
 */
#define QEMU_ROOT_PORTS_DEFAULT 4
#define QEMU_ROOT_PORTS_MAX	16

/**
 * struct qemu_chardev - a connected socket for a vhost-user device, there from the start
 * @id: what the device's chardev property says; letters, digits and '-'
 * @fd: connected unix stream socket
 */
struct qemu_chardev {
	const char *id;
	int fd;
};

/**
 * struct qemu_config - the generic VM; borrowed by whoever reads it
 * @program: path of qemu-system-*
 * @name: shown by ps and in QEMU's messages; NULL for none
 * @arch: of the guest
 * @kvm: KVM, else TCG
 * @cpu_model: NULL for the default: "host" under KVM, a full one under TCG
 * @cpus: at boot, at least 1
 * @max_cpus: with those that can be plugged; 0 for @cpus
 * @warm_up: a processor more, with which a VM of one processor without KVM is saved, and goes on:
 *	code that it has translated is translated for the first (vminit/warm-up.h)
 * @memory: bytes at boot, a multiple of 2 MiB
 * @max_memory: bytes with what can be plugged; 0 for @memory
 * @memory_fd: memfd or file of @memory bytes that is the guest's RAM, mapped shared (templates);
 *	-1 for a memfd of QEMU's own
 * @kernel: path of an ELF vmlinux or a bzImage (or an Image on aarch64)
 * @initrd: path; NULL for none
 * @tsc_khz: the host's TSC frequency (see tsc.h), which spares a TCG guest the calibration; 0 for
 *	unknown. Not a part of what shapes a template: it differs a little from run to run
 * @kernel_parameters: appended to ours, @n_kernel_parameters of them; each may hold spaces
 * @console_fd: connected socket for the serial console
 * @qmp_fd: connected socket for QMP
 * @chardevs: @n_chardevs of them
 * @root_ports: at most QEMU_ROOT_PORTS_MAX; 0 for the default
 * @paused: do not run the guest before qemu_continue()
 * @incoming: wait for a template's state instead of booting
 * @extra: arguments from vm.hypervisor.parameters, appended as they are, @n_extra of them.
 *	They can do all that QEMU can, files and programs of the host included:
 *	whoever fills this has to trust where they come from.
 */
struct qemu_config {
	const char *program;
	const char *name;
	enum vm_arch arch;
	bool kvm;
	const char *cpu_model;
	unsigned int cpus;
	unsigned int max_cpus;
	bool warm_up;
	uint64_t memory;
	uint64_t max_memory;
	int memory_fd;
	const char *kernel;
	const char *initrd;
	unsigned int tsc_khz;
	const char *const *kernel_parameters;
	size_t n_kernel_parameters;
	int console_fd;
	int qmp_fd;
	const struct qemu_chardev *chardevs;
	size_t n_chardevs;
	unsigned int root_ports;
	bool paused;
	bool incoming;
	const char *const *extra;
	size_t n_extra;
};

/**
 * qemu_args_render() - the command line
 * @ret: filled on success; owned by the caller
 *
 * Return: 0; -EINVAL for a config that no QEMU takes (sizes, ids), with the reason in @err.
 */
int qemu_args_render(const struct qemu_config *config, struct argv *ret, struct error *err);

/* The VM can have .warm_up: one processor, no KVM, and x86_64, whose kernel does not patch itself. */
bool qemu_args_warm_up_fits(const struct qemu_config *config);

/**
 * qemu_args_cmdline() - the guest kernel's command line alone
 *
 * Return: the text; the caller frees it.
 */
char *qemu_args_cmdline(const struct qemu_config *config);

#endif
