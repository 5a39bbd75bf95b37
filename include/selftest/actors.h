/* The clients that are played, made from the rules of the configuration. */
#ifndef SELFTEST_ACTORS_H
#define SELFTEST_ACTORS_H

#include "check/relay.h"
#include "selftest/plan.h"

/* What actors are made from. */
struct casting {
	struct plan *plan;
	const struct config *config; /* NULL: none */
	const struct place *place;
	const struct means *means; /* of the place */
	usec_t now;
	const char **reasons; /* for each rule: why it was not tried at the last place, or NULL */
	bool failed;          /* no memory */
};

/* Before the first place: false without memory. After the last: notes the rules never tried. */
bool casting_open(struct casting *c);
void casting_close(struct casting *c);

/* The rules, in order; NULL without a configuration, and at the end. */
const struct relay_rule *casting_first_rule(const struct config *c);
const struct relay_rule *casting_next_rule(const struct relay_rule *rule);

/* Does this rule permit, today? */
bool casting_permits(const struct relay_rule *rule, usec_t now);

/* Addresses that belong to nobody; NULL-terminated. */
extern const char *const casting_nobodys_v4[], *const casting_nobodys_v6[];

/* Does a rule permit this address for its own sake? */
bool casting_is_permitted(const struct casting *c, const struct addr *a);

/* The same, without a casting. */
bool casting_trusts(const struct config *config, const struct addr *a, usec_t now);

/* Makes `a` a client that connects from there. */
void casting_set_client(struct casting *c, struct actor *a, const struct addr *client);

/* Adds a copy, at the casting's place. */
void casting_add(struct casting *c, const struct actor *a);

/* The text; "" and a failed casting for NULL. */
const char *casting_keep(struct casting *c, const char *text);

/* "FILE:LINE" of a rule. */
const char *casting_where(struct casting *c, const struct relay_rule *rule);

/* Which of the several that a rule names: the number of each, from 0 on. */
enum pick { PICK_CLIENT, PICK_LOGIN, PICK_MECH, PICK_CERT, PICK_LISTENER, PICKS };

struct picks {
	size_t number[PICKS];
};

/* How many there are of PICK_LOGIN, PICK_MECH or PICK_CERT; at least 1. */
size_t credentials_count(const struct casting *c, const struct criteria *k, enum pick pick);

/* Gives `a` the login, TLS and certificate that are asked for. NULL, or why that can't be. */
const char *credentials_set(
    struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a);

/*
 * Adds the strangers of the place; then, for each rule that permits relaying, clients of each of
 * its networks, logins, certificates and listeners; and those whom a rule names and the
 * configuration does not let relay.
 */
void cast_strangers(struct casting *c);
void cast_friends(struct casting *c);

/* A row of this actor; false without memory. */
bool plan_row(struct plan *p, const struct actor *a, const struct probe *probe, struct row *out);

#endif
