# Tests beyond the unit tests (those are listed by their rooms).
#
#   make check-vm    boots VMs: needs root, QEMU and virtiofsd. VM_TESTS=tests/vm/cli.bats for some,
#                    BATSFLAGS='-f PATTERN', STRICT=1 to fail where a test would be skipped,
#                    RUNVM_TEST_LONG=1 for 1 GiB of data where it is 256 MiB.
#   make check-asan  builds the host side with the sanitizers in asan/, runs the unit tests and
#                    ASAN_VM_TESTS there.

BATS = bats
BATSFLAGS =
VM_TESTS = $(srcdir)/tests/vm
ASAN_VM_TESTS = tests/vm/cli.bats tests/vm/spec.bats tests/vm/state.bats tests/vm/run.bats \
	tests/vm/lifecycle.bats tests/vm/ends.bats

EXTRA_DIST += \
	tests/vm/cli.bats \
	tests/vm/clones.bats \
	tests/vm/compare-runc.bats \
	tests/vm/ends.bats \
	tests/vm/grpc.bats \
	tests/vm/helper.bash \
	tests/vm/hooks.bats \
	tests/vm/leaks.bats \
	tests/vm/lifecycle.bats \
	tests/vm/pty.py \
	tests/vm/refusals.bats \
	tests/vm/run.bats \
	tests/vm/spec.bats \
	tests/vm/state.bats \
	tests/vm/stdio.bats \
	tests/vm/template.bats \
	tests/vm/terminal.bats

.PHONY: check-vm check-asan

check-vm: all
	RUNVM='$(abs_builddir)/runvm' $(BATS) $(BATSFLAGS) $(VM_TESTS)

# From a copy of the sources as a tarball has them: a tree that is configured in place cannot be
# configured a second time elsewhere. The guest's kernel is that of this build.
check-asan:
	rm -rf asan
	$(MKDIR_P) asan/build/kernel
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir=asan/source
	if test -f kernel/vmlinux; then ln -s '$(abs_builddir)/kernel/vmlinux' asan/build/kernel/; fi
	cd asan/build && ../source/configure --enable-sanitizers --without-kernel
	cd asan/build && $(MAKE) $(AM_MAKEFLAGS) check
	cd asan/source && RUNVM='$(abs_builddir)/asan/build/runvm' \
		$(BATS) $(BATSFLAGS) $(ASAN_VM_TESTS)
