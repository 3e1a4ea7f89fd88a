#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Templates: made ahead and in the background, listed, removed; damaged ones; builders at once and
# builders that are killed. Each test has a store of its own.

# shellcheck disable=SC2154 # bats sets stderr

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
	! wait $command
	contains "$(cat errors)" "died"
	wait_for 10 test ! -e "/proc/$qemu"
	same "count" "$(template_count)" 0
	ls -A "$STORE" | grep -q '^\.new-'
	runvm template build
	same "count" "$(template_count)" 1
	! ls -A "$STORE" | grep '^\.new-'
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
