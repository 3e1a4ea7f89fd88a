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
