/*
 * Whom a rule is for. The same rows serve relay rules, limits and exceptions.
 * Every criterion that is given must match; one that is not given always does.
 */
#ifndef CHECK_CRITERIA_H
#define CHECK_CRITERIA_H

#include "conf/schema.h"
#include "core/session.h"

struct criteria {
	const struct netset *client; /* client network */
	int client_local;            /* client = local: submitted on the host itself */
	int auth;                    /* CRITERION_ANY, _NO, _YES */
	struct conf_texts login;     /* patterns: alice, *@example.com */
	struct conf_texts mech;
	int tls;                    /* any, no, yes, or at least a version */
	struct conf_texts cert;     /* sha256:..., subject:..., issuer:..., verified */
	struct conf_texts listener; /* port, name or address:port */
	const struct domset *helo;
	struct conf_texts from; /* sender addresses, domains, @lists; "<>" */
	struct conf_texts to;   /* recipient addresses, domains, @lists */
	int reading;            /* any, ours, relay, ambiguous */
				/* whatever the implementation keeps beside these */
};

enum { CRITERION_ANY, CRITERION_NO, CRITERION_YES };

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN /* a fact is missing: the verdict is UNDECIDED */ };

extern const struct conf_row criteria_rows[];

/* *why (may be NULL): static words or the session's arena: the first criterion that did not match.
 */
enum match criteria_match(const struct criteria *c, struct session *s, const char **why);

/* FACT_ bits (core/policy.h) that these criteria look at. */
unsigned criteria_facts(const struct criteria *c);

#endif
