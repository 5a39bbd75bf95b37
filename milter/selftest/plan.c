#include "selftest/plan.h"

#include <string.h>

#include "base/domset.h"
#include "base/names.h"
#include "check/config.h"
#include "selftest/actors.h"

/* --- domains --------------------------------------------------------------- */

const char *plan_our_domain(struct arena *a, const struct config *c)
{
	const struct domset *ours = conf_domains(c->doc, "ours");
	const char *last = domset_first_name(ours);

	if (last != NULL)
		return arena_strdup(a, last);

	for (size_t i = 0; i < domset_size(ours); i++) {
		const char *entry = domset_entry(ours, i);

		if (entry[0] == '[')
			continue;
		last = entry;
		if (entry[0] == '.' && entry[1] != '\0')
			return arena_printf(a, "selftest%s", entry);
	}
	return last;
}

static bool set_has(const struct domset *set, const char *domain)
{
	char name[NAME_SIZE];

	return name_canonical(domain, strlen(domain), name) == NAME_OK &&
	       domset_contains(set, name);
}

static bool to_has(const struct addresses_criterion *to, const char *domain)
{
	char name[NAME_SIZE];

	if (!to->given || name_canonical(domain, strlen(domain), name) != NAME_OK)
		return false;
	for (size_t i = 0; i < to->count; i++)
		if (strcmp(to->addresses[i].domain, name) == 0)
			return true;
	return domset_contains(to->domains, name);
}

bool plan_names_domain(const struct config *c, const char *domain, usec_t now)
{
	if (c == NULL)
		return false;
	for (const struct relay_rule *r = casting_first_rule(c); r != NULL;
	     r = casting_next_rule(r))
		if (casting_permits(r, now) && to_has(&r->criteria.to, domain))
			return true;
	return set_has(conf_domains(c->doc, "ours"), domain);
}

/* --- rows ------------------------------------------------------------------ */

/* The domain of an address that has but one @ and no literal. */
static const char *domain_of(const char *bare)
{
	const char *at = strrchr(bare, '@');

	return at == NULL ? "" : at + 1;
}

static bool set_view(struct plan *p, struct row *r)
{
	const char *bare = probe_bare(&p->arena, r->to);

	if (bare == NULL)
		return false;
	switch (r->probe->way) {
	case WAY_OUTSIDE:
		r->view.mailer = "smtp";
		r->view.host = p->names.outside;
		r->view.addr = arena_printf(&p->arena, "relaytest@%s", p->names.outside);
		break;
	case WAY_WRITTEN:
		r->view.mailer = "smtp";
		r->view.host = domain_of(bare);
		r->view.addr = bare;
		break;
	case WAY_ONWARD:
		r->view.mailer = "relay";
		r->view.host = p->names.ours;
		r->view.addr = bare;
		break;
	case WAY_HERE:
		r->view.mailer = "local";
		r->view.host = p->names.ours;
		r->view.addr = bare;
		break;
	}
	return r->view.addr != NULL;
}

static const char *expand(struct plan *p, const char *template, bool *ok)
{
	const char *text = probe_expand(&p->arena, template, &p->names);

	*ok = *ok && (text != NULL || template == NULL);
	return text;
}

bool plan_row(struct plan *p, const struct actor *a, const struct probe *probe, struct row *out)
{
	bool ok = true;

	*out = (struct row){.actor = a, .probe = probe, .why = ""};
	out->from = expand(p, a->from != NULL ? a->from : probe->from, &ok);
	out->to = expand(p, probe->kind == PROBE_FRIEND && a->to != NULL ? a->to : probe->to, &ok);
	out->parameters = expand(p, probe->parameters, &ok);
	out->helo = expand(p, probe->helo != NULL ? probe->helo : a->helo, &ok);
	if ((probe->flags & PROBE_SECOND) != 0)
		out->first = expand(p, "<postmaster@{ours}>", &ok);
	out->expected = probe->kind == PROBE_RELAY ? EXPECT_REFUSED : EXPECT_ACCEPTED;
	return ok && set_view(p, out);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Different templates can come out the same: this host may be called as our domain. */
static bool is_double(const struct plan *p, const struct row *r)
{
	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *o = &p->rows[i];

		if (o->actor == r->actor && strcmp(o->from, r->from) == 0 &&
		    strcmp(o->to, r->to) == 0 && same_text(o->parameters, r->parameters) &&
		    same_text(o->helo, r->helo) && same_text(o->first, r->first) &&
		    o->probe->way == r->probe->way)
			return true;
	}
	return false;
}

static void set_expectation(struct casting *c, struct row *r)
{
	const struct probe *probe = r->probe;
	bool ok = true;
	const char *domain;

	if (r->expected != EXPECT_REFUSED)
		return;
	if ((probe->flags & PROBE_NAMES_DOMAIN) != 0) {
		domain = expand(c->plan, probe->domain, &ok);
		c->failed = c->failed || !ok;
		if (ok && plan_names_domain(c->config, domain, c->now)) {
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

/* Does this actor send this probe? */
static bool is_for(const struct actor *a, const struct probe *probe)
{
	return a->kind == ACTOR_STRANGER ? probe->kind != PROBE_FRIEND
	                                 : probe->kind == PROBE_FRIEND;
}

static void add_rows(struct casting *c, const struct actor *a)
{
	struct plan *p = c->plan;

	for (size_t i = 0; i < probe_table_size && !c->failed; i++) {
		struct row *r = &p->rows[p->row_count];

		if (!is_for(a, &probe_table[i]))
			continue;
		if (!plan_row(p, a, &probe_table[i], r)) {
			c->failed = true;
		} else if (!is_double(p, r)) {
			set_expectation(c, r);
			p->row_count++;
		}
	}
}

static bool has_stranger(const struct plan *p)
{
	return p->actor_count > 0 && p->actors[0].kind == ACTOR_STRANGER;
}

static bool refuses_nothing(const struct config *c)
{
	if (c == NULL)
		return false;
	for (size_t i = 0; i < c->policy.count; i++)
		if (c->policy.entries[i].mode == MODE_MONITOR)
			return true;
	return false;
}

bool plan_make(struct plan *p, const struct config *config, const struct probe_names *names,
    const struct means *means, usec_t now)
{
	struct casting c = {.plan = p, .config = config, .means = means, .now = now};

	*p = (struct plan){.names = *names, .monitor = refuses_nothing(config)};
	cast_strangers(&c);
	cast_friends(&c);
	if (c.failed)
		return false;
	if (!has_stranger(p))
		return true;
	p->rows = arena_alloc(&p->arena, p->actor_count * probe_table_size * sizeof(*p->rows));
	if (p->rows == NULL)
		return false;
	for (size_t i = 0; i < p->actor_count; i++)
		add_rows(&c, &p->actors[i]);
	return !c.failed;
}

bool plan_list(struct plan *p, const struct probe_names *names)
{
	static const struct actor anybody = {.name = "", .where = "", .helo = ""};

	*p = (struct plan){.names = *names};
	p->rows = arena_alloc(&p->arena, probe_table_size * sizeof(*p->rows));
	for (size_t i = 0; p->rows != NULL && i < probe_table_size; i++)
		if (!plan_row(p, &anybody, &probe_table[i], &p->rows[p->row_count++]))
			return false;
	return p->rows != NULL;
}

void plan_free(struct plan *p)
{
	arena_free(&p->arena);
	*p = (struct plan){.row_count = 0};
}

/* --- results --------------------------------------------------------------- */

bool row_is_right(const struct row *r)
{
	switch (r->result.outcome) {
	case OUTCOME_ACCEPTED:
		return r->expected != EXPECT_REFUSED;
	case OUTCOME_REFUSED:
	case OUTCOME_DEFERRED:
		return r->expected != EXPECT_ACCEPTED;
	case OUTCOME_UNTRIED:
	case OUTCOME_ERROR:
		return false;
	}
	return false;
}

const char *expectation_name(enum expectation e)
{
	static const char *const names[] = {
	    [EXPECT_REFUSED] = "refused",
	    [EXPECT_ACCEPTED] = "accepted",
	    [EXPECT_EITHER] = "either",
	};

	return names[e];
}

const char *outcome_name(enum outcome o)
{
	static const char *const names[] = {
	    [OUTCOME_UNTRIED] = "untried",
	    [OUTCOME_ACCEPTED] = "accepted",
	    [OUTCOME_REFUSED] = "refused",
	    [OUTCOME_DEFERRED] = "deferred",
	    [OUTCOME_ERROR] = "error",
	};

	return names[o];
}

const char *refuser_name(enum refuser r)
{
	static const char *const names[] = {
	    [BY_NOBODY] = "",
	    [BY_GUARD] = "guard",
	    [BY_MTA] = "MTA",
	};

	return names[r];
}
