# The guest's kernel: built from the distribution's source, or taken from the cache (see build.sh).
EXTRA_DIST += \
	kernel/README.md kernel/build.sh kernel/measure-boot.sh \
	kernel/common.config kernel/x86_64.config kernel/aarch64.config

if BUILD_KERNEL
pkgdata_DATA += kernel/vmlinux
CLEANFILES += kernel/vmlinux

kernel/vmlinux: $(srcdir)/kernel/build.sh $(srcdir)/kernel/common.config \
		$(srcdir)/kernel/$(host_cpu).config
	$(AM_V_GEN)$(MKDIR_P) kernel && \
		$(SHELL) $(srcdir)/kernel/build.sh --arch $(host_cpu) --output $@ >/dev/null
endif
