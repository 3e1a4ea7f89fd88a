#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The same bundle under runc and under runvm: what its process prints on both streams, its exit
# status, and what it leaves in the root file system must be the same.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq "$RUNC"
	vm_bundle bundle true
	INPUT=/dev/null
}

teardown() {
	common_teardown
}

# config JQ-PROGRAM [ARG...]
config() {
	edit_config bundle "$@"
}

# script TEXT: what the container's shell does.
script() {
	config '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
}

# the streams are kept in files: they may hold anything, and newlines at the end count
run_one() {
	local name=$1
	status=0
	"$name" run --bundle bundle "cmp-$name" <"$INPUT" >"$name.out" 2>"$name.err" || status=$?
	echo $status >"$name.status"
}

# compare [STATUS]: runs both and compares; the status must also be the one given (default 0).
compare() {
	run_one runc
	run_one runvm
	for what in status out err; do
		diff -u --label "runc.$what" --label "runvm.$what" runc.$what runvm.$what
	done
	same "exit status" "${1:-0}" "$(cat runvm.status)"
}

# compare_error TEXT...: both fail to start it, with the same exit status, nothing on stdout, and
# the texts, in any case, in both errors.
compare_error() {
	run_one runc
	run_one runvm
	cat runc.err runvm.err
	diff -u runc.status runvm.status
	same "exit status" 1 "$(cat runvm.status)"
	[ ! -s runvm.out ]
	for text in "$@"; do
		contains "$(sed 's/\\//g' <runc.err | tr '[:upper:]' '[:lower:]')" "$text"
		contains "$(tr '[:upper:]' '[:lower:]' <runvm.err)" "$text"
	done
	[ -z "$(runvm list --quiet)" ]
}

@test "output on both streams, exit status" {
	for code in 0 1 7 127 255; do
		script "echo to stdout; echo to stderr >&2; printf 'no newline'; exit $code"
		compare "$code"
	done
}

@test "a program without output; one that only writes to stderr" {
	config '.process.args = ["false"]'
	compare 1
	script 'ls /missing'
	compare 1
}

@test "stdin: text, binary, empty, closed at once" {
	script 'cat; echo end'
	printf 'one\ntwo' >text
	head -c 300000 /dev/urandom >binary
	for INPUT in text binary /dev/null; do
		compare
	done
	# a reader that stops early
	script 'head -c 10; exit 3'
	INPUT=binary
	compare 3
	script 'read -r line; echo "$line"; read -r line; echo "$line $?"'
	INPUT=text
	compare
}

@test "arguments go through as they are" {
	config '.process.args = ["printf", "<%s>\\n", "", " a  b ", "*", "$HOME", "\"q\"", "é\n", "\\"]'
	compare
}

@test "environment: as given, HOME and PATH" {
	# A shell would add its own.
	config '.process.env = ["PATH=/usr/bin:/bin", "B=2", "A=1", "EMPTY=", "NL=a\nb", "E==", "A=3"]
		| .process.args = ["env"]'
	compare
	config '.process.env = ["PATH=/bin"] | .process.user = {uid: 1000, gid: 1000}'
	compare
	mkdir -p bundle/rootfs/etc
	echo 'joe:x:1000:1000::/home/joe:/bin/sh' >bundle/rootfs/etc/passwd
	compare
	contains "$(cat runvm.out)" "HOME=/home/joe"
}

@test "user: uid, gid, additional groups, umask" {
	script 'id -u; id -g; id -G; umask; >/tmp/made; grep -E "^(Uid|Gid|Groups|Umask):" /proc/self/status'
	chmod 1777 bundle/rootfs/tmp
	compare
	config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 10, 65533], umask: 63}'
	rm bundle/rootfs/tmp/made
	compare
	same "file" "1000 1001 600" "$(stat -c '%u %g %a' bundle/rootfs/tmp/made)"
	config '.process.user = {uid: 0, gid: 0, additionalGids: [0], umask: 0}'
	compare
}

@test "capabilities, no new privileges, ids in /proc/self/status" {
	script 'grep -E "^(Cap|NoNewPrivs|Uid|Gid|Groups)" /proc/self/status; chroot / true && echo may chroot'
	compare 1
	for sets in '["CAP_KILL", "CAP_SYS_CHROOT"]' '[]'; do
		for user in '{uid: 0, gid: 0}' '{uid: 5, gid: 6}'; do
			config ".process.user = $user | .process.noNewPrivileges = false |
				.process.capabilities = ($sets |
				{bounding: ., effective: ., permitted: ., inheritable: ., ambient: .})"
			run_one runc
			compare "$(cat runc.status)"
		done
	done
	config 'del(.process.capabilities)'
	run_one runc
	compare "$(cat runc.status)"
}

@test "cwd: given, created, not permitted" {
	script 'pwd; stat -c "%u %g %a" .'
	config '.process.cwd = "/tmp"'
	compare
	config '.process.cwd = "/new/deeper"'
	for name in runc runvm; do
		rm -rf bundle/rootfs/new
		run_one $name
		stat -c '%n %u %g %a' bundle/rootfs/new bundle/rootfs/new/deeper >$name.stat
	done
	diff -u runc.stat runvm.stat
	compare
	mkdir -m 700 bundle/rootfs/secret
	config '.process.cwd = "/secret" | .process.user = {uid: 1000, gid: 1000}'
	run_one runc
	compare "$(cat runc.status)"
}

@test "read-only root, and one that is not" {
	script 'touch /file; mkdir /tmp/dir; ls /tmp; grep -o " / / [^ ,]*" /proc/self/mountinfo'
	# Where a file system's root appears differs: only "ro" and "rw" count here.
	script 'touch /file; echo $?; touch /dev/shm/f; echo $?; awk "\$5 == \"/\" {print substr(\$6, 1, 2)}" /proc/self/mountinfo'
	config '.root.readonly = true'
	compare
	[ ! -e bundle/rootfs/file ]
	config '.root.readonly = false'
	compare
	[ -e bundle/rootfs/file ]
}

@test "bind mounts: directories and files, read-only or not" {
	mkdir -p source/sub
	echo content >source/sub/file
	echo single >single
	script 'cat /data/sub/file /ro/sub/file /etc/single; echo new >/data/new; echo $?
		touch /ro/x; echo $?; echo changed >/etc/single; echo $?; echo x >/etc/ro-single; echo $?
		touch /data/sub/file; mkdir /data/dir; chmod 751 /data/dir; ln -s new /data/link; ls -lR /data | awk "{print \$1, \$NF}"'
	config '.mounts += [
		{destination: "/data", type: "bind", source: ($ARGS.positional[0] + "/source"), options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: ($ARGS.positional[0] + "/source"), options: ["bind", "ro"]},
		{destination: "/etc/single", type: "bind", source: ($ARGS.positional[0] + "/single"), options: ["bind"]},
		{destination: "/etc/ro-single", type: "none", source: ($ARGS.positional[0] + "/single"), options: ["bind", "ro"]}]' \
		"$PWD"
	run_one runc
	mv runc.out runc.kept
	rm -r source/new source/dir source/link
	echo single >single
	run_one runvm
	diff -u runc.kept runvm.out
	diff -u runc.err runvm.err
	same "file" new "$(cat source/new)"
	same "file" changed "$(cat single)"
	same "mode" 751 "$(stat -c %a source/dir)"
	# What was made in the root file system to mount on.
	find bundle/rootfs/data bundle/rootfs/ro bundle/rootfs/etc -printf '%P %y %m\n' | sort >runvm.points
	rm -r bundle/rootfs/{data,ro,etc} source/{new,dir,link}
	run_one runc
	find bundle/rootfs/data bundle/rootfs/ro bundle/rootfs/etc -printf '%P %y %m\n' | sort >runc.points
	diff -u runc.points runvm.points
}

@test "bind mounts: options, a source relative to the bundle, mounts below a source" {
	mkdir -p bundle/data/below
	cp bundle/rootfs/bin/busybox bundle/data/sh
	chmod u+s bundle/data/sh
	mount -t tmpfs none bundle/data/below
	echo deep >bundle/data/below/file
	script 'ls /plain/below; ls /deep/below; /noexec/sh -c true; echo $?
		for d in /plain /noexec /deep; do
			awk -v d=$d "\$5 == d {print \$5, \$6}" /proc/self/mountinfo; done'
	config '.mounts += [
		{destination: "/plain", type: "bind", source: "data", options: ["bind", "nosuid", "nodev"]},
		{destination: "/noexec", type: "bind", source: "data", options: ["bind", "noexec", "ro"]},
		{destination: "/deep", type: "bind", source: "data", options: ["rbind", "ro"]}]'
	run_one runc
	run_one runvm
	umount bundle/data/below
	sed -i 's/relatime,//; s/,relatime//' runc.out runvm.out
	diff -u runc.out runvm.out
	diff -u runc.err runvm.err
}

@test "bind mounts through symbolic links of the root file system stay in it" {
	mkdir -p source bundle/rootfs/real
	echo content >source/file
	ln -s /real bundle/rootfs/link
	ln -s ../../../../../../etc/outside bundle/rootfs/up
	script 'cat /real/file /link/file; ls -l /real /etc/outside | wc -l; cat /etc/outside/file'
	config '.mounts += [
		{destination: "/link", type: "bind", source: $ARGS.positional[0], options: ["bind"]},
		{destination: "/up", type: "bind", source: $ARGS.positional[0], options: ["bind"]}]' "$PWD/source"
	compare
	[ ! -e /etc/outside ]
}

@test "tmpfs and its options" {
	script 'stat -c "%n %a %u %g" /t; df -k /t | awk "END {print \$2}"; awk "\$5 == \"/t\" {print \$6}" /proc/self/mountinfo; true'
	config '.mounts += [{destination: "/t", type: "tmpfs", source: "tmpfs",
		options: ["nosuid", "noexec", "nodev", "size=1024k", "mode=1730", "uid=3", "gid=4"]}]'
	compare
}

@test "a tmpfs over a directory has that one's mode, if it names none" {
	script 'stat -c "%n %a" /t /new'
	mkdir -m 700 bundle/rootfs/t
	config '.mounts += [
		{destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=1m"]},
		{destination: "/new", type: "tmpfs", source: "tmpfs"}]'
	run_one runc
	rmdir bundle/rootfs/new
	run_one runvm
	diff -u runc.out runvm.out
	diff -u runc.err runvm.err
	grep -qx "/t 700" runvm.out
	# runc 1.1 takes the directory's here, too; later ones what is asked for.
	config '.mounts[-2].options += ["mode=750"]'
	runvm run --bundle bundle c1 | grep -qx "/t 750"
}

@test "a directory bound onto a file, and the other way round" {
	mkdir -p source bundle/rootfs/etc/directory
	echo >file
	echo >bundle/rootfs/etc/file
	config '.mounts += [{destination: "/etc/file", type: "bind", source: ($ARGS.positional[0] + "/source"), options: ["bind"]}]' "$PWD"
	compare_error "not a directory"
	config '.mounts[-1] |= (.destination = "/etc/directory" | .source = $ARGS.positional[0] + "/file")' "$PWD"
	compare_error "not a directory"
}

# Programs fall back on an older call for ENOSYS alone.
@test "a system call that is newer than the seccomp profile" {
	need_program cc
	cat >calls.c <<-'END'
		#include <errno.h>
		#include <stdio.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int main(void)
		{
			long r = syscall(SYS_mkdir, "/x", 0700);

			printf("known: %ld %d\n", r, errno);
			r = syscall(9999, 0);
			printf("newer: %ld %d\n", r, errno);
			return 0;
		}
	END
	cc -static -o bundle/rootfs/bin/calls calls.c
	# All that this system's headers know, but for two.
	echo '#include <sys/syscall.h>' | cc -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' |
		grep -vx 'mkdir\|mkdirat' | jq -R . | jq -s . >names
	for default in ERRNO KILL LOG; do
		config '.process.args = ["/bin/calls"] | .linux.seccomp = {defaultAction: ("SCMP_ACT_" + $ARGS.positional[0]),
			architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
			syscalls: [{names: ($ARGS.positional[1] | fromjson), action: "SCMP_ACT_ALLOW"}]}' \
			$default "$(cat names)"
		run_one runc
		rm -rf bundle/rootfs/x
		run_one runvm
		rm -rf bundle/rootfs/x
		diff -u runc.status runvm.status
		diff -u runc.out runvm.out
		[ $default != ERRNO ] || grep -qx "newer: -1 38" runvm.out
	done
}

@test "options behind the arguments" {
	script 'echo out'
	runc run c1 --bundle bundle >runc.out
	runvm run c1 --bundle bundle >runvm.out
	diff -u runc.out runvm.out
	script 'exec sleep 1000'
	runvm create c1 -b bundle </dev/null >out 2>&1
	runvm delete c1 --force
}

@test "mounts of the default config: places, types, flags" {
	script 'awk "\$5 != \"/\" && \$5 !~ /cgroup/ {split(\$0, h, \" - \"); split(h[2], t, \" \");
		if (t[1] == "tmpfs") sub(",relatime", "", \$6); print \$5, \$6, t[1]}" /proc/self/mountinfo | sort; ls -ld /proc /dev /dev/pts /dev/shm /dev/mqueue /sys | awk "{print \$1, \$3, \$4, \$NF}"'
	compare
}

@test "host name, and that nothing else of uts is changed" {
	script 'hostname; cat /proc/sys/kernel/hostname; cat /proc/sys/kernel/domainname; uname -n'
	config '.hostname = "compared.example"'
	compare
}

@test "rlimits" {
	script 'awk "NR > 1" /proc/self/limits | cut -c1-66 | grep -E "open files|core|stack size|data size|file size"'
	config '.process.rlimits = [
		{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
		{type: "RLIMIT_CORE", soft: 0, hard: 0},
		{type: "RLIMIT_STACK", soft: 1048576, hard: 2097152},
		{type: "RLIMIT_DATA", soft: 100000000, hard: 100000000},
		{type: "RLIMIT_FSIZE", soft: 4096, hard: 8192}]'
	compare
	script 'head -c 10000 /dev/zero >/tmp/f'
	run_one runc
	compare "$(cat runc.status)"
}

@test "masked and read-only paths" {
	mkdir -p bundle/rootfs/masked bundle/rootfs/guarded
	echo secret | tee bundle/rootfs/masked/file >bundle/rootfs/masked-file
	config '.linux.maskedPaths += ["/masked", "/masked-file", "/not/there"] |
		.linux.readonlyPaths += ["/guarded", "/not/there"] | .root.readonly = false'
	script 'ls -A /masked; cat /masked-file; touch /guarded/x; echo $?; touch /masked/x; echo $?
		for f in /proc/kcore /proc/keys /proc/timer_list; do [ -e $f ] && wc -c <$f; done
		ls -A /sys/firmware; echo 1 >/proc/sys/kernel/pid_max; echo 1 >/proc/sysrq-trigger; echo $?'
	compare
	[ ! -e bundle/rootfs/guarded/x ]
}

@test "sysctl" {
	config '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "12345",
		"net.ipv4.ping_group_range": "0 7", "kernel.shm_rmid_forced": "1"}'
	script 'cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmax net/ipv4/ping_group_range kernel/shm_rmid_forced'
	compare
}

@test "devices: default ones and others" {
	config '.linux.devices = [
		{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438, uid: 1, gid: 2},
		{path: "/dev/sub/null", type: "c", major: 1, minor: 3, fileMode: 384},
		{path: "/dev/fifo", type: "p", fileMode: 420}] |
		.linux.resources.devices = [{allow: true, access: "rwm"}]'
	script 'cd /dev; stat -c "%n %F %a %u %g %t:%T" null zero full random urandom tty fuse sub/null fifo
		for l in fd stdin stdout stderr ptmx; do echo "$l $(readlink $l)"; done
		echo x >null; head -c 3 zero | od; echo x >full; echo $?; head -c 5 urandom | wc -c; ls -a | grep -v "console\|core" | sort'
	compare
}

@test "namespaces: processes, network, IPC, mounts are one's own" {
	script 'echo $$; set -- /proc/[0-9]*; echo $#; ls /sys/class/net; awk "NR > 1" /proc/net/dev | wc -l
		cat /proc/sysvipc/shm | wc -l; cat /proc/1/comm; cut -d" " -f4-6 /proc/1/stat; cat /proc/net/route | wc -l'
	run_one runc
	run_one runvm
	# The guest's kernel has none of the fallback tunnels that a host's may add to a namespace.
	contains "$(cat runvm.out)" lo
	sed -i '/tunl0\|sit0\|ip6tnl0\|gre\|erspan\|ip6_vti\|ip_vti/d' runc.out
	diff -u runc.out runvm.out
}

# runc hands the container what its caller ignores of the two signals that the C library keeps for
# itself, 32 and 33; in a VM nothing of the caller arrives.
compare_signals() {
	run_one runc
	run_one runvm
	sed -E -i 's/^(SigIgn:\t)0000000[01][08]0000000$/\10000000000000000/' runc.out
	diff -u runc.out runvm.out
	same "exit status" 0 "$(cat runvm.status)"
}

@test "signal mask and dispositions, descriptors, oom score" {
	script 'grep -E "^Sig(Blk|Ign|Cgt|Pnd)|^ShdPnd" /proc/self/status; ls /proc/self/fd | wc -l; cat /proc/self/oom_score_adj'
	config '.process.oomScoreAdj = 500'
	compare_signals
	# The program itself, not a shell, which changes some.
	config '.process.args = ["grep", "-E", "^(Sig(Blk|Ign|Cgt|Pnd)|ShdPnd|Threads|Seccomp:)", "/proc/self/status"]'
	compare_signals
}

@test "a program that is killed" {
	# Whether the shell says "Killed" depends on whether it waits already.
	script 'exec 2>/dev/null; sleep 100 & kill -9 $!; wait $!'
	compare 137
	# ud2: the program that is pid 1 dies by a signal
	[ "$(uname -m)" = x86_64 ] || skip_or_fail "the program is for x86_64"
	{
		printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0\170\0\100\0\0\0\0\0\100\0\0\0\0\0\0\0'
		printf '\0\0\0\0\0\0\0\0\0\0\0\0\100\0\70\0\1\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'
		printf '\0\0\100\0\0\0\0\0\0\0\100\0\0\0\0\0\172\0\0\0\0\0\0\0\172\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0'
		printf '\17\13'
	} >bundle/rootfs/bin/ud2
	chmod +x bundle/rootfs/bin/ud2
	config '.process.args = ["ud2"]'
	compare 132
}

@test "signals sent with kill: to a program that handles them, and one that does not" {
	script 'for s in HUP INT USR1 USR2 TERM WINCH; do trap "echo got $s" $s; done
		echo ready; while ! [ -e /tmp/stop ]; do sleep 0.05; done; exit 5'
	for name in runc runvm; do
		rm -f bundle/rootfs/tmp/stop
		$name run --bundle bundle "cmp-$name" </dev/null >"$name.out" 2>"$name.err" &
		wait_for 30 grep -q ready "$name.out"
		for signal in USR1 SIGUSR2 1 int TERM 28; do
			before=$(wc -l <"$name.out")
			$name kill "cmp-$name" $signal
			wait_for 10 eval "[ \$(wc -l <$name.out) -gt $before ]"
		done
		touch bundle/rootfs/tmp/stop
		status=0
		wait $! || status=$?
		echo $status >$name.status
	done
	for what in status out err; do
		diff -u runc.$what runvm.$what
	done
	same "status" 5 "$(cat runvm.status)"
	config '.process.args = ["sleep", "1000"]'
	for name in runc runvm; do
		$name run --bundle bundle "cmp-$name" </dev/null >"$name.out" 2>"$name.err" &
		wait_for 30 eval "[ \"\$($name state cmp-$name 2>/dev/null | jq -r .status)\" = running ]"
		# TERM is ignored by a pid 1 without a handler.
		$name kill "cmp-$name" TERM
		$name kill "cmp-$name" KILL
		status=0
		wait $! || status=$?
		same "$name" 137 "$status"
	done
}

@test "a signal sent to run itself reaches the program" {
	script 'trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
	for name in "$RUNC" "$RUNVM"; do
		base=$(basename "$name")
		env "$name" --root "$ROOT-$base" run --bundle bundle "cmp-$base" </dev/null >"$base.out" 2>&1 &
		pid=$!
		wait_for 30 grep -q ready "$base.out"
		kill -TERM $pid
		status=0
		wait $pid || status=$?
		same "$base" 9 "$status"
		same "$base" "ready got TERM" "$(xargs <"$base.out")"
	done
	[ -z "$(ls -A "$ROOT-runvm")" ]
}

@test "errors: a program that is not there, not executable, a directory" {
	config '.process.args = ["missing-program"]'
	compare_error 'exec: "missing-program": executable file not found in $path'
	config '.process.args = ["/missing/program"]'
	compare_error 'exec: "/missing/program": stat /missing/program: no such file or directory'
	echo text >bundle/rootfs/text
	config '.process.args = ["/text"]'
	compare_error 'exec: "/text": permission denied'
	config '.process.args = ["/tmp"]'
	run_one runc
	run_one runvm
	same "status" "$(cat runc.status)" "$(cat runvm.status)"
}

@test "errors: a script without an interpreter, no script at all" {
	printf '#!/missing/interpreter\n' >bundle/rootfs/script
	echo text >bundle/rootfs/text
	chmod +x bundle/rootfs/script bundle/rootfs/text
	for program in /script /text; do
		config '.process.args = $ARGS.positional' "$program"
		run_one runc
		run_one runvm
		cat runc.err runvm.err
		same "status" "$(cat runc.status)" "$(cat runvm.status)"
		[ -s runvm.err ]
	done
}

@test "errors: bundle, config.json, root file system" {
	run_error() {
		run --separate-stderr runc run --bundle "$1" cmp-runc
		runc_status=$status runc_stderr=$stderr
		run --separate-stderr runvm run --bundle "$1" cmp-runvm
		echo "$runc_stderr" "$stderr"
		same "status" "$runc_status" "$status"
		contains "${runc_stderr,,}" "$2"
		contains "${stderr,,}" "$2"
		[ -z "$(runvm list --quiet)" ]
	}
	run_error missing "no such file or directory"
	mkdir empty
	run_error empty "config.json"
	cp -r bundle broken
	echo '{"ociVersion": "1.0.2",' >broken/config.json
	run_error broken ""
	cp -r bundle rootless
	rm -r rootless/rootfs
	run_error rootless "no such file or directory"
	cp -r bundle relative
	edit_config relative '.process.cwd = "tmp"'
	run_error relative "cwd"
	edit_config relative '.process.cwd = "/" | .process.args = []'
	run_error relative "args"
}

@test "errors: a bind mount whose source is missing" {
	config '.mounts += [{destination: "/data", type: "bind", source: "/missing/source", options: ["bind"]}]'
	compare_error "/missing/source" "no such file or directory"
}

@test "Debian: the files of a distribution are there as they are" {
	debian_rootfs debian/rootfs
	cp bundle/config.json debian/
	edit_config debian '.linux.cgroupsPath += "-debian" | .process.env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"]'
	mv bundle bundle.busybox
	mv debian bundle
	config '.process.args = ["bash", "-c", "cd / && find bin/ etc usr -xdev -printf \"%p %y %m %U %G %s %n %l\\n\" | sort | sha256sum; find etc usr/bin usr/lib -xdev -type f -size -300k -print0 | sort -z | xargs -0 sha256sum | sha256sum"]'
	compare
	config '.process.args = ["bash", "-c", "dpkg-query -W | sha256sum; perl -e \"print 6 * 7, qq(\\n)\"; getent passwd daemon; cat /etc/debian_version; dpkg --verify | wc -l; ls -la / | cut -c1-10 | sort"]'
	compare
}

@test "Debian: file operations, ownership, programs with set-user-id" {
	debian_rootfs debian/rootfs
	cp bundle/config.json debian/
	mv bundle bundle.busybox
	mv debian bundle
	script 'set -e; export PATH=/usr/sbin:/usr/bin:/sbin:/bin; mkdir /work; cd /work; umask 022
		echo a >a; ln a b; ln -s a c; mkfifo f; mknod n c 1 3; chown 1000:1001 a; chmod 4755 a
		cp -a a d; mv d e; truncate -s 1M big; dd if=/dev/zero of=big bs=4096 seek=10 count=1 conv=notrunc status=none
		du -k big | cut -f1; sha256sum big; find . -printf "%p %y %m %U %G %n %l\n" | sort; flock a true; rm -rf /work
		cp /usr/bin/id /usr/bin/id-s; chmod 4755 /usr/bin/id-s; setpriv --reuid 1000 --regid 1000 --clear-groups id-s -u; rm /usr/bin/id-s
		tar -C / -cf - etc/apt etc/dpkg | sha256sum; perl -e "use Socket; socketpair(A,B,AF_UNIX,SOCK_STREAM,0) or die; print qq(ok\n)"'
	config '.process.noNewPrivileges = false | .root.readonly = false |
		.process.capabilities = (["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
		"CAP_MKNOD", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"] | {bounding: ., effective: ., permitted: .})'
	compare
}
