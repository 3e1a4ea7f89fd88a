// SPDX-License-Identifier: Apache-2.0
/*
 * The properties of config-vm.md.
 */
#include "libocispec/spec-table.h"

static const struct spec_field oci_vm_hypervisor_fields[] = {
	{"path", STRING(oci_vm_hypervisor, path), .required = true},
	{"parameters", STRINGS(oci_vm_hypervisor, parameters)},
};
static SPEC_TABLE(oci_vm_hypervisor);

static const struct spec_field oci_vm_kernel_fields[] = {
	{"path", STRING(oci_vm_kernel, path), .required = true},
	{"parameters", STRINGS(oci_vm_kernel, parameters)},
	{"initrd", STRING(oci_vm_kernel, initrd)},
};
static SPEC_TABLE(oci_vm_kernel);

static const struct spec_field oci_vm_image_fields[] = {
	{"path", STRING(oci_vm_image, path), .required = true},
	{"format", STRING(oci_vm_image, format), .required = true},
};
static SPEC_TABLE(oci_vm_image);

static const struct spec_field oci_vm_iomem_fields[] = {
	{"firstGFN", UINT(oci_vm_iomem, first_gfn)},
	{"firstMFN", PLAIN_UINT64(oci_vm_iomem, first_mfn), .required = true},
	{"nrMFNs", PLAIN_UINT64(oci_vm_iomem, nr_mfns), .required = true},
};
static SPEC_TABLE(oci_vm_iomem);

static const struct spec_field oci_vm_hw_config_fields[] = {
	{"deviceTree", STRING(oci_vm_hw_config, device_tree)},
	{"vcpus", UINT_TO(oci_vm_hw_config, vcpus, UINT32_MAX)},
	{"memory", UINT(oci_vm_hw_config, memory)},
	{"dtdevs", STRINGS(oci_vm_hw_config, dtdevs)},
	{"iomems", OBJECTS(oci_vm_hw_config, iomems, oci_vm_iomem)},
	{"irqs", UINT32S(oci_vm_hw_config, irqs)},
};
static SPEC_TABLE(oci_vm_hw_config);

/* kernel is required by config-vm.md, but not here: there is a default kernel. */
static const struct spec_field oci_vm_fields[] = {
	{"hypervisor", OBJECT(oci_vm, hypervisor, oci_vm_hypervisor)},
	{"kernel", OBJECT(oci_vm, kernel, oci_vm_kernel)},
	{"image", OBJECT(oci_vm, image, oci_vm_image)},
	{"hwConfig", OBJECT(oci_vm, hw_config, oci_vm_hw_config)},
};
SPEC_TABLE(oci_vm);
