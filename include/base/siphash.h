/*
 * SipHash-1-3, 64 bits: hashes of what strangers choose, by a secret that they don't know
 * (Aumasson and Bernstein, 2012, with the rounds that Rust, Python and Linux use for tables).
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len);

#endif
