#!/bin/bash
# Measures how long a kernel takes to where it would start vminitd, in TCG.
#
#   kernel/measure-boot.sh KERNEL [RUNS] [KERNEL PARAMETER...]
#
# It boots without an initramfs: the panic for want of a root file system comes where vminitd
# would, and ends QEMU. First RUNS (5) quiet boots, from exec to exit; then one with
# initcall_debug for what was slow in it, which is slower itself (each line goes out by the
# serial port) but tells the shares.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '4s/^# *//p' "$0" >&2 && exit 2; }
kernel=$1 runs=${2:-5}
shift $(($# < 2 ? $# : 2))

# The rate of the time stamp counter, which the guest would else calibrate. In TCG it is the host's.
khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
boot() {
	timeout 60 qemu-system-x86_64 -M q35,accel=tcg,usb=off,vmport=off,smbus=off,sata=off \
		-cpu max -m 256 -nodefaults -no-user-config -display none -no-reboot \
		-device pcie-root-port,id=rp0,chassis=1 -device pcie-root-port,id=rp1,chassis=2 \
		-device pcie-root-port,id=rp2,chassis=3 -device pcie-root-port,id=rp3,chassis=4 \
		-kernel "$kernel" -serial stdio -append "console=ttyS0 panic=-1 reboot=t \
			tsc_early_khz=$khz lpj=$((khz * 4)) no_timer_check $*" </dev/null
}

for ((i = 0; i < runs; i++)); do
	start=${EPOCHREALTIME/./}
	boot quiet "$@" >/dev/null
	echo $((${EPOCHREALTIME/./} - start))
done | sort -n | awk '{ us[NR] = $1 }
	END { if (NR) printf "boot: %.3f s at best, %.3f in the middle of %d\n", us[1] / 1e6, us[int((NR + 1) / 2)] / 1e6, NR }'

log=$(mktemp)
trap 'rm -f "$log"' EXIT
boot initcall_debug ignore_loglevel "$@" >"$log"
grep -a -o 'Memory: .*' "$log"
grep -a 'Kernel panic' "$log" | sed 's/^\(\[[^]]*\]\).*/end of boot in the log with initcall_debug: \1/'
echo "slowest initcalls, in microseconds:"
sed -n 's/.*initcall \([^ ]*\) returned .* after \([0-9]*\) usecs.*/\2 \1/p' "$log" | sort -rn |
	awk '{ sum += $1 } NR <= 25 { print "  " $0 } END { print "  " sum " all " NR " together" }'
