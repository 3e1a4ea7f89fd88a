// SPDX-License-Identifier: Apache-2.0
#include "container/bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/alloc.h"
#include "lib/io.h"

static enum bundle_source_kind kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return SOURCE_DIRECTORY;
	if (S_ISSOCK(mode))
		return SOURCE_SOCKET;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return SOURCE_DEVICE;
	return SOURCE_FILE;
}

static void look_up_source(const struct bundle *bundle, const struct oci_mount *m,
			   struct bundle_source *source)
{
	struct statfs fs;
	struct stat st;

	if (!oci_mount_is_bind(m) || !m->source)
		return;
	source->path = m->source[0] == '/' ? xstrdup(m->source)
					   : xasprintf("%s/%s", bundle->path, m->source);
	if (stat(source->path, &st) < 0) {
		source->kind = SOURCE_MISSING;
		return;
	}
	source->kind = kind_of(st.st_mode);
	if (source->kind == SOURCE_DIRECTORY && !statfs(source->path, &fs) &&
	    fs.f_type == TMPFS_MAGIC)
		source->tmpfs_size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
}

static int find_rootfs(struct bundle *bundle, struct error *err)
{
	const char *path = bundle->spec->root->path;
	_cleanup_free_ char *joined = NULL;
	struct stat st;

	joined = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", bundle->path, path);
	if (stat(joined, &st) < 0)
		return error_errno(err, errno, "root.path: \"%s\"", joined);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "root.path: \"%s\" is not a directory", joined);
	bundle->rootfs = realpath(joined, NULL);
	if (!bundle->rootfs)
		return error_errno(err, errno, "root.path: \"%s\"", joined);
	return 0;
}

static int load_config(struct bundle *bundle, const char *config, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;
	int r;

	path = config ? xstrdup(config) : xasprintf("%s/config.json", bundle->path);
	r = io_read_file(AT_FDCWD, path, OCI_SPEC_MAX_SIZE, &text);
	/* runc's words, which engines and people know. */
	if (r == -ENOENT && !config)
		return error_set(err, ENOENT, "JSON specification file %s not found", path);
	if (r < 0)
		return error_errno(err, r, "read \"%s\"", path);
	r = oci_spec_parse(text.data ? text.data : "", text.len, &bundle->spec, err);
	if (!r)
		r = oci_spec_validate(bundle->spec, err);
	if (r < 0)
		return error_prefix(err, "%s", path);
	bundle->config = strbuf_take(&text);
	return 0;
}

int bundle_load(const char *path, const char *config, struct bundle **ret, struct error *err)
{
	_cleanup_bundle_ struct bundle *bundle = xnew(struct bundle);
	long cpus, pages;
	int r;

	bundle->path = realpath(path, NULL);
	if (!bundle->path)
		return error_errno(err, errno, "bundle \"%s\"", path);
	r = load_config(bundle, config, err);
	if (r < 0)
		return r;
	r = find_rootfs(bundle, err);
	if (r < 0)
		return r;
	bundle->sources = xcalloc(bundle->spec->n_mounts, sizeof(*bundle->sources));
	for (size_t i = 0; i < bundle->spec->n_mounts; i++)
		look_up_source(bundle, &bundle->spec->mounts[i], &bundle->sources[i]);
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pages = sysconf(_SC_PHYS_PAGES);
	bundle->host_cpus = cpus > 0 ? (unsigned int)cpus : 1;
	bundle->host_memory = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
	*ret = TAKE_PTR(bundle);
	return 0;
}

void bundle_free(struct bundle *bundle)
{
	if (!bundle)
		return;
	if (bundle->sources)
		for (size_t i = 0; i < bundle->spec->n_mounts; i++)
			free(bundle->sources[i].path);
	free(bundle->sources);
	oci_spec_free(bundle->spec);
	free(bundle->config);
	free(bundle->rootfs);
	free(bundle->path);
	free(bundle);
}
