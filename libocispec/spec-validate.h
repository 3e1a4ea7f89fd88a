/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks of a spec share. Inside of libocispec.
 */
#ifndef RUNVM_OCISPEC_SPEC_VALIDATE_H
#define RUNVM_OCISPEC_SPEC_VALIDATE_H

#include "libocispec/spec.h"

/**
 * struct spec_place - where in the document a check is: a chain of frames up to the root
 * @up: NULL for the root
 * @name: of a property; NULL for an element of an array
 * @index: of an element
 */
struct spec_place {
	const struct spec_place *up;
	const char *name;
	size_t index;
};

#define IN(place, member)  (&(const struct spec_place){.up = (place), .name = (member)})
#define AT(place, element) (&(const struct spec_place){.up = (place), .index = (element)})

/* Reports a failure with the path of the place in front. Return: -EINVAL. */
int spec_fail(struct error *err, const struct spec_place *place, const char *fmt, ...)
	_printf_(3, 4);

/* An absolute path. */
int spec_check_absolute(const char *path, const struct spec_place *place, struct error *err);
int spec_check_absolutes(char *const *paths, size_t n, const struct spec_place *place,
			 struct error *err);

/**
 * spec_check_name() - one of a list of names
 * @names: ends with a NULL
 * @noun: what such a name is, for the message
 */
int spec_check_name(const char *name, const char *const *names, const char *noun,
		    const struct spec_place *place, struct error *err);
int spec_check_names(char *const *strings, size_t n, const char *const *names, const char *noun,
		     const struct spec_place *place, struct error *err);

/* UINT32_MAX is not an id: chown(2) and setuid(2) take it for "leave as it is". */
int spec_check_id(uint64_t id, const struct spec_place *place, struct error *err);

int spec_check_id_mappings(const struct oci_id_mapping *mappings, size_t n,
			   const struct spec_place *place, struct error *err);

/* linux; @spec for what needs a namespace. */
int spec_check_linux(const struct oci_spec *spec, struct error *err);
int spec_check_seccomp(const struct oci_seccomp *seccomp, const struct spec_place *place,
		       struct error *err);

#endif
