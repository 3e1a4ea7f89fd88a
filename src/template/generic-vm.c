// SPDX-License-Identifier: Apache-2.0
#include "template/generic-vm.h"

static size_t count_strings(char *const *strings)
{
	size_t n = 0;

	while (strings && strings[n])
		n++;
	return n;
}

struct qemu_config generic_vm(const struct plan_vm *plan, const struct assets *assets,
			      const struct accel *accel)
{
	return (struct qemu_config){
		.program = assets->qemu,
		.arch = vm_arch_native(),
		.kvm = accel->kvm,
		.cpus = plan->size.vcpus,
		.memory = plan->size.memory,
		.memory_fd = -1,
		.kernel = assets->kernel,
		.initrd = assets->initrd,
		.kernel_parameters = (const char *const *)plan->kernel_parameters,
		.n_kernel_parameters = count_strings(plan->kernel_parameters),
		.console_fd = -1,
		.qmp_fd = -1,
		.extra = (const char *const *)plan->parameters,
		.n_extra = count_strings(plan->parameters),
	};
}
