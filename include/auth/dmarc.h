/*
 * DMARC (RFC 9989): does an identifier that SPF or DKIM has authenticated belong
 * to the Author Domain, and what does that domain ask for if none does?
 *
 * The records are found by walking up the DNS tree, at most eight names for each domain. The walk
 * of the Author Domain begins when From is known, and is collected at the end of the message.
 */
#ifndef AUTH_DMARC_H
#define AUTH_DMARC_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/dmarc_record.h"
#include "auth/from.h"
#include "auth/resolver.h"
#include "base/arena.h"

/* Author Domain, SPF and ten signatures: more than these walks are not made for a message. */
#define DMARC_WALKS_MAX 12

enum dmarc_result {
	DMARC_NONE,      /* no record applies, or there is not one Author Domain */
	DMARC_PASS,      /* an authenticated identifier is aligned */
	DMARC_FAIL,      /* none is */
	DMARC_TEMPERROR, /* can't be decided without an answer of DNS: nothing is asked */
};

/* "none", "pass", "fail", "temperror", as in Authentication-Results. */
const char *dmarc_result_name(enum dmarc_result r);

enum dmarc_auth {
	DMARC_AUTH_FAILED, /* no pass: neutral, fail, none, permerror, policy ... */
	DMARC_AUTH_PASSED,
	DMARC_AUTH_TEMPERROR, /* a pass can't be ruled out */
};

/* What SPF or one DKIM signature found. */
struct dmarc_identifier {
	const char *domain; /* any bytes, in any spelling; NULL is "" */
	enum dmarc_auth auth;
};

struct dmarc_query {
	/* The MAIL FROM identity; the one of HELO only where the sender is null (RFC 7208 2.4). */
	struct dmarc_identifier spf;
	const struct dmarc_identifier *dkim; /* every signature's d= */
	size_t dkim_count;
};

/* Strings are in the arena or static. */
struct dmarc_outcome {
	enum dmarc_result result;
	const char *domain; /* the Author Domain; NULL when there is not one */
	/* Where the record is that applies; NULL when there is none. */
	const char *record_domain;
	const char *organizational_domain; /* of the Author Domain; NULL when it is not known */
	/* Of the record that applies; NONE without one. */
	enum dmarc_policy published; /* its p */
	enum dmarc_policy policy;    /* what it asks for this message, should it fail */
	bool testing;                /* t=y, which `policy` has in it */
	bool spf_aligned;            /* SPF passed, and for an aligned domain */
	bool dkim_aligned;           /* so did a signature */
	const char *reason;          /* words: each step of the walk, and what decided */
};

/*
 * Asks for what a walk from `domain` (any bytes, in any spelling) would need, so that it is in the
 * cache then. For MAIL: the sender's domain is most often the author's too, or below it.
 */
void dmarc_prefetch(struct resolver *r, struct dns_budget *b, const char *domain);

/* The walk of one Author Domain. */
struct dmarc_lookup;

/*
 * Asks for the records of a domain (canonical: `domain` of a struct from) and of those above it.
 * Never waits. NULL when memory is exhausted, which dmarc_finish() takes.
 */
struct dmarc_lookup *dmarc_start(struct resolver *r, struct dns_budget *b, const char *domain);

/*
 * Collects and evaluates. Waits for DNS until the look-ups' deadlines at most; what is aligned by
 * its name alone is not waited for. `*l` becomes NULL. Memory exhausted: TEMPERROR.
 */
void dmarc_finish(struct dmarc_lookup **l, struct dns_budget *b, const struct dmarc_query *q,
    struct arena *a, struct dmarc_outcome *out);

/* Gives a walk up without waiting. NULL is none. *l becomes NULL. */
void dmarc_abandon(struct dmarc_lookup **l);

/*
 * All of it for the From fields of a message: what has not one Author Domain is NONE, and `reason`
 * says why.
 */
void dmarc_check(struct resolver *r, struct dns_budget *b, const struct from *from,
    const struct dmarc_query *q, struct arena *a, struct dmarc_outcome *out);

#endif
