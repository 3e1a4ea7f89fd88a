#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a config.json or a command line asks for and runvm cannot do: refused with the place in
# config.json and before anything is started; or in the log, where engines always send it.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper
# shellcheck disable=SC2034 # for common_setup
NO_TEMPLATE=1

setup() {
	common_setup
	need_program jq
	need_root
	vm_bundle bundle true
}

teardown() {
	common_teardown
}

# refuse JQ-PROGRAM TEXT...: create fails at once with all the texts, and leaves nothing.
refuse() {
	local program=$1 text
	shift
	cp bundle/config.json good.json
	edit_config bundle "$program"
	attempt runvm create --bundle bundle c1
	mv good.json bundle/config.json
	echo "$program: $stderr"
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	for text in "$@"; do
		contains "$stderr" "$text"
	done
	[ ! -e "$ROOT/c1" ]
	no_processes
}

@test "user namespaces and id mappings" {
	refuse '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 10}] |
		.linux.gidMappings = [{containerID: 0, hostID: 1000, size: 10}]' linux.uidMappings
	refuse '.linux.namespaces += [{type: "user"}]' "linux.namespaces[" "user namespaces"
	refuse '.linux.namespaces += [{type: "user", path: "/proc/self/ns/user"}]' "linux.namespaces["
	refuse '.linux.gidMappings = [{containerID: 0, hostID: 1000, size: 10}]' linux.gidMappings
}

@test "a mount that has no type and is no bind mount" {
	refuse '.mounts += [{destination: "/data", source: "/run"}]' "mounts[" "].type: missing"
	refuse '.mounts += [{destination: "/data", source: "/run", type: "", options: ["ro"]}]' "].type: missing"
}

@test "id-mapped mounts" {
	refuse '.mounts += [{destination: "/data", type: "bind", source: "/tmp", options: ["bind", "idmap"]}]' \
		"mounts[" "].options[1]" "id-mapped"
	refuse '.mounts += [{destination: "/data", type: "bind", source: "/tmp", options: ["bind"],
		uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}]' \
		"mounts[" "id-mapped"
}

@test "namespaces of the host" {
	for type in pid mount ipc uts cgroup time; do
		refuse ".linux.namespaces |= (map(select(.type != \"$type\")) + [{type: \"$type\", path: \"/proc/1/ns/$type\"}])" \
			"linux.namespaces[" "].path"
	done
	refuse '.linux.namespaces |= map(if .type == "network" then .path = "/missing/netns" else . end)' \
		"/missing/netns"
}

@test "devices of the host, sockets" {
	refuse '.linux.devices = [{path: "/dev/vda", type: "b", major: 253, minor: 0}]' \
		"linux.devices[0]" "block devices"
	refuse '.linux.netDevices = {"eth9": {}}' linux.netDevices
	/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("a.sock")'
	cp bundle/config.json good.json
	edit_config bundle '.mounts += [{destination: "/a.sock", type: "bind", source: $ARGS.positional[0], options: ["bind"]}]' "$PWD/a.sock"
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "mounts["
	contains "$stderr" "].source"
	contains "$stderr" socket
}

@test "the rest of linux and process" {
	refuse '.linux.timeOffsets = {monotonic: {secs: 1}} | .linux.namespaces += [{type: "time"}]' linux.timeOffsets
	refuse '.linux.intelRdt = {closID: "x"}' linux.intelRdt
	refuse '.linux.personality = {domain: "LINUX32"}' linux.personality
	refuse '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}' linux.memoryPolicy
	refuse '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/x.sock"}' linux.seccomp.listenerPath
	refuse '.process.scheduler = {policy: "SCHED_OTHER"}' process.scheduler
	refuse '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}' process.ioPriority
}

@test "vm" {
	refuse '.vm = {image: {path: "/x.img", format: "raw"}, kernel: {path: "/vmlinux"}}' vm.image
	refuse '.vm = {hwConfig: {deviceTree: "/x.dtb"}}' vm.hwConfig.deviceTree
	refuse '.vm = {hwConfig: {dtdevs: ["x"]}}' vm.hwConfig.dtdevs
	refuse '.vm = {hwConfig: {iomems: [{firstMFN: 1, nrMFNs: 1}]}}' vm.hwConfig.iomems
	refuse '.vm = {hwConfig: {irqs: [1]}}' vm.hwConfig.irqs
}

@test "wrong values, with their place" {
	refuse '.process.args = "sh"' process.args
	refuse '.process.user.uid = -1' process.user.uid
	refuse '.process.user.uid = 4294967296' process.user.uid
	refuse '.process.rlimits = [{type: "RLIMIT_NO_SUCH", soft: 1, hard: 1}]' "process.rlimits[0]"
	refuse '.mounts[0].destination = 5' "mounts[0].destination"
	refuse '.linux.namespaces[0].type = "no-such"' "linux.namespaces[0].type"
	refuse '.linux.sysctl = {"kernel.msgmax": 5}' linux.sysctl
	refuse '.linux.resources.memory.limit = "much"' "linux.resources.memory.limit"
	refuse '.linux.devices = [{path: "/dev/x", type: "q"}]' "linux.devices[0].type"
	refuse '.hooks.prestart = [{args: ["x"]}]' "hooks.prestart[0].path"
	refuse '.hooks.prestart = [{path: "relative"}]' "hooks.prestart[0].path"
	refuse '.ociVersion = "2.0.0"' ociVersion
	refuse 'del(.ociVersion)' ociVersion
	refuse 'del(.process)' process
	refuse 'del(.root)' root
	refuse '.root.path = "/missing/root"' root.path /missing/root
	refuse '.process.cwd = "relative"' process.cwd
	refuse '.linux.cgroupsPath = "/../../outside"' linux.cgroupsPath
}

@test "not JSON, too large, a directory, a fifo" {
	for text in '' '{' '[]' 'null' '{"ociVersion": "1.0.2"} x'; do
		printf '%s' "$text" >bundle/config.json
		attempt runvm create --bundle bundle c1
		[ "$status" -eq 1 ]
		contains "$stderr" config.json
	done
	head -c 100000000 /dev/zero >bundle/config.json
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" config.json
	rm bundle/config.json
	mkdir bundle/config.json
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "Is a directory"
}

@test "options that cannot be honoured" {
	attempt runvm create --preserve-fds 1 --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "--preserve-fds"
	run --separate-stderr runvm run --preserve-fds 0 --bundle bundle c1
	[ "$status" -eq 0 ]
	RUNVM_ACCEL=warp run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" warp
	nothing_left
}

@test "what has no effect is in the log and not on the terminal" {
	edit_config bundle '.process.apparmorProfile = "p" | .process.selinuxLabel = "l" |
		.linux.mountLabel = "m" | .linux.resources.pids.limit = 100'
	run --separate-stderr runvm --log log --log-format json run --no-pivot --no-new-keyring --bundle bundle c1
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
	for text in process.apparmorProfile process.selinuxLabel linux.mountLabel -- --no-pivot --no-new-keyring; do
		[ "$text" = -- ] || contains "$(jq -r .msg log)" "$text"
	done
	run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
	edit_config bundle '.linux.namespaces |= map(select(.type != "network"))'
	run --separate-stderr runvm --log log run --bundle bundle c1
	[ "$status" -eq 0 ]
	contains "$(cat log)" "network"
}
