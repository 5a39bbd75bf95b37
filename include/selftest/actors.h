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

/* Adds the strangers of the place, then one client for each rule that permits relaying. */
void cast_strangers(struct casting *c);
void cast_friends(struct casting *c);

/* A row of this actor; false without memory. */
bool plan_row(struct plan *p, const struct actor *a, const struct probe *probe, struct row *out);

#endif
