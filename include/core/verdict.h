/* What a check says. A value, with its reason. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/reply.h"

/* Ordered: a later one is stricter. */
enum verdict_kind {
	VERDICT_NONE, /* the check has nothing to say */
	VERDICT_NOTE, /* only recorded */
	VERDICT_PERMIT,
	VERDICT_TAG,       /* accepted, with a header field that says so */
	VERDICT_HOLD,      /* accepted, and kept in the MTA's quarantine */
	VERDICT_UNDECIDED, /* a fact is missing: becomes DEFER in verdict_resolve(), and only there
	                    */
	VERDICT_DEFER,     /* 4xx */
	VERDICT_REJECT,    /* 5xx */
};

/* Which line of the configuration decided. Strings belong to the configuration. */
struct rule_ref {
	const char *name; /* NULL: the check itself, no rule */
	const char *file;
	unsigned line;
};

struct verdict {
	enum verdict_kind kind;
	const char *check; /* the check's name, static */
	struct rule_ref rule;
	struct reply reply; /* for DEFER and REJECT; code 0: the default of verdict_resolve() */
	const char *reason; /* words, static or in the message's arena; may be NULL */
	/* For TAG: the value of the field X-Relay-Guard. NULL: which check and which rule. */
	const char *tag;
	/* Of a limit; NULL and 0 for all else. Its name is the configuration's, the key the
	 * message's or the session's. */
	const char *limit, *limit_key;
	uint64_t limit_count;
	bool notify; /* somebody should be told at once */
};

/* "permit", "reject", ... as in an event. UNDECIDED is "defer". */
const char *verdict_name(enum verdict_kind k);

/* The stricter of the two; `a` when they are equal, so that the first to say it is named. */
const struct verdict *verdict_strictest(const struct verdict *a, const struct verdict *b);

/*
 * Makes a verdict final: UNDECIDED becomes DEFER with a 451 4.7.1; DEFER and REJECT get
 * a reply of their class where they have none, or one of the wrong class.
 */
void verdict_resolve(struct verdict *v);

#endif
