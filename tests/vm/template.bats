#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Templates: made ahead and in the background, listed, removed; damaged ones; builders at once and
# builders that are killed. Each test has a store of its own.

# bats sets stderr, and runs each test in a subshell; jq has variables
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helper

setup() {
	common_setup
	need_program jq
	STORE="$BATS_TEST_TMPDIR/templates"
	export RUNVM_TEMPLATES="$STORE"
}

teardown() {
	common_teardown
}

template_count() {
	runvm template list --quiet | wc -l
}

# No builder of this test's store runs: whoever has the lock is asked for it.
no_builder() {
	[ ! -e "$STORE/.lock" ] || flock --nonblock "$STORE/.lock" true
}

has_template() {
	[ "$(runvm template list --format json | jq '[.[] | select(.status == "ok")] | length')" -ge 1 ]
}

# The pid of the builder, as we see it.
builder_pid() {
	local pid
	for pid in $(pgrep -x runvm-template); do
		if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null |
			grep -qxF "RUNVM_TEMPLATES=$STORE"; then
			echo "$pid"
			return 0
		fi
	done
	return 1
}

# qemu_of PID: the QEMU that a builder runs
qemu_of() {
	pgrep -P "$1" qemu
}

damage() {
	printf X | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "an empty store: list, path, rm" {
	run --separate-stderr runvm template list
	[ "$status" -eq 0 ]
	contains "$output" "KEY"
	same "output" "$(runvm template list --format json)" "[]"
	same "path" "$(runvm template path)" "$STORE"
	runvm template rm --all
	run --separate-stderr runvm template rm 0123456789abcdef0123456789abcdef
	[ "$status" -eq 1 ]
	contains "$stderr" "template 0123456789abcdef0123456789abcdef does not exist"
	run --separate-stderr runvm template rm ../../etc
	[ "$status" -eq 1 ]
	contains "$stderr" "is not a template's key"
	run --separate-stderr runvm template rm
	[ "$status" -eq 1 ]
}

@test "wrong words, and help" {
	run --separate-stderr runvm template
	[ "$status" -eq 1 ]
	run --separate-stderr runvm template burn
	[ "$status" -eq 1 ]
	contains "$stderr" '"burn" is not one of build, list, rm and path'
	run --separate-stderr runvm template build --memory much
	[ "$status" -eq 1 ]
	contains "$stderr" '"much" is not a size'
	run --separate-stderr runvm template build --cpus=-1
	[ "$status" -eq 1 ]
	for command in build list rm path; do
		run --separate-stderr runvm template "$command" --help
		[ "$status" -eq 0 ]
		contains "$output" "runvm template $command - "
	done
}

@test "templates that are off" {
	RUNVM_TEMPLATES=off run --separate-stderr runvm template build
	[ "$status" -eq 1 ]
	contains "$stderr" "templates are off"
	RUNVM_TEMPLATES=off run --separate-stderr runvm template path
	[ "$status" -eq 1 ]
	same "list" "$(RUNVM_TEMPLATES=off runvm template list --format json)" "[]"
}

@test "built ahead: listed, not built twice, of another size, removed" {
	key=$(runvm template build)
	[[ $key =~ ^[0-9a-f]{32}$ ]]
	json=$(runvm template list --format json)
	same "key" "$(jq -r '.[0].key' <<<"$json")" "$key"
	same "status" "$(jq -r '.[0].status' <<<"$json")" ok
	same "fits" "$(jq -r '.[0].fits' <<<"$json")" true
	same "cpus" "$(jq -r '.[0].cpus' <<<"$json")" 1
	contains "$(runvm template list)" "$key"
	# Smaller than what is in use by far: pages of zeros are left out.
	[ "$(jq -r '.[0].disk' <<<"$json")" -lt 67108864 ]

	inode=$(stat -c %i "$STORE/$key")
	same "key" "$(runvm template build)" "$key"
	same "inode" "$(stat -c %i "$STORE/$key")" "$inode"
	same "key" "$(runvm template build --force)" "$key"
	[ "$(stat -c %i "$STORE/$key")" != "$inode" ]

	other=$(runvm template build --memory 256m --cpus 2)
	[ "$other" != "$key" ]
	same "memory" "$(runvm template list --format json |
		jq ".[] | select(.key == \"$other\") | .memory, .cpus" | xargs)" "268435456 2"
	runvm template rm "$key"
	same "keys" "$(runvm template list --quiet)" "$other"
	runvm template rm --all
	same "count" "$(template_count)" 0
	# Only the lock is left.
	same "files" "$(ls -A "$STORE")" .lock
}

@test "two builders at once: one builds, the other says so" {
	runvm template build >first &
	first=$!
	wait_for 30 builder_pid
	run --separate-stderr runvm template build
	[ "$status" -eq 1 ]
	contains "$stderr" "another process builds a template"
	wait $first
	same "keys" "$(runvm template list --quiet)" "$(cat first)"
}

@test "kill -9 of the builder ends its QEMU, and leaves nothing that stays" {
	runvm template build 2>errors &
	command=$!
	wait_for 30 builder_pid
	pid=$(builder_pid)
	wait_for 30 qemu_of "$pid"
	qemu=$(qemu_of "$pid")
	kill -9 "$pid"
	if wait $command; then
		false
	fi
	contains "$(cat errors)" "died"
	wait_for 10 test ! -e "/proc/$qemu"
	same "count" "$(template_count)" 0
	compgen -G "$STORE/.new-*"
	runvm template build
	same "count" "$(template_count)" 1
	run ! compgen -G "$STORE/.new-*"
}

@test "the command that waits for a builder is killed: the builder ends too" {
	"$RUNVM" template build &
	command=$!
	wait_for 30 builder_pid
	pid=$(builder_pid)
	wait_for 30 qemu_of "$pid"
	qemu=$(qemu_of "$pid")
	kill -9 $command
	wait $command || true
	wait_for 10 test ! -e "/proc/$pid"
	wait_for 10 test ! -e "/proc/$qemu"
	wait_for 10 no_builder
}

@test "a changed initramfs, or damage: stale, damaged" {
	busybox_bundle b /bin/true
	cp "$(dirname "$RUNVM")/vminit/initramfs.cpio" initrd ||
		skip_or_fail "not in a build tree"
	cp "$(dirname "$RUNVM")/kernel/vmlinux" kernel
	edit_config b '.vm = {"kernel": {"path": $ARGS.positional[0], "initrd": $ARGS.positional[1]}}' \
		"$PWD/kernel" "$PWD/initrd"
	key=$(runvm template build --bundle b)
	touch initrd
	same "status" "$(runvm template list --format json | jq -r '.[0].status')" stale
	new=$(runvm template build --bundle b)
	[ "$new" != "$key" ]
	# The stale one went.
	same "keys" "$(runvm template list --quiet)" "$new"
	damage "$STORE/$new/state" 100
	same "status" "$(runvm template list --format json | jq -r '.[0].status')" damaged
	runvm template build --bundle b
	same "status" "$(runvm template list --format json | jq -r '.[0].status')" ok
}

# --- containers ---

# run_hello ID: a container whose output is known
run_hello() {
	run --separate-stderr runvm run --bundle b "$1"
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	same "output" "$output" hello
}

@test "a container starts from a template that was built ahead" {
	need_root
	busybox_bundle b /bin/echo hello
	key=$(runvm template build --bundle b)
	touch -d '2001-01-01' "$STORE/$key"
	run_hello c1
	# It was used, and none was built.
	[ "$(stat -c %Y "$STORE/$key")" -gt 1000000000 ]
	wait_for 5 no_builder
	same "keys" "$(runvm template list --quiet)" "$key"
}

# lines TEXT: as one line
lines() {
	xargs <<<"$1"
}

# vminit/hotplug.h, vminit/warm-up.h
@test "without KVM: a VM wakes up with its devices, and containers have one processor of two" {
	need_root
	export RUNVM_ACCEL=tcg
	busybox_bundle b sh -c 'nproc; grep -c ^processor /proc/cpuinfo; sed -n "s/Cpus_allowed_list:\s*//p" /proc/self/status
		ls /sys/bus/pci/drivers/virtio-pci | grep -c 01:00; taskset -p 2 $$ >/dev/null 2>&1 || echo refused'
	runvm template build --bundle b >/dev/null
	run --separate-stderr runvm --trace-start trace run --bundle b c1
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	same "processors, shown, allowed, devices, the other one" \
		"$(lines "$output")" "1 $(($(nproc) > 1 ? 2 : 1)) 0 2 refused"
	contains "$(cat trace)" "guest woken up"
	same "calls of Setup" 0 "$(grep -c "asked to set up" trace)"
	# A VM of two has them for its containers.
	edit_config b '.vm.hwConfig.vcpus = 2'
	runvm template build --bundle b >/dev/null
	run --separate-stderr runvm --trace-start trace2 run --bundle b c2
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	same "two" "$(lines "$output" | cut -d" " -f1-4)" "2 2 0-1 2"
	contains "$(cat trace2)" "guest woken up"
}

# vminit/workers.h. A container without a pid namespace sees those of the kernel.
@test "a restored VM has workers of the kernel to spare, on each processor" {
	need_root
	[ "$(nproc)" -gt 1 ] || skip "with one processor there is no warm-up"
	export RUNVM_ACCEL=tcg
	busybox_bundle b sh -c 'cat /proc/[0-9]*/comm 2>/dev/null; true' # some end meanwhile
	edit_config b '.linux.namespaces |= map(select(.type != "pid"))'
	runvm template build --bundle b >/dev/null
	run --separate-stderr runvm run --bundle b c1
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	for cpu in 0 1; do
		n=$(grep -cE "^kworker/$cpu:[0-9]+([-+]|$)" <<<"$output")
		[ "$n" -ge 6 ] || { echo "processor $cpu: $n workers"; return 1; }
	done
}

# What a process inherits and what its namespaces hold, less what no two starts have in common.
look_around() {
	cat <<-'END'
		uname -n; cat /proc/sys/kernel/domainname /proc/self/cgroup /proc/self/oom_score_adj
		grep -v "processes\|pending" /proc/self/limits # of the memory that was free at boot
		cut -d" " -f4- /proc/self/mountinfo | sort
		ls -l /dev | cut -c1-42; ls /dev/* | sort # not the times: some were made ahead
		grep -E "^(Umask|Groups|Sig[PBIC]|Cap|NoNew|NSpid)" /proc/self/status
		cut -d" " -f5-7,18,19 /proc/$$/stat
		ls /proc/self/fd /proc /sys/fs/cgroup; cat /proc/self/fdinfo/1 | grep flags; ls -l /proc/self/fd | grep -c pipe:
		cat /proc/sys/kernel/msgmax /proc/net/dev; env; pwd
		for kind in pid mnt uts ipc cgroup net; do readlink /proc/self/ns/$kind; done >&2
	END
}

# The initial namespaces of a kernel have these numbers (include/linux/proc_ns.h).
own_namespaces() {
	same "namespaces" 6 "$(grep -c ':\[[0-9]*\]$' <<<"$1")"
	run ! grep -E '402653183[4-9]|402653184[01]' <<<"$1"
}

# same_as_cold BUNDLE CHANGE: with this change of its configuration a container that comes from a
# template prints and returns what one does whose VM was booted, but for the cgroup's name; leaves the
# output.
same_as_cold() {
	local cold
	cp "$1/config.json" config.json.saved
	edit_config "$1" "$2"
	run --separate-stderr env RUNVM_TEMPLATES=off "$RUNVM" --root "$ROOT" run --bundle "$1" c5
	cold="$status $output"
	echo "$stderr"
	run --separate-stderr runvm run --bundle "$1" c5
	echo "$stderr"
	same "what it sees after $2" "$cold" "$status ${output//@spare/c5}"
	mv config.json.saved "$1/config.json"
}

# vminit/spare.h
@test "the first container's init was made ahead, if it fits, and is as any other" {
	need_root
	busybox_bundle b sh -c "$(look_around)"
	runvm template build --bundle b >/dev/null
	run --separate-stderr env RUNVM_TEMPLATES=off "$RUNVM" --root "$ROOT" --trace-start cold run --bundle b c1
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	contains "$(cat cold)" "guest cloned"
	cold=$output
	run --separate-stderr runvm --trace-start warm run --bundle b c2
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	same "what the container sees" "$cold" "$output"
	own_namespaces "$stderr"
	contains "$(cat warm)" "guest spare taken"
	run ! grep "guest cloned" warm
	# Engines ask for no namespace of the cgroup where the host's cgroups are of v1.
	same_as_cold b '.linux.namespaces -= [{"type": "cgroup"}]'
	contains "$output" "/@spare"
	contains "$stderr" "cgroup:[4026531835]"
	same_as_cold b '.linux.namespaces -= [{"type": "cgroup"}] |
		(.mounts[] | select(.destination == "/sys/fs/cgroup").options) -= ["noexec", "nodev"]'
	# A host name of vminitd's, or its IPC namespace, is not what the spare has.
	for change in 'del(.hostname)' '.linux.namespaces -= [{"type": "ipc"}]'; do
		cp b/config.json config.json.saved
		rm warm
		edit_config b "$change"
		run --separate-stderr env RUNVM_TEMPLATES=off "$RUNVM" --root "$ROOT" run --bundle b c3
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		cold=$output
		run --separate-stderr runvm --trace-start warm run --bundle b c4
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		same "what it sees after $change" "$cold" "$output"
		contains "$(cat warm)" "guest woken up"
		contains "$(cat warm)" "guest cloned"
		run ! grep "guest spare taken" warm
		mv config.json.saved b/config.json
	done
}

# vminit/usual.h
@test "what containers usually have mounted was made ahead, where it is the same" {
	need_root
	local change made now
	busybox_bundle b sh -c 'stat -c %Z /dev/null; date +%s'
	mkdir b/rootfs/sys2
	runvm template build --bundle b >/dev/null
	# As old as the template.
	sleep 2
	for change in . '.mounts[0].options = ["nosuid", "noexec", "nodev"]'; do
		edit_config b "$change"
		run --separate-stderr runvm run --bundle b c4
		read -r made now <<<"$(lines "$output")"
		[ "$made" -lt $((now - 1)) ]
	done
	edit_config b '.mounts[0].options = [] | .process.args[2] = $ARGS.positional[0]' "$(look_around); head -c 1 /proc/kcore /proc/keys 2>/dev/null | wc -c"
	for change in 'del(.linux.maskedPaths)' '.linux.maskedPaths += ["/proc/version", "/sys/block"]' \
		'.linux.readonlyPaths -= ["/proc/bus"]' 'del(.mounts[] | select(.destination == "/dev/shm"))' \
		'.mounts |= map(select(.destination != "/proc").options += ["nodev", "noexec"])' \
		'.mounts[0].options = ["nosuid", "noexec", "nodev"]' '.mounts |= reverse' \
		'.mounts += [{"destination": "/proc/tty", "type": "tmpfs", "source": "tmpfs"}] | .linux.maskedPaths += ["/proc/tty"]' \
		'.mounts += [{"destination": "/proc", "type": "proc", "source": "proc"}]' \
		'.mounts += [{"destination": "/dev", "type": "tmpfs", "source": "x"}]' \
		'.mounts |= map(if .destination == "/sys" then .options -= ["ro"] else . end)' \
		'.mounts += [{"destination": "/sys2", "type": "sysfs", "source": "sysfs"}]' \
		'.mounts += [{"destination": "/sys/kernel", "type": "tmpfs", "source": "x", "options": ["rprivate"]}]' \
		'.mounts[1].options += ["size=4m"]' \
		'.linux.devices = [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 384, "uid": 5}]' \
		'.linux.devices = [{"path": "/dev/some", "type": "c", "major": 1, "minor": 5}]' \
		'.linux.namespaces -= [{"type": "cgroup"}]'; do
		same_as_cold b "$change"
	done
}

# By another name, or by a link in the image.
@test "what is masked lies on top, whatever else is mounted there" {
	need_root
	local change
	busybox_bundle b sh -c 'cat /proc/keys | wc -c; grep -c . /proc/timer_list; ls /dev; (echo 1 >/proc/sys/kernel/msgmax) 2>/dev/null || echo readonly'
	ln -s proc b/rootfs/link
	ln -s dev b/rootfs/devlink
	runvm template build --bundle b >/dev/null
	for change in '.mounts += [{"destination": "/bin/../proc/./", "type": "proc", "source": "proc"}]' \
		'.mounts += [{"destination": "/link", "type": "proc", "source": "proc"}]' \
		'.mounts += [{"destination": "/devlink", "type": "tmpfs", "source": "tmpfs"}]'; do
		same_as_cold b "$change"
		same "masked" 0 "$(sed -n 1p <<<"$output")"
		contains "$output" readonly
	done
}

# The drivers stay with their devices in the template, and need all that these offered.
@test "a device that offers less than that of the template: an error, and the next start is cold" {
	need_root
	local device
	busybox_bundle b sh -c 'echo hello'
	cat >qemu <<-END
		#!/bin/sh
		case " \$* " in *" -incoming "*) [ ! -s "$PWD/less" ] || set -- "\$@" -global "\$(cat "$PWD/less")" ;; esac
		exec "$(command -v "qemu-system-$(uname -m)")" "\$@"
	END
	chmod +x qemu
	edit_config b '.vm.hypervisor.path = $ARGS.positional[0]' "$PWD/qemu"
	for device in vhost-user-vsock-device vhost-user-fs-device; do
		runvm template build --bundle b >/dev/null
		rm -f less
		run --separate-stderr runvm --trace-start "trace-$device" run --bundle b "w-$device"
		same "output" "$output" hello
		contains "$(cat "trace-$device")" "monitor loaded"
		echo "$device.event_idx=off" >less
		run --separate-stderr runvm run --bundle b "l-$device"
		[ "$status" -ne 0 ]
		contains "$stderr" "is not what it was"
		[ -z "$(runvm template list --quiet)" ]
		run --separate-stderr runvm --trace-start "cold-$device" run --bundle b "c-$device"
		same "output" "$output" hello
		run ! grep "monitor loaded" "cold-$device"
		wait_for "$TIMEOUT" has_template
		wait_for 5 no_builder
		runvm template rm --all
	done
}

@test "a restored VM is larger than the hole below 4 GiB" {
	need_root
	busybox_bundle b /bin/echo hello
	edit_config b '.vm.hwConfig.memory = 3221225472'
	runvm template build --bundle b >/dev/null
	run --separate-stderr runvm --trace-start trace run --bundle b c1
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	same "output" "$output" hello
	contains "$(cat trace)" "guest woken up"
}

@test "the first start builds one in the background, the second uses it" {
	need_root
	busybox_bundle b /bin/echo hello
	run_hello c1
	wait_for "$TIMEOUT" has_template
	wait_for 5 no_builder
	key=$(runvm template list --quiet)
	touch -d '2001-01-01' "$STORE/$key"
	run_hello c2
	[ "$(stat -c %Y "$STORE/$key")" -gt 1000000000 ]
	same "keys" "$(runvm template list --quiet)" "$key"
}

@test "templates off: none is used, none is made" {
	need_root
	busybox_bundle b /bin/echo hello
	key=$(runvm template build --bundle b)
	touch -d '2001-01-01' "$STORE/$key"
	export RUNVM_TEMPLATES=off
	run_hello c1
	[ "$(stat -c %Y "$STORE/$key")" -eq "$(date -d '2001-01-01' +%s)" ]
}

@test "damaged memory, state or meta: the container starts cold, the template is replaced" {
	need_root
	busybox_bundle b /bin/echo hello
	key=$(runvm template build --bundle b)
	for file in memory state meta.json; do
		inode=$(stat -c %i "$STORE/$key/$file")
		damage "$STORE/$key/$file" 50
		run_hello "c-$file"
		wait_for "$TIMEOUT" has_template
		wait_for 5 no_builder
		same "keys" "$(runvm template list --quiet)" "$key"
		truncate --size=-1 "$STORE/$key/$file"
		run_hello "t-$file"
		wait_for "$TIMEOUT" has_template
		wait_for 5 no_builder
	done
}

@test "the background builder has nothing of its caller's, and ends" {
	need_root
	busybox_bundle b /bin/echo hello
	# Whoever waits for the end of the output does not wait for the builder.
	run_hello c1
	pid=$(builder_pid)
	qemu=$(qemu_of "$pid" || true)
	same "cwd" "$(readlink "/proc/$pid/cwd")" /
	for fd in 0 1 2; do
		same "descriptor $fd" "$(readlink "/proc/$pid/fd/$fd")" /dev/null
	done
	# Of files: the store's alone.
	for fd in "/proc/$pid/fd"/*; do
		target=$(readlink "$fd" || true)
		case $target in
		"$STORE"* | /dev/null | "" | *:*) ;; # pipes, sockets, memfds have a colon
		*) echo "descriptor of $target" >&2; false ;;
		esac
	done
	run ! grep c1 "/proc/$pid/cgroup"
	same "nice" "$(ps -o ni= -p "$pid" | tr -d ' ')" 19
	[ "$(awk '/^NSpid:/ {print $NF}' "/proc/$pid/status")" = 1 ]
	wait_for "$TIMEOUT" has_template
	wait_for 10 test ! -e "/proc/$pid"
	[ -z "$qemu" ] || wait_for 10 test ! -e "/proc/$qemu"
}

@test "two first starts at once: both run, one template is made, once" {
	need_root
	busybox_bundle b /bin/echo hello
	runvm run --bundle b c1 >out1 &
	first=$!
	runvm run --bundle b c2 >out2 &
	second=$!
	wait $first
	wait $second
	same "output" "$(cat out1 out2 | xargs)" "hello hello"
	wait_for "$TIMEOUT" has_template
	wait_for 10 no_builder
	same "count" "$(template_count)" 1
	key=$(runvm template list --quiet)
	inode=$(stat -c %i "$STORE/$key")
	run_hello c3
	wait_for 10 no_builder
	same "inode" "$(stat -c %i "$STORE/$key")" "$inode"
}

@test "a template that QEMU refuses: the container starts cold, the template is replaced" {
	need_root
	busybox_bundle b /bin/echo hello
	key=$(runvm template build --bundle b)
	other=$(runvm template build --bundle b --memory 1g)
	# The state of another VM, with everything about it in order.
	python3 - "$STORE/$key" "$STORE/$other" <<'END' || skip_or_fail "needs python3"
import json, os, re, sys
mine, other = sys.argv[1:]
def load(d): return json.loads(open(d + "/meta.json").read())
m, o = load(mine), load(other)
data = open(other + "/state", "rb").read()
with open(mine + "/state", "r+b") as f:
    f.truncate(0)
    f.write(data)
st = os.stat(mine + "/state")
m["state"]["size"] = st.st_size
m["state"]["mtime"] = list(divmod(st.st_mtime_ns, 10**9))
m["state"]["ctime"] = list(divmod(st.st_ctime_ns, 10**9))
m["state"]["checksum"] = o["state"]["checksum"]
del m["checksum"]
body = json.dumps(m, separators=(",", ":"), ensure_ascii=False)[1:].encode()
M = 2**64 - 1
P = [0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x85ebca77c2b2ae63,
     0x27d4eb2f165667c5]
rol = lambda x, n: (x << n | x >> (64 - n)) & M
def rnd(a, x): return rol((a + x * P[1]) & M, 31) * P[0] & M
def xxh64(b):
    u = lambda i, n: int.from_bytes(b[i:i + n], "little")
    i, n, h = 0, len(b), P[4]
    v = [(P[0] + P[1]) & M, P[1], 0, -P[0] & M]
    while n - i >= 32:
        for k in range(4): v[k] = rnd(v[k], u(i + 8 * k, 8))
        i += 32
    if n >= 32:
        h = sum(rol(x, r) for x, r in zip(v, (1, 7, 12, 18))) & M
        for x in v: h = ((h ^ rnd(0, x)) * P[0] + P[3]) & M
    h = (h + n) & M
    while n - i >= 8: h = (rol(h ^ rnd(0, u(i, 8)), 27) * P[0] + P[3]) & M; i += 8
    if n - i >= 4: h = (rol(h ^ u(i, 4) * P[0] & M, 23) * P[1] + P[2]) & M; i += 4
    while i < n: h = rol(h ^ b[i] * P[4] & M, 11) * P[0] & M; i += 1
    h = (h ^ h >> 33) * P[1] & M
    h = (h ^ h >> 29) * P[2] & M
    return h ^ h >> 32
open(mine + "/meta.json", "wb").write(b'{"checksum":"%016x",' % xxh64(body) + body)
END
	same "status" "$(runvm template list --format json |
		jq -r ".[] | select(.key == \"$key\") | .status")" ok
	inode=$(stat -c %i "$STORE/$key")
	same "output" "$(runvm --log "$PWD/log" run --bundle b c1)" hello
	contains "$(cat log)" "does not come from its template"
	built_again() {
		[ -e "$STORE/$key" ] && [ "$(stat -c %i "$STORE/$key")" != "$inode" ]
	}
	wait_for "$TIMEOUT" built_again
	wait_for 10 no_builder
	same "output" "$(runvm --log "$PWD/log2" run --bundle b c2)" hello
	run ! grep template log2
}

# with_dead_kvm COMMAND...: on a host that shows KVM, which then does not run.
with_dead_kvm() {
	mkdir dev
	sed 's/^flags\t*:/& vmx svm/' /proc/cpuinfo >cpuinfo
	# shellcheck disable=SC2016 # for the other shell
	unshare --mount bash -ec '
		mount -t tmpfs dev dev
		cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx dev/
		mknod dev/kvm c 1 3
		mkdir dev/pts dev/shm
		mount --rbind /dev/pts dev/pts
		mount --bind cpuinfo /proc/cpuinfo
		mount --rbind dev /dev
		exec "$@"' bash "$@"
	rmdir dev
}

@test "KVM that is there and does not run: a template without it is made, and used" {
	need_root
	busybox_bundle b /bin/echo hello
	same "cold" hello "$(with_dead_kvm "$RUNVM" --root "$ROOT" --log "$PWD/log" run --bundle b c1)"
	contains "$(cat log)" "does not run with KVM, trying without"
	wait_for "$TIMEOUT" has_template
	wait_for 10 no_builder
	same "kind" tcg "$(runvm template list --format json | jq -r '.[].accelerator')"
	same "warm" hello "$(with_dead_kvm "$RUNVM" --root "$ROOT" --log "$PWD/log" \
		--trace-start "$PWD/trace" run --bundle b c2)"
	grep -q " monitor template$" trace
}
