#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh CHECK... -- COMPILER-FLAG...
#
# The checks: layers, shell, man, cppcheck, tidy. All are run, then it fails where one did. `make
# lint` calls it in the build tree.
set -euo pipefail
shopt -s nullglob
top=$(dirname "$(dirname "$(realpath "$0")")")
jobs=${JOBS:-2}

# The scripts, by their first line or their suffix.
scripts() {
	find "$top/autogen.sh" "$top/.ci" "$top/contrib" "$top/kernel" "$top/tests" -type f \
		\( -name '*.bats' -o -name '*.bash' -o -name '*.sh' -o -perm -u+x \) -print0 |
		xargs -0 awk 'FNR == 1 && /^#!.*(sh|bats)$|shellcheck|SPDX/ && FILENAME !~ /\.py$/ {
			print FILENAME }' | grep -v '\.[chp]y*$'
}

sources() { find "$top/src" "$top/libocispec" "$top/vminit" -name '*.c' ! -name '*.pb-c.c'; }

check_layers() { "$top/contrib/check-layers"; }

# SC1091: what is sourced is on the list itself. bats files begin with `load`.
check_shell() { scripts | xargs -d '\n' shellcheck -x -P "SCRIPTDIR:$top" -e SC1091; }

check_man() {
	local page
	for page in "$top"/man/*.[1-9]; do
		mandoc -T lint -W warning "$page" || return 1
	done
}

check_cppcheck() {
	local flag cpp=(-D__linux__ "-D__$(uname -m)__=1" -DSEEK_DATA=0 -DSEEK_HOLE=0)
	for flag in "${flags[@]}"; do
		case $flag in -D* | -I*) cpp+=("$flag") ;; esac
	done
	# It knows no attributes, so it takes every _cleanup_ for a leak; the analyser of clang-tidy
	# looks for those. What protoc-c made is not ours to mend.
	sources | xargs -d '\n' cppcheck --quiet --error-exitcode=1 --enable=warning \
		--inline-suppr --std=c11 -j "$jobs" --library=posix --library=bsd \
		--suppress=memleak --suppress=resourceLeak --suppress=missingIncludeSystem \
		--suppress='*:*.pb-c.h' "${cpp[@]}"
}

# .clang-tidy says what is looked for.
check_tidy() {
	printf '%s\n' "${flags[@]}" >compile_flags.txt
	sources | sort | xargs -d '\n' -n 4 -P "$jobs" clang-tidy --quiet -p . 2>/dev/null
}

checks=()
while [ "$1" != -- ]; do checks+=("$1") && shift; done
shift
flags=("$@")
failed=()
for check in "${checks[@]}"; do
	echo "==> lint: $check"
	"check_$check" || failed+=("$check")
done
if [ ${#failed[@]} != 0 ]; then
	echo "lint: failed: ${failed[*]}"
	exit 1
fi
