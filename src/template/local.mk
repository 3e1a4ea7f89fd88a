# Booted VMs that are kept, and restored for new containers.
template_sources = \
	src/template/idle.c src/template/idle.h \
	src/template/queues.c src/template/queues.h \
	src/template/rehearsal.c src/template/rehearsal.h \
	src/template/template.h \
	src/template/template-build.c \
	src/template/template-digest.c src/template/template-digest.h \
	src/template/template-key.c src/template/template-key.h \
	src/template/template-meta.c src/template/template-meta.h \
	src/template/template-pages.c src/template/template-pages.h \
	src/template/template-store.c src/template/template-store.h

check_PROGRAMS += tests/unit/test-queues tests/unit/test-template tests/unit/test-template-key
tests_unit_test_queues_SOURCES = tests/unit/test-queues.c tests/unit/test.h
tests_unit_test_queues_LDADD = $(host_libs)
tests_unit_test_template_SOURCES = tests/unit/test-template.c tests/unit/test.h \
	tests/unit/temporary.h
tests_unit_test_template_LDADD = $(host_libs)
tests_unit_test_template_key_SOURCES = tests/unit/test-template-key.c tests/unit/test.h \
	tests/unit/temporary.h
tests_unit_test_template_key_LDADD = $(host_libs)
