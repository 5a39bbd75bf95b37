/* One DKIM-Signature field (RFC 6376 3.5, RFC 8616 5), for auth/dkim.c. */
#ifndef AUTH_DKIM_FIELD_H
#define AUTH_DKIM_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/canon.h"
#include "auth/crypto.h"
#include "auth/dkim.h"
#include "auth/taglist.h"
#include "base/arena.h"

/* Longer fields are not read. */
#define DKIM_FIELD_MAX 65536

/* Tags point into the field's value. */
struct dkim_field {
	/* Is told whatever is wrong: "" where it is not known. In the arena. */
	const char *domain, *selector, *algorithm_text, *identity, *b_text;

	enum sig_algorithm algorithm;
	enum canon header, body;
	struct tag h, b;
	uint8_t body_hash[SHA256_SIZE];
	const uint8_t *signature;
	size_t signature_len;
	uint64_t length;             /* l=; BODY_WHOLE without it */
	const char *identity_domain; /* of i=, canonical */
	const char *key_name;        /* where the key is in DNS */
};

/*
 * Reads a field's value. NULL when the signature can be evaluated at `now`; else words that say why
 * not, which is a permanent error; *temporary is true where memory is exhausted.
 */
const char *dkim_field_read(const char *value, size_t len, usec_t now, struct arena *a,
    struct dkim_field *out, bool *temporary);

#endif
