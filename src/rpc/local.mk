# What host and guest speak: the .proto files, gRPC over HTTP/2 and frames, a server and a client.
rpc_sources = \
	src/rpc/api.h \
	src/rpc/call.c src/rpc/call.h \
	src/rpc/client.c src/rpc/client.h \
	src/rpc/connection.c \
	src/rpc/frame.c src/rpc/frame.h \
	src/rpc/grpc.c src/rpc/grpc.h \
	src/rpc/handover.h \
	src/rpc/server.c src/rpc/server.h \
	src/rpc/session.c src/rpc/session.h \
	src/rpc/wire-frames.c \
	src/rpc/wire-http2.c

# Never distributed: the .proto files are, and protoc-c is needed to build.
rpc_generated = \
	src/rpc/google/protobuf/timestamp.pb-c.c src/rpc/google/protobuf/timestamp.pb-c.h \
	src/rpc/guest.pb-c.c src/rpc/guest.pb-c.h \
	src/rpc/sandbox.pb-c.c src/rpc/sandbox.pb-c.h

BUILT_SOURCES += $(rpc_generated)
CLEANFILES += $(rpc_generated)
EXTRA_DIST += src/rpc/sandbox.proto src/rpc/guest.proto

# protoc-c's INIT macros initialise the union of a oneof without its braces.
rpc_quiet = sed -i '1i\#pragma GCC diagnostic ignored "-Wmissing-braces"'

src/rpc/sandbox.pb-c.c: src/rpc/sandbox.proto
	$(AM_V_GEN)$(MKDIR_P) src/rpc && $(PROTOC_C) --proto_path=$(top_srcdir)/src/rpc \
		--proto_path=$(PROTOBUF_INCLUDE) --c_out=src/rpc sandbox.proto && \
		$(rpc_quiet) src/rpc/sandbox.pb-c.h
src/rpc/guest.pb-c.c: src/rpc/guest.proto
	$(AM_V_GEN)$(MKDIR_P) src/rpc && $(PROTOC_C) --proto_path=$(top_srcdir)/src/rpc \
		--proto_path=$(PROTOBUF_INCLUDE) --c_out=src/rpc guest.proto && \
		$(rpc_quiet) src/rpc/guest.pb-c.h
# The generated source includes its header as if -Isrc/rpc were given; beside it is enough.
src/rpc/google/protobuf/timestamp.pb-c.c: src/rpc/local.mk
	$(AM_V_GEN)$(MKDIR_P) src/rpc && $(PROTOC_C) --proto_path=$(PROTOBUF_INCLUDE) \
		--c_out=src/rpc google/protobuf/timestamp.proto && \
		sed -i 's|"google/protobuf/timestamp.pb-c.h"|"timestamp.pb-c.h"|' $@

# One run makes both files; the header only has to look newer.
src/rpc/sandbox.pb-c.h: src/rpc/sandbox.pb-c.c
	@touch $@
src/rpc/guest.pb-c.h: src/rpc/guest.pb-c.c
	@touch $@
src/rpc/google/protobuf/timestamp.pb-c.h: src/rpc/google/protobuf/timestamp.pb-c.c
	@touch $@

rpc_test_service = tests/unit/test-rpc-service.c tests/unit/test-rpc-service.h tests/unit/test.h

check_PROGRAMS += tests/unit/test-frames tests/unit/test-grpc tests/unit/test-rpc \
	tests/unit/test-rpc-hostile tests/unit/test-rpc-interop
tests_unit_test_frames_SOURCES = tests/unit/test-frames.c $(rpc_test_service)
tests_unit_test_frames_LDADD = $(server_libs)
tests_unit_test_grpc_SOURCES = tests/unit/test-grpc.c tests/unit/test.h
tests_unit_test_grpc_LDADD = $(host_libs)
tests_unit_test_rpc_SOURCES = tests/unit/test-rpc.c $(rpc_test_service)
tests_unit_test_rpc_LDADD = $(server_libs)
tests_unit_test_rpc_hostile_SOURCES = tests/unit/test-rpc-hostile.c $(rpc_test_service)
tests_unit_test_rpc_hostile_LDADD = $(server_libs)
# Runs tests/interop/rpc-interop.py.
tests_unit_test_rpc_interop_SOURCES = tests/unit/test-rpc-interop.c $(rpc_test_service)
tests_unit_test_rpc_interop_LDADD = $(server_libs)
EXTRA_DIST += tests/interop/rpc-interop.py tests/fuzz/fuzz-frames.c tests/fuzz/fuzz-grpc.c \
	tests/fuzz/rpc-server.h
