// SPDX-License-Identifier: Apache-2.0
#include "template/template-key.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "lib/alloc.h"
#include "lib/io.h"
#include "libocispec/json.h"
#include "template/template-digest.h"
#include "vmm/virtiofsd.h"

/* What is saved, or how, has changed: templates of other versions do not fit. */
#define TEMPLATE_FORMAT 4

#define NO_FD		(-1)

/* --- facts --- */

static int look_at(const char *path, const char *what, struct template_file *ret, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "%s \"%s\"", what, path);
	*ret = (struct template_file){
		.size = (uint64_t)st.st_size,
		.inode = st.st_ino,
		.mtime_sec = st.st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec,
	};
	return 0;
}

#if defined(__x86_64__)
/*
 * What CPUID says of model, features and frequencies, without what differs between the processors
 * of one machine (APIC ids, in leaf 1's EBX) or with the control registers (OSXSAVE).
 */
static char *processor_words(void)
{
	static const unsigned int leaves[] = {0,	  1,	      7,	  0x15,
					      0x16,	  0x80000001, 0x80000002, 0x80000003,
					      0x80000004, 0x80000007, 0x80000008};
	/* Asked once: on a host that is a VM itself, CPUID takes microseconds. */
	unsigned int basic = __get_cpuid_max(0, NULL), extended = __get_cpuid_max(1U << 31, NULL);
	struct strbuf out = STRBUF_INIT;
	unsigned int r[4];

	strbuf_puts(&out, "cpuid");
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i] > (leaves[i] >> 31 ? extended : basic))
			continue;
		__cpuid_count(leaves[i], 0, r[0], r[1], r[2], r[3]);
		if (leaves[i] == 1) {
			r[1] = 0;
			r[2] &= ~(1U << 27);
		}
		strbuf_printf(&out, " %x:%x.%x.%x.%x", leaves[i], r[0], r[1], r[2], r[3]);
	}
	return strbuf_take(&out);
}
#else
static char *processor_words(void)
{
	static const char midr[] = "/sys/devices/system/cpu/cpu0/regs/identification/midr_el1";
	_cleanup_strbuf_ struct strbuf id = STRBUF_INIT;

	(void)io_read_file(AT_FDCWD, midr, 64, &id);
	if (id.len && id.data[id.len - 1] == '\n')
		id.data[--id.len] = '\0';
	return xasprintf("midr %s hwcap %lx %lx", id.len ? id.data : "unknown", getauxval(AT_HWCAP),
			 getauxval(AT_HWCAP2));
}
#endif

/* KVM is a part of the kernel, and shows the guest features by what it can do. */
static char *kernel_release(void)
{
	struct utsname name;

	if (uname(&name) < 0)
		return xstrdup("unknown");
	return xasprintf("%s %s", name.release, name.version);
}

int template_facts_gather(const struct qemu_config *c, struct template_facts *ret,
			  struct error *err)
{
	struct template_facts facts = {0};
	int r;

	r = look_at(c->program, "the hypervisor", &facts.program, err);
	if (!r)
		r = look_at(c->kernel, "the guest's kernel", &facts.kernel, err);
	if (!r && c->initrd)
		r = look_at(c->initrd, "the guest's initramfs", &facts.initrd, err);
	facts.virtiofsd_path = virtiofsd_path();
	if (!r && facts.virtiofsd_path)
		r = look_at(facts.virtiofsd_path, "virtiofsd", &facts.virtiofsd, err);
	if (r < 0)
		return r;
	facts.processor = processor_words();
	facts.release = c->kvm ? kernel_release() : NULL;
	*ret = facts;
	return 0;
}

void template_facts_clear(struct template_facts *facts)
{
	free(facts->processor);
	free(facts->release);
	*facts = (struct template_facts){0};
}

/* --- the recipe --- */

static void add_file(struct strbuf *out, const char *path, const struct template_file *f)
{
	strbuf_printf(out, "file %" PRIu64 " %" PRIu64 " %" PRId64 ".%09" PRIu32 " ", f->size,
		      f->inode, f->mtime_sec, f->mtime_nsec);
	strbuf_json_string(out, path);
	strbuf_putc(out, '\n');
}

static void add_line(struct strbuf *out, const char *name, const char *value)
{
	strbuf_printf(out, "%s ", name);
	strbuf_json_string(out, value);
	strbuf_putc(out, '\n');
}

static void add_host(struct strbuf *out, const char *processor, const char *release)
{
	add_line(out, "processor", processor);
	if (release)
		add_line(out, "release", release);
}

bool template_possible(const struct qemu_config *config)
{
	return !config->n_extra;
}

int template_recipe(const struct qemu_config *config, const struct template_facts *facts,
		    char **ret, struct error *err)
{
	_cleanup_argv_ struct argv argv = ARGV_INIT;
	struct strbuf out = STRBUF_INIT;
	struct qemu_config c = *config;
	int r;

	if (!template_possible(config))
		return error_set(
			err, ENOTSUP,
			"a VM with arguments of its own for the hypervisor has no template");
	/* What differs from one VM to the next and is no part of what is saved. */
	c.name = NULL;
	c.memory_fd = c.console_fd = c.qmp_fd = NO_FD;
	c.chardevs = NULL;
	c.n_chardevs = 0;
	c.paused = c.incoming = false;
	c.tsc_khz = 0; /* measured at every start, a little different each time */
	r = qemu_args_render(&c, &argv, err);
	if (r < 0)
		return r;
	strbuf_printf(&out, "format %d\n", TEMPLATE_FORMAT);
	add_file(&out, c.program, &facts->program);
	add_file(&out, c.kernel, &facts->kernel);
	if (c.initrd)
		add_file(&out, c.initrd, &facts->initrd);
	if (facts->virtiofsd_path)
		add_file(&out, facts->virtiofsd_path, &facts->virtiofsd);
	add_host(&out, facts->processor, facts->release);
	for (size_t i = 0; i < argv.n; i++)
		add_line(&out, "argument", argv.v[i]);
	*ret = strbuf_take(&out);
	return 0;
}

struct template_key template_recipe_key(const char *recipe)
{
	uint8_t digest[SHA256_SIZE];
	struct template_key key;

	digest_sha256(recipe, strlen(recipe), digest);
	for (int i = 0; i < TEMPLATE_KEY_DIGITS / 2; i++)
		snprintf(key.hex + 2 * i, 3, "%02x", digest[i]);
	return key;
}

int template_recipe_make(const struct qemu_config *config, char **ret, struct error *err)
{
	struct template_facts facts;
	int r;

	r = template_facts_gather(config, &facts, err);
	if (r < 0)
		return r;
	r = template_recipe(config, &facts, ret, err);
	template_facts_clear(&facts);
	return r;
}

int template_key_make(const struct qemu_config *config, struct template_key *ret, struct error *err)
{
	_cleanup_free_ char *recipe = NULL;
	int r;

	r = template_recipe_make(config, &recipe, err);
	if (r < 0 || !recipe)
		return r;
	*ret = template_recipe_key(recipe);
	return 0;
}

bool template_key_valid(const char *hex)
{
	return strlen(hex) == TEMPLATE_KEY_DIGITS &&
	       strspn(hex, "0123456789abcdef") == TEMPLATE_KEY_DIGITS;
}

/* --- whether it still fits --- */

/* The file of a line "file ..." as it is now, said in the same way; NULL when it is gone. */
static char *file_line_now(const char *line)
{
	const char *quoted = strchr(line, '"');
	_cleanup_json_ struct json *path = NULL;
	struct template_file file = {0};
	struct strbuf now = STRBUF_INIT;

	if (!quoted || json_parse(quoted, strlen(quoted), PATH_MAX * 2, &path, NULL) < 0 ||
	    path->type != JSON_STRING || look_at(path->text, "file", &file, NULL) < 0)
		return NULL;
	add_file(&now, path->text, &file);
	now.data[now.len - 1] = '\0';
	return strbuf_take(&now);
}

static bool line_fits(const char *line, const char *host)
{
	if (!strncmp(line, "file ", 5)) {
		_cleanup_free_ char *now = file_line_now(line);

		return now && !strcmp(now, line);
	}
	if (!strncmp(line, "format ", 7))
		return strtol(line + 7, NULL, 10) == TEMPLATE_FORMAT;
	if (!strncmp(line, "processor ", 10) || !strncmp(line, "release ", 8)) {
		_cleanup_free_ char *whole = xasprintf("%s\n", line);

		return strstr(host, whole);
	}
	return true;
}

bool template_recipe_fits(const char *recipe)
{
	_cleanup_free_ char *copy = xstrdup(recipe), *processor = processor_words(),
			    *release = kernel_release();
	_cleanup_strbuf_ struct strbuf host = STRBUF_INIT;
	char *saveptr = NULL;

	add_host(&host, processor, release);
	for (char *line = strtok_r(copy, "\n", &saveptr); line;
	     line = strtok_r(NULL, "\n", &saveptr))
		if (!line_fits(line, host.data))
			return false;
	return true;
}
