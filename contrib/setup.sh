#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing and builds.
#
#   contrib/setup.sh [--packages-only] [run] [test] [lint]
#
# The words say what for: run a container, run the tests, `make lint` and `make fuzz`. What building
# needs is always installed. CONFIGURE_ARGS goes to configure. Debian 12 and 13 are known; on other
# systems the packages are yours to install. May be interrupted and run again.
set -euo pipefail
. "$(dirname "$0")/steps.sh"

packages_build=(
	autoconf automake gcc libc6-dev make pkgconf
	libarchive-dev libnghttp2-dev libprotobuf-c-dev libprotobuf-dev libseccomp-dev
	libyajl-dev protobuf-c-compiler
	# the kernel
	bc bison flex libelf-dev linux-source perl xz-utils
)
packages_run=(busybox-static qemu-system-x86)
packages_test=(
	bats iproute2 jq mmdebstrap openssl procps python3 python3-grpc-tools python3-grpcio
	python3-jsonschema python3-pkg-resources python3-protobuf runc socat strace util-linux
)
packages_lint=(clang clang-format clang-tidy cppcheck mandoc shellcheck)
# Debian 12 has virtiofsd in a package of QEMU's, and the clang runtimes under another name.
packages_where_known=(virtiofsd)
[ "$(uname -m)" != aarch64 ] || packages_run=(busybox-static qemu-system-arm)

packages_only=''
wanted=("${packages_build[@]}")
for word in "$@"; do
	case $word in
	--packages-only) packages_only=1 ;;
	run) wanted+=("${packages_run[@]}") ;;
	test) wanted+=("${packages_run[@]}" "${packages_test[@]}") ;;
	lint)
		wanted+=("${packages_lint[@]}")
		packages_where_known+=(libclang-rt-dev)
		;;
	*) die "unknown word \"$word\"; see the head of contrib/setup.sh" ;;
	esac
done

# missing PACKAGE...: those that are not installed, one a line.
missing() {
	local installed package
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null |
		sed -n 's/ installed$//p')
	for package; do
		grep -qxF "$package" <<<"$installed" || echo "$package"
	done | sort -u
}

has_virtiofsd() { [ -x /usr/lib/qemu/virtiofsd ] || [ -x /usr/libexec/virtiofsd ]; }

known() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

apt_get() {
	root_command env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@"
}

install_packages() {
	local lack=() also=() package
	mapfile -t lack < <(missing "${wanted[@]}")
	for package in $(missing "${packages_where_known[@]}"); do
		# apt's lists tell whether a system knows it, and may not be there yet
		case $package in
		virtiofsd) has_virtiofsd || also+=("$package") ;;
		*) also+=("$package") ;;
		esac
	done
	if [ ${#lack[@]} = 0 ]; then
		for package in "${also[@]}"; do
			! known "$package" || lack+=("$package")
		done
		[ ${#lack[@]} != 0 ] || return 0
		also=()
	fi
	ask_password
	if [ -n "$(dpkg --audit)" ]; then
		step dpkg "finishing an installation that was interrupted" \
			root_command dpkg --configure -a
	fi
	step apt-update "package lists" apt_get update ||
		say "    (going on with what is there)"
	for package in "${also[@]}"; do
		! known "$package" || lack+=("$package")
	done
	step apt-install "installing ${#lack[@]} packages: ${lack[*]}" \
		apt_get install -y --no-install-recommends "${lack[@]}"
}

# What configure was last asked for is kept beside its result.
configure() {
	local arguments=$BUILD/logs/configure-arguments
	mkdir -p "$BUILD/logs"
	if [ -e "$BUILD/Makefile" ] && [ -e "$BUILD/config.status" ] && {
		[ ! -e "$arguments" ] || [ "$(cat "$arguments")" = "${CONFIGURE_ARGS:-}" ]
	}; then
		return 0
	fi
	step autogen "preparing configure" "$top/autogen.sh"
	rm -f "$arguments"
	# shellcheck disable=SC2086 # CONFIGURE_ARGS holds words
	step configure "configure ${CONFIGURE_ARGS:-}" \
		env -C "$BUILD" "$top/configure" ${CONFIGURE_ARGS:-}
	echo "${CONFIGURE_ARGS:-}" >"$arguments"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
	install_packages
else
	say "This is not a Debian system. Needed here, by their names there: ${wanted[*]}"
fi
[ -z "$packages_only" ] || exit 0

configure
step kernel "the guest's kernel (6 to 12 minutes the first time, then from a cache)" \
	make -C "$BUILD" kernel/vmlinux
step make "building" make -C "$BUILD" -j"${JOBS:-$(nproc)}"
