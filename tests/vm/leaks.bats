#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Many containers, one after the other and at once, leave nothing behind: what there is is counted
# before and after. RUNVM_TEST_MANY: how many in a row; default 50.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

MANY=${RUNVM_TEST_MANY:-50}

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle sh -c 'echo up; exec sleep 1000'
}

teardown() {
	common_teardown
}

# What a container could leave. The host is shared with others, so only what has our names counts.
census() {
	echo "processes: $(test_processes | wc -l)"
	echo "mounts: $(grep -c "$BATS_TEST_TMPDIR" /proc/self/mountinfo || true)"
	echo "cgroups: $(test_cgroups | wc -l)"
	echo "sockets: $(grep -c "$BATS_TEST_TMPDIR" /proc/net/unix || true)"
	echo "files in the root: $(find "$ROOT" 2>/dev/null | wc -l)"
	echo "files beside: $(find "$BATS_TEST_TMPDIR" -path "$ROOT" -prune -o -print | grep -c -v '/census')"
}

# life ID: of one container, from create to delete.
life() {
	runvm create --bundle bundle --pid-file "$1.pid" "$1" >"$1.out" 2>&1 </dev/null
	runvm start "$1"
	wait_for 30 grep -q up "$1.out"
	runvm kill "$1" KILL
	wait_for 20 has_status "$1" stopped
	runvm delete "$1"
	rm "$1.pid" "$1.out"
}

@test "$MANY containers in a row" {
	mkdir -p "$ROOT"
	life first
	wait_for 15 no_processes
	census >census.before
	cat census.before
	start=$SECONDS
	for i in $(seq "$MANY"); do
		life "row$i"
	done
	echo "# $MANY containers in $((SECONDS - start)) s" >&3
	wait_for 15 no_processes
	census >census.after
	diff -u census.before census.after
}

@test "8 containers at once" {
	TIMEOUT=150
	mkdir -p "$ROOT"
	life first
	wait_for 15 no_processes
	census >census.before
	for i in 1 2 3 4 5 6 7 8; do
		# a cgroup of its own each, as with runc
		cp -r bundle "bundle$i"
		edit_config "bundle$i" '.linux.cgroupsPath += $ARGS.positional[0]' "$i"
	done
	start=$SECONDS
	for i in 1 2 3 4 5 6 7 8; do
		(
			exec 3>&-
			runvm create --bundle "bundle$i" "many$i" >"many$i.out" 2>&1 </dev/null &&
				runvm start "many$i" && echo "started $i"
		) >"started$i" 2>&1 &
	done
	wait
	cat many?.out started?
	same "started" 8 "$(cat started? | grep -c '^started')"
	same "running" 8 "$(runvm list | grep -c running)"
	same "monitors" 8 "$(test_processes | grep -c runvm-monitor)"
	for i in 1 2 3 4 5 6 7 8; do
		wait_for 30 grep -q up "many$i.out"
		(
			exec 3>&-
			runvm kill "many$i" KILL && wait_for 30 has_status "many$i" stopped &&
				runvm delete "many$i"
		) &
	done
	wait
	echo "# 8 at once in $((SECONDS - start)) s" >&3
	rm -rf bundle? many?.out started?
	same "left" "" "$(runvm list --quiet)"
	wait_for 15 no_processes
	census >census.after
	diff -u census.before census.after
}

@test "the descriptors of a monitor do not grow with what it serves" {
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	runvm start c1
	wait_for 30 grep -q up out
	monitor=$(pid_of runvm-monitor)
	count() {
		find "/proc/$monitor/fd" -type l | wc -l
	}
	runvm kill c1 USR1 || true
	before=$(count)
	for i in $(seq 20); do
		runvm kill c1 WINCH
		runvm state c1 >/dev/null
	done
	wait_for 10 eval '[ "$(count)" -le '"$before"' ]'
}

# Who lives on pins no file system but those that the container is made of.
@test "the processes of a container hold nothing of create's" {
	mkdir elsewhere
	echo mine >elsewhere/file
	(cd elsewhere && runvm create --bundle ../bundle c1 >../out 2>&1 </dev/null 7<file)
	runvm start c1
	wait_for 30 grep -q up out
	for pid in $(test_processes | cut -d' ' -f1); do
		echo "$pid $(cat "/proc/$pid/comm") in $(readlink "/proc/$pid/cwd")"
		ls -l "/proc/$pid/fd"
		same "working directory of $pid" / "$(readlink "/proc/$pid/cwd")"
		for link in "elsewhere" "$RUNVM_TEMPLATES"; do
			[ -z "$(find "/proc/$pid/fd" -lname "*$link*")" ]
		done
	done
	# The share is the monitor's and virtiofsd's.
	[ -z "$(find "/proc/$(pid_of runvm-standin)/fd" -lname '/share*')" ]
	# Nothing of a size that the guest could fill without bound.
	grep " / /share " "/proc/$(pid_of runvm-monitor)/mountinfo" | grep -q size=64k
}

@test "no file appears in /run, /var/tmp, /dev/shm, nor where TMPDIR is" {
	need_program unshare
	mkdir tmp
	# What is beneath /var/tmp cannot be run there.
	case $RUNVM in /run/* | /var/tmp/* | /dev/shm/*)
		cp -a "$(dirname "$RUNVM")" copy
		RUNVM=$PWD/copy/${RUNVM##*/}
		;;
	esac
	cat >inside <<-'END'
		set -e
		for dir in /run /var/tmp /dev/shm; do mount -t tmpfs tmpfs $dir; done
		"$RUNVM" --root "$ROOT" create --bundle bundle c1 >out 2>&1 </dev/null
		"$RUNVM" --root "$ROOT" start c1
		"$RUNVM" --root "$ROOT" delete --force c1
		find /run /var/tmp /dev/shm "$TMPDIR" -mindepth 1 ! -path '/run/mount*' # of mount(8)
	END
	export RUNVM ROOT
	run --separate-stderr env TMPDIR="$PWD/tmp" timeout -k 10 "$TIMEOUT" unshare --mount sh inside
	echo "$stderr"
	[ "$status" -eq 0 ] || { cat out; return 1; }
	same "files" "" "$output"
}
