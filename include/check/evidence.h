/*
 * What is known about where a message comes from. Asked for once, for all checks that look
 * at it; look-ups begin as early as their question is known.
 */
#ifndef CHECK_EVIDENCE_H
#define CHECK_EVIDENCE_H

#include <stdbool.h>

#include "auth/from.h"
#include "auth/spf.h"
#include "check/config.h"
#include "core/session.h"

struct evidence {
	const struct settings *settings;
	/* The client may relay, or is excepted from all checks: nothing is asked. Words say why. */
	bool trusted;
	const char *trusted_why;
	struct resolver *resolver; /* NULL: nothing is asked */
	struct dns_budget budget;
	bool waits; /* the budget's deadline is that of `waits_at` */
	enum stage waits_at;

	struct from from;
	unsigned results_fields; /* Authentication-Results so far, whosever */

	struct spf_query query;
	bool spf_known;
	struct spf_outcome spf;
};

/*
 * Of the message at hand. The first call, at MAIL, decides whether the client is trusted. NULL when
 * memory is exhausted.
 */
struct evidence *evidence_of(struct session *s, const struct settings *settings, usec_t now);

/* At MAIL: asks for what will be needed. */
void evidence_prefetch(struct evidence *e);

/* Is there somebody to ask, and a reason to ask? */
bool evidence_is_wanted(const struct evidence *e);

/*
 * SPF of the sender, or of HELO where it is null. Waits when it is asked first. NULL: not asked.
 */
const struct spf_outcome *evidence_spf(struct session *s, struct evidence *e);

/* At HEADER: takes in what the field at hand says of the author. False without memory. */
bool evidence_take_field(struct session *s, struct evidence *e);

/* The Author Domain (RFC 9989), canonical; NULL: none, or not known yet. */
const char *evidence_from_domain(const struct evidence *e);

#endif
