// SPDX-License-Identifier: Apache-2.0
#include "vminit/steps.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/loop.h"

/* Shared by vminitd and the children it forks. */
static struct table {
	atomic_uint n;
	struct step steps[STEPS_MAX];
} * table;

void steps_begin(void)
{
	void *p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	table = p == MAP_FAILED ? NULL : p;
}

void steps_forget(void)
{
	if (table)
		atomic_store(&table->n, 0);
}

void steps_end(void)
{
	table = NULL;
}

void steps_done(const char *name)
{
	unsigned int i;

	if (!table || atomic_load(&table->n) >= STEPS_MAX)
		return;
	i = atomic_fetch_add(&table->n, 1);
	if (i < STEPS_MAX)
		table->steps[i] = (struct step){name, loop_now()};
}

size_t steps_get(const struct step **ret)
{
	unsigned int n = table ? atomic_load(&table->n) : 0;

	*ret = table ? table->steps : NULL;
	return n < STEPS_MAX ? n : STEPS_MAX;
}
