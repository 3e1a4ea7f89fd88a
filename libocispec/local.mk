# config.json, the container's state, and JSON: what host and guest both read and write.
ocispec_sources = \
	libocispec/capability.c libocispec/capability.h \
	libocispec/default.c libocispec/default.h \
	libocispec/guest-config.h \
	libocispec/json.h \
	libocispec/json-get.c \
	libocispec/json-read.c \
	libocispec/json-write.c \
	libocispec/seccomp-enosys.c libocispec/seccomp-enosys.h \
	libocispec/seccomp-program.c libocispec/seccomp-program.h \
	libocispec/spec.c libocispec/spec.h \
	libocispec/spec-copy.c \
	libocispec/spec-read.c \
	libocispec/spec-table.c libocispec/spec-table.h \
	libocispec/spec-table-linux.c \
	libocispec/spec-table-vm.c \
	libocispec/spec-validate.c libocispec/spec-validate.h \
	libocispec/spec-validate-linux.c \
	libocispec/spec-validate-seccomp.c \
	libocispec/spec-write.c \
	libocispec/state.c libocispec/state.h

# Lists the properties of the schemas for tests/unit/test-spec.c.
EXTRA_DIST += libocispec/list-properties.py

check_PROGRAMS += \
	tests/unit/test-json \
	tests/unit/test-seccomp-enosys \
	tests/unit/test-spec \
	tests/unit/test-spec-default \
	tests/unit/test-spec-errors \
	tests/unit/test-spec-validate

tests_unit_test_json_SOURCES = tests/unit/test-json.c tests/unit/test.h
tests_unit_test_json_LDADD = $(host_libs)
tests_unit_test_seccomp_enosys_SOURCES = tests/unit/test-seccomp-enosys.c tests/unit/test.h
tests_unit_test_seccomp_enosys_LDADD = $(host_libs)
tests_unit_test_spec_SOURCES = tests/unit/test-spec.c tests/unit/test-spec-properties.c \
	tests/unit/test.h
tests_unit_test_spec_LDADD = $(host_libs)
tests_unit_test_spec_default_SOURCES = tests/unit/test-spec-default.c tests/unit/test.h
tests_unit_test_spec_default_LDADD = $(host_libs)
tests_unit_test_spec_errors_SOURCES = tests/unit/test-spec-errors.c tests/unit/test.h
tests_unit_test_spec_errors_LDADD = $(host_libs)
tests_unit_test_spec_validate_SOURCES = tests/unit/test-spec-validate.c tests/unit/test.h
tests_unit_test_spec_validate_LDADD = $(host_libs)
