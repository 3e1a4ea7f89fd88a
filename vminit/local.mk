# vminitd, pid 1 of the guest: static, never sanitized; and the initramfs around it.
noinst_PROGRAMS += vminit/vminitd vminit/mkinitramfs

# All of it but pid 1 itself; tests link this with a transport of their own.
vminit_rooms = \
	vminit/cgroup.c vminit/cgroup.h \
	vminit/child.c vminit/child.h \
	vminit/container.c vminit/container.h \
	vminit/copy-up.c vminit/copy-up.h \
	vminit/exec-path.c vminit/exec-path.h \
	vminit/home.c vminit/home.h \
	vminit/handover.c vminit/handover.h \
	vminit/hooks.c vminit/hooks.h \
	vminit/hotplug.c vminit/hotplug.h \
	vminit/inroot.c vminit/inroot.h \
	vminit/memory.c vminit/memory.h \
	vminit/mount-options.c vminit/mount-options.h \
	vminit/network.c vminit/network.h \
	vminit/plan.c vminit/plan.h \
	vminit/plan-process.c vminit/plan-process.h \
	vminit/privileges.c vminit/privileges.h \
	vminit/proc-info.c vminit/proc-info.h \
	vminit/process.c vminit/process.h \
	vminit/rootfs.c vminit/rootfs.h \
	vminit/service.h \
	vminit/service.c \
	vminit/service-container.c \
	vminit/service-events.c \
	vminit/service-guest.c \
	vminit/service-list.c \
	vminit/service-sandbox.c \
	vminit/service-system.c \
	vminit/setup.c vminit/setup.h \
	vminit/spare.c vminit/spare.h \
	vminit/stdio.c vminit/stdio.h \
	vminit/steps.c vminit/steps.h \
	vminit/terminal.c vminit/terminal.h \
	vminit/transport.c vminit/transport.h \
	vminit/usual.c vminit/usual.h \
	vminit/usual-make.c \
	vminit/usual-plan.c vminit/usual-plan.h \
	vminit/virtio-pci.c vminit/virtio-pci.h \
	vminit/warm-up.c vminit/warm-up.h \
	vminit/workers.c vminit/workers.h

vminit_vminitd_SOURCES = vminit/main.c vminit/warm-up-program.c vminit/boot.c vminit/boot.h $(vminit_rooms) \
	$(lib_sources) $(ocispec_sources) $(rpc_sources)
nodist_vminit_vminitd_SOURCES = $(rpc_generated)
vminit_vminitd_CFLAGS = $(GUEST_CFLAGS)
vminit_vminitd_LDFLAGS = -static -Wl,--gc-sections -Wl,-e,vminitd_begin
vminit_vminitd_LDADD = $(GUEST_LIBS)

vminit_mkinitramfs_SOURCES = vminit/mkinitramfs.c
vminit_mkinitramfs_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
vminit_mkinitramfs_LDADD = librunvm.a $(ARCHIVE_LIBS)

pkgdata_DATA += vminit/initramfs.cpio
CLEANFILES += vminit/initramfs.cpio vminit/vminitd.stripped

vminit/initramfs.cpio: vminit/vminitd$(EXEEXT) vminit/mkinitramfs$(EXEEXT)
	$(AM_V_GEN)strip='$(STRIP)' && $${strip:-strip} -o vminit/vminitd.stripped vminit/vminitd$(EXEEXT) && \
		vminit/mkinitramfs$(EXEEXT) vminit/vminitd.stripped $@

# On the host: all of vminitd but its boot and its vsock, as pid 1 of a namespace (needs root).
check_PROGRAMS += tests/unit/test-usual tests/unit/test-virtio-pci tests/unit/test-vminit \
	tests/unit/test-vminit-guest

tests_unit_test_usual_SOURCES = tests/unit/test-usual.c tests/unit/test.h \
	vminit/usual-plan.c vminit/usual.c vminit/rootfs.c vminit/copy-up.c vminit/inroot.c \
	vminit/mount-options.c vminit/plan.c vminit/plan-process.c
tests_unit_test_usual_CFLAGS = $(AM_CFLAGS)
tests_unit_test_usual_LDADD = $(host_libs)

tests_unit_test_virtio_pci_SOURCES = tests/unit/test-virtio-pci.c tests/unit/test.h \
	vminit/virtio-pci.c vminit/virtio-pci.h
tests_unit_test_virtio_pci_CFLAGS = $(AM_CFLAGS)
tests_unit_test_virtio_pci_LDADD = $(host_libs)

tests_unit_test_vminit_SOURCES = tests/unit/test-vminit.c tests/unit/test.h \
	vminit/mount-options.c vminit/plan.c vminit/plan-process.c vminit/exec-path.c vminit/inroot.c \
	vminit/home.c vminit/proc-info.c
tests_unit_test_vminit_CFLAGS = $(AM_CFLAGS)
tests_unit_test_vminit_LDADD = $(host_libs)

tests_unit_test_vminit_guest_SOURCES = tests/unit/test-vminit-guest.c tests/unit/test.h \
	tests/unit/temporary.h tests/unit/vminit-harness.c tests/unit/vminit-harness.h \
	$(vminit_rooms)
tests_unit_test_vminit_guest_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_unit_test_vminit_guest_LDADD = $(server_libs)
