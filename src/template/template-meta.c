// SPDX-License-Identifier: Apache-2.0
#include "template/template-meta.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "config.h"
#include "lib/alloc.h"
#include "libocispec/json.h"
#include "template/template-digest.h"

#define CHECKSUM_FORMAT "{\"checksum\":\"%016" PRIx64 "\","
#define CHECKSUM_LEN	(sizeof("{\"checksum\":\"\",") - 1 + 16)

struct template_stamp template_stamp_of(const struct stat *st)
{
	return (struct template_stamp){(uint64_t)st->st_size, st->st_mtim, st->st_ctim};
}

static bool time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool template_stamp_equal(const struct template_stamp *a, const struct template_stamp *b)
{
	return a->size == b->size && time_equal(&a->mtime, &b->mtime) &&
	       time_equal(&a->ctime, &b->ctime);
}

/* --- writing --- */

static void write_time(struct json_writer *w, const char *key, const struct timespec *t)
{
	json_write_key(w, key);
	json_write_begin_array(w);
	json_write_int(w, t->tv_sec);
	json_write_int(w, t->tv_nsec);
	json_write_end_array(w);
}

static void write_checksum(struct json_writer *w, uint64_t checksum)
{
	_cleanup_free_ char *hex = xasprintf("%016" PRIx64, checksum);

	json_write_member_string(w, "checksum", hex);
}

static void write_stamp(struct json_writer *w, const char *key, const struct template_stamp *s)
{
	json_write_key(w, key);
	json_write_begin_object(w);
	json_write_member_uint(w, "size", s->size);
	write_time(w, "mtime", &s->mtime);
	write_time(w, "ctime", &s->ctime);
}

char *template_meta_write(const struct template_meta *m)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct json_writer w = JSON_WRITER(&body, NULL);
	struct strbuf out = STRBUF_INIT;

	json_write_begin_object(&w);
	json_write_member_string(&w, "recipe", m->recipe);
	json_write_member_string(&w, "version", PACKAGE_VERSION);
	write_time(&w, "created", &m->created);
	json_write_member_uint(&w, "memorySize", m->memory_size);
	json_write_member_uint(&w, "cpus", m->cpus);
	json_write_member_bool(&w, "kvm", m->kvm);
	json_write_member_uint(&w, "handover", m->handover);
	write_stamp(&w, "memory", &m->memory);
	json_write_member_uint(&w, "runs", m->n_runs);
	write_checksum(&w, m->runs_checksum);
	json_write_end_object(&w);
	write_stamp(&w, "state", &m->state);
	write_checksum(&w, m->state_checksum);
	json_write_end_object(&w);
	json_write_end_object(&w);
	/* Behind the brace, in whose place the checksum's own begins. */
	strbuf_printf(&out, CHECKSUM_FORMAT, digest_xxh64(body.data + 1, body.len - 1));
	strbuf_append(&out, body.data + 1, body.len - 1);
	return strbuf_take(&out);
}

/* --- reading --- */

static int bad(struct error *err, const char *what)
{
	return error_set(err, EBADMSG, "meta.json: %s", what);
}

static int read_uint(const struct json *object, const char *key, uint64_t max, uint64_t *ret)
{
	const struct json *value = json_member(object, key);

	return value ? json_get_uint(value, max, ret, NULL) : -EINVAL;
}

static int read_time(const struct json *object, const char *key, struct timespec *ret)
{
	const struct json *pair = json_member(object, key);
	int64_t sec, nsec;
	int r;

	if (!pair || pair->type != JSON_ARRAY || pair->count != 2)
		return -EINVAL;
	r = json_get_int(pair->first, INT64_MIN, INT64_MAX, &sec, NULL);
	if (!r)
		r = json_get_int(pair->last, 0, 999999999, &nsec, NULL);
	if (!r)
		*ret = (struct timespec){.tv_sec = sec, .tv_nsec = nsec};
	return r;
}

static int read_checksum(const struct json *object, uint64_t *ret)
{
	const struct json *hex = json_member(object, "checksum");

	if (!hex || hex->type != JSON_STRING || strlen(hex->text) != 16)
		return -EINVAL;
	*ret = strtoull(hex->text, NULL, 16);
	return 0;
}

static int read_stamp(const struct json *object, struct template_stamp *ret)
{
	int r = read_uint(object, "size", INT64_MAX, &ret->size);

	if (!r)
		r = read_time(object, "mtime", &ret->mtime);
	return r ? r : read_time(object, "ctime", &ret->ctime);
}

static int read_members(const struct json *root, struct template_meta *m)
{
	const struct json *memory = json_member(root, "memory"),
			  *state = json_member(root, "state");
	const struct json *recipe = json_member(root, "recipe"), *kvm = json_member(root, "kvm");
	uint64_t cpus = 0;
	int r = 0;

	if (!recipe || recipe->type != JSON_STRING || !kvm || kvm->type != JSON_BOOL)
		return -EINVAL;
	m->kvm = kvm->boolean;
	r = r ? r : read_time(root, "created", &m->created);
	r = r ? r : read_uint(root, "memorySize", INT64_MAX, &m->memory_size);
	r = r ? r : read_uint(root, "cpus", UINT_MAX, &cpus);
	r = r ? r : read_uint(root, "handover", INT64_MAX, &m->handover);
	r = r ? r : read_stamp(memory, &m->memory);
	r = r ? r : read_uint(memory, "runs", INT32_MAX, &m->n_runs);
	r = r ? r : read_checksum(memory, &m->runs_checksum);
	r = r ? r : read_stamp(state, &m->state);
	r = r ? r : read_checksum(state, &m->state_checksum);
	if (r)
		return r;
	m->cpus = (unsigned int)cpus;
	m->recipe = xstrdup(recipe->text);
	return 0;
}

static int check_checksum(const char *text, size_t len)
{
	char expected[CHECKSUM_LEN + 1];

	if (len < CHECKSUM_LEN)
		return -EBADMSG;
	snprintf(expected, sizeof(expected), CHECKSUM_FORMAT,
		 digest_xxh64(text + CHECKSUM_LEN, len - CHECKSUM_LEN));
	return memcmp(text, expected, CHECKSUM_LEN) != 0 ? -EBADMSG : 0;
}

int template_meta_read(const char *text, size_t len, const struct template_key *key,
		       struct template_meta *ret, struct error *err)
{
	_cleanup_template_meta_ struct template_meta m = {0};
	_cleanup_json_ struct json *root = NULL;
	struct template_key own;

	if (check_checksum(text, len) < 0)
		return bad(err, "damaged");
	if (json_parse(text, len, TEMPLATE_META_MAX, &root, NULL) < 0 || read_members(root, &m) < 0)
		return bad(err, "of another version");
	own = template_recipe_key(m.recipe);
	if (strcmp(own.hex, key->hex) != 0)
		return bad(err, "of another template");
	*ret = m;
	m.recipe = NULL;
	return 0;
}

void template_meta_clear(struct template_meta *m)
{
	free(m->recipe);
	m->recipe = NULL;
}
