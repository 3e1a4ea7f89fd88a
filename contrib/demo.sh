#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, and runs a container in a VM of its own.
set -euo pipefail
. "$(dirname "$0")/steps.sh"

"$top/contrib/setup.sh" run

bundle=$(mktemp -d "${TMPDIR:-/tmp}/runvm-demo.XXXXXX")
trap 'rm -rf "$bundle"' EXIT
mkdir -p "$bundle/rootfs/bin" "$bundle"/rootfs/{dev,proc,sys}
cp "$(command -v busybox)" "$bundle/rootfs/bin/busybox"
cat >"$bundle/rootfs/hello" <<'END'
#!/bin/busybox sh
echo "  container: $(busybox uname -sr), host name $(busybox hostname), pid $$," \
	"$(busybox grep -c ^processor /proc/cpuinfo) CPU," \
	"$(busybox awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB"
END
chmod +x "$bundle/rootfs/hello"
"$BUILD/runvm" spec --bundle "$bundle"
# A bundle is a directory: rootfs/ and config.json. Only what it runs is changed here.
sed -i -e 's/"terminal": true/"terminal": false/' -e 's|^\([[:space:]]*\)"sh"$|\1"/hello"|' \
	"$bundle/config.json"

id=runvm-demo-$$
say "==> runvm run $id"
say "  host:      $(uname -sr), host name $(uname -n)"
start=${EPOCHREALTIME/./}
root_command "$BUILD/runvm" run --bundle "$bundle" $id </dev/null
printf '    a VM started, ran it and ended in %d.%01d s\n' \
	$(((${EPOCHREALTIME/./} - start) / 1000000)) $(((${EPOCHREALTIME/./} - start) / 100000 % 10))
say "Yours: $BUILD/runvm (man: man $top/man/runvm.1); to install it: make -C $BUILD install"
