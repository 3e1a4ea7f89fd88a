# The command line: options, help, and one file a command.
command_sources = \
	src/command/cmd-create.c \
	src/command/cmd-delete.c \
	src/command/cmd-features.c \
	src/command/cmd-help.c \
	src/command/cmd-kill.c \
	src/command/cmd-list.c \
	src/command/cmd-run.c \
	src/command/cmd-spec.c \
	src/command/cmd-start.c \
	src/command/cmd-state.c \
	src/command/cmd-template.c \
	src/command/command.c src/command/command.h \
	src/command/create-options.c src/command/create-options.h \
	src/command/describe.c src/command/describe.h \
	src/command/features.h \
	src/command/help.c src/command/help.h \
	src/command/list-options.c src/command/list-options.h \
	src/command/options.c src/command/options.h \
	src/command/signals.c src/command/signals.h

# The commit that --version names; a tarball has none. It is looked at in every make, and the file
# replaced only when it changes. (A git above a tarball's directory is not this program's.)
BUILT_SOURCES += src/command/commit.h
CLEANFILES += src/command/commit.h
src/command/help.$(OBJEXT): src/command/commit.h
src/command/commit.h: FORCE
	@$(MKDIR_P) src/command; commit=; \
	if test -e $(srcdir)/.git; then \
		commit=`cd $(srcdir) && GIT_OPTIONAL_LOCKS=0 \
			git describe --always --dirty --exclude '*' --abbrev=40 \
			2>/dev/null`; \
	fi; \
	if test -n "$$commit"; then echo "#define RUNVM_COMMIT \"$$commit\""; \
	else echo "/* not known */"; fi >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
.PHONY: FORCE
FORCE:

check_PROGRAMS += tests/unit/test-options tests/unit/test-features
tests_unit_test_options_SOURCES = tests/unit/test-options.c tests/unit/test.h
tests_unit_test_options_LDADD = $(host_libs)
# The words of `features` are those that the guest's table knows.
tests_unit_test_features_SOURCES = tests/unit/test-features.c tests/unit/test.h \
	vminit/mount-options.c vminit/mount-options.h
tests_unit_test_features_LDADD = $(host_libs)

check_PROGRAMS += tests/unit/test-signals
tests_unit_test_signals_SOURCES = tests/unit/test-signals.c tests/unit/test.h
tests_unit_test_signals_LDADD = $(host_libs)
