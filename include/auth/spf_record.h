/* SPF records, read strictly by the grammar of RFC 7208 12. */
#ifndef AUTH_SPF_RECORD_H
#define AUTH_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT, /* a modifier, but evaluated as the last term of its record */
};

/* Points into the record's text. `text` is NULL where there is none. */
struct spf_text {
	const char *text;
	size_t len;
};

struct spf_term {
	enum spf_mechanism kind;
	char qualifier; /* + - ~ ? */
	struct spf_text as_written;
	struct spf_text domain; /* the domain-spec, macros and all */
	struct prefix network;  /* IP4 and IP6 */
	uint8_t bits4, bits6;   /* A and MX */
};

struct spf_record {
	const struct spf_term *terms; /* mechanisms in their order */
	size_t count;
	struct spf_term redirect; /* domain.text NULL: none */
	struct spf_text exp;
};

struct spf_record_error {
	const char *what;     /* static words */
	struct spf_text term; /* text NULL: no memory */
};

/* Does a TXT record begin with the version section (RFC 7208 4.5)? */
bool spf_record_is_spf(const char *text, size_t len);

/*
 * Reads a record that is one. `text` must outlive `out`, whose terms are in `a`. Unknown modifiers
 * are checked and dropped. False, and *error is set, when any of it is not by the grammar, or
 * memory is exhausted.
 */
bool spf_record_read(const char *text, size_t len, struct arena *a, struct spf_record *out,
    struct spf_record_error *error);

/* Does a term cost one of the ten look-ups (RFC 7208 4.6.4)? */
bool spf_mechanism_asks_dns(enum spf_mechanism m);

#endif
