// SPDX-License-Identifier: Apache-2.0
#include "vmm/first-devices.h"

#include "rpc/handover.h"

void first_devices(bool kvm, struct qemu_device ret[FIRST_DEVICES])
{
	ret[0] = (struct qemu_device){.kind = QEMU_DEVICE_VSOCK,
				      .id = FIRST_DEVICE_VSOCK,
				      .intx = !kvm,
				      .vsock.chardev = FIRST_CHARDEV_VSOCK};
	ret[1] = (struct qemu_device){
		.kind = QEMU_DEVICE_FS,
		.id = FIRST_DEVICE_SHARE,
		.intx = !kvm,
		.fs = {.chardev = FIRST_CHARDEV_SHARE, .tag = HANDOVER_SHARE_TAG}};
}
