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

struct certificate;
struct config;
struct way;

/* What can be played on one way in. */
struct means {
	bool any_client; /* else only the addresses in `own` */
	struct addr own[2];
	size_t own_count;
	bool any_login;                 /* without its password */
	const char *login;              /* whose password is at hand; NULL: none */
	unsigned logins;                /* LOGIN_BIT of the ways to log in with it */
	const struct certificate *cert; /* that is at hand; NULL: none */
	bool wrong_login;               /* a login with a wrong password can be tried */
	bool anonymous;                 /* and one by AUTH ANONYMOUS */
	bool everything;                /* certificates, listeners: macros are at our will */
	bool tls;                       /* the session is under TLS */
	const char *no_clients;         /* why not any_client, and what to do, in words */
};

/* One way in, and what is tried there. */
struct place {
	const struct way *way; /* NULL: none is needed, as for --list */
	const char *name;      /* as it is shown; "" for the guard's own socket */
	struct means means;
	bool full;       /* all probes, else those of PROBE_CORE */
	bool submission; /* it may ask everybody for a login */
	bool guarded;    /* the guard must be asked there */
	bool friends_only;
	bool compared;    /* with a configuration: whoever can be played is of interest */
	bool no_mail;     /* the server takes none from outside: a null client */
	bool unguarded;   /* the guard is down: what it would permit must wait */
	bool turned_away; /* and everybody is, at the door */
	bool tls_put_off; /* STARTTLS is offered there, and refused for now */
};

enum actor_kind { ACTOR_STRANGER, ACTOR_FRIEND };

/* One client, with all that it has proven. */
struct actor {
	const char *name; /* stranger-v4, or the rule's name */
	const struct place *place;
	const char *where; /* file:line of the rule that permits it; "" for strangers */
	enum actor_kind kind;
	struct stage_args connect, mail; /* what an MTA would tell of it */
	const char *helo;
	const char *from; /* NULL: the probe's */
	const char *to;   /* of PROBE_FRIEND; NULL: the probe's */
	bool asks;        /* tries PROBE_GUARD: one at each place with an MTA */
	bool core;        /* tries the probes of PROBE_CORE only */
	bool shows_cert;  /* with TLS, the one that is at hand */
	bool wrong_login; /* tries to log in first, with a password that is none */
	bool anonymous;   /* or by AUTH ANONYMOUS */
	bool confined;    /* of a rule, and no friend: mail for us is as the configuration says */
	size_t picked;    /* of the clients of one rule that differ in more than their address */
};

enum expectation {
	EXPECT_REFUSED,
	EXPECT_ACCEPTED,
	EXPECT_EITHER,   /* both are right: `why` says so */
	EXPECT_ASKED,    /* of PROBE_GUARD */
	EXPECT_DEFERRED, /* while the guard is down */
};

enum outcome {
	OUTCOME_UNTRIED,
	OUTCOME_ACCEPTED,
	OUTCOME_REFUSED,  /* 5xx */
	OUTCOME_DEFERRED, /* 4xx: as good as refused */
	OUTCOME_ASKED,    /* the guard was asked */
	OUTCOME_NOT_ASKED,
	OUTCOME_UNTOLD,  /* whether it was can't be told */
	OUTCOME_LIMITED, /* refused by a limit, or a ban, of the guard or the MTA: says nothing */
	OUTCOME_ERROR,   /* no answer, or none that says anything about the recipient */
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
	bool given_up;    /* an error that was never tried: sessions before it had failed */
	char enhanced[RESULT_ENHANCED_SIZE];
	char text[RESULT_TEXT_SIZE]; /* the reply, or what went wrong; raw */
	usec_t took;
};

/* A finding of the audit that explains why a row passed. In the plan's arena. */
struct blame {
	const char *id;
	const char *where;   /* file:line, or the file */
	const char *instead; /* the line to write; "": none */
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
	/*
	 * The text after the last @ is ours: who accepts it may keep it, or pass it on. Only what
	 * comes out tells.
	 */
	bool doubtful;
	const char *by_rule;       /* "NAME (FILE:LINE)" that permits it; "": none does */
	const struct blame *blame; /* of the mail server that let it pass; NULL: not known */
	bool followed;             /* a message was sent to it */
	bool confirmed;            /* it came out */
	struct result result;
	char *transcript; /* what was said, of a row that is wrong; malloc()ed; NULL: not kept */
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
	bool monitor; /* the configuration refuses no relaying */
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
 * Makes the plan. `config` may be NULL; it, `names` and `places` must outlive the plan. False when
 * memory is exhausted. A place where no stranger can be played has no rows, and a note that says
 * why.
 */
bool plan_make(struct plan *p, const struct config *config, const struct probe_names *names,
    const struct place *places, size_t count, usec_t now);

/* Is the text after the last @ a name of ours, so that most servers would say it is for us? */
bool plan_leads_to_us(const struct plan *p, const char *to);

/*
 * Names the rule that permits each stranger's recipient that was accepted, by this configuration.
 * False: no memory.
 */
bool plan_name_rules(struct plan *p, const struct config *config, usec_t now);

/* How many different clients, probes and places the rows have. */
struct spread {
	size_t clients, probes, places;
};

struct spread plan_spread(const struct plan *p);

/* Adds a note: what is not tried, and why. False: no memory. */
bool plan_note(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The rows of strangers with any means, for --list. */
bool plan_list(struct plan *p, const struct probe_names *names);

void plan_free(struct plan *p);

/* Is the result of this row what must come out? */
bool row_is_right(const struct row *r);

/*
 * What is known of a row: "right", "wrong"; of a stranger's recipient that was accepted "suspect",
 * and "confirmed" when its message came out.
 */
const char *row_verdict(const struct row *r);

/* Was a stranger's recipient accepted, be it right or wrong? */
bool row_is_suspect(const struct row *r);

const char *expectation_name(enum expectation e);
const char *outcome_name(enum outcome o);
const char *refuser_name(enum refuser r);

#endif
