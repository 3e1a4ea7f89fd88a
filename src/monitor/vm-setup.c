// SPDX-License-Identifier: Apache-2.0
#include "monitor/vm-setup.h"

#include <stdlib.h>
#include <unistd.h>

int vm_setup_wanted_accel(enum accel_request *ret, struct error *err)
{
	const char *name = getenv("RUNVM_ACCEL");

	*ret = ACCEL_AUTO;
	if (!name || !*name)
		return 0;
	if (accel_request_from_string(name, ret, err) < 0)
		return error_prefix(err, "RUNVM_ACCEL");
	return 0;
}

int vm_setup_find(const struct plan_vm *plan, enum accel_request accel, struct vm_setup *ret,
		  struct error *err)
{
	_cleanup_vm_setup_ struct vm_setup setup = {.plan = plan, .accel = ACCEL_INIT};
	int r;

	tsc_sample(&setup.tsc);
	r = assets_find(plan->kernel, plan->initrd, plan->hypervisor, &setup.assets, err);
	if (!r)
		r = accel_detect(accel, &setup.accel, err);
	if (r < 0)
		return r;
	*ret = setup;
	setup = (struct vm_setup){.accel = ACCEL_INIT};
	return 0;
}

static size_t count_strings(char *const *strings)
{
	size_t n = 0;

	while (strings && strings[n])
		n++;
	return n;
}

struct qemu_config vm_setup_config(const struct vm_setup *setup)
{
	const struct plan_vm *plan = setup->plan;
	struct qemu_config config;
	struct tsc_sample now;

	tsc_sample(&now);
	config = (struct qemu_config){
		.program = setup->assets.qemu,
		.arch = vm_arch_native(),
		.kvm = setup->accel.kvm,
		.cpus = plan->size.vcpus,
		.memory = plan->size.memory,
		.memory_fd = -1,
		.kernel = setup->assets.kernel,
		.initrd = setup->assets.initrd,
		.tsc_khz = tsc_khz(&setup->tsc, &now),
		.kernel_parameters = (const char *const *)plan->kernel_parameters,
		.n_kernel_parameters = count_strings(plan->kernel_parameters),
		.console_fd = -1,
		.qmp_fd = -1,
		.extra = (const char *const *)plan->parameters,
		.n_extra = count_strings(plan->parameters),
	};
	/* A kernel of the user's own may patch itself, see vminit/warm-up.h. */
	config.warm_up = !plan->kernel && sysconf(_SC_NPROCESSORS_ONLN) > 1 &&
			 qemu_args_warm_up_fits(&config);
	return config;
}

void vm_setup_clear(struct vm_setup *setup)
{
	assets_clear(&setup->assets);
	accel_clear(&setup->accel);
}
