# The operations on containers.
lifecycle_sources = \
	src/lifecycle/create.c \
	src/lifecycle/destroy.c \
	src/lifecycle/foreground.c src/lifecycle/foreground.h \
	src/lifecycle/kill.c \
	src/lifecycle/lifecycle.h \
	src/lifecycle/start.c \
	src/lifecycle/state.c
