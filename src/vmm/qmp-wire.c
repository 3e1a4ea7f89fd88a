// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp-wire.h"

#include <inttypes.h>
#include <string.h>

#include "libocispec/json.h"

const char *qmp_string(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->type == JSON_STRING ? member->text : NULL;
}

static int decode_error(const struct json *error, struct qmp_message *m, struct error *err)
{
	m->kind = QMP_ERROR;
	m->error_class = qmp_string(error, "class");
	m->error_text = qmp_string(error, "desc");
	if (!m->error_class || !m->error_text)
		return error_set(err, EBADMSG, "an error without class and desc");
	return 0;
}

static int decode_root(struct qmp_message *m, struct error *err)
{
	const struct json *root = m->root, *member;
	int r;

	r = json_expect(root, JSON_OBJECT, err);
	if (r < 0)
		return r;
	member = json_member(root, "id");
	if (member) {
		r = json_get_uint(member, UINT64_MAX, &m->id, err);
		if (r < 0)
			return r;
	}
	member = json_member(root, "event");
	if (member) {
		m->kind = QMP_EVENT;
		m->data = json_member(root, "data");
		return json_get_string(member, &m->event, err);
	}
	member = json_member(root, "return");
	if (member) {
		m->kind = QMP_RETURN;
		m->data = member;
		return 0;
	}
	member = json_member(root, "error");
	if (member)
		return decode_error(member, m, err);
	member = json_member(root, "QMP");
	if (member) {
		m->kind = QMP_GREETING;
		m->data = member;
		return 0;
	}
	return error_set(err, EBADMSG, "neither greeting, reply nor event");
}

int qmp_decode(const char *data, size_t len, size_t *consumed, struct qmp_message *ret,
	       struct error *err)
{
	struct qmp_message m = {0};
	const char *line = data, *end = data + len, *newline;
	int r;

	*consumed = 0;
	/* "\r\n" ends a line; what is between two of them and empty is no message. */
	while (line < end && (*line == '\r' || *line == '\n'))
		line++;
	*consumed = (size_t)(line - data);
	newline = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
	if ((size_t)((newline ? newline : end) - line) > QMP_MESSAGE_MAX)
		return error_set(err, EMSGSIZE, "QEMU sent a message of more than %d bytes",
				 QMP_MESSAGE_MAX);
	if (!newline)
		return 0;
	*consumed = (size_t)(newline + 1 - data);
	r = json_parse(line, (size_t)(newline - line), QMP_MESSAGE_MAX, &m.root, err);
	if (!r)
		r = decode_root(&m, err);
	if (r < 0) {
		qmp_message_clear(&m);
		(void)error_prefix(err, "QEMU sent what is not QMP");
		return -EBADMSG;
	}
	*ret = m;
	return 1;
}

void qmp_message_clear(struct qmp_message *m)
{
	json_free(m->root);
	*m = (struct qmp_message){0};
}

void qmp_encode(const char *command, const char *arguments, uint64_t id, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out, NULL);

	json_write_begin_object(&w);
	json_write_member_string(&w, "execute", command);
	if (arguments) {
		json_write_key(&w, "arguments");
		json_write_raw(&w, arguments);
	}
	json_write_member_uint(&w, "id", id);
	json_write_end_object(&w);
	strbuf_putc(out, '\n');
}
