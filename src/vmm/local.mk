# QEMU, virtiofsd and the choice of an accelerator: what the monitor starts and watches.
vmm_sources = \
	src/vmm/accel.c src/vmm/accel.h \
	src/vmm/argv.c src/vmm/argv.h \
	src/vmm/console.c src/vmm/console.h \
	src/vmm/qemu.c src/vmm/qemu.h src/vmm/qemu-internal.h \
	src/vmm/qemu-args.c src/vmm/qemu-args.h \
	src/vmm/qemu-device.c src/vmm/qemu-device.h \
	src/vmm/qemu-migrate.c \
	src/vmm/qemu-op.c \
	src/vmm/qemu-plug.c \
	src/vmm/qmp.c src/vmm/qmp.h \
	src/vmm/qmp-wire.c src/vmm/qmp-wire.h \
	src/vmm/ring.c src/vmm/ring.h \
	src/vmm/spawn.c src/vmm/spawn.h \
	src/vmm/virtiofsd.c src/vmm/virtiofsd.h
