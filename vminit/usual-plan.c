// SPDX-License-Identifier: Apache-2.0
#include "vminit/usual-plan.h"

#include <string.h>
#include <sys/mount.h>

#include "vminit/rootfs.h"

/* As `runc spec` has it, with the masked paths that podman and docker have as well. */
const char usual_configuration[] =
	"{\"ociVersion\":\"1.3.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
	"\"args\":[\"" USUAL_PROGRAM "\"],\"env\":[\"PATH=/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
	"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],"
	"\"permitted\":[\"CAP_KILL\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"" USUAL_ROOTFS
	"\",\"readonly\":true},\"hostname\":\"usual\",\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":"
	"[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	"{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
	"\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
	"\"/sys/firmware\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	"\"/proc/sysrq-trigger\"]}}";
const size_t usual_configuration_len = sizeof(usual_configuration) - 1;

#define DEV "/dev"

/* Changes nothing, since it is the default. */
#define DEFAULT_FLAGS ((unsigned long)MS_RELATIME)

int usual_plan_make(struct plan **ret, struct error *err)
{
	const struct plan_source source = {
		.id = "@usual",
		.configuration = usual_configuration,
		.len = usual_configuration_len,
	};

	return plan_from_source(&source, ret, err);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_alike(const struct plan_mount *a, const struct plan_mount *b)
{
	const struct mount_options *x = &a->options, *y = &b->options;

	return a->kind == b->kind && same_text(a->destination, b->destination) &&
	       same_text(a->type, b->type) && same_text(a->source, b->source) &&
	       same_text(x->data, y->data) &&
	       !((x->flags ^ y->flags) & ~(USUAL_EASY_FLAGS | DEFAULT_FLAGS)) && !x->copy_up &&
	       !x->recursive_attr.set && !x->recursive_attr.clear &&
	       !(x->propagation & (MS_SHARED | MS_UNBINDABLE));
}

bool usual_is_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return !strncmp(path, directory, len) && path[len] == '/';
}

bool usual_is_listed(const char *path, char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], path))
			return true;
	return false;
}

/* Of the mount @first or one behind it. */
static bool is_destination(const char *path, const struct plan *plan,
			   const struct plan_mount *first)
{
	for (const struct plan_mount *m = first; m < plan->mounts + plan->n_mounts; m++)
		if (!strcmp(m->destination, path))
			return true;
	return false;
}

/* All paths of @ours below the directory are among @theirs. Return: -1 when not, or how many. */
static int count_paths(const char *directory, char *const *ours, size_t n_ours, char *const *theirs,
		       size_t n_theirs)
{
	int n = 0;

	for (size_t i = 0; i < n_ours; i++) {
		if (!usual_is_below(ours[i], directory))
			continue;
		if (!usual_is_listed(ours[i], theirs, n_theirs))
			return -1;
		n++;
	}
	return n;
}

static bool paths_fit(const struct plan *ours, const struct plan *theirs, const char *directory)
{
	int masked = count_paths(directory, ours->masked_paths, ours->n_masked_paths,
				 theirs->masked_paths, theirs->n_masked_paths),
	    readonly = count_paths(directory, ours->readonly_paths, ours->n_readonly_paths,
				   theirs->readonly_paths, theirs->n_readonly_paths);

	if (masked < 0 || readonly < 0)
		return false;
	/* What is mounted later would lie on a mask, which has to lie on it. */
	for (size_t i = 0; masked + readonly && i < theirs->n_mounts; i++)
		if (usual_is_below(theirs->mounts[i].destination, directory) &&
		    !is_destination(theirs->mounts[i].destination, ours, ours->mounts))
			return false;
	return true;
}

static bool devices_fit(const struct plan *ours, const struct plan *theirs)
{
	if (!theirs->setup_dev || theirs->n_devices != ours->n_devices)
		return false;
	for (size_t i = 0; i < ours->n_devices; i++) {
		const struct plan_device *a = &ours->devices[i], *b = &theirs->devices[i];

		if (strcmp(a->path, b->path) != 0 || a->mode != b->mode || a->device != b->device ||
		    a->uid != b->uid || a->gid != b->gid)
			return false;
	}
	/* The links come after the mounts, unless they are there already. */
	for (size_t i = 0; i < theirs->n_mounts; i++)
		if (usual_is_below(theirs->mounts[i].destination, DEV) &&
		    rootfs_is_dev_link(theirs->mounts[i].destination + sizeof(DEV)))
			return false;
	return true;
}

/* What is in @m itself: its devices, and the directories on which others are mounted later. */
static bool content_fits(const struct plan *ours, const struct plan *theirs,
			 const struct plan_mount *m)
{
	for (size_t i = 0; i < ours->n_mounts; i++)
		if (usual_is_below(ours->mounts[i].destination, m->destination) &&
		    !is_destination(ours->mounts[i].destination, theirs, m))
			return false;
	return strcmp(m->destination, DEV) != 0 || devices_fit(ours, theirs);
}

/* Nothing else in its place; and of sysfs there is one in a network namespace, with flags of its own. */
static bool is_the_only_one(const struct plan *theirs, const struct plan_mount *m)
{
	bool sysfs = same_text(m->type, "sysfs");

	for (size_t i = 0; i < theirs->n_mounts; i++) {
		const struct plan_mount *other = &theirs->mounts[i];

		if (other != m && (same_text(other->destination, m->destination) ||
				   (sysfs && same_text(other->type, m->type))))
			return false;
	}
	return true;
}

bool usual_fits(const struct plan *ours, size_t i, const struct plan *theirs,
		const struct plan_mount *m)
{
	return is_alike(m, &ours->mounts[i]) && is_the_only_one(theirs, m) &&
	       paths_fit(ours, theirs, m->destination) && content_fits(ours, theirs, m);
}
