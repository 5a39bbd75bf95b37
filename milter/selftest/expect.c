#include "selftest/expect.h"

#include "base/names.h"
#include "check/config.h"
#include "selftest/decide.h"

/* Mail for us from a client that a rule names, or for a domain that the guard does not know. */
static bool turns_away(struct casting *c, const struct row *r)
{
	const char *ignored;

	return r->expected == EXPECT_ACCEPTED && r->probe->kind == PROBE_CONTROL &&
	       c->config != NULL &&
	       (r->actor->confined || plan_our_domain(&c->plan->arena, c->config) == NULL) &&
	       !decide_row(c->config, c->now, r, &c->plan->arena, &ignored, &ignored);
}

/* What a place makes of mail that may pass. */
static void expect_by_place(const struct casting *c, struct row *r)
{
	enum probe_kind kind = r->probe->kind;
	bool asks_for_login = c->place->submission && r->actor->mail.auth_login == NULL &&
	                      (kind == PROBE_CONTROL || kind == PROBE_FRIEND);

	if (c->place->unguarded && kind != PROBE_RELAY) {
		/* Who has no login may be refused for that, and waits for nothing. */
		r->expected = asks_for_login ? EXPECT_REFUSED : EXPECT_DEFERRED;
	} else if (asks_for_login) {
		r->expected = EXPECT_EITHER;
		r->why = "a submission service may ask for a login first";
	} else if (kind == PROBE_CONTROL && c->place->no_mail) {
		r->expected = EXPECT_EITHER;
		r->why = "a null client takes no mail";
	}
}

void expect_of_row(struct casting *c, struct row *r)
{
	const struct probe *probe = r->probe;
	const char *domain;

	expect_by_place(c, r);
	if (probe->kind == PROBE_GUARD && !c->place->guarded) {
		r->expected = EXPECT_EITHER;
		r->why = "without a configuration it is not known whether there is a guard";
	}
	if (turns_away(c, r)) {
		r->expected = EXPECT_REFUSED;
		return;
	}
	if (r->expected != EXPECT_REFUSED || probe->kind != PROBE_RELAY)
		return;
	if ((!c->place->guarded || c->plan->monitor) && !c->means->everything &&
	    plan_leads_to_us(c->plan, r->to)) {
		r->expected = EXPECT_EITHER;
		r->doubtful = true;
		r->why = "it may be kept here: --confirm tells";
		return;
	}
	if ((probe->flags & PROBE_NAMES_DOMAIN) != 0) {
		domain = probe_expand(&c->plan->arena, probe->domain, &c->plan->names);
		c->failed = c->failed || domain == NULL;
		if (domain != NULL && c->config == NULL &&
		    name_is_at_or_below(domain, c->plan->names.ours)) {
			r->expected = EXPECT_EITHER;
			r->why = "a server may take mail for the subdomains of its domain";
		} else if (domain != NULL && probe->way == WAY_WRITTEN &&
			   plan_names_domain(c->config, domain, c->now)) {
			r->expected = EXPECT_EITHER;
			r->why = "the configuration names its domain";
		}
	}
	/* Only through the milter is it known where the MTA would send it. */
	if ((probe->flags & PROBE_MAY_BE_KEPT) != 0 &&
	    (!c->means->everything || probe->way == WAY_HERE)) {
		r->expected = EXPECT_EITHER;
		r->why = "a server that delivers it here does no wrong";
	}
}
