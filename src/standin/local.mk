# The host's process that represents a process of a container.
standin_sources = \
	src/standin/namespaces.c src/standin/namespaces.h \
	src/standin/standin.c src/standin/standin.h \
	src/standin/standin-main.c \
	src/standin/stdio.c src/standin/stdio.h \
	src/standin/terminal.c src/standin/terminal.h
