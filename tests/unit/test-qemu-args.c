// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "lib/alloc.h"
#include "lib/error.h"
#include "lib/strbuf.h"
#include "test.h"
#include "vmm/memory.h"
#include "vmm/qemu-args.h"

#define MIB UINT64_C(1048576)

static const struct qemu_config plain = {
	.program = "/usr/bin/qemu-system-x86_64",
	.arch = VM_ARCH_X86_64,
	.cpus = 1,
	.memory = 256 * MIB,
	.memory_fd = -1,
	.kernel = "/k/vmlinux",
	.initrd = "/k/initrd",
	.console_fd = 5,
	.qmp_fd = 4,
	.root_ports = 1,
};

/* One argument a line. */
static char *render(const struct qemu_config *config)
{
	_cleanup_argv_ struct argv argv = ARGV_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct strbuf text = STRBUF_INIT;

	if (qemu_args_render(config, &argv, &err) < 0)
		return xstrdup(error_message(&err));
	for (size_t i = 0; i < argv.n; i++) {
		strbuf_puts(&text, argv.v[i]);
		strbuf_putc(&text, '\n');
	}
	return strbuf_take(&text);
}

static void test_plain(void)
{
	_cleanup_free_ char *text = render(&plain);

	CHECK_STR(text,
		  "/usr/bin/qemu-system-x86_64\n"
		  "-nodefaults\n-no-user-config\n-display\nnone\n-no-reboot\n"
		  "-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,"
		  "resourcecontrol=deny\n-accel\ntcg\n"
		  "-machine\nq35,usb=off,vmport=off,smbus=off,sata=off,i8042=off,"
		  "dump-guest-core=off,mem-merge=off,memory-backend=mem\n"
		  "-cpu\nmax,-erms,-fsrm\n-smp\n1\n-m\n256M\n"
		  "-object\nmemory-backend-memfd,id=mem,size=256M,share=on\n"
		  "-kernel\n/k/vmlinux\n-initrd\n/k/initrd\n"
		  "-append\nconsole=ttyS0 quiet oops=panic panic=-1 reboot=t no_timer_check "
		  "tsc=reliable "
		  "idle=halt mitigations=off rcupdate.rcu_expedited=1 "
		  "init_on_alloc=1\n"
		  "-chardev\nsocket,id=qmp,fd=4\n-mon\nchardev=qmp,mode=control\n"
		  "-chardev\nsocket,id=console,fd=5\n-serial\nchardev:console\n"
		  "-device\npcie-root-port,id=rp0,bus=pcie.0,chassis=1,io-reserve=0\n"
		  "-device\nvirtio-balloon-pci,id=balloon,bus=pcie.0,free-page-reporting=on\n");
}

static void test_everything(void)
{
	static const struct qemu_chardev chardevs[] = {{"fs", 7}, {"vsock", 8}};
	static const char *const parameters[] = {"a=\"b c\"", "d,e"};
	static const char *const extra[] = {"-device", "x,y", ""};
	struct qemu_config config = plain;
	_cleanup_free_ char *text = NULL;

	config.name = "a,b=c,,d e";
	config.kvm = true;
	config.tsc_khz = 2000000;
	config.cpus = 2;
	config.max_cpus = 8;
	config.max_memory = 1024 * MIB;
	config.memory_fd = 9;
	config.kernel = "/with,comma/and space";
	config.initrd = NULL;
	config.kernel_parameters = parameters;
	config.n_kernel_parameters = 2;
	config.chardevs = chardevs;
	config.n_chardevs = 2;
	config.incoming = true;
	config.extra = extra;
	config.n_extra = 3;
	text = render(&config);
	CHECK_STR(text, "/usr/bin/qemu-system-x86_64\n"
			"-name\nguest=a,,b=c,,,,d e\n"
			"-nodefaults\n-no-user-config\n-display\nnone\n-no-reboot\n"
			"-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			"resourcecontrol=deny\n-accel\nkvm\n"
			"-machine\nq35,usb=off,vmport=off,smbus=off,sata=off,i8042=off,"
			"dump-guest-core=off,mem-merge=off,memory-backend=mem\n"
			"-cpu\nhost\n-smp\ncpus=2,maxcpus=8\n-m\nsize=256M,maxmem=1024M\n"
			"-object\nmemory-backend-file,id=mem,size=256M,"
			"mem-path=/proc/self/fd/9,share=on,align=2M\n"
			"-kernel\n/with,comma/and space\n"
			"-append\nconsole=ttyS0 quiet oops=panic panic=-1 reboot=t a=\"b c\" d,e\n"
			"-chardev\nsocket,id=qmp,fd=4\n-mon\nchardev=qmp,mode=control\n"
			"-chardev\nsocket,id=console,fd=5\n-serial\nchardev:console\n"
			"-chardev\nsocket,id=fs,fd=7\n-chardev\nsocket,id=vsock,fd=8\n"
			"-device\npcie-root-port,id=rp0,bus=pcie.0,chassis=1,io-reserve=0\n"
			"-device\nvirtio-balloon-pci,id=balloon,bus=pcie.0,free-page-reporting=on\n"
			"-S\n-incoming\ndefer\n-device\nx,y\n\n");
}

static void test_aarch64(void)
{
	struct qemu_config config = plain;
	_cleanup_free_ char *text = NULL;

	config.arch = VM_ARCH_AARCH64;
	config.tsc_khz = 1;
	config.cpu_model = "cortex-a57";
	config.paused = true;
	config.root_ports = 0;
	text = render(&config);
	CHECK_CONTAINS(text, "-machine\nvirt,gic-version=max,dump-guest-core=off,mem-merge=off,"
			     "memory-backend=mem\n-cpu\ncortex-a57\n");
	CHECK_CONTAINS(text,
		       "-append\nconsole=ttyAMA0 quiet oops=panic panic=-1 init_on_alloc=1\n");
	CHECK_CONTAINS(text, "id=rp3,bus=pcie.0,chassis=4,io-reserve=0\n-device\nvirtio-balloon");
}

static void test_cmdline(void)
{
	struct qemu_config config = plain;
	_cleanup_free_ char *text = NULL;

	config.tsc_khz = 1999998;
	text = qemu_args_cmdline(&config);
	CHECK_STR(text, "console=ttyS0 quiet oops=panic panic=-1 reboot=t no_timer_check "
			"tsc=reliable idle=halt mitigations=off rcupdate.rcu_expedited=1 "
			"init_on_alloc=1 tsc_early_khz=1999998");
	free(TAKE_PTR(text));
	config.cpus = 2;
	text = render(&config);
	CHECK_CONTAINS(text, "-accel\ntcg,thread=single\n");
}

static void check_refused(const struct qemu_config *config, const char *message)
{
	_cleanup_free_ char *text = render(config);

	CHECK_STR(text, message);
}

/* A VM of one processor has a second one for its template, and what is restored from that. */
static void test_warm_up(void)
{
	struct qemu_config config = plain;
	_cleanup_free_ char *text = NULL;

	CHECK(qemu_args_warm_up_fits(&config));
	config.warm_up = true;
	text = render(&config);
	CHECK_CONTAINS(text, "-accel\ntcg\n");
	CHECK_CONTAINS(text, "-smp\n2\n");
	config.kvm = true;
	check_refused(&config, "this VM cannot have a processor to translate ahead");
	config = plain;
	config.warm_up = true;
	config.cpus = 2;
	check_refused(&config, "this VM cannot have a processor to translate ahead");
	config.cpus = 1;
	config.max_cpus = 2;
	check_refused(&config, "this VM cannot have a processor to translate ahead");
}

/* The offset, or -1. */
static int64_t offset(enum vm_arch arch, uint64_t mib, uint64_t physical)
{
	struct qemu_config config = plain;
	uint64_t ret = 0;

	config.arch = arch;
	config.memory = mib * MIB;
	return vm_memory_offset(&config, physical, &ret) < 0 ? -1 : (int64_t)ret;
}

/* Figures of `info mtree` in QEMU's monitor. */
static void test_memory(void)
{
	CHECK_INT(offset(VM_ARCH_X86_64, 512, 0), ==, 0);
	CHECK_INT(offset(VM_ARCH_X86_64, 512, 0x1ffff000), ==, 0x1ffff000);
	CHECK_INT(offset(VM_ARCH_X86_64, 512, 0x20000000), ==, -1);
	CHECK_INT(offset(VM_ARCH_X86_64, 512, UINT64_C(0x100000000)), ==, -1);
	/* 2,815 MiB in one piece; one more is two. */
	CHECK_INT(offset(VM_ARCH_X86_64, 2814, 0xafdff000), ==, INT64_C(0xafdff000));
	CHECK_INT(offset(VM_ARCH_X86_64, 2816, 0x7ffff000), ==, 0x7ffff000);
	CHECK_INT(offset(VM_ARCH_X86_64, 2816, 0x80000000), ==, -1);
	CHECK_INT(offset(VM_ARCH_X86_64, 2816, UINT64_C(0x100000000)), ==, INT64_C(0x80000000));
	CHECK_INT(offset(VM_ARCH_X86_64, 2816, UINT64_C(0x12ffff000)), ==, INT64_C(0xaffff000));
	CHECK_INT(offset(VM_ARCH_X86_64, 2816, UINT64_C(0x130000000)), ==, -1);
	CHECK_INT(offset(VM_ARCH_X86_64, 512, UINT64_MAX), ==, -1);
	CHECK_INT(offset(VM_ARCH_AARCH64, 512, 0x3ffff000), ==, -1);
	CHECK_INT(offset(VM_ARCH_AARCH64, 512, 0x40000000), ==, 0);
	CHECK_INT(offset(VM_ARCH_AARCH64, 8192, UINT64_C(0x23ffff000)), ==, INT64_C(0x1fffff000));
	CHECK_INT(offset(VM_ARCH_AARCH64, 8192, UINT64_C(0x240000000)), ==, -1);
}

static void test_refused(void)
{
	static const struct qemu_chardev injected = {"x,path=/etc/shadow", 7}, nameless = {NULL, 7};
	struct qemu_config config;

	config = plain;
	config.kernel = "";
	check_refused(&config, "the VM has no kernel");
	config = plain;
	config.cpus = 0;
	check_refused(&config, "the VM cannot have 0 processors of at most 0");
	config = plain;
	config.memory = MIB;
	check_refused(&config, "the VM's memory, 1048576 bytes, is not a multiple of 2 MiB");
	config = plain;
	config.max_memory = 128 * MIB;
	check_refused(&config, "the VM cannot have 256 MiB of memory of at most 128");
	config = plain;
	config.root_ports = 17;
	check_refused(&config, "the VM cannot have 17 root ports, 16 at most");
	config = plain;
	config.chardevs = &injected;
	config.n_chardevs = 1;
	check_refused(&config, "\"x,path=/etc/shadow\" cannot name a device");
	config.chardevs = &nameless;
	check_refused(&config, "\"\" cannot name a device");
}

int main(void)
{
	TEST_RUN(test_plain);
	TEST_RUN(test_everything);
	TEST_RUN(test_aarch64);
	TEST_RUN(test_cmdline);
	TEST_RUN(test_warm_up);
	TEST_RUN(test_memory);
	TEST_RUN(test_refused);
	return test_end();
}
