#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# state and list over the life of a container, beside runc on the same bundle.

# shellcheck disable=SC2154 # bats sets stderr

load helper

setup() {
	common_setup
	need_root
	need_program jq
	busybox_bundle bundle sleep 1000
	edit_config bundle '.annotations = {"org.example.b": "2", "org.example.a": "é\n"}'
}

teardown() {
	if [ -d "$ROOT-runc" ]; then
		runc delete --force c1-runc
	fi
	common_teardown
}

# state_of RUNTIME ID: what must be the same for both, each one's own values replaced. (runc gives
# its own ociVersion, not that of the bundle, and no owner here.)
state_of() {
	"$1" state "$2" | jq -S 'del(.owner, .ociVersion) | .pid |= (. > 0) |
		.created |= test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]+Z$") |
		.id |= sub("-runc"; "")'
}

# Not `run`: it would wait for the containers' processes, which keep its pipe open. Two ids, since
# both make the id's cgroup.
create_both() {
	need_program "$RUNC"
	edit_config bundle '.ociVersion = "1.0.2"'
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	runc create --bundle bundle c1-runc >runc-out 2>&1 </dev/null
}

runc_has_status() {
	[ "$(runc state "$1" | jq -r .status)" = "$2" ]
}

same_states() {
	ours=$(state_of runvm c1)
	theirs=$(state_of runc c1-runc)
	same "state $1" "$theirs" "$ours"
	[ "$(jq -r .status <<<"$ours")" = "$1" ]
}

@test "created, running and stopped are shown as runc shows them" {
	create_both
	same_states created
	runvm start c1
	runc start c1-runc
	same_states running
	runvm kill c1 KILL
	runc kill c1-runc KILL
	wait_for 10 has_status c1 stopped
	wait_for 10 runc_has_status c1-runc stopped
	same_states stopped
	runvm delete c1
	run --separate-stderr runvm state c1
	[ "$status" -eq 1 ]
	contains "$stderr" "container does not exist"
}

@test "the pid is a process of the host; created is now; owner is us" {
	before=$(date -u +%Y-%m-%dT%H:%M:%S)
	runvm create --bundle bundle --pid-file pid c1 >out 2>&1 </dev/null
	state=$(runvm state c1)
	same "pid" "$(cat pid)" "$(jq -r .pid <<<"$state")"
	kill -0 "$(cat pid)"
	[[ ! $(jq -r .created <<<"$state") < $before ]]
	same "owner" "$(id -un)" "$(jq -r .owner <<<"$state")"
	same "bundle" "$(realpath bundle)" "$(jq -r .bundle <<<"$state")"
	same "rootfs" "$(realpath bundle/rootfs)" "$(jq -r .rootfs <<<"$state")"
}

@test "list has every container, sorted, in both formats" {
	for id in b a; do
		runvm create --bundle bundle $id >out 2>&1 </dev/null
	done
	runvm start b
	same "ids" "a b" "$(runvm list --quiet | xargs)"
	same "table" "ID a b" "$(runvm list | awk '{print $1}' | xargs)"
	same "statuses" "STATUS created running" "$(runvm list | awk '{print $3}' | xargs)"
	list=$(runvm list --format json)
	for id in a b; do
		same "state of $id" "$(runvm state $id | jq -S .)" \
			"$(jq -S ".[] | select(.id == \"$id\")" <<<"$list")"
	done
}

@test "an id that exists is refused, and what has it is left alone" {
	runvm run --detach --bundle bundle c1 >out 2>&1 </dev/null
	state=$(runvm state c1)
	run --separate-stderr runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "container with given ID already exists"
	same "state" "$state" "$(runvm state c1)"
}

@test "a damaged status file: state says so, delete --force removes the container" {
	mkdir -p "$ROOT/c1"
	echo '{"id": "c1", "pha' >"$ROOT/c1/status.json"
	run --separate-stderr runvm state c1
	[ "$status" -eq 1 ]
	contains "$stderr" "damaged"
	run --separate-stderr runvm delete c1
	[ "$status" -eq 1 ]
	run --separate-stderr runvm delete --force c1
	[ "$status" -eq 0 ]
	[ ! -e "$ROOT/c1" ]
}

@test "a create that is killed leaves what delete --force removes" {
	"$RUNVM" --root "$ROOT" create --bundle bundle c1 >out 2>&1 </dev/null &
	creator=$!
	wait_for 10 test -e "$ROOT/c1/status.json"
	[ "$(runvm state c1 | jq -r .status)" = creating ]
	kill -KILL "$creator"
	wait "$creator" || true
	wait_for 10 has_status c1 stopped
	runvm delete --force c1
	[ ! -e "$ROOT/c1" ]
	same "list" "" "$(runvm list --quiet)"
}
