/*
 * Whom a rule is for. The same rows serve relay rules, limits and exceptions.
 * Every criterion that is given must match; one that is not given always does. A list that is
 * given and turns out to be empty (an empty file) matches nothing.
 */
#ifndef CHECK_CRITERIA_H
#define CHECK_CRITERIA_H

#include "base/domset.h"
#include "base/netset.h"
#include "conf/schema.h"
#include "core/session.h"

enum { CRITERION_ANY, CRITERION_NO, CRITERION_YES };

/* `reading` */
enum { READING_IS_ANY, READING_IS_OURS, READING_IS_RELAY, READING_IS_AMBIGUOUS };

/* `tls`: besides CRITERION_ANY, _NO and _YES, at least TLSv1.MINOR is TLS_AT_LEAST + MINOR. */
enum { TLS_AT_LEAST = 10 };

struct networks_criterion {
	bool given;
	const struct netset *set; /* NULL: empty */
};

struct names_criterion {
	bool given;
	const struct domset *set; /* NULL: empty */
};

struct texts_criterion {
	bool given;
	struct conf_texts texts;
};

/* Addresses, domains, lists of domains. */
struct addresses_criterion {
	bool given;
	bool null;                    /* <> is among them */
	bool ours;                    /* @ours is among them */
	const struct domset *domains; /* NULL: none */
	size_t count;
	const struct mailaddr *addresses; /* each with one reading and a domain or literal */
};

struct criteria {
	struct networks_criterion client;
	int local; /* handed in on this host: client_is_local() */
	int auth;
	struct texts_criterion login; /* patterns with * */
	bool any_case; /* of a login: for who is not to escape; else it is who it says */
	struct texts_criterion mech;
	int tls;
	struct texts_criterion cert;     /* canonical fingerprints, subject:, issuer:, verified */
	struct texts_criterion listener; /* port, name or address:port */
	struct names_criterion helo;
	struct addresses_criterion from;
	struct addresses_criterion to;
	int forwarded; /* YES: `to` holds what the MTA's own tables send on elsewhere, too */
	int reading;   /* READING_IS_ */
};

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN /* a fact is missing: the verdict is UNDECIDED */ };

extern const struct conf_row criteria_rows[];

/*
 * MATCH_NO when any criterion does not match, else MATCH_UNKNOWN when any can't be told. `to` and
 * `reading` look at the recipient at hand and match nothing without one. `to` matches only an
 * address with one reading that the MTA keeps (core/reading.h), or with `forwarded` one with one
 * reading of which the MTA says where it goes. *why (may be NULL): static
 * words, the criterion that decided.
 */
enum match criteria_match(const struct criteria *c, const struct session *s, const char **why);

/* Is none given, so that everything matches? */
bool criteria_is_empty(const struct criteria *c);

/* Does any of them, `client` apart, prove that the client, or where its mail goes, is trusted? */
bool criteria_prove_trust(const struct criteria *c);

/* FACT_ bits (core/policy.h) that these criteria look at. */
unsigned criteria_facts(const struct criteria *c);

#endif
