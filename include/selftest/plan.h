/*
 * Who tries what, and what must come out: made from the configuration, or, without one, from what
 * holds for every server. A row is one probe by one actor; running it fills in its result.
 */
#ifndef SELFTEST_PLAN_H
#define SELFTEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/clock.h"
#include "core/stage.h"
#include "selftest/probe.h"

struct config;

enum actor_kind { ACTOR_STRANGER, ACTOR_FRIEND };

/* One client, with all that it has proven. */
struct actor {
	const char *name;  /* stranger-v4, or the rule's name */
	const char *where; /* file:line of the rule that permits it; "" for strangers */
	enum actor_kind kind;
	struct stage_args connect, mail; /* what an MTA would tell of it */
	const char *helo;
	const char *from; /* NULL: the probe's */
	const char *to;   /* of PROBE_FRIEND; NULL: the probe's */
};

enum expectation {
	EXPECT_REFUSED,
	EXPECT_ACCEPTED,
	EXPECT_EITHER, /* both are right: `why` says so */
};

enum outcome {
	OUTCOME_UNTRIED,
	OUTCOME_ACCEPTED,
	OUTCOME_REFUSED,  /* 5xx */
	OUTCOME_DEFERRED, /* 4xx: as good as refused */
	OUTCOME_ERROR,    /* no answer, or none that says anything about the recipient */
};

enum refuser { BY_NOBODY, BY_GUARD, BY_MTA };

/* "5.123.123" and its NUL, as in the wire layer. */
#define RESULT_ENHANCED_SIZE 12
#define RESULT_TEXT_SIZE 400

struct result {
	enum outcome outcome;
	enum refuser by;
	enum stage stage; /* where it was decided */
	unsigned code;    /* 0: none */
	char enhanced[RESULT_ENHANCED_SIZE];
	char text[RESULT_TEXT_SIZE]; /* the reply, or what went wrong; raw */
	usec_t took;
};

struct row {
	const struct actor *actor;
	const struct probe *probe;
	const char *from, *to, *parameters, *helo; /* expanded */
	const char *first;                         /* the recipient before it; NULL: none */
	struct {
		const char *mailer, *host, *addr;
	} view; /* of an MTA that takes everything */
	enum expectation expected;
	const char *why; /* for EXPECT_EITHER; "" otherwise */
	struct result result;
};

/* What can be played on the way in that is used. */
struct means {
	bool any_client; /* else only the addresses in `own` */
	struct addr own[2];
	size_t own_count;
	bool any_login;         /* without its password */
	const char *login;      /* whose password is at hand; NULL: none */
	bool everything;        /* TLS, certificates, listeners: macros are at our will */
	const char *no_clients; /* why not any_client, and what to do, in words */
};

struct plan {
	struct arena arena;
	struct probe_names names;
	struct actor *actors;
	size_t actor_count;
	struct row *rows;
	size_t row_count;
	const char **notes; /* what is not tried, and why */
	size_t note_count;
	bool monitor; /* the configuration refuses nothing */
};

/*
 * The domain that is ours by the configuration, in the arena: the first name of `ours` as it is
 * written that is not localhost, or one below its first subtree. NULL when there is none, or no
 * memory.
 */
const char *plan_our_domain(struct arena *a, const struct config *c);

/* Does the configuration name this domain, in `ours` or in a rule's `to`? Any spelling. */
bool plan_names_domain(const struct config *c, const char *domain, usec_t now);

/*
 * Makes the plan. `config` may be NULL; it and `names` must outlive the plan. False when memory is
 * exhausted. A plan without a stranger has row_count 0, and a note that says why.
 */
bool plan_make(struct plan *p, const struct config *config, const struct probe_names *names,
    const struct means *means, usec_t now);

/* The rows of strangers with any means, for --list. */
bool plan_list(struct plan *p, const struct probe_names *names);

void plan_free(struct plan *p);

/* Is the result of this row what must come out? */
bool row_is_right(const struct row *r);

const char *expectation_name(enum expectation e);
const char *outcome_name(enum outcome o);
const char *refuser_name(enum refuser r);

#endif
