#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The six hooks: when each runs, in which order, what it gets, and what its failure does.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle sh -c 'echo the program'
	LOG=$BATS_TEST_TMPDIR/hooks.log
	# Writes a line with its name and the status in the state, and keeps the state.
	cat >hook <<-'END'
		#!/bin/sh
		cat >"$2.$1.state"
		echo "$1 $(sed 's/.*"status": *"\([a-z]*\)".*/\1/' "$2.$1.state")" >>"$2"
		[ -z "$3" ] || { echo "said on stdout"; echo "said on stderr" >&2; exit "$3"; }
	END
	chmod +x hook
	cp hook bundle/rootfs/bin/hook
}

teardown() {
	common_teardown
}

HOST_HOOKS="prestart createRuntime createContainer poststart poststop"

# all_hooks [NAME STATUS]: one of each; the one that is named fails.
all_hooks() {
	local program
	program='def hook(path; log; name): {path: path, args: (["hook", name, log] +
			(if name == $ARGS.positional[2] then [$ARGS.positional[3]] else [] end))};
		$ARGS.positional[0] as $dir | .hooks = ({startContainer:
			[hook("/bin/hook"; "/tmp/hooks.log"; "startContainer")]} +
		(["prestart", "createRuntime", "createContainer", "poststart", "poststop"] |
			map({(.): [hook($dir + "/hook"; $dir + "/hooks.log"; .)]}) | add))'
	edit_config bundle "$program" "$BATS_TEST_TMPDIR" x "${1:-none}" "${2:-0}"
}

# Of the hooks on the host, and then that in the guest.
ran() {
	cut -d' ' -f1 "$LOG" 2>/dev/null | xargs
}

@test "all six run, in order, in the status that the specification has" {
	all_hooks
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	same "after create" "prestart creating createRuntime creating createContainer creating" \
		"$(xargs <"$LOG")"
	[ ! -e bundle/rootfs/tmp/hooks.log ]
	[ ! -s out ]
	runvm start c1
	same "start" "poststart running" "$(tail -n +4 "$LOG" | xargs)"
	same "in the guest" "startContainer created" "$(xargs <bundle/rootfs/tmp/hooks.log)"
	wait_for 10 has_status c1 stopped
	same "out" "the program" "$(cat out)"
	same "before delete" 4 "$(wc -l <"$LOG")"
	runvm delete c1
	same "delete" "poststop stopped" "$(tail -n +5 "$LOG" | xargs)"
}

@test "run and delete --force run them too" {
	all_hooks
	run --separate-stderr runvm run --bundle bundle c1
	[ "$output" = "the program" ]
	same "hooks" "prestart createRuntime createContainer poststart poststop" "$(ran)"
	rm "$LOG"
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	runvm delete --force c1
	same "hooks" "prestart createRuntime createContainer poststop" "$(ran)"
}

@test "the state on stdin" {
	all_hooks
	edit_config bundle '.annotations = {"org.example": "é"}'
	runvm create --bundle bundle --pid-file pid c1 >out 2>&1 </dev/null
	runvm start c1
	wait_for 10 has_status c1 stopped
	runvm delete c1
	bundle=$(realpath bundle)
	for hook in $HOST_HOOKS; do
		state=$(jq -S -c . "$LOG.$hook.state")
		pid=$(cat pid)
		case $hook in
		poststart) expected=running ;;
		poststop) expected=stopped ;;
		*) expected=creating ;;
		esac
		same "$hook" "c1 $expected $bundle é 1.0.2" \
			"$(jq -r '[.id, .status, .bundle, .annotations["org.example"], .ociVersion] | join(" ")' <<<"$state")"
		[ "$hook" = poststop ] || same "$hook pid" "$pid" "$(jq -r .pid <<<"$state")"
	done
	state=$(cat bundle/rootfs/tmp/hooks.log.startContainer.state)
	# (shown for what it is worth: the path is one of the host)
	same "in the guest" "c1 1 created $bundle é" \
		"$(jq -r '[.id, .pid, .status, .bundle, .annotations["org.example"]] | join(" ")' <<<"$state")"
}

@test "the pid in the state is one whose namespaces can be entered, before the guest is up" {
	printf '#!/bin/sh\npid=$(jq -r .pid)\nfor ns in net uts ipc mnt; do readlink /proc/$pid/ns/$ns /proc/self/ns/$ns; done >>%s/ns\n' \
		"$PWD" >look
	chmod +x look
	edit_config bundle '.hooks = ({path: $ARGS.positional[0]} | {prestart: [.], createRuntime: [.], createContainer: [.]})' \
		"$PWD/look"
	runvm run --bundle bundle c1
	same "lines" 24 "$(wc -l <ns)"
	# prestart and createRuntime see the host's own
	for i in 0 1; do
		for j in 0 1 2 3; do
			theirs=$(sed -n "$((i * 8 + j * 2 + 1))p" ns)
			own=$(sed -n "$((i * 8 + j * 2 + 2))p" ns)
			[ -n "$theirs" ]
			[ "$theirs" != "$own" ]
			[ "$j" = 3 ] || same "own" "$(readlink "/proc/self/ns/$(echo net uts ipc | cut -d' ' -f$((j + 1)))")" "$own"
		done
	done
	# createContainer is in those of the container
	same "createContainer net" "$(sed -n 17p ns)" "$(sed -n 18p ns)"
	same "createContainer uts" "$(sed -n 19p ns)" "$(sed -n 20p ns)"
}

@test "args, env, cwd; several hooks of one kind in their order" {
	cat >show <<-'END'
		#!/bin/sh
		cat >/dev/null
		{ echo "$0" "$#" "$@"; pwd; echo "${A-unset} ${CALLER-unset}"; } >>"$OUT"
	END
	chmod +x show
	edit_config bundle '.hooks.createRuntime = [
		{path: ($ARGS.positional[0] + "/show"), args: ["show", "a b", ""], env: ["A=1", "OUT=" + $ARGS.positional[0] + "/shown"]},
		{path: ($ARGS.positional[0] + "/show"), args: ["second"], env: ["OUT=" + $ARGS.positional[0] + "/shown"]},
		{path: ($ARGS.positional[0] + "/show")}]' "$PWD"
	CALLER=yes OUT=$PWD/shown runvm run --bundle bundle c1
	cat shown
	same "first" "$PWD/show 2 a b " "$(sed -n 1p shown)"
	same "cwd" "$(realpath bundle)" "$(sed -n 2p shown)"
	same "env" "1 unset" "$(sed -n 3p shown)"
	same "second" "unset unset" "$(sed -n 6p shown)"
	same "without env, the caller's, as with runc" "unset yes" "$(sed -n 9p shown)"
}

@test "startContainer: in the container's namespaces, its path in the container" {
	cat >bundle/rootfs/bin/inside <<-'END'
		#!/bin/sh
		cat >/dev/null
		{ hostname; pwd; ls / | xargs; echo "$A ${PATH-unset}"; id -u
			grep SigIgn /proc/self/status; } >/tmp/inside
	END
	chmod +x bundle/rootfs/bin/inside
	edit_config bundle '.hostname = "within" | .process.cwd = "/tmp" | .process.user = {uid: 5, gid: 5} |
		.hooks.startContainer = [{path: "/bin/inside", args: ["inside"], env: ["A=1", "PATH=/bin"]}]'
	runvm run --bundle bundle c1
	cat bundle/rootfs/tmp/inside
	same "host name" within "$(sed -n 1p bundle/rootfs/tmp/inside)"
	contains "$(sed -n 3p bundle/rootfs/tmp/inside)" "bin dev"
	same "env" "1 /bin" "$(sed -n 4p bundle/rootfs/tmp/inside)"
	same "ignored signals" "SigIgn: 0000000000000000" "$(sed -n 6p bundle/rootfs/tmp/inside | xargs)"
}

@test "a failing hook before start fails create, and nothing is left but poststop's doing" {
	for hook in prestart createRuntime createContainer; do
		rm -f "$LOG"
		all_hooks $hook 3
		attempt runvm create --bundle bundle --pid-file pid c1
		[ "$status" -eq 1 ]
		[ -z "$output" ]
		contains "$stderr" "error running hook"
		contains "$stderr" "exit status 3"
		contains "$stderr" "said on stdout"
		contains "$stderr" "said on stderr"
		run --separate-stderr runvm state c1
		contains "$stderr" "container does not exist"
		same "the last but poststop" $hook "$(ran | sed 's/ poststop//' | awk '{print $NF}')"
		contains "$(ran)" poststop
		nothing_left
	done
}

@test "a failing startContainer hook fails start, and the container is stopped" {
	all_hooks startContainer 4
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	run --separate-stderr runvm start c1
	[ "$status" -eq 1 ]
	contains "$stderr" "hooks.startContainer[0]"
	contains "$stderr" "status 4"
	contains "$stderr" "said on stderr"
	wait_for 10 has_status c1 stopped
	[ ! -s out ]
	runvm delete c1
	run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 1 ]
	[ -z "$(runvm list --quiet)" ]
}

@test "a failing poststart hook stops the container" {
	all_hooks poststart 5
	edit_config bundle '.process.args = ["sleep", "1000"]'
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	run --separate-stderr runvm start c1
	[ "$status" -eq 1 ]
	contains "$stderr" "exit status 5"
	wait_for 10 has_status c1 stopped
	runvm delete c1
	contains "$(ran)" poststop
}

@test "a failing poststop hook is a warning" {
	all_hooks poststop 6
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	runvm kill c1 KILL
	wait_for 10 has_status c1 stopped
	run --separate-stderr runvm --log log delete c1
	[ "$status" -eq 0 ]
	contains "$(cat log)" "exit status 6"
	contains "$(cat log)" "level=warning"
	nothing_left
}

@test "timeout: the hook is killed, create fails" {
	printf '#!/bin/sh\necho $$ >%s/hook.pid\nexec sleep 1000\n' "$PWD" >slow
	chmod +x slow
	edit_config bundle '.hooks.createRuntime = [{path: $ARGS.positional[0], timeout: 1}]' "$PWD/slow"
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "timeout of 1s"
	[ ! -e "/proc/$(cat hook.pid)" ]
	nothing_left
	# the same in the guest
	printf '#!/bin/sh\nexec sleep 1000\n' >bundle/rootfs/bin/slow
	chmod +x bundle/rootfs/bin/slow
	edit_config bundle '.hooks = {startContainer: [{path: "/bin/slow", timeout: 1}]}'
	run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "did not end within 1 s"
}

@test "hooks that are not there, not executable, killed, or do not read" {
	touch plain
	for path in "$PWD/missing" "$PWD/plain"; do
		edit_config bundle '.hooks = {createRuntime: [{path: $ARGS.positional[0]}]}' "$path"
		attempt runvm create --bundle bundle c1
		[ "$status" -eq 1 ]
		contains "$stderr" "$path"
		nothing_left
	done
	edit_config bundle '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "kill -9 $$"]}]}'
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "signal: Killed"
	edit_config bundle '.hooks = {createRuntime: [{path: "/bin/true"}]} | .annotations = {a: ("x" * 300000)}'
	run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 0 ]
	[ "$output" = "the program" ]
}

@test "a hook that leaves a process behind does not hold create" {
	edit_config bundle '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "sleep 30 & echo $! >left"]}]}'
	run --separate-stderr runvm run --bundle bundle c1
	[ "$output" = "the program" ]
	kill "$(cat bundle/left)"
}
