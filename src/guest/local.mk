# What the host asks of vminitd.
guest_sources = src/guest/guest.c src/guest/guest.h

check_PROGRAMS += tests/unit/test-guest
tests_unit_test_guest_SOURCES = tests/unit/test-guest.c tests/unit/test.h
tests_unit_test_guest_LDADD = $(server_libs)
