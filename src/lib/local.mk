# What both the host's programs and vminitd use. Knows no containers and no VMs.
lib_sources = \
	src/lib/alloc.c src/lib/alloc.h \
	src/lib/cleanup.h \
	src/lib/error.c src/lib/error.h \
	src/lib/io.c src/lib/io.h \
	src/lib/log.c src/lib/log.h \
	src/lib/loop.c src/lib/loop.h \
	src/lib/packet.c src/lib/packet.h \
	src/lib/process.c src/lib/process.h \
	src/lib/relay.c src/lib/relay.h \
	src/lib/socket.c src/lib/socket.h \
	src/lib/strbuf.c src/lib/strbuf.h \
	src/lib/trace.c src/lib/trace.h

check_PROGRAMS += tests/unit/test-lib tests/unit/test-loop tests/unit/test-strbuf
tests_unit_test_lib_SOURCES = tests/unit/test-lib.c tests/unit/test.h tests/unit/temporary.h
tests_unit_test_lib_LDADD = $(host_libs)
tests_unit_test_loop_SOURCES = tests/unit/test-loop.c tests/unit/test.h
tests_unit_test_loop_LDADD = $(host_libs)
tests_unit_test_strbuf_SOURCES = tests/unit/test-strbuf.c tests/unit/test.h
tests_unit_test_strbuf_LDADD = $(host_libs)
