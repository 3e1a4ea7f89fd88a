# The VM's vsock device: a vhost-user back end and the unix sockets beside it.
vsock_sources = \
	src/vsock/guest-memory.c src/vsock/guest-memory.h \
	src/vsock/vhost-user-message.c src/vsock/vhost-user-message.h \
	src/vsock/vhost-user.c src/vsock/vhost-user.h \
	src/vsock/vring.c src/vsock/vring.h \
	src/vsock/vsock-connection.c src/vsock/vsock-connection.h \
	src/vsock/vsock-device.c src/vsock/vsock-device.h \
	src/vsock/vsock-listener.c src/vsock/vsock-listener.h \
	src/vsock/vsock-packet.c src/vsock/vsock-packet.h

check_PROGRAMS += \
	tests/unit/test-vhost-user-message \
	tests/unit/test-vring \
	tests/unit/test-vsock-device \
	tests/unit/test-vsock-hostile \
	tests/unit/test-vsock-stream

tests_unit_test_vhost_user_message_SOURCES = tests/unit/test-vhost-user-message.c tests/unit/test.h
tests_unit_test_vhost_user_message_LDADD = $(host_libs)
tests_unit_test_vring_SOURCES = tests/unit/test-vring.c tests/unit/test.h
tests_unit_test_vring_LDADD = $(host_libs)
tests_unit_test_vsock_device_SOURCES = tests/unit/test-vsock-device.c tests/unit/test-vsock-driver.h \
	tests/unit/test.h
tests_unit_test_vsock_device_LDADD = $(host_libs)
tests_unit_test_vsock_hostile_SOURCES = tests/unit/test-vsock-hostile.c \
	tests/unit/test-vsock-driver.h tests/unit/test.h
tests_unit_test_vsock_hostile_LDADD = $(host_libs)
tests_unit_test_vsock_stream_SOURCES = tests/unit/test-vsock-stream.c \
	tests/unit/test-vsock-driver.h tests/unit/test.h
tests_unit_test_vsock_stream_LDADD = $(host_libs)

EXTRA_DIST += tests/fuzz/fuzz-vsock-device.c tests/fuzz/fuzz-vsock-packet.c
