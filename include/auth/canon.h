/*
 * Canonicalization (RFC 6376 3.4), and the hash of a body. For DKIM and ARC alike.
 *
 * A line ends in CRLF, or in an LF alone, which counts as CRLF: so a message is the same whether
 * it came through libmilter, which hands over header lines with LF, or from a file. A CR
 * that no LF follows is a byte like any other, and so is NUL.
 */
#ifndef AUTH_CANON_H
#define AUTH_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/crypto.h"
#include "base/strbuf.h"

enum canon {
	CANON_SIMPLE,
	CANON_RELAXED,
};

/* One header field as it stands in the message. */
struct canon_field {
	const char *name; /* all in front of the colon, blanks included */
	size_t name_len;
	const char *value; /* all behind the colon, folding included, without the last line end */
	size_t value_len;
};

/* Adds one field in its canonical form, without a line end. */
void canon_header(struct strbuf *out, enum canon how, const struct canon_field *f);

/* SHA-256 of a body, while it arrives: each kind of it that somebody asks for. */
struct body_hashes;

/* NULL when memory is exhausted. */
struct body_hashes *body_hashes_new(void);
void body_hashes_free(struct body_hashes **b);

/* Only so many bytes of the canonical body are hashed (l=); UINT64_MAX: all. */
#define BODY_WHOLE UINT64_MAX

/*
 * Asks for one kind, before the body begins; the same kind is hashed once however often it is
 * asked for. The number to ask body_hash() with; -1 when memory is exhausted, or 64 kinds are asked
 * for.
 */
int body_hashes_want(struct body_hashes *b, enum canon how, uint64_t length);

/* Memory does not grow with the body, nor with its lines. */
void body_hashes_add(struct body_hashes *b, const void *bytes, size_t len);

/* The body is over. */
void body_hashes_end(struct body_hashes *b);

/* After the end. False when hashing failed. *total is how long the canonical body is. */
bool body_hash(const struct body_hashes *b, int number, uint8_t hash[SHA256_SIZE], uint64_t *total);

#endif
