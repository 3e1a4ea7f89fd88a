# QEMU, virtiofsd and the choice of an accelerator: what the monitor starts and watches.
vmm_sources = \
	src/vmm/accel.c src/vmm/accel.h \
	src/vmm/argv.c src/vmm/argv.h \
	src/vmm/console.c src/vmm/console.h \
	src/vmm/first-devices.c src/vmm/first-devices.h \
	src/vmm/memory.c src/vmm/memory.h \
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
	src/vmm/tsc.c src/vmm/tsc.h \
	src/vmm/virtiofsd.c src/vmm/virtiofsd.h

check_PROGRAMS += \
	tests/unit/test-accel \
	tests/unit/test-console \
	tests/unit/test-qemu \
	tests/unit/test-qemu-args \
	tests/unit/test-qemu-device \
	tests/unit/test-qemu-spawn \
	tests/unit/test-qemu-tsc \
	tests/unit/test-qmp \
	tests/unit/test-virtiofsd

tests_unit_test_accel_SOURCES = tests/unit/test-accel.c tests/unit/test.h
tests_unit_test_accel_LDADD = $(host_libs)
tests_unit_test_console_SOURCES = tests/unit/test-console.c tests/unit/test.h
tests_unit_test_console_LDADD = $(host_libs)
tests_unit_test_qemu_SOURCES = tests/unit/test-qemu.c tests/unit/test.h
tests_unit_test_qemu_LDADD = $(host_libs)
tests_unit_test_qemu_args_SOURCES = tests/unit/test-qemu-args.c tests/unit/test.h
tests_unit_test_qemu_args_LDADD = $(host_libs)
tests_unit_test_qemu_device_SOURCES = tests/unit/test-qemu-device.c tests/unit/test.h
tests_unit_test_qemu_device_LDADD = $(host_libs)
tests_unit_test_qemu_spawn_SOURCES = tests/unit/test-qemu-spawn.c tests/unit/test.h
tests_unit_test_qemu_spawn_LDADD = $(host_libs)
tests_unit_test_qemu_tsc_SOURCES = tests/unit/test-qemu-tsc.c tests/unit/test.h
tests_unit_test_qemu_tsc_LDADD = $(host_libs)
tests_unit_test_qmp_SOURCES = tests/unit/test-qmp.c tests/unit/test.h
tests_unit_test_qmp_LDADD = $(host_libs)
tests_unit_test_virtiofsd_SOURCES = tests/unit/test-virtiofsd.c tests/unit/test.h
tests_unit_test_virtiofsd_LDADD = $(host_libs)
