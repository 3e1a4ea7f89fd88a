// SPDX-License-Identifier: Apache-2.0
/* template: build, list and remove templates of VMs; each is a command within the command. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "command/help.h"
#include "command/list-options.h"
#include "container/bundle.h"
#include "container/plan.h"
#include "lib/alloc.h"
#include "libocispec/json.h"
#include "monitor/vm-setup.h"
#include "template/template-store.h"
#include "template/template.h"

#define TIME_SIZE sizeof("2026-01-01T00:00:00Z")

/* --- build --- */

struct build_options {
	const char *bundle;
	int64_t cpus;
	const char *memory;
	bool force;
};

static const struct option_def build_option_defs[] = {
	OPTION(struct build_options, bundle, OPTION_STRING, "bundle", 'b', "value",
	       "for the VM that the container of this bundle gets"),
	OPTION(struct build_options, cpus, OPTION_INT, "cpus", 0, "value",
	       "number of processors, instead of the default or the bundle's"),
	OPTION(struct build_options, memory, OPTION_STRING, "memory", 'm', "value",
	       "size of the VM's memory in bytes, or with the suffix k, m or g; rounded up"),
	OPTION(struct build_options, force, OPTION_FLAG, "force", 'f', NULL,
	       "build it even if there is one"),
	OPTION_END,
};

static int parse_size(const char *text, uint64_t *ret, struct error *err)
{
	static const char suffixes[] = "kmgt";
	unsigned int shift = 0;
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || text[0] == '-')
		return error_set(err, EINVAL, "\"%s\" is not a size", text);
	if (*end) {
		const char *suffix = strchr(suffixes, *end | 0x20);

		if (!suffix || end[1])
			return error_set(err, EINVAL, "\"%s\" is not a size", text);
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (!value || value > UINT64_C(1) << (50 - shift))
		return error_set(err, EINVAL, "\"%s\" is no size that a VM can have", text);
	*ret = value << shift;
	return 0;
}

/* What --cpus and --memory say is what config.json would say under vm.hwConfig. */
static int set_size(const struct build_options *o, struct plan_vm *vm, struct error *err)
{
	struct oci_vm_hw_config hardware = {
		.vcpus = {.set = true, .value = vm->size.vcpus},
		.memory = {.set = true, .value = vm->size.memory},
	};
	struct oci_vm spec_vm = {.hw_config = &hardware};
	struct oci_spec spec = {.vm = &spec_vm};
	const struct bundle bundle = {.spec = &spec};
	uint64_t memory = 0;
	int r;

	if (o->cpus < 0 || o->cpus > UINT16_MAX)
		return error_set(err, EINVAL, "a VM cannot have %" PRId64 " processors", o->cpus);
	if (o->cpus)
		hardware.vcpus.value = (uint32_t)o->cpus;
	if (o->memory) {
		r = parse_size(o->memory, &memory, err);
		if (r < 0)
			return r;
		hardware.memory.value = memory;
	}
	vm->size = plan_size(&bundle);
	return 0;
}

static bool is_there(const struct qemu_config *config, struct template_key *key)
{
	_cleanup_template_ struct template template = TEMPLATE_INIT;

	return !template_key_make(config, key, NULL) && !template_open(key, &template, NULL);
}

static int build_vm(const struct plan_vm *vm, bool force, struct error *err)
{
	_cleanup_vm_setup_ struct vm_setup setup = {.accel = ACCEL_INIT};
	_cleanup_free_ char *line = NULL;
	enum accel_request accel;
	struct qemu_config config;
	struct template_key key;
	int r;

	r = vm_setup_wanted_accel(&accel, err);
	if (!r)
		r = vm_setup_find(vm, accel, &setup, err);
	if (r < 0)
		return r;
	config = vm_setup_config(&setup);
	if (force || !is_there(&config, &key))
		r = template_build(&config, &setup.accel, &key, err);
	if (r == -ENODEV && setup.accel.kvm && !setup.accel.forced) {
		log_warning("a VM does not run with KVM, trying without: %s", error_message(err));
		error_clear(err);
		accel_fall_back(&setup.accel, "KVM failed");
		config = vm_setup_config(&setup);
		r = template_build(&config, &setup.accel, &key, err);
	}
	if (r < 0)
		return error_prefix(err, "build a template");
	line = xasprintf("%s\n", key.hex);
	return command_print(line, err);
}

static int build_run(const struct globals *globals _unused_, const void *options,
		     char **args _unused_, size_t n_args _unused_, struct error *err)
{
	const struct build_options *o = options;
	_cleanup_bundle_ struct bundle *bundle = NULL;
	_cleanup_plan_ struct plan *plan = NULL;
	struct oci_spec nothing = {0};
	const struct bundle none = {.spec = &nothing};
	struct plan_vm vm = {.size = plan_size(&none)};
	int r = 0;

	if (o->bundle) {
		r = bundle_load(o->bundle, NULL, &bundle, err);
		if (!r)
			r = plan_make(bundle, "template", &plan, err);
		if (r < 0)
			return r;
	}
	if (plan)
		vm = plan->vm;
	if (o->cpus || o->memory)
		r = set_size(o, &vm, err);
	return r < 0 ? r : build_vm(&vm, o->force, err);
}

static const struct command template_build_command = {
	.name = "template build",
	.summary = "boot a VM, save it, and print the key of the template",
	.usage = "Without options, for the VM of a container whose config.json says nothing about\n"
		 "its size.\n",
	.options = build_option_defs,
	.options_size = sizeof(struct build_options),
	.min_args = 0,
	.max_args = 0,
	.handler = build_run,
};

/* --- list --- */

static const struct option_def list_option_defs[] = {LIST_OPTIONS("display only keys")};

static const char *status_of(const struct template_info *info)
{
	return info->error ? "damaged" : info->fits ? "ok" : "stale";
}

static void format_time(const struct timespec *t, char out[TIME_SIZE])
{
	struct tm tm;

	if (!gmtime_r(&t->tv_sec, &tm) || !strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, TIME_SIZE, "-");
}

static void append_row(struct strbuf *out, const struct template_info *info)
{
	char created[TIME_SIZE] = "-", used[TIME_SIZE];
	const struct template_meta *m = &info->meta;

	if (!info->error)
		format_time(&m->created, created);
	format_time(&info->used, used);
	strbuf_printf(out, "%-34s%-9s%-6u%-10" PRIu64 "%-7s%-11.1f%-22s%s\n", info->key.hex,
		      status_of(info), m->cpus, m->memory_size >> 20,
		      info->error ? "-"
		      : m->kvm	  ? "kvm"
				  : "tcg",
		      (double)info->disk / 1048576, created, used);
}

static void append_table(struct strbuf *out, const struct template_info *list, size_t n)
{
	strbuf_printf(out, "%-34s%-9s%-6s%-10s%-7s%-11s%-22s%s\n", "KEY", "STATUS", "CPUS",
		      "MEM(MiB)", "ACCEL", "DISK(MiB)", "CREATED", "LAST USED");
	for (size_t i = 0; i < n; i++)
		append_row(out, &list[i]);
}

static void append_object(struct json_writer *w, const struct template_info *info)
{
	const struct template_meta *m = &info->meta;
	char when[TIME_SIZE];

	json_write_begin_object(w);
	json_write_member_string(w, "key", info->key.hex);
	json_write_member_string(w, "status", status_of(info));
	json_write_member_string(w, "error", info->error);
	json_write_member_uint(w, "disk", info->disk);
	format_time(&info->used, when);
	json_write_member_string(w, "used", when);
	if (!info->error) {
		format_time(&m->created, when);
		json_write_member_string(w, "created", when);
		json_write_member_bool(w, "fits", info->fits);
		json_write_member_uint(w, "cpus", m->cpus);
		json_write_member_uint(w, "memory", m->memory_size);
		json_write_member_string(w, "accelerator", m->kvm ? "kvm" : "tcg");
		json_write_member_string(w, "recipe", m->recipe);
	}
	json_write_end_object(w);
}

static void append_json(struct strbuf *out, const struct template_info *list, size_t n)
{
	struct json_writer w = JSON_WRITER(out, NULL);

	json_write_begin_array(&w);
	for (size_t i = 0; i < n; i++)
		append_object(&w, &list[i]);
	json_write_end_array(&w);
	strbuf_putc(out, '\n');
}

/* A store that is not there, or is switched off, is empty. */
static ssize_t read_store(struct template_info **ret, struct error *err)
{
	_cleanup_close_ int store_fd = template_store_open(false, err);

	if (store_fd == -ENOENT) {
		error_clear(err);
		return 0;
	}
	return store_fd < 0 ? store_fd : template_store_list(store_fd, ret, err);
}

static int list_run(const struct globals *globals _unused_, const void *options,
		    char **args _unused_, size_t n_args _unused_, struct error *err)
{
	const struct list_options *o = options;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct template_info *list = NULL;
	ssize_t n = read_store(&list, err);

	if (n < 0)
		return (int)n;
	if (o->quiet)
		for (ssize_t i = 0; i < n; i++)
			strbuf_printf(&out, "%s\n", list[i].key.hex);
	else if (o->format == LIST_JSON)
		append_json(&out, list, (size_t)n);
	else
		append_table(&out, list, (size_t)n);
	template_store_list_free(list, (size_t)n);
	return out.len ? command_print(out.data, err) : 0;
}

static const struct command template_list_command = {
	.name = "template list",
	.summary = "list the templates, the one used last in front",
	.description =
		"A template is \"stale\" when QEMU, the kernel, the initramfs or the host's\n"
		"processor are no longer those it was made with: nothing uses it any more.\n"
		"One that is \"damaged\" is removed by the next start that wants it.\n",
	.options = list_option_defs,
	.options_size = sizeof(struct list_options),
	.min_args = 0,
	.max_args = 0,
	.handler = list_run,
};

/* --- rm --- */

struct rm_options {
	bool all;
};

static const struct option_def rm_option_defs[] = {
	OPTION(struct rm_options, all, OPTION_FLAG, "all", 'a', NULL, "remove all of them"),
	OPTION_END,
};

static int remove_all(int store_fd, struct error *err)
{
	struct template_info *list = NULL;
	ssize_t n = template_store_list(store_fd, &list, err);
	int r = n < 0 ? (int)n : 0;

	for (ssize_t i = 0; i < n && !r; i++) {
		r = template_store_remove(store_fd, &list[i].key, err);
		/* Another was faster. */
		if (r == -ENOENT) {
			error_clear(err);
			r = 0;
		}
	}
	if (n > 0)
		template_store_list_free(list, (size_t)n);
	return r;
}

static int remove_one(int store_fd, const char *hex, struct error *err)
{
	struct template_key key;

	if (!template_key_valid(hex))
		return error_set(err, EINVAL, "\"%s\" is not a template's key", hex);
	if (store_fd < 0)
		return error_set(err, ENOENT, "template %s does not exist", hex);
	memcpy(key.hex, hex, sizeof(key.hex));
	return template_store_remove(store_fd, &key, err);
}

static int rm_run(const struct globals *globals _unused_, const void *options, char **args,
		  size_t n_args, struct error *err)
{
	const struct rm_options *o = options;
	_cleanup_close_ int store_fd = -1;
	int r = 0;

	if (o->all == (n_args > 0))
		return error_set(err, EINVAL, "either keys of templates or --all");
	/* A store that is not there has no templates: nothing to remove, or one that does not exist. */
	store_fd = template_store_open(false, err);
	if (store_fd < 0 && store_fd != -ENOENT)
		return store_fd;
	if (store_fd < 0)
		error_clear(err);
	if (o->all)
		return store_fd < 0 ? 0 : remove_all(store_fd, err);
	for (size_t i = 0; i < n_args && !r; i++)
		r = remove_one(store_fd, args[i], err);
	return r;
}

static const struct command template_rm_command = {
	.name = "template rm",
	.summary = "remove templates",
	.arguments = "[key...]",
	.usage = "VMs that were made from them go on.\n",
	.options = rm_option_defs,
	.options_size = sizeof(struct rm_options),
	.min_args = 0,
	.max_args = COMMAND_ARGS_ANY,
	.handler = rm_run,
};

/* --- path --- */

static int path_run(const struct globals *globals _unused_, const void *options _unused_,
		    char **args _unused_, size_t n_args _unused_, struct error *err)
{
	_cleanup_free_ char *path = template_store_path(), *line = NULL;

	if (!path)
		return error_set(err, ENOENT, "templates are off (RUNVM_TEMPLATES)");
	line = xasprintf("%s\n", path);
	return command_print(line, err);
}

static const struct command template_path_command = {
	.name = "template path",
	.summary = "print the directory of the templates",
	.min_args = 0,
	.max_args = 0,
	.handler = path_run,
};

/* --- the command --- */

static const struct command *const subcommands[] = {
	&template_build_command,
	&template_list_command,
	&template_rm_command,
	&template_path_command,
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(strchr(subcommands[i]->name, ' ') + 1, name))
			return subcommands[i];
	return NULL;
}

static int call(const struct globals *globals, const struct command *command, void *options,
		char **args, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t n_args = 0;
	bool help;
	ssize_t n = options_parse_anywhere(command->options, options, args, &help, err);
	int r;

	if (n < 0)
		return (int)n;
	if (help) {
		help_command(&text, command);
		return command_print(text.data, err);
	}
	args += n;
	while (args[n_args])
		n_args++;
	r = command_check_args(command, n_args, err);
	return r < 0 ? r : command->handler(globals, options, args, n_args, err);
}

static int template_run(const struct globals *globals, const void *options _unused_, char **args,
			size_t n_args _unused_, struct error *err)
{
	const struct command *command = find(args[0]);
	_cleanup_free_ void *own = NULL;
	int r;

	if (!command)
		return error_set(err, EINVAL,
				 "template: \"%s\" is not one of build, list, rm and path",
				 args[0]);
	own = xcalloc(1, command->options_size + 1);
	r = call(globals, command, own, args + 1, err);
	options_clear(command->options, own);
	return r;
}

const struct command command_template = {
	.name = "template",
	.summary = "build, list and remove the saved VMs from which containers start",
	.arguments = "build | list | rm | path [options] [key...]",
	.usage = "See \"runvm template build --help\" and so on.\n",
	.description =
		"A container's VM is restored from a template where one fits. They are made in\n"
		"the background after a start that found none; this command makes them ahead.\n"
		"The environment variable RUNVM_TEMPLATES switches them off (\"off\") or names\n"
		"another directory for them.\n",
	.has_subcommands = true,
	.min_args = 1,
	.max_args = COMMAND_ARGS_ANY,
	.handler = template_run,
};
