#!/bin/bash
# Builds the guest's kernel from the distribution's source package, or finds it in the cache.
#
#   kernel/build.sh [--arch x86_64|aarch64] [--source TARBALL] [--output FILE] [--print-key]
#
# Prints the path of the kernel on stdout and everything else on stderr. What is in the cache is
# printed at once. See kernel/README.md.
#
# Theory of operation
#
# Everything lies in $RUNVM_CACHE/kernel:
#   KEY/          a finished kernel: vmlinux (aarch64: Image), config, System.map, build.log
#   KEY.log       the log of a build that runs or failed
#   build.XXXXXX/ a build that runs, or was killed
#   lock          held while building
# KEY/ appears by one rename, so it is whole or not there. Whoever holds the lock owns all the
# build.* and *.log there are, and removes what builds that were killed or failed have left. One
# lock serves all keys: a build uses every CPU anyway.
set -euo pipefail
shopt -s nullglob
export LC_ALL=C

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
arch=$(uname -m)
source='' output='' print_key=''
work='' child=''

say() { printf 'kernel: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# need COMMAND PACKAGE: ends with the package's name where the command is missing.
need() {
	command -v "$1" >/dev/null || die "$1 is missing: install the package $2 (apt-get install $2)"
}

usage() {
	sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--arch | --source | --output)
			[ $# -ge 2 ] || die "$1 wants an argument"
			case $1 in
			--arch) arch=$2 ;;
			--source) source=$2 ;;
			--output) output=$2 ;;
			esac
			shift
			;;
		--print-key) print_key=1 ;;
		--help | -h)
			usage
			exit 0
			;;
		*) die "unknown argument \"$1\" (see --help)" ;;
		esac
		shift
	done

	# karch: what the kernel calls it; target: what to build; image: the name in the cache.
	case $arch in
	x86_64) karch=x86_64 target=vmlinux image=vmlinux ;;
	aarch64) karch=arm64 target=Image image=Image ;;
	*) die "no configuration for the architecture \"$arch\": x86_64 and aarch64 are known" ;;
	esac
	cross=
	if [ "$arch" != "$(uname -m)" ]; then
		cross=$arch-linux-gnu-
		need "${cross}gcc" "gcc-${arch/_/-}-linux-gnu"
	fi
	need "${cross}gcc" gcc
	need "${cross}ld" binutils
}

find_source() {
	if [ -z "$source" ]; then
		local found=(/usr/src/linux-source-[0-9]*.tar.xz)
		[ ${#found[@]} -gt 0 ] || die "no kernel source in /usr/src: install the package" \
			"linux-source (apt-get install linux-source)"
		source=$(printf '%s\n' "${found[@]}" | sort -V | tail -n 1)
	fi
	[ -r "$source" ] || die "cannot read the kernel source \"$source\""
}

# What the source is. The package's version and the file's size stand for the content of a file
# that a package owns: a hash of 130 MB at every call of make would cost more than all else
# together, and who edits a tarball in /usr/src in place and keeps its size wants to be fooled.
source_id() {
	local package version
	package=$(basename "$source" .tar.xz)
	if [ "$(dirname "$(realpath "$source")")" = /usr/src ] && command -v dpkg-query >/dev/null &&
		version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null) && [ -n "$version" ]; then
		echo "$package $version $(stat -Lc %s "$source")"
	else
		echo "$package $(sha256sum <"$source")"
	fi
}

# take_config: the fragments as they are now, in $config. They may change while this script waits
# for the lock or unpacks; the key and the build go by the same text.
take_config() {
	config=$(cat "$here/common.config" "$here/$arch.config") || exit 1
}

compute_key() {
	{
		cat "$here/build.sh"
		printf '%s\n' "$config"
		echo "$arch"
		source_id
		"${cross}gcc" --version | head -n 1
		"${cross}ld" --version | head -n 1
	} | sha256sum | cut -c 1-32
}

# fragments VERSION: the options meant for this version of the kernel, one a line; a note "was" stays.
fragments() {
	awk -v version="$1" '
	function number(v,  part) { split(v, part, "."); return part[1] * 1000 + part[2] }
	/^CONFIG_/ || /^# CONFIG_[A-Za-z0-9_]+ is not set/ {
		if (match($0, /[ \t]+# (since|until) [0-9]+\.[0-9]+$/)) {
			split(substr($0, RSTART), note, " ")
			$0 = substr($0, 1, RSTART - 1)
			if (note[2] == "since" && number(version) < number(note[3])) next
			if (note[2] == "until" && number(version) > number(note[3])) next
		}
		if ($0 !~ /^CONFIG_[A-Za-z0-9_]+=(y|[0-9]+|"[^"]*")([ \t]+# was CONFIG_[A-Za-z0-9_]+)?$/ &&
		    $0 !~ /^# CONFIG_[A-Za-z0-9_]+ is not set$/) {
			print "kernel: error: cannot read this line of kernel/*.config: " $0 > "/dev/stderr"
			exit 1
		}
		print
	}' <<<"$config"
}

# for_kconfig FRAGMENT: the same as make reads it, an option that was renamed under both names.
for_kconfig() {
	awk '{ line = $0; renamed = sub(/[ \t]+# was .*/, "", line); print line }
	renamed { sub(/^[^=]*/, $NF, line); print line }' "$1"
}

# untrue FRAGMENT CONFIG: the lines of the first that the second does not bear out. An option that
# is to be off may be unknown; one that is to be on, or to have a value, must be there.
untrue() {
	awk '
	function name(line) { sub(/=.*/, "", line); return line }
	NR == FNR { if (/^CONFIG_/) is[name($0)] = $0; next }
	/^CONFIG_/ {
		wanted = $0
		sub(/[ \t]+# was .*/, "", wanted)
		option = name(wanted)
		if (is[option] != wanted && !($0 != wanted && name(is[$NF]) == $NF))
			print "  " wanted " (is: " (is[option] ? is[option] : "not set") ")"
	}
	/^# / && is[$2] { print "  " $0 " (is: " is[$2] ")" }
	' "$2" "$1"
}

# The one thing that no option says (README.md, "A change of the source"): who comes from a program by
# an exception or an interrupt gets the stack segment that who comes by a system call has. It goes in
# front of what hands the registers over, where %rax is free. A source that looks different is left
# as it is.
load_stack_segment() {
	local file=$work/linux/arch/x86/entry/entry_64.S
	awk '
	/^SYM_CODE_START(_LOCAL)?\(error_entry\)/ { inside = 1 }
	inside && /^\tleaq\t8\(%rsp\), %rdi/ {
		print "\tmovl\t$__KERNEL_DS, %eax"
		print "\tmovl\t%eax, %ss"
		inside = 0
		done = 1
	}
	/^SYM_CODE_END\(error_entry\)/ { inside = 0 }
	{ print }
	END { exit !done }' "$file" >"$work/entry" || return
	mv "$work/entry" "$file"
}

# Reads what make says: keeps the log, tells how far it is now and then.
progress() {
	local line objects=0 next=5
	SECONDS=0
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in "  CC  "* | "  AS  "*) objects=$((objects + 1)) ;; esac
		if [ $SECONDS -ge $next ]; then
			say "$objects objects, $SECONDS s"
			next=$((SECONDS + 5))
		fi
	done >>"$log"
	say "$objects objects, $SECONDS s"
}

failed() {
	tail -n 30 "$log" >&2 || true
	die "$1; the whole log: $log"
}

# run COMMAND...: in the background, so that a signal to this script is heeded at once, and without
# the lock, so that a command does not hold it longer than this script lives.
run() {
	local status=0
	"$@" {lock}>&- &
	child=$!
	wait "$child" || status=$?
	child=''
	return $status
}

# To be called by run or in a subshell: make takes the place of the shell, so that the signal of
# cleanup reaches it. The environment of the caller (make's flags, a package build's CFLAGS) is
# kept out of the build: the key does not know it.
kernel_make() {
	exec env -i PATH="$PATH" LC_ALL=C \
		KBUILD_BUILD_TIMESTAMP="$(date -u -r "$source")" \
		KBUILD_BUILD_USER=runvm KBUILD_BUILD_HOST="$(basename "$source" .tar.xz)" \
		make -C "$work/linux" ARCH=$karch CROSS_COMPILE="$cross" "$@"
}

cleanup() {
	trap '' INT TERM HUP
	# make passes the signal on to what it runs.
	[ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || true
	[ -z "$work" ] || rm -rf "$work" || true
}

build() {
	local version wrong progress_pid failure=''
	need make make
	need flex flex
	need bison bison
	need bc bc
	need xz xz-utils
	need perl perl
	echo '#include <gelf.h>' | gcc -E - >/dev/null 2>&1 ||
		die "gelf.h is missing: install the package libelf-dev (apt-get install libelf-dev)"

	log=$cache/$key.log
	: >"$log"
	work=$(mktemp -d "$cache/build.XXXXXX")
	mkdir "$work/linux" "$work/out"

	say "building for $arch from $source in $work"
	# What no build of ours reads is left packed: half of the tree (Kconfig wants its own files).
	run tar -C "$work/linux" --strip-components=1 --exclude='drivers/gpu/drm/amd/include/*' \
		--exclude='tools/testing/*' --exclude='*/boot/dts/*/*' -xf "$source" 2>>"$log" ||
		failed "could not unpack $source"
	version=$(kernel_make -s kernelversion) || failed "no kernel source in $source"
	say "Linux $version"
	if [ "$arch" = x86_64 ]; then
		load_stack_segment ||
			say "warning: the entry code of $version is not as expected: slower without KVM"
	fi

	fragments "$version" >"$work/fragment"
	for_kconfig "$work/fragment" >"$work/allconfig"
	run kernel_make KCONFIG_ALLCONFIG="$work/allconfig" allnoconfig >>"$log" 2>&1 ||
		failed "make allnoconfig failed"
	wrong=$(untrue "$work/fragment" "$work/linux/.config")
	[ -z "$wrong" ] || die "these options of kernel/*.config did not take effect in $version:"$'\n'"$wrong"

	mkfifo "$work/messages"
	progress <"$work/messages" {lock}>&- &
	progress_pid=$!
	run kernel_make -j"$(nproc)" $target >"$work/messages" 2>&1 || failure=1
	wait $progress_pid || true
	[ -z "$failure" ] || failed "the build failed"

	if [ $target = vmlinux ]; then
		"${cross}objcopy" --strip-all --remove-section=.comment "$work/linux/vmlinux" "$work/out/$image"
		# QEMU starts an ELF file by the entry point that this note of Xen's names.
		[[ $(readelf -n "$work/out/$image" 2>/dev/null) == *Xen* ]] ||
			die "the kernel has no PVH entry point"
	else
		cp "$work/linux/arch/$karch/boot/$target" "$work/out/$image"
	fi
	cp "$work/linux/.config" "$work/out/config"
	cp "$work/linux/System.map" "$work/out/"
	cp "$log" "$work/out/build.log"
	chmod -R a+rX "$work/out"
	sync "$work/out"/*
	rm -rf "${cache:?}/$key"
	mv -T "$work/out" "$cache/$key"
	rm -f "$log"
	say "done: $cache/$key/$image, $(stat -c %s "$cache/$key/$image") bytes"
}

# Leaves FILE alone where it is up to date, for make's sake.
deliver() {
	[ -n "$output" ] || return 0
	cmp -s "$1" "$output" && return 0
	mkdir -p "$(dirname "$output")"
	local new=$output.new.$$
	if ! cp --reflink=auto "$1" "$new" || ! mv -fT "$new" "$output"; then
		rm -f "$new"
		die "could not write $output"
	fi
}

parse "$@"
find_source
take_config
key=$(compute_key)
if [ -n "$print_key" ]; then
	echo "$key"
	exit 0
fi

cache=${RUNVM_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set, nor is RUNVM_CACHE}/.cache}/runvm}/kernel
if [ ! -e "$cache/$key/$image" ]; then
	mkdir -p "$cache"
	cache=$(realpath "$cache")
	need flock util-linux
	exec {lock}>"$cache/lock"
	flock -n "$lock" || { say "waiting for another build in $cache" && flock "$lock"; }
	if [ ! -e "$cache/$key/$image" ]; then
		trap cleanup EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		rm -rf "$cache"/build.* "$cache"/*.log || true
		build
	fi
fi
deliver "$cache/$key/$image"
echo "$cache/$key/$image"
