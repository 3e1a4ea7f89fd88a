# Manual pages.
dist_man_MANS = man/runvm.1
