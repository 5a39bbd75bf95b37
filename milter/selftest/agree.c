#include "selftest/agree.h"

#include <string.h>
#include <strings.h>

#include "base/domset.h"
#include "check/config.h"
#include "core/mailaddr.h"
#include "core/reading.h"
#include "selftest/actors.h"
#include "selftest/decide.h"
#include "selftest/way.h"

/* Names of each list that are tried; disagreements that are told in notes, and of one client. */
enum { NAMES_MAX = 100, NOTES_MAX = 20, NOTES_OF_ONE = 8 };

/* --- probes of the configuration's own domains ------------------------------- */

struct names {
	struct probe *probes;
	size_t count, room;
	bool ok;
};

static void add_probe(struct plan *p, struct names *n, const char *name, const char *local,
    const char *before, const char *domain)
{
	struct probe *one = &n->probes[n->count];

	if (n->count == n->room)
		return;
	*one = (struct probe){.name = name,
	    .form = "a domain that the configuration names, or one below it",
	    .from = "<selftest@{outside}>",
	    .kind = PROBE_RELAY,
	    .way = WAY_WRITTEN};
	one->to = arena_printf(&p->arena, "<%s@%s%s>", local, before, domain);
	n->ok = n->ok && one->to != NULL;
	n->count++;
}

static void add_list(struct plan *p, struct names *n, const struct domset *set)
{
	for (size_t i = 0; i < domset_size(set) && i < NAMES_MAX; i++) {
		const char *entry = domset_entry(set, i);

		if (entry[0] == '[') {
			add_probe(p, n, "our-literal", "postmaster", "",
			    strchr(entry, ':') == NULL
				? entry
				: arena_printf(&p->arena, "[IPv6:%s", entry + 1));
		} else if (entry[0] == '.') {
			add_probe(p, n, "below-ours", "postmaster", "selftest", entry);
		} else {
			add_probe(p, n, "our-domain", "postmaster", "", entry);
			add_probe(p, n, "below-our-domain", "postmaster", "selftest.", entry);
		}
	}
}

static bool name_probes(struct plan *p, const struct config *c, struct names *n)
{
	const struct domset *ours = conf_domains(c->doc, "ours");
	const struct domset *not_ours = conf_domains(c->doc, "not-ours");

	*n = (struct names){.ok = true, .room = 4 * (size_t)NAMES_MAX};
	n->probes = arena_alloc(&p->arena, n->room * sizeof(*n->probes));
	if (n->probes == NULL)
		return false;
	add_list(p, n, ours);
	add_list(p, n, not_ours);
	return n->ok;
}

/* --- the plan ---------------------------------------------------------------- */

/* Is it asked of this client? Whether the guard is there is another question. */
static bool is_for(const struct actor *a, const struct probe *probe)
{
	bool core = a->core || !a->place->full;

	if (probe->kind == PROBE_GUARD || (probe->flags & (PROBE_DATA | PROBE_SECOND)) != 0 ||
	    (probe->kind == PROBE_FRIEND && a->kind != ACTOR_FRIEND))
		return false;
	return !core || probe->kind == PROBE_FRIEND || (probe->flags & PROBE_CORE) != 0;
}

static bool add_row(struct plan *p, const struct actor *a, const struct probe *probe)
{
	struct row *r = &p->rows[p->row_count++];

	if (!plan_row(p, a, probe, r))
		return false;
	r->expected = EXPECT_EITHER;
	return true;
}

bool agree_plan(struct plan *p, const struct config *config)
{
	struct names n;

	if (!name_probes(p, config, &n))
		return false;
	p->row_count = 0;
	p->rows = arena_alloc(
	    &p->arena, (p->actor_count * (probe_table_size + n.count) + 1) * sizeof(*p->rows));
	if (p->rows == NULL)
		return false;
	for (size_t i = 0; i < p->actor_count; i++) {
		const struct actor *a = &p->actors[i];

		for (size_t k = 0; k < probe_table_size; k++)
			if (is_for(a, &probe_table[k]) && !add_row(p, a, &probe_table[k]))
				return false;
		for (size_t k = 0; !a->core && a->place->full && k < n.count; k++)
			if (!add_row(p, a, &n.probes[k]))
				return false;
	}
	return true;
}

/* --- the result ---------------------------------------------------------------- */

/* Postfix and Sendmail, of a client from whom they take nothing at all. */
static bool is_about_client(const struct result *r)
{
	return way_is_about_client(r) || strcasestr(r->text, "client host rejected") != NULL ||
	       strncasecmp(r->text, "access denied", strlen("access denied")) == 0;
}

/* Mail servers and the guard mark what is refused by policy with X.7.X (RFC 3463). */
static bool is_about_relaying(const struct result *r)
{
	if (is_about_client(r))
		return false;
	return (r->enhanced[0] != '\0' && strncmp(r->enhanced + 1, ".7.", 3) == 0) ||
	       strcasestr(r->text, "relay access") != NULL ||
	       strcasestr(r->text, "relaying") != NULL || r->by == BY_GUARD;
}

static bool is_refused(const struct result *r)
{
	return r->outcome == OUTCOME_REFUSED || r->outcome == OUTCOME_DEFERRED;
}

/* Has it one reading, with a domain? The bare postmaster is as good. */
static bool is_plain(struct plan *p, const char *to, struct mailaddr *out)
{
	return mailaddr_parse(to, strlen(to), &p->arena, out) && mailaddr_is_single(out) &&
	       (*out->domain != '\0' || out->literal.family != ADDR_NONE ||
		   (out->forms & MAILADDR_POSTMASTER) != 0);
}

/* What was told so far. */
struct told {
	unsigned count, of_actor; /* of all, and of the client at hand */
	bool more;                /* than was told */
};

static bool note(struct plan *p, const struct row *r, const char *says, const char *rule,
    const char *where, struct told *told)
{
	/* One client's must not hide those of all others. */
	if (told->count == NOTES_MAX || told->of_actor == NOTES_OF_ONE) {
		told->more = true;
		return true;
	}
	told->count++;
	told->of_actor++;
	return plan_note(p, "%s%s%s sends to %.100s from %.60s: %s%s%s%s%s%s",
	    r->actor->place->name, *r->actor->place->name == '\0' ? "" : ": ", r->actor->name,
	    r->to, r->from, says, rule == NULL ? "" : " by rule ", rule == NULL ? "" : rule,
	    where == NULL ? "" : " (", where == NULL ? "" : where, where == NULL ? "" : ")");
}

static bool settle_row(
    struct plan *p, struct row *r, const struct config *c, usec_t now, struct told *told)
{
	const char *rule = NULL, *where = NULL;
	struct mailaddr addr;
	bool plain = is_plain(p, r->to, &addr), permits;

	if (plain) {
		struct mta_view v = mta_view_assumed(&c->policy.reading, &addr, r->to, &p->arena);

		r->view.mailer = v.mailer;
		r->view.host = v.host;
		r->view.addr = v.addr;
	}
	permits = decide_row(c, now, r, &p->arena, &rule, &where);
	if (is_refused(&r->result) && permits && !is_about_relaying(&r->result)) {
		r->why = "the server refuses it for another reason than relaying";
		return true;
	}
	if (r->result.outcome == OUTCOME_ACCEPTED && !permits && !plain) {
		r->why = "the configuration is stricter: the address has more than one reading";
		return true;
	}
	r->expected = permits ? EXPECT_ACCEPTED : EXPECT_REFUSED;
	if (r->result.outcome == OUTCOME_ACCEPTED && !permits)
		return note(
		    p, r, "the server takes it, the configuration refuses it", rule, where, told);
	if (is_refused(&r->result) && permits)
		return note(
		    p, r, "the server refuses it, the configuration permits it", rule, where, told);
	return true;
}

bool agree_settle(struct plan *p, const struct config *config, usec_t now)
{
	struct told told = {0, 0, false};

	for (size_t i = 0; i < p->row_count; i++) {
		if (i > 0 && p->rows[i].actor != p->rows[i - 1].actor)
			told.of_actor = 0;
		if (!settle_row(p, &p->rows[i], config, now, &told))
			return false;
	}
	return !told.more || plan_note(p, "there are more rows where the two do not agree");
}
