/* Who tries what: made from the configuration, and tried through a transport. */
#ifndef SELFTEST_PLAN_H
#define SELFTEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "check/config.h"
#include "conf/schema.h"
#include "selftest/probe.h"

/* A part that is played against the server. */
struct actor {
	char name[80];
	bool trusted;                /* must be able to relay; false: a stranger */
	struct addr addr;            /* where it comes from */
	bool login;                  /* it authenticates */
	const char *user, *password; /* over SMTP */
};

enum outcome_kind {
	OUTCOME_NONE, /* not tried */
	OUTCOME_ACCEPTED,
	OUTCOME_REFUSED,  /* 5xx */
	OUTCOME_DEFERRED, /* 4xx */
	OUTCOME_ERROR,    /* no answer, or this part can't be played from here */
};

struct outcome {
	enum outcome_kind kind;
	unsigned code;
	bool by_guard;  /* the reply has the mark of a guard's session */
	char text[300]; /* the reply, or what went wrong */
};

/* One row of the result: an actor and a probe. */
struct trial {
	const struct actor *actor;
	const struct probe *probe;
	char from[PROBE_ADDRESS_MAX], to[PROBE_ADDRESS_MAX];
	bool want_accepted;
	struct outcome got;
};

#define PLAN_ACTORS_MAX 64

struct plan {
	struct probe_names names;
	size_t actor_count;
	struct actor actors[PLAN_ACTORS_MAX];
	size_t count;
	struct trial *trials; /* an actor's stand together */
};

struct plan_options {
	const struct config *config; /* NULL: only what needs no configuration */
	bool smtp;                   /* over SMTP: friends are played only where that can be done */
	enum addr_family family;     /* strangers of this one only; ADDR_NONE: of both */
	struct probe_names
	    names; /* NULL members are found in the configuration, or have defaults */
	const char *user, *password; /* NULL: no login over SMTP */
};

/* False, with *error (static words), when it can't be made. */
bool plan_make(struct plan *p, const struct plan_options *o, const char **error);
void plan_free(struct plan *p);

/* Is what came out what had to come out? 4xx counts as refused. */
bool trial_is_right(const struct trial *t);

#endif
