#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Two VMs from one template are two machines: what would give away the one of the other differs.

# shellcheck disable=SC2154 # bats sets stderr

load helper

setup() {
	common_setup
	need_program jq
	need_program cc
	export RUNVM_TEMPLATES="$BATS_TEST_TMPDIR/templates"
}

teardown() {
	common_teardown
}

# The vsock CID as a program in the guest sees it, from /dev/vsock that it makes for itself.
make_cid_program() {
	cat >"$BATS_TEST_TMPDIR/cid.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/ioctl.h>
		#include <sys/stat.h>
		#include <sys/sysmacros.h>
		int main(void)
		{
			unsigned int cid = 0, minor = 0;
			char name[64];
			FILE *f = fopen("/proc/misc", "r");
			while (f && fscanf(f, "%u %63s", &minor, name) == 2)
				if (!strcmp(name, "vsock"))
					break;
			mknod("/dev/vsock", S_IFCHR | 0600, makedev(10, minor));
			if (ioctl(open("/dev/vsock", O_RDONLY), 0x7b9, &cid))
				return 1;
			printf("%u\n", cid);
			return 0;
		}
	END
	cc -static -o "$1" "$BATS_TEST_TMPDIR/cid.c"
}

clone_bundle() {
	busybox_bundle "$1" sh -c '
		cat /proc/sys/kernel/random/boot_id
		head -c 32 /dev/urandom | od -An -tx1 | tr -d " \n"; echo
		head -c 32 /dev/random | od -An -tx1 | tr -d " \n"; echo
		cat /proc/sys/kernel/random/uuid
		/cid
		date +%s'
	edit_config "$1" '.root.readonly = false
		| .process.capabilities.bounding += ["CAP_MKNOD"]
		| .process.capabilities.effective += ["CAP_MKNOD"]
		| .process.capabilities.permitted += ["CAP_MKNOD"]
		| .linux.resources.devices = [{"allow": true, "access": "rwm"}]'
	make_cid_program "$BATS_TEST_TMPDIR/cid"
	# shellcheck disable=SC2016 # jq's variable
	edit_config "$1" '.mounts += [{"destination": "/cid", "type": "bind",
		"source": $ARGS.positional[0], "options": ["bind", "ro"]}]' "$BATS_TEST_TMPDIR/cid"
}

@test "clones of one template share no random bytes, boot id or CID" {
	local a="$BATS_TEST_TMPDIR/a" b="$BATS_TEST_TMPDIR/b" line
	clone_bundle "$a"
	clone_bundle "$b"
	runvm template build
	runvm --trace-start "$a/trace" run --bundle "$a" "clone-a-$$" >"$a/out"
	runvm --trace-start "$b/trace" run --bundle "$b" "clone-b-$$" >"$b/out"
	grep -q ' monitor template$' "$a/trace"
	grep -q ' monitor template$' "$b/trace"
	[ "$(wc -l <"$a/out")" -eq 6 ]
	[ "$(wc -l <"$b/out")" -eq 6 ]
	for line in 1 2 3 4 5; do
		[ "$(sed -n "${line}p" "$a/out")" != "$(sed -n "${line}p" "$b/out")" ]
	done
	grep -qE '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' <(sed -n 1p "$a/out")
	# The clock is the host's, not that of the template's making.
	[ $(($(date +%s) - $(sed -n 6p "$b/out"))) -lt 60 ]
	[ "$(sed -n 6p "$b/out")" -ge "$(sed -n 6p "$a/out")" ]
}
