/* SPDX-License-Identifier: Apache-2.0 */
/* What container.c and process.c, the two halves of one room, have of each other. */
#ifndef VMINIT_PROCESS_H
#define VMINIT_PROCESS_H

#include "vminit/container.h"

/*
 * process.c: starts the child; the process is in the container's table after success. @source is for
 * an init only, else NULL.
 */
int process_create(struct container *container, const char *id, const struct plan_process *plan,
		   const struct stdio_ports *ports, const struct plan_source *source,
		   process_done_fn *done, void *data, struct process **ret, struct error *err);
/* It was reaped. */
void process_ended(struct process *process, int exit_code);
/* Nothing of its container runs any more. */
void process_container_empty(struct process *process);
/* Out of the table, freed; its waiters are told that it is gone. */
void process_forget(struct process *process);

/* container.c */
void container_init_ended(struct container *container);
/* May free both the process and the container. */
void container_process_finished(struct container *container, struct process *process);
void container_report(struct container *container, enum container_event event,
		      struct process *process);
struct loop *container_loop(const struct container *container);
/* Return: a network namespace that nobody is in yet, for the caller to close; -1 for none. */
int container_take_spare_network(struct container *container);
/* See containers_set_hold(). */
int container_hold_fd(const struct container *container);
const struct transport *container_transport(const struct container *container);

#endif
