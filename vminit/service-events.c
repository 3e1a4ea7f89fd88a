// SPDX-License-Identifier: Apache-2.0
/* Events: who watches containers hears of ends and removals. */
#include "vminit/service.h"

#include <string.h>
#include <time.h>

#include "lib/alloc.h"

/**
 * struct event_stream - one open Events call
 * @ids: copies of the containers' names; none: all
 * @left: how many of them are not removed yet
 * @lost: events were dropped and the client does not know yet
 */
struct event_stream {
	struct event_stream *next;
	struct service *service;
	struct rpc_call *call;
	char **ids;
	size_t n_ids;
	size_t left;
	bool lost;
};

static void stream_free(struct event_stream *stream)
{
	struct event_stream **link = &stream->service->streams;

	while (*link && *link != stream)
		link = &(*link)->next;
	if (*link)
		*link = stream->next;
	for (size_t i = 0; i < stream->n_ids; i++)
		free(stream->ids[i]);
	free(stream->ids);
	free(stream);
}

static void stream_cancelled(struct rpc_call *call, void *data)
{
	(void)call;
	stream_free(data);
}

static bool stream_wants(const struct event_stream *stream, const char *id)
{
	for (size_t i = 0; i < stream->n_ids; i++)
		if (!strcmp(stream->ids[i], id))
			return true;
	return !stream->n_ids;
}

static void send_event(struct event_stream *stream, GUEST(Event) * event)
{
	GUEST(EventsLost) lost = GUEST_INIT(EVENTS_LOST);
	GUEST(Event) notice = GUEST_INIT(EVENT);

	notice.time = event->time;
	notice.event_case = GUEST_CONST(EVENT__EVENT_EVENTS_LOST);
	notice.events_lost = &lost;
	if (stream->lost && !rpc_call_send(stream->call, &notice.base))
		stream->lost = false;
	if (stream->lost || rpc_call_send(stream->call, &event->base) < 0)
		stream->lost = true;
}

static void fill_event(GUEST(Event) * event, Google__Protobuf__Timestamp *when, const char *id)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*when = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	when->seconds = now.tv_sec;
	when->nanos = (int32_t)now.tv_nsec;
	event->time = when;
	event->container_id = (char *)id;
}

void service_event(enum container_event kind, struct container *container, struct process *process,
		   void *data)
{
	GUEST(ProcessExited) exited = GUEST_INIT(PROCESS_EXITED);
	GUEST(ContainerRemoved) removed = GUEST_INIT(CONTAINER_REMOVED);
	GUEST(Event) event = GUEST_INIT(EVENT);
	Google__Protobuf__Timestamp when;
	struct service *service = data;
	struct event_stream *next;

	fill_event(&event, &when, container->plan->id);
	if (kind == CONTAINER_PROCESS_EXITED) {
		exited.process_id = process->id;
		exited.pid = process->pid;
		exited.exit_code = process->exit_code;
		event.event_case = GUEST_CONST(EVENT__EVENT_PROCESS_EXITED);
		event.process_exited = &exited;
	} else {
		event.event_case = GUEST_CONST(EVENT__EVENT_CONTAINER_REMOVED);
		event.container_removed = &removed;
	}
	for (struct event_stream *s = service->streams; s; s = next) {
		next = s->next;
		if (!stream_wants(s, container->plan->id))
			continue;
		send_event(s, &event);
		if (kind == CONTAINER_REMOVED && s->n_ids && !--s->left) {
			rpc_call_end(s->call);
			stream_free(s);
		}
	}
}

void service_events(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(EventsRequest) *request = (const void *)message;
	struct service *service = rpc_call_data(call);
	struct event_stream *stream;

	for (size_t i = 0; i < request->n_container_ids; i++)
		if (!service_find_container(call, request->container_ids[i]))
			return;
	stream = xnew(struct event_stream);
	stream->service = service;
	stream->call = call;
	stream->ids = xcalloc(request->n_container_ids + 1, sizeof(char *));
	for (size_t i = 0; i < request->n_container_ids; i++)
		if (!stream->n_ids || !stream_wants(stream, request->container_ids[i]))
			stream->ids[stream->n_ids++] = xstrdup(request->container_ids[i]);
	stream->left = stream->n_ids;
	stream->next = service->streams;
	service->streams = stream;
	rpc_call_on_cancel(call, stream_cancelled, stream);
}
