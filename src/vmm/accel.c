// SPDX-License-Identifier: Apache-2.0
#include "vmm/accel.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"

#define CPUINFO_MAX (8 * 1024 * 1024) /* 4,096 processors of 2 KiB */

static const char *const request_names[] = {
	[ACCEL_AUTO] = "auto",
	[ACCEL_KVM] = "kvm",
	[ACCEL_TCG] = "tcg",
};
static_assert(ARRAY_SIZE(request_names) == N_ACCEL_REQUESTS, "one name for each request");

enum vm_arch vm_arch_native(void)
{
#if defined(__x86_64__)
	return VM_ARCH_X86_64;
#elif defined(__aarch64__)
	return VM_ARCH_AARCH64;
#else
#error "runvm knows VMs of x86_64 and aarch64 only"
#endif
}

int accel_request_from_string(const char *s, enum accel_request *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_names); i++)
		if (!strcmp(s, request_names[i])) {
			*ret = (enum accel_request)i;
			return 0;
		}
	return error_set(err, EINVAL, "unknown accelerator \"%s\": expected auto, kvm or tcg", s);
}

/* Whether the first "flags" line has @flag as a word of its own. */
static bool cpuinfo_has_flag(const char *cpuinfo, const char *flag)
{
	const char *line = cpuinfo, *end;
	size_t len = strlen(flag);

	while (strncmp(line, "flags", 5) != 0) {
		line = strchr(line, '\n');
		if (!line)
			return false;
		line++;
	}
	end = strchrnul(line, '\n');
	while (line < end) {
		const char *word = line + strspn(line, " \t:");
		size_t n = strcspn(word, " \t:\n");

		if (n == len && !memcmp(word, flag, len))
			return true;
		if (!n)
			break;
		line = word + n;
	}
	return false;
}

static bool processor_virtualises(const struct accel_facts *facts)
{
	/* The flag lines of aarch64 do not tell whether the kernel got EL2; that KVM is there does. */
	if (facts->arch != VM_ARCH_X86_64)
		return true;
	return facts->cpuinfo &&
	       (cpuinfo_has_flag(facts->cpuinfo, "vmx") || cpuinfo_has_flag(facts->cpuinfo, "svm"));
}

int accel_choose(enum accel_request request, const struct accel_facts *facts, struct accel *ret,
		 struct error *err)
{
	static const char no_extension[] =
		"/dev/kvm opens, but the processor shows neither vmx nor svm";
	struct accel choice = {.forced = request != ACCEL_AUTO};

	if (request == ACCEL_KVM && facts->kvm_errno)
		return error_set(err, ENODEV,
				 "KVM was asked for, but /dev/kvm does not open (%s); without a "
				 "preference the VM would run without it, more slowly",
				 strerror(facts->kvm_errno));
	if (request == ACCEL_TCG) {
		*ret = choice;
		return 0;
	}
	if (facts->kvm_errno)
		choice.reason =
			xasprintf("/dev/kvm does not open (%s)", strerror(facts->kvm_errno));
	else if (!processor_virtualises(facts))
		choice.reason = xstrdup(no_extension);
	/* A KVM without the processor's flag exists (nested, paravirtual), hence by name it is tried. */
	choice.kvm = request == ACCEL_KVM || !choice.reason;
	*ret = choice;
	return 0;
}

int accel_detect(enum accel_request request, struct accel *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf cpuinfo = STRBUF_INIT;
	struct accel_facts facts = {.arch = vm_arch_native()};

	if (request != ACCEL_TCG) {
		_cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

		facts.kvm_errno = fd < 0 ? errno : 0;
		if (fd >= 0 && !io_read_file(AT_FDCWD, "/proc/cpuinfo", CPUINFO_MAX, &cpuinfo))
			facts.cpuinfo = cpuinfo.data;
	}
	return accel_choose(request, &facts, ret, err);
}

void accel_fall_back(struct accel *accel, const char *why)
{
	free(accel->reason);
	accel->reason = xasprintf("KVM does not run a guest here: %s", why);
	accel->kvm = false;
}

void accel_clear(struct accel *accel)
{
	free(accel->reason);
	*accel = (struct accel)ACCEL_INIT;
}
