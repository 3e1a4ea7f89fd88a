# The owner of a VM, and the share.
monitor_sources = \
	src/monitor/assets.c src/monitor/assets.h \
	src/monitor/lease.h \
	src/monitor/leases.c src/monitor/leases.h \
	src/monitor/monitor.c src/monitor/monitor.h \
	src/monitor/monitor-main.c \
	src/monitor/share.c src/monitor/share.h \
	src/monitor/vm-setup.c src/monitor/vm-setup.h

check_PROGRAMS += tests/unit/test-leases
tests_unit_test_leases_SOURCES = tests/unit/test-leases.c tests/unit/test.h
tests_unit_test_leases_LDADD = $(host_libs)
