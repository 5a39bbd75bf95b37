/*
 * What is known about where a message comes from. Asked for once, for all checks that look
 * at it; look-ups begin as early as their question is known.
 */
#ifndef CHECK_EVIDENCE_H
#define CHECK_EVIDENCE_H

#include <stdbool.h>

#include "auth/arc.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/from.h"
#include "auth/spf.h"
#include "check/config.h"
#include "core/session.h"

struct evidence {
	const struct settings *settings;
	struct resolver *resolver; /* NULL: nothing is asked */
	struct dns_budget budget;
	usec_t patience; /* how long a callback may wait in all */
	/* The client may relay, or is excepted from all checks: nothing is asked. NULL: it is not
	 * so. */
	const char *trusted;
	unsigned known;          /* EVIDENCE_ bits: what is below is filled */
	unsigned asks_at;        /* STAGE_BIT of the stage that the budget's deadline is of */
	unsigned results_fields; /* Authentication-Results so far, whosever */
	struct from from;

	struct spf_query query;
	struct spf_outcome spf;

	bool dkim_begun;
	struct dkim_check *check; /* NULL: not begun, or without memory */
	struct dkim_outcome dkim;

	struct dmarc_lookup *walk;
	struct dmarc_outcome dmarc;

	bool arc_begun;
	struct arc_check *chain; /* NULL: not begun, or without memory */
	struct arc_outcome arc;
	/* The trusted sealer that found DMARC to pass, where it fails here; NULL: none. */
	const char *vouched_by;
};

/* What the configuration asks for. */
enum {
	EVIDENCE_SPF = 1 << 0,
	EVIDENCE_DKIM = 1 << 1,
	EVIDENCE_DMARC = 1 << 2,
	EVIDENCE_ARC = 1 << 3,
};
unsigned evidence_asked_for(const struct settings *settings);

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

/*
 * At HEADER, EOH and BODY: takes in what is there; look-ups begin. At HEADER false without memory.
 * At EOH and BODY *enough is set when no more of the body is needed.
 */
bool evidence_take_field(struct session *s, struct evidence *e);
void evidence_take_end_of_header(struct evidence *e, bool *enough);
void evidence_take_body(struct session *s, struct evidence *e, bool *enough);

/* DKIM of each signature. As above; at EOM only. */
const struct dkim_outcome *evidence_dkim(struct session *s, struct evidence *e);

/* DMARC, from both. As above; at EOM only. */
const struct dmarc_outcome *evidence_dmarc(struct session *s, struct evidence *e);

/* The chain of ARC. As above; at EOM only. */
const struct arc_outcome *evidence_arc(struct session *s, struct evidence *e);

/* The Author Domain (RFC 9989), canonical; NULL: none, or not known yet. */
const char *evidence_from_domain(const struct evidence *e);

#endif
