// SPDX-License-Identifier: Apache-2.0
#include "vminit/mount-options.h"

#include <string.h>
#include <sys/mount.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"

#define ATTR_ATIME MOUNT_ATTR__ATIME

/*
 * One row a word. An attribute of the mount has both its MS_* and its MOUNT_ATTR_*, and also exists
 * with an r in front; the rest belongs to the file system's superblock and has the MS_* alone.
 */
struct option {
	const char *word;
	unsigned long set;
	unsigned long clear;
	uint64_t attr_set;
	uint64_t attr_clear;
};

#define ATIME_FLAGS (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static const struct option options[] = {
	{"async", 0, MS_SYNCHRONOUS, 0, 0},
	{"atime", 0, MS_NOATIME, 0, ATTR_ATIME},
	{"defaults", 0, 0, 0, 0},
	{"dev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV},
	{"diratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME},
	{"dirsync", MS_DIRSYNC, 0, 0, 0},
	{"exec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC},
	{"iversion", MS_I_VERSION, 0, 0, 0},
	{"lazytime", MS_LAZYTIME, 0, 0, 0},
	{"loud", 0, MS_SILENT, 0, 0},
	{"mand", MS_MANDLOCK, 0, 0, 0},
	{"noatime", MS_NOATIME, ATIME_FLAGS, MOUNT_ATTR_NOATIME, ATTR_ATIME},
	{"nodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0},
	{"nodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0},
	{"noexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0},
	{"noiversion", 0, MS_I_VERSION, 0, 0},
	{"nolazytime", 0, MS_LAZYTIME, 0, 0},
	{"nomand", 0, MS_MANDLOCK, 0, 0},
	{"norelatime", 0, MS_RELATIME, 0, ATTR_ATIME},
	{"nostrictatime", 0, MS_STRICTATIME, 0, ATTR_ATIME},
	{"nosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0},
	{"nosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0},
	{"relatime", MS_RELATIME, ATIME_FLAGS, MOUNT_ATTR_RELATIME, ATTR_ATIME},
	{"remount", MS_REMOUNT, 0, 0, 0},
	{"ro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0},
	{"rw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY},
	{"silent", MS_SILENT, 0, 0, 0},
	{"strictatime", MS_STRICTATIME, ATIME_FLAGS, MOUNT_ATTR_STRICTATIME, ATTR_ATIME},
	{"suid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID},
	{"symfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW},
	{"sync", MS_SYNCHRONOUS, 0, 0, 0},
};

static const struct {
	const char *word;
	unsigned long flags;
} propagations[] = {
	{"private", MS_PRIVATE},
	{"rprivate", MS_PRIVATE | MS_REC},
	{"rshared", MS_SHARED | MS_REC},
	{"rslave", MS_SLAVE | MS_REC},
	{"runbindable", MS_UNBINDABLE | MS_REC},
	{"shared", MS_SHARED},
	{"slave", MS_SLAVE},
	{"unbindable", MS_UNBINDABLE},
};

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(options[i].word, word))
			return &options[i];
	return NULL;
}

static void change_attr(struct mount_attr_change *change, const struct option *o)
{
	/* The kernel wants all of ATIME cleared by whoever sets one of its values. */
	change->set &= ~o->attr_clear;
	change->set |= o->attr_set;
	change->clear |= o->attr_clear;
	change->clear &= ~o->attr_set | ATTR_ATIME;
}

unsigned long mount_propagation_flags(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
		if (!strcmp(propagations[i].word, word))
			return propagations[i].flags;
	return 0;
}

/* Whether the word was one of those that are neither flag nor attribute. */
static bool parse_special(const char *word, struct mount_options *o)
{
	unsigned long propagation = mount_propagation_flags(word);

	if (propagation)
		o->propagation = propagation;
	else if (!strcmp(word, "bind"))
		o->bind = true;
	else if (!strcmp(word, "rbind"))
		o->bind = o->recursive = true;
	else if (!strcmp(word, "tmpcopyup"))
		o->copy_up = true;
	else
		return false;
	return true;
}

int mount_options_parse(char *const *words, size_t n, struct mount_options *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
	struct mount_options o = {0};

	for (size_t i = 0; i < n; i++) {
		const char *word = words[i];
		const struct option *row = find_option(word);

		if (row) {
			o.flags = (o.flags & ~row->clear) | row->set;
			change_attr(&o.attr, row);
			continue;
		}
		if (parse_special(word, &o))
			continue;
		if (!strcmp(word, "idmap") || !strcmp(word, "ridmap"))
			return error_set(err, EINVAL, "option \"%s\" is not supported yet", word);
		row = word[0] == 'r' ? find_option(word + 1) : NULL;
		if (row && (row->attr_set || row->attr_clear)) {
			change_attr(&o.recursive_attr, row);
			continue;
		}
		if (!word[0])
			continue;
		if (data.len)
			strbuf_putc(&data, ',');
		strbuf_puts(&data, word);
	}
	o.data = data.len ? strbuf_take(&data) : NULL;
	*ret = o;
	return 0;
}
