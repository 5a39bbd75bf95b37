/* The ordered list of checks, and how a check looks to the rest of the program. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/reading.h"
#include "core/session.h"
#include "core/stage.h"
#include "core/verdict.h"

/* What a configured check needs from the MTA: the daemon asks for no more than this. */
enum fact {
	FACT_CLIENT_NAME = 1 << 0,
	FACT_HELO = 1 << 1,
	FACT_LISTENER = 1 << 2,
	FACT_AUTH = 1 << 3,
	FACT_TLS = 1 << 4,
	FACT_CERT = 1 << 5,
	FACT_MTA_VIEW = 1 << 6,
	FACT_REFUSED_RECIPIENTS = 1 << 7, /* SMFIP_RCPT_REJ, for the record */
	FACT_QUEUE_ID = 1 << 8,
	FACT_END_OF_MESSAGE = 1 << 9, /* for what counts or records at the end */
	FACT_RESOLVER = 1 << 10,      /* not of the MTA: env->resolver */
};

enum mode { MODE_ENFORCE, MODE_MONITOR };

/*
 * One check. `run` looks at the session (s->rcpt at RCPT, s->args at HEADER and BODY) and fills
 * *out, which comes as VERDICT_NONE with the check's name set. It must not block: what it has to
 * wait for is started early and collected at EOM, the one stage where it may wait, and calls
 * session_progress(). `self` is what the configuration made. What it keeps between stages it
 * attaches to the session or the message, where it also asks for changes: core/message.h.
 *
 * TAG and HOLD may be said at every stage: they are kept until EOM and done then; said at CONNECT
 * or HELO they are done to each message of the session.
 */
struct check {
	const char *name;
	void (*run)(
	    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out);
};

struct policy_entry {
	const struct check *check;
	const void *self;
	unsigned stages; /* STAGE_BIT of each stage it wants to see */
	/*
	 * Of them, those at which it only looks: the MTA need not wait for an answer. A
	 * refusal that is said there all the same is given at EOM. A check that may ask for no more
	 * of the body must not have STAGE_BODY here.
	 */
	unsigned silent;
	unsigned facts;  /* FACT_ bits */
	unsigned rights; /* RIGHT_ bits (core/change.h) that it can come to need */
	enum mode mode;
	/*
	 * Called after every stage that was in order, with what became of it; NULL: not wanted. For
	 * what counts. At RCPT s->rcpt says whether the MTA refused it itself.
	 */
	void (*settled)(const void *self, struct session *s, enum stage stage,
	    const struct verdict *v, usec_t now);
};

/* Immutable after load; shared by all threads. Owned by the configuration. */
struct policy {
	struct reading_rules reading;
	size_t count;
	const struct policy_entry *entries;
	unsigned stages;  /* the union over all entries */
	unsigned answers; /* of them, those at which some check answers */
	unsigned facts;
	unsigned rights; /* of the entries that are enforced */
};

/*
 * Runs every check that wants `stage`, in order, and leaves the strictest enforced verdict,
 * resolved, in *out. Each check whose verdict is not NONE is passed to `each`
 * (resolved, with its mode), so that monitored verdicts are recorded too.
 */
void policy_run(const struct policy *p, struct session *s, enum stage stage, usec_t now,
    void (*each)(void *arg, const struct verdict *v, enum mode mode), void *arg,
    struct verdict *out);

/* Tells every entry that wants to know what became of a stage. */
void policy_settled(const struct policy *p, struct session *s, enum stage stage, usec_t now,
    const struct verdict *v);

/* Has every check that wants STAGE_BODY said that it needs no more of this message's body? */
bool policy_has_enough_body(const struct policy *p, const struct session *s);

#endif
