#include "selftest/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/domset.h"
#include "base/netset.h"
#include "check/relay.h"

static const char *first_name(const struct domset *ours)
{
	for (size_t i = 0; i < domset_size(ours); i++) {
		const char *e = domset_entry(ours, i);

		if (e[0] != '.' && e[0] != '[' && strcmp(e, "localhost") != 0)
			return e;
	}
	return NULL;
}

static struct actor *add_actor(struct plan *p, const char *name, bool trusted)
{
	struct actor *a;

	if (p->actor_count == PLAN_ACTORS_MAX)
		return NULL;
	a = &p->actors[p->actor_count++];
	*a = (struct actor){.trusted = trusted};
	snprintf(a->name, sizeof(a->name), "%s", name);
	return a;
}

static void add_stranger(struct plan *p, const char *name, const char *text)
{
	struct actor *a = add_actor(p, name, false);

	if (a != NULL)
		addr_parse(text, strlen(text), &a->addr);
}

/* Does the rule ask only for a client network, so that anybody there must be able to relay? */
static bool trusts_network(const struct relay_rule *r)
{
	const struct criteria *c = &r->criteria;

	return r->action == VERDICT_PERMIT && c->client.given && c->client.set != NULL &&
	       !c->to.given && !c->from.given && !c->login.given && !c->cert.given &&
	       !c->listener.given && !c->helo.given && !c->mech.given && c->auth == CRITERION_ANY &&
	       c->tls == CRITERION_ANY && c->reading == READING_IS_ANY;
}

static bool trusts_login(const struct relay_rule *r)
{
	const struct criteria *c = &r->criteria;

	return r->action == VERDICT_PERMIT && c->auth == CRITERION_YES && !c->to.given &&
	       !c->from.given && !c->login.given && !c->cert.given && !c->client.given &&
	       !c->listener.given && !c->helo.given && !c->mech.given;
}

static void add_friends(struct plan *p, const struct plan_options *o)
{
	const struct relay_settings *relay;
	usec_t now = clock_now();

	if (o->config == NULL || o->config->settings->relay == NULL)
		return;
	relay = (const struct relay_settings *)(const void *)o->config->settings->relay;
	for (const struct conf_head *h = relay->rules; h != NULL; h = h->next) {
		const struct relay_rule *r = (const struct relay_rule *)(const void *)h;
		struct addr first;
		char name[80];
		struct actor *a;

		if (r->expires != 0 && r->expires < now)
			continue;
		snprintf(name, sizeof(name), "%.60s", h->name == NULL ? "" : h->name);
		if (trusts_network(r) && netset_first_host(r->criteria.client.set, &first)) {
			a = add_actor(p, name, true);
			if (a != NULL)
				a->addr = first;
		} else if (trusts_login(r) && (!o->smtp || o->user != NULL)) {
			a = add_actor(p, name, true);
			if (a == NULL)
				continue;
			a->login = true;
			a->user = o->user == NULL ? "selftest" : o->user;
			a->password = o->password;
			addr_parse("203.0.113.9", 11, &a->addr);
		}
	}
}

/* Strangers try everything, friends whether they can send outside at all. */
static bool is_wanted(const struct actor *a, const struct probe *probe)
{
	if (probe->kind == PROBE_CONTROL)
		return !a->trusted;
	return !a->trusted || probe == &probe_table[0];
}

static void add_trials(struct plan *p, const struct actor *a)
{
	for (size_t i = 0; i < probe_count; i++) {
		const struct probe *probe = &probe_table[i];
		struct trial *t;

		if (!is_wanted(a, probe))
			continue;
		t = &p->trials[p->count++];
		*t = (struct trial){.actor = a, .probe = probe};
		t->want_accepted = probe->kind == PROBE_CONTROL || a->trusted;
		probe_expand(probe->from, &p->names, t->from, sizeof(t->from));
		probe_expand(probe->to, &p->names, t->to, sizeof(t->to));
	}
}

bool plan_make(struct plan *p, const struct plan_options *o, const char **error)
{
	*p = (struct plan){.names = o->names};
	if (p->names.ours == NULL && o->config != NULL)
		p->names.ours = first_name(o->config->policy.reading.ours);
	if (p->names.ours == NULL) {
		*error =
		    "no domain of ours is known; put one into `domains ours`, or give --domain";
		return false;
	}
	if (p->names.outside == NULL)
		p->names.outside = "relaytest.example.org";
	if (p->names.host == NULL)
		p->names.host = p->names.ours;
	if (p->names.ip == NULL)
		p->names.ip = "127.0.0.1";
	if (o->family != ADDR_V6)
		add_stranger(p, "stranger, IPv4", "203.0.113.9");
	if (o->family != ADDR_V4)
		add_stranger(p, "stranger, IPv6", "2001:db8::9");
	add_friends(p, o);
	p->trials = calloc(p->actor_count * probe_count, sizeof(*p->trials));
	if (p->trials == NULL) {
		*error = "memory is exhausted";
		return false;
	}
	for (size_t i = 0; i < p->actor_count; i++)
		add_trials(p, &p->actors[i]);
	return true;
}

void plan_free(struct plan *p)
{
	free(p->trials);
	p->trials = NULL;
}

bool trial_is_right(const struct trial *t)
{
	if (t->want_accepted)
		return t->got.kind == OUTCOME_ACCEPTED;
	return t->got.kind == OUTCOME_REFUSED || t->got.kind == OUTCOME_DEFERRED;
}
