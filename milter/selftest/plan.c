#include "selftest/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/domset.h"
#include "base/names.h"
#include "check/config.h"
#include "selftest/actors.h"
#include "selftest/decide.h"
#include "selftest/expect.h"

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
	static const enum expectation expected[] = {
	    [PROBE_RELAY] = EXPECT_REFUSED,
	    [PROBE_CONTROL] = EXPECT_ACCEPTED,
	    [PROBE_FRIEND] = EXPECT_ACCEPTED,
	    [PROBE_GUARD] = EXPECT_ASKED,
	};
	bool ok = true;

	*out = (struct row){.actor = a, .probe = probe, .why = "", .by_rule = ""};
	out->from = expand(p, a->from != NULL ? a->from : probe->from, &ok);
	out->to = expand(p, probe->kind == PROBE_FRIEND && a->to != NULL ? a->to : probe->to, &ok);
	out->parameters = expand(p, probe->parameters, &ok);
	out->helo = expand(p, probe->helo != NULL ? probe->helo : a->helo, &ok);
	if ((probe->flags & PROBE_SECOND) != 0)
		out->first = expand(p, "<postmaster@{ours}>", &ok);
	out->expected = expected[probe->kind];
	return ok && set_view(p, out);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Different templates can come out the same: this host may be called as our domain. */
static bool is_double(const struct plan *p, const struct row *r)
{
	const unsigned text = PROBE_DATA | PROBE_BDAT;

	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *o = &p->rows[i];

		if (o->actor == r->actor && strcmp(o->from, r->from) == 0 &&
		    strcmp(o->to, r->to) == 0 && same_text(o->parameters, r->parameters) &&
		    same_text(o->helo, r->helo) && same_text(o->first, r->first) &&
		    o->probe->way == r->probe->way &&
		    (o->probe->flags & text) == (r->probe->flags & text))
			return true;
	}
	return false;
}

bool plan_leads_to_us(const struct plan *p, const char *to)
{
	const char *at = strrchr(to, '@');
	const char *names[] = {
	    p->names.ours, p->names.host, "localhost", "[127.0.0.1]", "[IPv6:::1]", p->names.ip};
	size_t len, n;

	if (at == NULL)
		return false;
	len = strcspn(++at, ">");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if (strncasecmp(at, names[i], n) == 0 &&
		    (len == n || (len == n + 1 && at[n] == '.')))
			return true;
	}
	/* The literal of the server's address. */
	n = strlen(p->names.ip);
	return len == n + 2 && at[0] == '[' && strncasecmp(at + 1, p->names.ip, n) == 0;
}

/* Does this actor send this probe? */
static bool is_for(const struct actor *a, const struct probe *probe)
{
	bool core = a->core || (a->place != NULL && !a->place->full);

	if (a->kind == ACTOR_FRIEND || probe->kind == PROBE_FRIEND)
		return a->kind == ACTOR_FRIEND && probe->kind == PROBE_FRIEND;
	if (probe->kind == PROBE_GUARD)
		return a->asks;
	/* Through the guard's socket there is no DATA after a refusal: the MTA sees to that. */
	if ((probe->flags & PROBE_DATA) != 0 && a->place != NULL && *a->place->name == '\0')
		return false;
	return !core || (probe->flags & PROBE_CORE) != 0;
}

/* A sender of its own for each place, so that its event can be found. */
static void set_nonce(struct casting *c, struct row *r)
{
	const struct plan *p = c->plan;

	if (r->probe->kind == PROBE_GUARD && p->names.nonce != NULL)
		r->from = casting_keep(c, arena_printf(&c->plan->arena, "<selftest-%s-%zu@%s>",
					      p->names.nonce, p->row_count, p->names.outside));
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
			expect_of_row(c, r);
			set_nonce(c, r);
			p->row_count++;
		}
	}
}

static bool refuses_no_relay(const struct config *c)
{
	if (c == NULL)
		return false;
	for (size_t i = 0; i < c->policy.count; i++)
		if (c->policy.entries[i].check == &check_relay &&
		    c->policy.entries[i].mode == MODE_MONITOR)
			return true;
	return false;
}

/*
 * Without strangers nothing is proven: no friends are played then. But where all are turned away at
 * the door one is like the other, and what is compared with a configuration may be anybody's.
 */
static bool cast_place(struct casting *c, const struct place *place)
{
	struct plan *p = c->plan;
	size_t before = p->actor_count;

	c->place = place;
	c->means = &place->means;
	if (place->friends_only && !place->compared) {
		if (p->actor_count > 0)
			cast_friends(c);
		return !c->failed;
	}
	cast_strangers(c);
	if (c->failed || (p->actor_count == before && !place->turned_away && !place->compared))
		return !c->failed;
	/* A submission service may refuse all without TLS, before it asks anybody. */
	if (p->actor_count > before)
		p->actors[before].asks = *place->name != '\0' &&
		                         (place->full || (place->submission && place->means.tls));
	cast_friends(c);
	return !c->failed;
}

bool plan_make(struct plan *p, const struct config *config, const struct probe_names *names,
    const struct place *places, size_t count, usec_t now)
{
	struct casting c = {.plan = p, .config = config, .now = now};

	*p = (struct plan){.names = *names, .monitor = refuses_no_relay(config)};
	if (!casting_open(&c))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!cast_place(&c, &places[i]))
			return false;
	if (p->actor_count == 0)
		return true;
	casting_close(&c);
	p->rows = arena_alloc(&p->arena, p->actor_count * probe_table_size * sizeof(*p->rows));
	if (p->rows == NULL)
		return false;
	for (size_t i = 0; i < p->actor_count && !c.failed; i++) {
		c.place = p->actors[i].place;
		c.means = &c.place->means;
		add_rows(&c, &p->actors[i]);
	}
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

bool plan_note(struct plan *p, const char *format, ...)
{
	const char **notes;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < p->note_count; i++)
		if (strcmp(p->notes[i], text) == 0)
			return true;
	notes = arena_alloc(&p->arena, (p->note_count + 1) * sizeof(*notes));
	if (notes == NULL)
		return false;
	if (p->note_count > 0)
		memcpy(notes, p->notes, p->note_count * sizeof(*notes));
	notes[p->note_count] = arena_strdup(&p->arena, text);
	p->notes = notes;
	return notes[p->note_count++] != NULL;
}

/* Is row `i` the first of its client, of its probe, of its place? */
static struct spread first_in_row(const struct plan *p, size_t i)
{
	const struct row *r = &p->rows[i];
	struct spread s = {1, 1, 1};

	for (size_t k = 0; k < i; k++) {
		const struct row *o = &p->rows[k];
		bool same =
		    strcmp(o->actor->name, r->actor->name) == 0 &&
		    addr_equal(&o->actor->connect.client_addr, &r->actor->connect.client_addr);

		s.clients = same ? 0 : s.clients;
		s.probes = o->probe == r->probe ? 0 : s.probes;
		s.places = o->actor->place == r->actor->place ? 0 : s.places;
	}
	return s;
}

struct spread plan_spread(const struct plan *p)
{
	struct spread all = {0};

	for (size_t i = 0; i < p->row_count; i++) {
		struct spread s = first_in_row(p, i);

		all.clients += s.clients;
		all.probes += s.probes;
		all.places += s.places;
	}
	return all;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->row_count; i++)
		free(p->rows[i].transcript);
	arena_free(&p->arena);
	*p = (struct plan){.row_count = 0};
}

/* --- results --------------------------------------------------------------- */

bool plan_name_rules(struct plan *p, const struct config *config, usec_t now)
{
	const char *rule, *where;

	for (size_t i = 0; config != NULL && i < p->row_count; i++) {
		struct row *r = &p->rows[i];

		if (!row_is_suspect(r) || !decide_row(config, now, r, &p->arena, &rule, &where) ||
		    rule == NULL)
			continue;
		r->by_rule = arena_printf(&p->arena, "%s (%s)", rule, where == NULL ? "" : where);
		if (r->by_rule == NULL)
			return false;
	}
	return true;
}

bool row_is_suspect(const struct row *r)
{
	return r->result.outcome == OUTCOME_ACCEPTED && r->probe->kind == PROBE_RELAY &&
	       (r->doubtful || r->expected == EXPECT_REFUSED);
}

const char *row_verdict(const struct row *r)
{
	if (r->confirmed)
		return "confirmed";
	if (row_is_suspect(r))
		return "suspect";
	return row_is_right(r) ? "right" : "wrong";
}

bool row_is_right(const struct row *r)
{
	if (r->confirmed)
		return false;
	switch (r->result.outcome) {
	case OUTCOME_ACCEPTED:
		return r->expected == EXPECT_ACCEPTED || r->expected == EXPECT_EITHER;
	case OUTCOME_REFUSED:
	case OUTCOME_DEFERRED:
		if (r->expected == EXPECT_DEFERRED)
			return r->result.outcome == OUTCOME_DEFERRED;
		return r->expected == EXPECT_REFUSED || r->expected == EXPECT_EITHER;
	case OUTCOME_ASKED:
	case OUTCOME_LIMITED:
		return true;
	case OUTCOME_NOT_ASKED:
	case OUTCOME_UNTOLD:
		return r->expected == EXPECT_EITHER;
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
	    [EXPECT_ASKED] = "asked",
	    [EXPECT_DEFERRED] = "deferred",
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
	    [OUTCOME_ASKED] = "asked",
	    [OUTCOME_NOT_ASKED] = "not",
	    [OUTCOME_UNTOLD] = "untold",
	    [OUTCOME_LIMITED] = "limited",
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
