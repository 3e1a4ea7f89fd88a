#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What `spec` writes runs as it is, but for the program and the terminal.

# shellcheck disable=SC2154 # bats sets stderr

load helper

setup() {
	common_setup
	need_root
	need_program jq
}

teardown() {
	common_teardown
}

@test "the default config.json runs" {
	# shellcheck disable=SC2016 # for the shell in the container
	busybox_bundle bundle sh -c 'echo "$(id -u) $(pwd) $(hostname) $TERM"; mount -o remount,rw /'
	run --separate-stderr runvm run --bundle bundle c1
	echo "$output" "$stderr"
	[ "${lines[0]}" = "0 / runvm xterm" ]
	[ "$status" -ne 0 ]
	[ ! -e "$ROOT/c1" ]
}

@test "its mounts, devices and hidden paths are those of runc" {
	need_program "$RUNC"
	# shellcheck disable=SC2016 # for the shell in the container
	busybox_bundle bundle sh -c 'ls -1 /dev /proc/acpi /proc/keys /sys/firmware 2>&1;
		awk "{print \$2, \$3}" /proc/self/mounts | sort | uniq'
	edit_config bundle '.ociVersion = "1.0.2"'
	run --separate-stderr runc run --bundle bundle c1-runc
	theirs=$(grep -v '^/ \|^/dev/console\|cgroup' <<<"$output")
	run --separate-stderr runvm run --bundle bundle c1
	echo "$stderr"
	[ "$status" -eq 0 ]
	echo "runvm: $output"
	echo "runc: $theirs"
	for path in null zero full random urandom tty fd stdin stdout stderr ptmx pts shm mqueue; do
		grep -qx "$path" <<<"$output"
	done
	for mount in "/proc proc" "/dev tmpfs" "/dev/pts devpts" "/dev/shm tmpfs" \
		"/dev/mqueue mqueue" "/sys sysfs"; do
		contains "$theirs" "$mount"
		contains "$output" "$mount"
	done
}
