// SPDX-License-Identifier: Apache-2.0
/*
 * Where vminitd's ELF file begins; and all of the program that the warm-up's containers execute, which
 * is the same file (warm-up.h). It asks the kernel for what the start of a static C program asks, in that
 * order, touches the kinds of pages that one touches, writes a line as programs do, and ends.
 *
 * The C library's own start would be translated for nobody: each program has a copy of it. So nothing
 * here may need the library, nor the compiler's help that does (a stack protector, memset()).
 */
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/rseq.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

#include "lib/cleanup.h"
#include "vminit/usual-plan.h"

#define PAGE		 4096
#define HEAP_FIRST	 0xd40	 /* as of glibc: its thread's own data, */
#define HEAP		 0x22000 /* and an arena */
#define HEAP_MOST	 (HEAP_FIRST + 0x21000)
#define ROBUST_LIST	 64 /* where in it, and how long */
#define ROBUST_LIST_SIZE 24
#define RSEQ_SIZE	 32
#define RSEQ_SIGNATURE	 0x53053053
#define BUFFER_SIZE	 4096

/* Its secret would be read where the library will put it. */
#if __has_attribute(no_stack_protector)
#define _bare_ __attribute__((no_stack_protector))
#else
#define _bare_
#endif

/* Called by the code below alone, which a compiler of whole programs does not see. */
void __attribute__((used)) warm_up_program(char **argv);

#if defined(__x86_64__)

__asm__(".text\n"
	".globl vminitd_begin\n"
	".type vminitd_begin, @function\n"
	"vminitd_begin:\n"
	"	mov	%rsp, %rbp\n"
	"	mov	%rdx, %rbx\n"
	"	lea	8(%rsp), %rdi\n"
	"	call	warm_up_program\n"
	"	mov	%rbp, %rsp\n"
	"	mov	%rbx, %rdx\n"
	"	jmp	_start\n"
	".size vminitd_begin, . - vminitd_begin\n");

static _bare_ long call(long number, long a, long b, long c, long d)
{
	register long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}

static _bare_ void set_thread_pointer(long address)
{
	(void)call(__NR_arch_prctl, ARCH_SET_FS, address, 0, 0);
}

#elif defined(__aarch64__)

__asm__(".text\n"
	".globl vminitd_begin\n"
	".type vminitd_begin, %function\n"
	"vminitd_begin:\n"
	"	mov	x19, x0\n"
	"	add	x0, sp, 8\n"
	"	bl	warm_up_program\n"
	"	mov	x0, x19\n"
	"	b	_start\n"
	".size vminitd_begin, . - vminitd_begin\n");

static _bare_ long call(long number, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}

static _bare_ void set_thread_pointer(long address)
{
	__asm__ volatile("msr tpidr_el0, %0" : : "r"(address));
}

#else
#error "vminitd begins on x86_64 and aarch64 only"
#endif

/* In the file, and written to: a page of it is copied for that. */
static volatile char constants[PAGE] __attribute__((aligned(PAGE))) = {1};

static _bare_ bool is_usual(const char *name)
{
	static const char usual[] = USUAL_PROGRAM;

	for (size_t i = 0; i < sizeof(usual); i++)
		if (name[i] != usual[i])
			return false;
	return true;
}

/* The kernel gives addresses of memory as numbers here. */
static _bare_ void store(long address, long value)
{
	*(volatile long *)address = value; // NOLINT(performance-no-int-to-ptr)
}

static _noreturn_ _bare_ void run(void)
{
	char buffer[BUFFER_SIZE];
	long heap = call(__NR_brk, 0, 0, 0, 0);

	(void)call(__NR_brk, heap + HEAP_FIRST, 0, 0, 0);
	store(heap + ROBUST_LIST, heap + ROBUST_LIST);
	set_thread_pointer(heap);
	(void)call(__NR_set_tid_address, heap, 0, 0, 0);
	(void)call(__NR_set_robust_list, heap + ROBUST_LIST, ROBUST_LIST_SIZE, 0, 0);
	(void)call(__NR_rseq, heap + RSEQ_SIZE, RSEQ_SIZE, 0, RSEQ_SIGNATURE);
	(void)call(__NR_prlimit64, 0, RLIMIT_STACK, 0, (long)buffer);
#if defined(__NR_readlink)
	(void)call(__NR_readlink, (long)USUAL_PROGRAM, (long)buffer, sizeof(buffer), 0);
#else
	(void)call(__NR_readlinkat, AT_FDCWD, (long)USUAL_PROGRAM, (long)buffer, sizeof(buffer));
#endif
	(void)call(__NR_getrandom, (long)buffer, sizeof(long), GRND_NONBLOCK, 0);
	(void)call(__NR_brk, 0, 0, 0, 0);
	(void)call(__NR_brk, heap + HEAP_MOST, 0, 0, 0);
	(void)call(__NR_brk, heap + HEAP, 0, 0, 0);
	store(heap + BUFFER_SIZE, 1);
	constants[0] = 2;
	(void)call(__NR_mprotect, (long)constants, sizeof(constants), PROT_READ, 0);
	(void)call(__NR_prctl, PR_GET_NAME, (long)buffer, 0, 0);
	(void)call(__NR_getuid, 0, 0, 0, 0);
	(void)call(__NR_write, 1, (long)"\n", 1, 0);
	for (;;)
		(void)call(__NR_exit_group, 0, 0, 0, 0);
}

_bare_ void warm_up_program(char **argv)
{
	if (argv[0] && is_usual(argv[0]))
		run();
}
