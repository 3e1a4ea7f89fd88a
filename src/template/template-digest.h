/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hashes: SHA-256 (FIPS 180-4) for names that must not meet, as parts of what is hashed may be
 * a stranger's choice; XXH64 (the xxHash specification, seed 0) to notice damage, at the speed of
 * memory.
 */
#ifndef RUNVM_TEMPLATE_DIGEST_H
#define RUNVM_TEMPLATE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

void digest_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE]);
uint64_t digest_xxh64(const void *data, size_t len);

#endif
