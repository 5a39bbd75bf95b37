/* Key records (RFC 6376 3.6.1, RFC 8463 4), for DKIM and ARC alike. */
#ifndef AUTH_DKIM_KEY_H
#define AUTH_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/crypto.h"
#include "base/arena.h"

struct dkim_key {
	const uint8_t *data; /* p=, decoded: for sig_key_read() */
	size_t len;
	bool testing;       /* t=y */
	bool no_subdomains; /* t=s: i= and d= must be the same domain */
};

/*
 * Reads a record that shall verify signatures of this algorithm in mail. NULL when it may; else
 * words (static) that say why not: malformed, revoked, for something else. Every such key is
 * a permanent error. Memory exhausted: `*temporary` is true.
 */
const char *dkim_key_read(const char *record, size_t len, enum sig_algorithm algorithm,
    struct arena *a, struct dkim_key *out, bool *temporary);

#endif
