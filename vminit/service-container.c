// SPDX-License-Identifier: Apache-2.0
/* Creating containers and processes, for both services, and what they have in common. */
#include "vminit/service.h"

#include <string.h>

#include "lib/alloc.h"
#include "vminit/steps.h"

/**
 * struct creation - a create call that is kept until its process waits for its start
 */
struct creation {
	struct rpc_call *call;
	struct process *process;
	void (*reply)(struct rpc_call *call, struct process *process);
};

static void creation_done(struct process *process, const struct error *err, void *data)
{
	struct creation *creation = data;

	rpc_call_on_cancel(creation->call, NULL, NULL);
	if (err)
		rpc_call_fail(creation->call, err);
	else
		creation->reply(creation->call, process);
	free(creation);
}

/* Nobody waits for the container any more: it is not to stay behind. */
static void creation_cancelled(struct rpc_call *call, void *data)
{
	struct creation *creation = data;
	struct process *p = creation->process;

	(void)call;
	process_forget_pending(p, creation);
	if (p == p->container->init)
		container_remove(p->container, NULL, NULL);
	else
		process_delete(p);
	free(creation);
}

static int create_container(struct service *service, const struct service_create *create,
			    struct creation *creation, struct error *err)
{
	const struct plan_source source = {
		.id = create->container_id,
		.configuration = create->configuration->data,
		.len = create->configuration->len,
		.rows = create->rows,
		.columns = create->columns,
	};

	return container_create(service->containers, &source, &create->ports, creation_done,
				creation, &creation->process, err);
}

static int create_process(struct service *service, const struct service_create *create,
			  struct creation *creation, struct error *err)
{
	struct oci_process *process;
	struct container *container;
	struct oci_spec *spec;
	int r;

	r = oci_spec_parse((const char *)create->configuration->data, create->configuration->len,
			   &spec, err);
	if (r < 0)
		return r;
	process = TAKE_PTR(spec->process);
	oci_spec_free(spec);
	plan_set_console_size(process, create->rows, create->columns);
	container = container_find(service->containers, create->container_id, err);
	if (!container || !process) {
		oci_process_free(process);
		return container ? error_set(err, EINVAL, "process: is missing") : -ENOENT;
	}
	return container_exec(container, create->process_id, process, &create->ports, creation_done,
			      creation, &creation->process, err);
}

static int check_setup(const struct service *service, struct error *err)
{
	const struct error *why = &service->setup_error;

	return why->errnum ? error_set(err, why->errnum, "set up the guest: %s", error_message(why))
			   : 0;
}

static int begin(struct service *service, const struct service_create *create,
		 struct creation *creation, struct error *err)
{
	int r;

	steps_done("asked to create");
	if (!create->container_id[0])
		return error_set(err, EINVAL, "the container has no id");
	r = check_setup(service, err);
	if (r < 0)
		return r;
	if (create->process_id && strcmp(create->process_id, create->container_id) != 0)
		return create_process(service, create, creation, err);
	return create_container(service, create, creation, err);
}

void service_create(struct rpc_call *call, const struct service_create *create)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct creation *creation = xnew(struct creation);

	creation->call = call;
	creation->reply = create->reply;
	if (begin(rpc_call_data(call), create, creation, &err) < 0) {
		rpc_call_fail(call, &err);
		free(creation);
		return;
	}
	rpc_call_on_cancel(call, creation_cancelled, creation);
}

/**
 * struct removal - a call that is kept until its container is gone
 */
struct removal {
	struct rpc_call *call;
	struct container *container;
	void (*reply)(struct rpc_call *call);
};

static void removal_done(const struct error *err, void *data)
{
	struct removal *removal = data;

	rpc_call_on_cancel(removal->call, NULL, NULL);
	if (err)
		rpc_call_fail(removal->call, err);
	else
		removal->reply(removal->call);
	free(removal);
}

static void removal_cancelled(struct rpc_call *call, void *data)
{
	struct removal *removal = data;

	(void)call;
	container_forget_removing(removal->container);
	free(removal);
}

void service_remove(struct rpc_call *call, struct container *container,
		    void (*reply)(struct rpc_call *call))
{
	struct removal *removal = xnew(struct removal);

	*removal = (struct removal){call, container, reply};
	rpc_call_on_cancel(call, removal_cancelled, removal);
	container_remove(container, removal_done, removal);
}

struct container *service_find_container(struct rpc_call *call, const char *container_id)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct service *service = rpc_call_data(call);
	struct container *container = container_find(service->containers, container_id, &err);

	if (!container)
		rpc_call_fail(call, &err);
	return container;
}

struct process *service_find_process(struct rpc_call *call, const char *container_id,
				     const char *process_id)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct container *container = service_find_container(call, container_id);
	struct process *process;

	if (!container)
		return NULL;
	process = process_find(container, process_id, &err);
	if (!process)
		rpc_call_fail(call, &err);
	return process;
}
