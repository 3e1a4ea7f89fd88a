// SPDX-License-Identifier: Apache-2.0
#include "container/plan.h"
#include "lib/alloc.h"
#include "libocispec/guest-config.h"
#include "libocispec/seccomp-program.h"

/* The profile has become a program, and goes. */
static void drop_profile(struct oci_linux *guest)
{
	struct oci_spec holder = {.linux = xnew(struct oci_linux)};
	struct oci_spec *copy;

	/* The tables of libocispec know how to free it: as part of a spec of its own. */
	holder.linux->seccomp = TAKE_PTR(guest->seccomp);
	copy = xmemdup(&holder, sizeof(holder));
	oci_spec_free(copy);
}

int plan_compile_seccomp(struct plan *plan, struct error *err)
{
	struct oci_linux *guest = plan->guest->linux;
	struct seccomp_program program = {0};
	int r;

	if (!guest || !guest->seccomp)
		return 0;
	r = seccomp_program_compile(guest->seccomp, &program, err);
	if (r < 0)
		return r;
	plan_add_annotation(plan->guest, xstrdup(GUEST_CONFIG_SECCOMP),
			    seccomp_program_encode(&program));
	free(program.instructions);
	drop_profile(guest);
	return 0;
}
