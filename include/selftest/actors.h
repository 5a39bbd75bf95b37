/* The clients that are played, made from the rules of the configuration. */
#ifndef SELFTEST_ACTORS_H
#define SELFTEST_ACTORS_H

#include "check/relay.h"
#include "selftest/plan.h"

/* What actors are made from. */
struct casting {
	struct plan *plan;
	const struct config *config; /* NULL: none */
	const struct means *means;
	usec_t now;
	bool failed; /* no memory */
};

/* The rules, in order; NULL without a configuration, and at the end. */
const struct relay_rule *casting_first_rule(const struct config *c);
const struct relay_rule *casting_next_rule(const struct relay_rule *rule);

/* Does this rule permit, today? */
bool casting_permits(const struct relay_rule *rule, usec_t now);

/* Adds the strangers, then one client for each rule that permits relaying. */
void cast_strangers(struct casting *c);
void cast_friends(struct casting *c);

/* Adds a note: what is not tried, and why. */
void casting_note(struct casting *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A row of this actor; false without memory. */
bool plan_row(struct plan *p, const struct actor *a, const struct probe *probe, struct row *out);

#endif
