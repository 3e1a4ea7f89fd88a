# A container on the host: its bundle, the plan made from it, its directory, its hooks.
container_sources = \
	src/container/bundle.c src/container/bundle.h \
	src/container/cgroup.c src/container/cgroup.h \
	src/container/container.c src/container/container.h \
	src/container/hooks.c src/container/hooks.h \
	src/container/plan.c src/container/plan.h \
	src/container/plan-seccomp.c \
	src/container/plan-support.c \
	src/container/status.c src/container/status.h

check_PROGRAMS += tests/unit/test-container tests/unit/test-status
tests_unit_test_container_SOURCES = tests/unit/test-container.c tests/unit/test.h \
	tests/unit/temporary.h
tests_unit_test_container_LDADD = $(host_libs)
tests_unit_test_status_SOURCES = tests/unit/test-status.c tests/unit/test.h tests/unit/temporary.h
tests_unit_test_status_LDADD = $(host_libs)

check_PROGRAMS += tests/unit/test-hooks tests/unit/test-plan
tests_unit_test_hooks_SOURCES = tests/unit/test-hooks.c tests/unit/test.h tests/unit/temporary.h
tests_unit_test_hooks_LDADD = $(host_libs)
tests_unit_test_plan_SOURCES = tests/unit/test-plan.c tests/unit/test.h
tests_unit_test_plan_LDADD = $(host_libs)
