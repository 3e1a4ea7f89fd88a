# The host's program.
include src/container/local.mk
include src/vmm/local.mk
include src/template/local.mk
include src/guest/local.mk
include src/monitor/local.mk
include src/standin/local.mk
include src/lifecycle/local.mk
include src/command/local.mk

host_sources = $(container_sources) $(vmm_sources) $(template_sources) $(guest_sources) \
	$(monitor_sources) \
	$(standin_sources) $(lifecycle_sources) $(command_sources)

bin_PROGRAMS += runvm
runvm_SOURCES = src/main.c
runvm_LDADD = $(host_libs)
