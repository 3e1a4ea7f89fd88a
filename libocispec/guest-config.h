/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host and guest agree on about the config.json that the host writes for vminitd, beyond config.md.
 */
#ifndef RUNVM_OCISPEC_GUEST_CONFIG_H
#define RUNVM_OCISPEC_GUEST_CONFIG_H

/* Where vminitd mounts the share: root.path and the sources of bind mounts lie below it. */
#define GUEST_CONFIG_SHARE "/run/share"

/*
 * Annotations of ours, which hooks do not see: where the bundle is on the host; and what linux.seccomp
 * amounts to, as text (see seccomp-program.h), so that it can be left out.
 */
#define GUEST_CONFIG_PREFIX  "runvm."
#define GUEST_CONFIG_BUNDLE  GUEST_CONFIG_PREFIX "bundle"
#define GUEST_CONFIG_SECCOMP GUEST_CONFIG_PREFIX "seccomp"

#endif
