/* What a DKIM-Signature and an ARC-Message-Signature (or a seal) say in the same tags. RFC
 * 6376 3.5. */
#ifndef AUTH_SIG_TAGS_H
#define AUTH_SIG_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/canon.h"
#include "auth/crypto.h"
#include "auth/taglist.h"
#include "base/arena.h"

/* Digits of t=, x= and l=. */
#define SIG_TAGS_DIGITS 76

/* c=, whose words are exact: values are case-sensitive where nothing else is said (RFC 6376 3.2).
 * Simple where it is not given. As below. */
const char *sig_tags_canonicalization(
    const struct taglist *tags, enum canon *header, enum canon *body);

/*
 * l=, q= and bh=, which must be there. *length is BODY_WHOLE (auth/canon.h) without l=. NULL, or
 * words (static) that say what is wrong.
 */
const char *sig_tags_body(
    const struct taglist *tags, uint64_t *length, uint8_t body_hash[SHA256_SIZE]);

/*
 * b=, which must be there: the tag, and its bytes in the arena. As above. *no_memory is set where
 * memory is exhausted, and then NULL is returned.
 */
const char *sig_tags_signature(const struct taglist *tags, struct arena *a, struct tag *b,
    const uint8_t **signature, size_t *len, bool *no_memory);

/* Where the key is in DNS: SELECTOR._domainkey.DOMAIN. As above. */
const char *sig_tags_key_name(
    const char *selector, const char *domain, struct arena *a, const char **name, bool *no_memory);

#endif
