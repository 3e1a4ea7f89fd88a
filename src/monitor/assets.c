// SPDX-License-Identifier: Apache-2.0
#include "monitor/assets.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alloc.h"

#if defined(__aarch64__)
#define QEMU_PROGRAM "qemu-system-aarch64"
#define QEMU_PACKAGE "qemu-system-arm"
#else
#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"
#endif

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The directory of this program, or NULL. */
static char *program_directory(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return xstrdup(path);
}

/* @in_tree in the build tree, if this program lies in one; else @name as installed. */
static int find_guest_file(const char *in_tree, const char *name, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = program_directory();
	_cleanup_free_ char *installed = xasprintf("%s/%s", RUNVM_PKGDATADIR, name);

	if (dir) {
		_cleanup_free_ char *beside = xasprintf("%s/%s", dir, in_tree);

		if (!access(beside, R_OK)) {
			*ret = TAKE_PTR(beside);
			return 0;
		}
	}
	if (access(installed, R_OK) < 0)
		return error_errno(err, errno,
				   "the guest's %s is missing: \"%s\" (install runvm, or name one "
				   "in config.json under vm.kernel)",
				   name, installed);
	*ret = TAKE_PTR(installed);
	return 0;
}

static char *look_up_program(const char *name)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *copy = xstrdup(path && *path ? path : DEFAULT_PATH);
	char *saveptr = NULL;

	for (char *dir = strtok_r(copy, ":", &saveptr); dir; dir = strtok_r(NULL, ":", &saveptr)) {
		_cleanup_free_ char *candidate = xasprintf("%s/%s", dir, name);

		if (dir[0] == '/' && !access(candidate, X_OK))
			return TAKE_PTR(candidate);
	}
	return NULL;
}

static int find_qemu(const char *wanted, char **ret, struct error *err)
{
	const char *name = wanted ? wanted : QEMU_PROGRAM;

	if (strchr(name, '/')) {
		if (access(name, X_OK) < 0)
			return error_errno(err, errno, "the hypervisor \"%s\"", name);
		*ret = xstrdup(name);
		return 0;
	}
	*ret = look_up_program(name);
	if (!*ret)
		return error_set(err, ENOENT, "the hypervisor \"%s\" is not installed (package %s)",
				 name, QEMU_PACKAGE);
	return 0;
}

int assets_find(const char *kernel, const char *initrd, const char *qemu, struct assets *ret,
		struct error *err)
{
	_cleanup_assets_ struct assets found = {.kernel = xstrdup(kernel),
						.initrd = xstrdup(initrd)};
	int r = 0;

	if (!found.kernel)
		r = find_guest_file("kernel/vmlinux", "vmlinux", &found.kernel, err);
	if (!r && !found.initrd)
		r = find_guest_file("vminit/initramfs.cpio", "initramfs.cpio", &found.initrd, err);
	if (!r)
		r = find_qemu(qemu, &found.qemu, err);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct assets){NULL, NULL, NULL};
	return 0;
}

void assets_clear(struct assets *assets)
{
	free(assets->kernel);
	free(assets->initrd);
	free(assets->qemu);
	*assets = (struct assets){NULL, NULL, NULL};
}
