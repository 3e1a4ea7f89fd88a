// SPDX-License-Identifier: Apache-2.0
#include "template/template-digest.h"

#include <endian.h>
#include <string.h>

/* --- SHA-256 --- */

#define SHA_BLOCK 64

static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t ror32(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static void sha_block(uint32_t h[8], const uint8_t *block)
{
	uint32_t w[64], v[8];

	for (int i = 0; i < 16; i++) {
		memcpy(&w[i], block + 4 * i, 4);
		w[i] = be32toh(w[i]);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (ror32(a, 7) ^ ror32(a, 18) ^ a >> 3) +
		       (ror32(b, 17) ^ ror32(b, 19) ^ b >> 10);
	}
	memcpy(v, h, sizeof(v));
	for (int i = 0; i < 64; i++) {
		uint32_t s1 = ror32(v[4], 6) ^ ror32(v[4], 11) ^ ror32(v[4], 25);
		uint32_t t1 =
			v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
		uint32_t s0 = ror32(v[0], 2) ^ ror32(v[0], 13) ^ ror32(v[0], 22);
		uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

void digest_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE])
{
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	uint64_t bits = htobe64((uint64_t)len * 8);
	uint8_t tail[2 * SHA_BLOCK] = {0};
	const uint8_t *p = data;
	size_t rest;

	for (rest = len; rest >= SHA_BLOCK; rest -= SHA_BLOCK, p += SHA_BLOCK)
		sha_block(h, p);
	if (rest)
		memcpy(tail, p, rest);
	tail[rest] = 0x80;
	/* The length goes to the end of the block in which it has room. */
	if (rest + 1 + sizeof(bits) <= SHA_BLOCK) {
		memcpy(tail + SHA_BLOCK - sizeof(bits), &bits, sizeof(bits));
	} else {
		memcpy(tail + 2 * SHA_BLOCK - sizeof(bits), &bits, sizeof(bits));
		sha_block(h, tail);
		memmove(tail, tail + SHA_BLOCK, SHA_BLOCK);
	}
	sha_block(h, tail);
	for (int i = 0; i < 8; i++) {
		uint32_t word = htobe32(h[i]);

		memcpy(ret + 4 * i, &word, 4);
	}
}

/* --- XXH64 --- */

#define XXH_1 UINT64_C(0x9e3779b185ebca87)
#define XXH_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define XXH_3 UINT64_C(0x165667b19e3779f9)
#define XXH_4 UINT64_C(0x85ebca77c2b2ae63)
#define XXH_5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rol64(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static uint64_t read64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

static uint64_t xxh_round(uint64_t lane, uint64_t input)
{
	return rol64(lane + input * XXH_2, 31) * XXH_1;
}

static uint64_t xxh_tail(uint64_t h, const uint8_t *p, size_t rest)
{
	for (; rest >= 8; rest -= 8, p += 8)
		h = rol64(h ^ xxh_round(0, read64(p)), 27) * XXH_1 + XXH_4;
	if (rest >= 4) {
		uint32_t x;

		memcpy(&x, p, sizeof(x));
		h = rol64(h ^ le32toh(x) * XXH_1, 23) * XXH_2 + XXH_3;
		rest -= 4;
		p += 4;
	}
	for (; rest; rest--, p++)
		h = rol64(h ^ *p * XXH_5, 11) * XXH_1;
	h = (h ^ h >> 33) * XXH_2;
	h = (h ^ h >> 29) * XXH_3;
	return h ^ h >> 32;
}

uint64_t digest_xxh64(const void *data, size_t len)
{
	uint64_t lanes[4] = {XXH_1 + XXH_2, XXH_2, 0, 0 - XXH_1};
	const uint8_t *p = data;
	uint64_t h = XXH_5;
	size_t rest = len;

	for (; rest >= 32; rest -= 32, p += 32)
		for (int i = 0; i < 4; i++)
			lanes[i] = xxh_round(lanes[i], read64(p + 8 * i));
	if (len >= 32) {
		h = rol64(lanes[0], 1) + rol64(lanes[1], 7) + rol64(lanes[2], 12) +
		    rol64(lanes[3], 18);
		for (int i = 0; i < 4; i++)
			h = (h ^ xxh_round(0, lanes[i])) * XXH_1 + XXH_4;
	}
	return xxh_tail(h + len, p, rest);
}
