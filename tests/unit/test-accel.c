// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "lib/error.h"
#include "test.h"
#include "vmm/accel.h"

static const char intel[] = "processor\t: 0\nmodel name\t: X vmx svm\n"
			    "flags\t\t: fpu de vmx smx\nprocessor\t: 1\nflags\t\t: fpu vmx\n";
static const char amd[] = "processor\t: 0\nflags\t\t: fpu svm";
static const char none[] = "processor\t: 0\nmodel name\t: vmx\nflags\t\t: fpu vmxnet svmx\n"
			   "bugs\t\t: vmx\nvmx flags\t: vnmi\n";

static struct accel choose(enum accel_request request, enum vm_arch arch, int kvm_errno,
			   const char *cpuinfo)
{
	struct accel_facts facts = {.arch = arch, .kvm_errno = kvm_errno, .cpuinfo = cpuinfo};
	struct accel choice = ACCEL_INIT;

	CHECK_INT(accel_choose(request, &facts, &choice, NULL), ==, 0);
	return choice;
}

static void test_auto_kvm(void)
{
	_cleanup_accel_ struct accel a = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, intel);
	_cleanup_accel_ struct accel b = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, amd);
	_cleanup_accel_ struct accel c = choose(ACCEL_AUTO, VM_ARCH_AARCH64, 0, none);

	CHECK(a.kvm && !a.forced && !a.reason);
	CHECK(b.kvm && !b.forced && !b.reason);
	CHECK(c.kvm && !c.forced && !c.reason);
}

static void test_auto_tcg(void)
{
	_cleanup_accel_ struct accel a = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, none);
	_cleanup_accel_ struct accel b = choose(ACCEL_AUTO, VM_ARCH_X86_64, EACCES, intel);
	_cleanup_accel_ struct accel c = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, NULL);
	_cleanup_accel_ struct accel d = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, "");

	CHECK(!a.kvm && !a.forced);
	CHECK_CONTAINS(a.reason, "neither vmx nor svm");
	CHECK(!b.kvm);
	CHECK_STR(b.reason, "/dev/kvm does not open (Permission denied)");
	CHECK(!c.kvm && c.reason);
	CHECK(!d.kvm && d.reason);
}

static void test_by_name(void)
{
	struct accel_facts facts = {.arch = VM_ARCH_X86_64, .kvm_errno = ENOENT};
	_cleanup_accel_ struct accel tcg = choose(ACCEL_TCG, VM_ARCH_X86_64, 0, intel);
	_cleanup_accel_ struct accel kvm = choose(ACCEL_KVM, VM_ARCH_X86_64, 0, none);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct accel unused;

	CHECK(!tcg.kvm && tcg.forced && !tcg.reason);
	CHECK(kvm.kvm && kvm.forced && kvm.reason);
	CHECK_INT(accel_choose(ACCEL_KVM, &facts, &unused, &err), ==, -ENODEV);
	CHECK_CONTAINS(error_message(&err), "No such file or directory");
}

static void test_fall_back(void)
{
	_cleanup_accel_ struct accel a = choose(ACCEL_AUTO, VM_ARCH_X86_64, 0, intel);

	accel_fall_back(&a, "internal error");
	CHECK(!a.kvm);
	CHECK_STR(a.reason, "KVM does not run a guest here: internal error");
}

static void test_names(void)
{
	enum accel_request request;

	CHECK_INT(accel_request_from_string("kvm", &request, NULL), ==, 0);
	CHECK_INT(request, ==, ACCEL_KVM);
	CHECK_INT(accel_request_from_string("auto", &request, NULL), ==, 0);
	CHECK_INT(request, ==, ACCEL_AUTO);
	CHECK_INT(accel_request_from_string("KVM", &request, NULL), ==, -EINVAL);
}

int main(void)
{
	TEST_RUN(test_auto_kvm);
	TEST_RUN(test_auto_tcg);
	TEST_RUN(test_by_name);
	TEST_RUN(test_fall_back);
	TEST_RUN(test_names);
	return test_end();
}
