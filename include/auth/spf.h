/* SPF (RFC 7208): may this client send mail for this domain? */
#ifndef AUTH_SPF_H
#define AUTH_SPF_H

#include <stdbool.h>

#include "auth/resolver.h"
#include "base/addr.h"
#include "base/arena.h"
#include "base/clock.h"

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};

/* "none", "neutral", ... as in Authentication-Results (RFC 8601 2.7.2). */
const char *spf_result_name(enum spf_result r);

enum spf_identity {
	SPF_MAILFROM,
	SPF_HELO,
};

/* "mailfrom", "helo". */
const char *spf_identity_name(enum spf_identity i);

/* Strings may be NULL, which is "". */
struct spf_query {
	struct addr client;
	const char *helo;
	const char *sender;   /* of MAIL, without brackets; "" is the null sender */
	const char *receiver; /* this host, for the macro r */
	usec_t now;           /* wall clock, for the macro t */
};

/* Strings are in the arena or static, never NULL where not said. */
struct spf_outcome {
	enum spf_result result;
	/* HELO where the sender is null or was not asked for: its domain decided. */
	enum spf_identity identity;
	const char *domain;      /* that was checked; "" when there is none. May hold any bytes. */
	const char *reason;      /* words: which term of which record decided, or what is wrong */
	const char *mechanism;   /* the term that decided, as written; "" when none did */
	const char *explanation; /* of FAIL: what the domain says, printable ASCII; NULL: nothing */
	unsigned terms;          /* that asked DNS: at most 10 are allowed */
	unsigned voids;          /* of them without an answer: at most 2 */
};

/*
 * Evaluates check_host() for one identity; for MAILFROM with a null sender that is
 * postmaster@HELO. Nothing is waited for after the budget's deadline. Memory exhausted: TEMPERROR.
 * Thread-safe: the resolver is all that checks share.
 */
void spf_check(struct resolver *r, struct dns_budget *b, const struct spf_query *q,
    enum spf_identity identity, struct arena *a, struct spf_outcome *out);

/* Asks for the record of the domain that spf_check() would look at, so that it is there then. */
void spf_prefetch(struct resolver *r, struct dns_budget *b, const struct spf_query *q,
    enum spf_identity identity);

#endif
