# Figures beside other runtimes: needs root, QEMU, virtiofsd, busybox and a C compiler.
#
#   make bench                              everything, some minutes
#   make bench BENCHFLAGS='-n 5 --only start,trace --json FILE'
BENCHFLAGS =

EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/bench \
	tests/bench/contestants.py \
	tests/bench/guest.c \
	tests/bench/machine.py \
	tests/bench/parts_data.py \
	tests/bench/parts_memory.py \
	tests/bench/parts_start.py \
	tests/bench/report.py \
	tests/bench/steps.py

.PHONY: bench

bench: all
	RUNVM='$(abs_builddir)/runvm' /usr/bin/python3 $(srcdir)/tests/bench/bench $(BENCHFLAGS)
