# What a developer runs beside the tests.
#
#   make lint     layers, shellcheck, cppcheck, clang-tidy; LINT='layers shell' for some of them
#   make format   clang-format over all sources
#   make fuzz     each tests/fuzz/fuzz-*.c for FUZZ_SECONDS, with clang's sanitizers; FUZZ=grpc for
#                 one of them. Inputs that were found are kept in fuzz/.
BASH = bash
LINT = layers shell man cppcheck tidy
LINT_JOBS = 2
FUZZ_CC = clang
FUZZ_SECONDS = 20
FUZZ =
FUZZ_SANITIZERS = address,undefined

EXTRA_DIST += autogen.sh .clang-tidy .ci/run \
	contrib/check-layers contrib/demo.sh contrib/fuzz.sh contrib/lint.sh contrib/setup.sh \
	contrib/steps.sh contrib/tap.sh contrib/test.sh \
	tests/fuzz

.PHONY: lint format fuzz

contrib_flags = $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) -std=gnu11 $(YAJL_CFLAGS) \
	$(NGHTTP2_CFLAGS) $(PROTOBUF_C_CFLAGS) $(SECCOMP_CFLAGS) $(ARCHIVE_CFLAGS)

lint: $(BUILT_SOURCES)
	JOBS='$(LINT_JOBS)' $(BASH) $(srcdir)/contrib/lint.sh $(LINT) -- $(contrib_flags)

format:
	cd $(srcdir) && find src libocispec vminit tests -name '*.[ch]' ! -name '*.pb-c.[ch]' \
		! -name commit.h -exec clang-format -i {} +

# The library once more, with the fuzzer's instrumentation: flags of its own give its objects names
# of their own.
EXTRA_LIBRARIES = libfuzz.a
libfuzz_a_SOURCES = $(librunvm_a_SOURCES)
nodist_libfuzz_a_SOURCES = $(nodist_librunvm_a_SOURCES)
libfuzz_a_CFLAGS = $(AM_CFLAGS) -O1 -g -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS)
CLEANFILES += libfuzz.a

fuzz: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) CC='$(FUZZ_CC)' libfuzz.a
	FUZZ_SECONDS='$(FUZZ_SECONDS)' $(BASH) $(srcdir)/contrib/fuzz.sh $(FUZZ) -- $(FUZZ_CC) \
		$(contrib_flags) -O1 -g -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -- \
		libfuzz.a $(YAJL_LIBS) $(NGHTTP2_LIBS) $(PROTOBUF_C_LIBS) $(LIBS)

clean-local: clean-contrib
clean-contrib:
	rm -rf fuzz asan compile_flags.txt
.PHONY: clean-contrib
