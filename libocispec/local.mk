# config.json, the container's state, and JSON: what host and guest both read and write.
ocispec_sources = \
	libocispec/json.h \
	libocispec/json-get.c \
	libocispec/json-read.c \
	libocispec/json-write.c \
	libocispec/spec.c libocispec/spec.h \
	libocispec/spec-copy.c \
	libocispec/spec-read.c \
	libocispec/spec-table.c libocispec/spec-table.h \
	libocispec/spec-table-linux.c \
	libocispec/spec-table-vm.c \
	libocispec/spec-write.c \
	libocispec/state.c libocispec/state.h
