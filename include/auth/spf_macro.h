/* Macros in SPF records and explanations (RFC 7208 7). */
#ifndef AUTH_SPF_MACRO_H
#define AUTH_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/resolver.h"
#include "base/addr.h"
#include "base/clock.h"
#include "base/strbuf.h"

/* What the letters stand for. No string is NULL. */
struct spf_macro_env {
	const char *sender;        /* s */
	const char *local;         /* l */
	const char *sender_domain; /* o */
	const char *domain;        /* d: of the record that is evaluated */
	const char *helo;          /* h */
	const char *receiver;      /* r */
	struct addr client;        /* i, c and v */
	usec_t now;                /* t: wall clock */
	/* p: a validated name of the client, or "unknown". Called when it is needed only. */
	const char *(*validated)(void *arg, const char *domain);
	void *arg;
};

/* Where a text stands says what may be in it. */
enum spf_macro_place {
	SPF_MACRO_DOMAIN,   /* a macro-string in a domain-spec: the letters s l o d i p h v */
	SPF_MACRO_MODIFIER, /* of an unknown modifier: c r t too */
	SPF_MACRO_EXPLAIN,  /* an explain-string: spaces too */
};

/* Is this printable ASCII with well-formed macros? */
bool spf_macro_check(const char *text, size_t len, enum spf_macro_place place);

/* Is this a domain-spec: a macro-string that ends in a macro or in a top-level label? */
bool spf_macro_check_domain(const char *text, size_t len);

/*
 * Expands what one of the two above accepted, into `out` (whose `max` bounds it). False when the
 * text is malformed or does not fit.
 */
bool spf_macro_expand(
    const char *text, size_t len, const struct spf_macro_env *env, struct strbuf *out);

/*
 * Expands a domain-spec to the name to ask for: without the last dot, and cut from the left,
 * label by label, to 253 bytes. It may still be one that can't exist (dns_name_is_valid()).
 */
bool spf_macro_domain(
    const char *text, size_t len, const struct spf_macro_env *env, char out[DNS_NAME_SIZE]);

#endif
