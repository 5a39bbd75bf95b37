/* The fields of ARC sets, one by one (RFC 8617 4.1), for auth/arc.c. */
#ifndef AUTH_ARC_FIELD_H
#define AUTH_ARC_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/canon.h"
#include "auth/crypto.h"
#include "auth/taglist.h"
#include "base/arena.h"
#include "base/clock.h"

/* In the order in which a seal covers them (RFC 8617 5.1.1). */
enum arc_kind {
	ARC_RESULTS,   /* ARC-Authentication-Results */
	ARC_SIGNATURE, /* ARC-Message-Signature */
	ARC_SEAL,      /* ARC-Seal */
	ARC_KINDS,
};

/* Which of them a field is; ARC_KINDS: none. */
enum arc_kind arc_kind_of(const struct canon_field *f);

/* The field's name. */
const char *arc_kind_name(enum arc_kind kind);

enum arc_chain { ARC_CV_NONE, ARC_CV_PASS, ARC_CV_FAIL };

/* What is said by an ARC-Message-Signature or an ARC-Seal. Tags point into the field's value. */
struct arc_signature {
	const char *domain, *selector; /* canonical */
	const char *key_name;          /* where the key is in DNS */
	enum sig_algorithm algorithm;
	struct tag b;
	const uint8_t *signature;
	size_t signature_len;

	/* of an ARC-Message-Signature */
	enum canon header, body;
	struct tag h;
	uint8_t body_hash[SHA256_SIZE];
	uint64_t length; /* l=; BODY_WHOLE without it */

	/* of an ARC-Seal */
	enum arc_chain chain; /* cv= */
};

/* The instance of a field, from 1 to 50; else 0, and *wrong says (static) what is wrong. */
unsigned arc_instance(enum arc_kind kind, const struct canon_field *f, const char **wrong);

/*
 * Reads a signature or a seal. NULL when it can be evaluated at `now`; else words (static) that say
 * why not; *temporary is true where memory is exhausted.
 */
const char *arc_signature_read(enum arc_kind kind, const struct canon_field *f, usec_t now,
    struct arena *a, struct arc_signature *out, bool *temporary);

/*
 * What an ARC-Authentication-Results field holds behind its instance: the value of an
 * Authentication-Results field. Of a field that has an instance. Points into its value.
 */
void arc_results_payload(const struct canon_field *f, const char **text, size_t *len);

#endif
