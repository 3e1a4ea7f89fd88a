// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu-args.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"

#define MIB UINT64_C(1048576)

/**
 * struct machine - what differs between architectures
 * @type: with the options that keep it small; devices nobody uses cost time at QEMU's start, in
 *	the firmware and in the guest's kernel
 * @tcg_cpu: the processor that TCG shows
 * @console: of the kernel's command line
 * @kernel_parameters: always
 * @tcg_kernel_parameters: only under TCG
 */
struct machine {
	const char *type;
	const char *tcg_cpu;
	const char *console;
	const char *kernel_parameters;
	const char *tcg_kernel_parameters;
};

/*
 * TCG drops what it translated from a page when the guest writes to it, but does not see virtiofsd
 * write there. A page that held code, was freed and then filled with other code by virtiofsd would
 * run the old one: programs crashed at random under QEMU 10. The kernel clears each page before it
 * is used anew, and that QEMU sees.
 */
#define TCG_COHERENT "init_on_alloc=1"

static const struct machine machines[] = {
	[VM_ARCH_X86_64] =
		{
			.type = "q35,usb=off,vmport=off,smbus=off,sata=off,i8042=off,dump-guest-"
				"core=off,mem-merge=off",
			/* TCG moves a byte at a time where a "fast string" is said to be the best. */
			.tcg_cpu = "max,-erms,-fsrm",
			.console = "ttyS0",
			/*
			 * A panic resets at once by triple fault, and -no-reboot makes that QEMU's
			 * end. A kernel after an oops is one that nobody can rely on: some of what
			 * waits for it would wait for ever.
			 */
			.kernel_parameters = "quiet oops=panic panic=-1 reboot=t",
			/*
			 * Without no_timer_check the kernel waits whole ticks to see whether timer
			 * interrupts arrive. TCG's counter runs evenly: a watchdog over it that fires
			 * in a VM that was just restored only mistakes the pause for drift. TCG's
			 * processor looks like one that must not halt plainly, which is not so. With a
			 * second processor each mount would wait for quiet states of both. Detours round
			 * what a processor might guess are none once they are translated, only slow.
			 */
			.tcg_kernel_parameters =
				"no_timer_check tsc=reliable idle=halt mitigations=off "
				"rcupdate.rcu_expedited=1 " TCG_COHERENT,
		},
	[VM_ARCH_AARCH64] =
		{
			.type = "virt,gic-version=max,dump-guest-core=off,mem-merge=off",
			/* The architected pointer authentication costs TCG half its speed. */
			.tcg_cpu = "max,pauth-impdef=on",
			.console = "ttyAMA0",
			.kernel_parameters = "quiet oops=panic panic=-1",
			.tcg_kernel_parameters = TCG_COHERENT,
		},
};
static_assert(ARRAY_SIZE(machines) == N_VM_ARCHS, "one machine for each architecture");

/* Every comma doubled, as QEMU's option parser wants it. */
static void put_escaped(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == ',')
			strbuf_putc(out, ',');
		strbuf_putc(out, *s);
	}
}

static bool id_valid(const char *id)
{
	if (!id || !isalpha((unsigned char)id[0]))
		return false;
	for (; *id; id++)
		if (!isalnum((unsigned char)*id) && *id != '-')
			return false;
	return true;
}

bool qemu_args_warm_up_fits(const struct qemu_config *c)
{
	return !c->kvm && c->arch == VM_ARCH_X86_64 && c->cpus == 1 && c->max_cpus <= 1;
}

static int check(const struct qemu_config *c, struct error *err)
{
	if (!c->kernel || !c->kernel[0])
		return error_set(err, EINVAL, "the VM has no kernel");
	if (!c->cpus || (c->max_cpus && c->max_cpus < c->cpus))
		return error_set(err, EINVAL, "the VM cannot have %u processors of at most %u",
				 c->cpus, c->max_cpus);
	if (!c->memory || c->memory % (2 * MIB) || c->max_memory % (2 * MIB))
		return error_set(err, EINVAL,
				 "the VM's memory, %" PRIu64 " bytes, is not a multiple of 2 MiB",
				 c->memory % (2 * MIB) ? c->memory : c->max_memory);
	if (c->max_memory && c->max_memory < c->memory)
		return error_set(err, EINVAL,
				 "the VM cannot have %" PRIu64 " MiB of memory of at most %" PRIu64,
				 c->memory / MIB, c->max_memory / MIB);
	if (c->root_ports > QEMU_ROOT_PORTS_MAX)
		return error_set(err, EINVAL, "the VM cannot have %u root ports, %d at most",
				 c->root_ports, QEMU_ROOT_PORTS_MAX);
	if (c->warm_up && !qemu_args_warm_up_fits(c))
		return error_set(err, EINVAL, "this VM cannot have a processor to translate ahead");
	for (size_t i = 0; i < c->n_chardevs; i++)
		if (!id_valid(c->chardevs[i].id))
			return error_set(err, EINVAL, "\"%s\" cannot name a device",
					 c->chardevs[i].id ? c->chardevs[i].id : "");
	return 0;
}

char *qemu_args_cmdline(const struct qemu_config *c)
{
	const struct machine *m = &machines[c->arch];
	struct strbuf b = STRBUF_INIT;

	strbuf_printf(&b, "console=%s %s", m->console, m->kernel_parameters);
	if (!c->kvm && m->tcg_kernel_parameters)
		strbuf_printf(&b, " %s", m->tcg_kernel_parameters);
	/* Under KVM the kernel reads the frequency from its paravirtual clock. */
	if (!c->kvm && c->arch == VM_ARCH_X86_64 && c->tsc_khz)
		strbuf_printf(&b, " tsc_early_khz=%u", c->tsc_khz);
	for (size_t i = 0; i < c->n_kernel_parameters; i++)
		strbuf_printf(&b, " %s", c->kernel_parameters[i]);
	return strbuf_take(&b);
}

/*
 * Several processors of TCG take turns in one thread. With a thread for each, QEMU before 8.1 may
 * translate for one what another is just overwriting, and keep that: one boot in fifty of a kernel
 * that patches itself (jump labels) panicked under 7.2, with an int3 that was no longer there. The
 * warm-up's processor has a thread: it only runs what nobody overwrites (vminit/warm-up.h).
 */
static void render_accel(const struct qemu_config *c, struct argv *a)
{
	bool several = c->cpus > 1 || c->max_cpus > 1;

	argv_add2(a, "-accel", c->kvm ? "kvm" : several ? "tcg,thread=single" : "tcg");
}

static void render_machine(const struct qemu_config *c, struct argv *a)
{
	const struct machine *m = &machines[c->arch];

	argv_add(a, "-machine");
	argv_addf(a, "%s,memory-backend=mem", m->type);
	argv_add2(a, "-cpu", c->cpu_model ? c->cpu_model : c->kvm ? "host" : m->tcg_cpu);
	argv_add(a, "-smp");
	if (c->max_cpus > c->cpus)
		argv_addf(a, "cpus=%u,maxcpus=%u", c->cpus, c->max_cpus);
	else
		argv_addf(a, "%u", c->cpus + (c->warm_up ? 1 : 0));
}

static void render_memory(const struct qemu_config *c, struct argv *a)
{
	argv_add(a, "-m");
	if (c->max_memory > c->memory)
		argv_addf(a, "size=%" PRIu64 "M,maxmem=%" PRIu64 "M", c->memory / MIB,
			  c->max_memory / MIB);
	else
		argv_addf(a, "%" PRIu64 "M", c->memory / MIB);
	argv_add(a, "-object");
	/* Shared in either case: vhost-user back ends map it. */
	if (c->memory_fd >= 0)
		argv_addf(a,
			  "memory-backend-file,id=mem,size=%" PRIu64
			  "M,mem-path=/proc/self/fd/%d,share=on,align=2M",
			  c->memory / MIB, c->memory_fd);
	else
		argv_addf(a, "memory-backend-memfd,id=mem,size=%" PRIu64 "M,share=on",
			  c->memory / MIB);
}

static void render_sockets(const struct qemu_config *c, struct argv *a)
{
	argv_add(a, "-chardev");
	argv_addf(a, "socket,id=qmp,fd=%d", c->qmp_fd);
	argv_add2(a, "-mon", "chardev=qmp,mode=control");
	argv_add(a, "-chardev");
	argv_addf(a, "socket,id=console,fd=%d", c->console_fd);
	argv_add2(a, "-serial", "chardev:console");
	for (size_t i = 0; i < c->n_chardevs; i++) {
		argv_add(a, "-chardev");
		argv_addf(a, "socket,id=%s,fd=%d", c->chardevs[i].id, c->chardevs[i].fd);
	}
}

static void render_root_ports(const struct qemu_config *c, struct argv *a)
{
	unsigned int n = c->root_ports ? c->root_ports : QEMU_ROOT_PORTS_DEFAULT;

	/* Virtio devices use no I/O ports, and 16 bridges with windows would use them all up. */
	for (unsigned int i = 0; i < n; i++) {
		argv_add(a, "-device");
		argv_addf(a, "pcie-root-port,id=rp%u,bus=pcie.0,chassis=%u,io-reserve=0", i, i + 1);
	}
}

/* What the guest's programs gave back goes back to the host (free page reporting). */
static void render_balloon(struct argv *a)
{
	argv_add2(a, "-device", "virtio-balloon-pci,id=balloon,bus=pcie.0,free-page-reporting=on");
}

int qemu_args_render(const struct qemu_config *c, struct argv *ret, struct error *err)
{
	_cleanup_argv_ struct argv a = ARGV_INIT;
	int r;

	r = check(c, err);
	if (r < 0)
		return r;
	argv_add(&a, c->program);
	if (c->name) {
		struct strbuf name = STRBUF_INIT;

		strbuf_puts(&name, "guest=");
		put_escaped(&name, c->name);
		argv_add(&a, "-name");
		argv_take(&a, strbuf_take(&name));
	}
	argv_add(&a, "-nodefaults");
	argv_add(&a, "-no-user-config");
	argv_add2(&a, "-display", "none");
	argv_add(&a, "-no-reboot");
	argv_add2(&a, "-sandbox",
		  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	render_accel(c, &a);
	render_machine(c, &a);
	render_memory(c, &a);
	/* These three are taken as they are: no commas to double. */
	argv_add2(&a, "-kernel", c->kernel);
	if (c->initrd)
		argv_add2(&a, "-initrd", c->initrd);
	argv_add(&a, "-append");
	argv_take(&a, qemu_args_cmdline(c));
	render_sockets(c, &a);
	render_root_ports(c, &a);
	render_balloon(&a);
	if (c->paused || c->incoming)
		argv_add(&a, "-S");
	if (c->incoming)
		argv_add2(&a, "-incoming", "defer");
	for (size_t i = 0; i < c->n_extra; i++)
		argv_add(&a, c->extra[i]);
	*ret = a;
	a = (struct argv)ARGV_INIT;
	return 0;
}
