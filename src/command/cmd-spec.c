// SPDX-License-Identifier: Apache-2.0
/* spec: a config.json to start from. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "command/command.h"
#include "container/container.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "libocispec/default.h"

struct spec_options {
	const char *bundle;
	bool rootless;
};

static const struct option_def spec_option_defs[] = {
	OPTION(struct spec_options, bundle, OPTION_STRING, "bundle", 'b', "value",
	       "path to the root of the bundle directory"),
	OPTION(struct spec_options, rootless, OPTION_FLAG, "rootless", 0, NULL,
	       "generate a configuration for a rootless container"),
	OPTION_END,
};

static int write_config(int dirfd, const char *text, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	/* O_EXCL is the check: nothing is overwritten, not even by two of us at once. */
	fd = openat(dirfd, CONTAINER_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST, "File " CONTAINER_CONFIG " exists. Remove it first");
	if (fd < 0)
		return error_errno(err, errno, "create " CONTAINER_CONFIG);
	r = io_write_all(fd, text, strlen(text));
	if (r < 0) {
		(void)unlinkat(dirfd, CONTAINER_CONFIG, 0);
		return error_errno(err, r, "write " CONTAINER_CONFIG);
	}
	return 0;
}

static int spec_run(const struct globals *globals, const void *options, char **args, size_t n_args,
		    struct error *err)
{
	const struct spec_options *o = options;
	const char *bundle = o->bundle && *o->bundle ? o->bundle : ".";
	_cleanup_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *json = NULL, *text = NULL;
	_cleanup_close_ int dirfd = -1;

	(void)globals;
	(void)args;
	(void)n_args;
	dirfd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_errno(err, errno, "open the bundle \"%s\"", bundle);
	spec = o->rootless ? oci_default_spec_rootless(geteuid(), getegid()) : oci_default_spec();
	json = oci_spec_write(spec, true);
	text = xasprintf("%s\n", json);
	return write_config(dirfd, text, err);
}

const struct command command_spec = {
	.name = "spec",
	.summary = "create a new specification file",
	.description =
		"Writes \"config.json\" into the bundle, or into the working directory. It runs\n"
		"\"sh\" with a terminal in the root file system \"rootfs\" and is meant to be\n"
		"edited.\n"
		"\n"
		"To run one program of a Debian root file system:\n"
		"\n"
		"    mkdir hello\n"
		"    cd hello\n"
		"    mmdebstrap --variant=essential stable rootfs\n"
		"    runvm spec\n"
		"    sed -i 's;\"sh\";\"/bin/uname\", \"-a\";' config.json\n"
		"    runvm run hello1\n",
	.options = spec_option_defs,
	.options_size = sizeof(struct spec_options),
	.min_args = 0,
	.max_args = 0,
	.handler = spec_run,
};
