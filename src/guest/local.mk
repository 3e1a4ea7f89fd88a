# What the host asks of vminitd.
guest_sources = src/guest/guest.c src/guest/guest.h
