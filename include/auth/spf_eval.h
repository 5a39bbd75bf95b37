/* One evaluation of check_host() (RFC 7208 4), for auth/spf.c. */
#ifndef AUTH_SPF_EVAL_H
#define AUTH_SPF_EVAL_H

#include <stdbool.h>

#include "auth/spf.h"

/* Whom the record is asked about. Strings stay, and are bounded: `local` and `helo` by 512 bytes.
 */
struct spf_subject {
	const char *sender; /* LOCAL@DOMAIN */
	const char *local;
	const char *domain; /* A-labels where it is not ASCII, without the last dot */
	const char *helo;
	const char *receiver;
};

/* Fills in *out, save `identity` and `domain`. */
void spf_evaluate(struct resolver *r, struct dns_budget *b, const struct spf_query *q,
    const struct spf_subject *s, struct arena *a, struct spf_outcome *out);

/* Can there be an SPF record at this name at all (RFC 7208 4.3)? */
bool spf_domain_is_checkable(const char *domain);

#endif
