#include "audit/pf_restrict.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_list.h"
#include "audit/pf_mixed.h"
#include "audit/pf_reach.h"

enum { WALKS_MAX = 20000 };

/* One walk, and what it has gathered. */
struct walk {
	const struct pf_view *v;
	const struct pf_trust *trust;
	unsigned known;            /* PF_KNOWS_* */
	const char *list;          /* the parameter at hand */
	const char *file;          /* where its value stands */
	unsigned line;             /* 0: it is a default */
	struct pf_culprits *found; /* NULL: nobody asks */
	unsigned count;            /* of elements walked over: a bound */
};

static struct pf_way walk_list(struct walk *w, const char *text, unsigned depth);

/* --- culprits -------------------------------------------------------------- */

static void blame(struct walk *w, const struct pf_culprit *c)
{
	struct pf_culprits *l = w->found;
	struct arena *a = &w->v->pf->arena;
	size_t larger;

	if (l == NULL || l->count >= 200)
		return;
	larger = l->room == 0 ? 8 : l->room * 2;
	if (l->count == l->room) {
		struct pf_culprit *items = arena_alloc(a, larger * sizeof(*items));

		if (items == NULL)
			return;
		if (l->count > 0)
			memcpy(items, l->items, l->count * sizeof(*items));
		l->items = items;
		l->room = larger;
	}
	l->items[l->count++] = *c;
}

static void blame_element(
    struct walk *w, const struct pf_element *e, const char *id, int severity, const char *why)
{
	struct pf_culprit c = {.id = id,
	    .severity = severity,
	    .list = w->list,
	    .file = w->file,
	    .line = w->line == 0 ? 0 : w->line + e->lines,
	    .index = e->index,
	    .why = why};

	c.element = e->argument == NULL
	                ? e->text
	                : arena_printf(&w->v->pf->arena, "%s %s", e->text, e->argument);
	if (c.element != NULL && c.why != NULL)
		blame(w, &c);
}

/* --- access tables --------------------------------------------------------- */

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* Does nothing but mynetworks permit in this list? */
static bool only_networks(const struct walk *w)
{
	return w->trust->alone != NULL && strcmp(w->trust->alone, w->list) == 0;
}

/* What a table's right-hand side does: access(5). */
static struct pf_way walk_action(struct walk *w, const char *text, unsigned depth)
{
	static const char *const passing[] = {"DUNNO", "HOLD", "PREPEND", "WARN", "INFO", "FILTER",
	    "REDIRECT", "BCC", "DEFER_IF_REJECT", "REPLACE"};
	static const char *const refusing[] = {"REJECT", "DEFER", "DEFER_IF_PERMIT", "DISCARD"};
	const struct pf_way yes = {SEVERITY_HIGH, WAY_CLOSED}, no = {WAY_CLOSED, WAY_CLOSED};
	const struct pf_way on = {WAY_CLOSED, SEVERITY_HIGH};
	size_t len = strcspn(text, " \t");

	if (is_word(text, len, "OK") || is_word(text, len, "RELAY") ||
	    (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)))
		return only_networks(w) ? no : yes;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (is_word(text, len, passing[i]))
			return on;
	for (size_t i = 0; i < sizeof(refusing) / sizeof(refusing[0]); i++)
		if (is_word(text, len, refusing[i]))
			return no;
	if (len == 3 && (text[0] == '4' || text[0] == '5') && isdigit((unsigned char)text[1]))
		return no;
	/* An empty result is an error of the server's configuration. */
	if (text[0] == '\0')
		return no;
	return walk_list(w, text, depth + 1);
}

static int better(int a, int b)
{
	return a > b ? a : b;
}

static int worse(int a, int b)
{
	return a < b ? a : b;
}

/* What check_*_access asks: a table, or one that is made of several. */
struct asked {
	const struct pf_table *table; /* NULL where it is mixed */
	const struct pf_mixed *mixed;
};

static const char *answer(const struct walk *w, const struct asked *q, const char *key)
{
	const struct pf_row *row;

	if (q->mixed != NULL)
		return pf_mixed_value(w->v, q->mixed, key);
	row = pf_lookup(q->table, key);
	return row == NULL ? NULL : row->value;
}

/* Does the table end the list for every stranger that is tried, whatever he is called? */
static bool ends_for_all(struct walk *w, const struct asked *q, enum pf_effect by, unsigned depth)
{
	const char *(*stranger)(size_t) =
	    by == PF_BY_CLIENT ? pf_stranger_address : pf_stranger_domain;
	struct pf_culprits *found = w->found;
	bool all = q->mixed != NULL || q->table->kind != PF_OPAQUE;

	w->found = NULL;
	for (size_t i = 0; all && stranger(i) != NULL; i++) {
		const char *value = answer(w, q, stranger(i));

		all = value != NULL && walk_action(w, value, depth).pass == WAY_CLOSED;
	}
	w->found = found;
	return all;
}

struct access_kind {
	enum pf_effect effect;
	pf_reach_fn *reach;
	const char *id, *whose;
};

static const struct access_kind access_kinds[] = {
    {PF_BY_CLIENT, pf_client_reach, "client-permits", "the client's address or name"},
    {PF_BY_HELO, pf_free_reach, "helo-permits", "the name in HELO, which anybody may give"},
    {PF_BY_SENDER, pf_free_reach, "sender-permits", "the sender's address, which anybody may give"},
    {PF_BY_RECIPIENT, pf_recipient_reach, "recipient-permits", "the recipient"},
    {PF_BY_CERT_TABLE, pf_cert_reach, "certificate-permits", "the client's certificate"},
};

static const char *access_id(
    const struct access_kind *k, const struct pf_table *t, const struct pf_row *row, int severity)
{
	if (k->effect == PF_BY_CLIENT && severity == SEVERITY_MEDIUM && t->kind != PF_CIDR &&
	    strspn(row->key, "0123456789.:/") != strlen(row->key))
		return "client-name-permits";
	return k->id;
}

static void blame_row(struct walk *w, const struct pf_element *e, const struct access_kind *k,
    const struct pf_table *t, const struct pf_row *row, int severity)
{
	struct arena *a = &w->v->pf->arena;
	const char *why;

	if (t->kind == PF_STATIC)
		why = arena_printf(a,
		    "%s %s permits every client, before anything refuses recipients elsewhere: "
		    "strangers may send to where they like.",
		    e->text, e->argument);
	else
		why = arena_printf(a,
		    "%s %s:%u (\"%s\") permits by %s, before anything refuses recipients "
		    "elsewhere: %s.",
		    e->text, t->file, row->line, row->key, k->whose,
		    severity == SEVERITY_HIGH ? "strangers may send to where they like"
		    : k->effect == PF_BY_CLIENT && access_id(k, t, row, severity) != k->id
			? "who controls that name's DNS may send to where he likes"
			: "whoever can use such an address may send to where he likes");
	blame_element(w, e, access_id(k, t, row, severity), severity, why);
}

/* What a walk over the rows of a table has found. */
struct access_walk {
	const struct access_kind *kind;
	unsigned depth;
	struct pf_way way;
	const struct pf_table *table; /* of the row that is blamed */
	const struct pf_row *blamed;
};

static void walk_row(struct walk *w, struct access_walk *a, const struct pf_table *t,
    const struct pf_row *row, const char *value)
{
	struct pf_way got = walk_action(w, value, a->depth);
	int reach;

	if (got.permit <= a->way.permit && got.pass <= a->way.pass)
		return;
	reach = a->kind->reach(w->v, t, row);
	a->way.pass = better(a->way.pass, worse(reach, got.pass));
	reach = worse(reach, got.permit);
	if (reach <= a->way.permit)
		return;
	a->way.permit = reach;
	a->table = t;
	a->blamed = row;
}

static void walk_mixed(struct walk *w, struct access_walk *a, const struct pf_mixed *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct pf_mixed_row *r = &m->rows[i];

		/* The client's name is asked for first: what answers that hides each address. */
		if (r->value != NULL && !(m->answers && r->table->kind == PF_CIDR))
			walk_row(w, a, r->table, r->row, r->value);
	}
}

static void walk_table(struct walk *w, struct access_walk *a, const struct pf_table *t)
{
	struct pf_seen seen = {.depth = 0};

	for (size_t i = 0; i < t->count; i++)
		if (pf_is_reached(t, &t->rows[i], &seen) && t->rows[i].kind == PF_ROW)
			walk_row(w, a, t, &t->rows[i], t->rows[i].value);
}

/* The table of check_*_access: each row that a stranger reaches. */
static struct pf_way walk_access(
    struct walk *w, const struct pf_element *e, const struct access_kind *k, unsigned depth)
{
	struct access_walk a = {.kind = k, .depth = depth, .way = {WAY_CLOSED, WAY_CLOSED}};
	struct pf_culprits *found = w->found;
	struct asked q = {.table = NULL};

	if (pf_is_table(e->argument)) {
		q.mixed = pf_mixed(w->v, e->argument);
		q.table = q.mixed == NULL ? pf_table(w->v, e->argument) : NULL;
	}
	if (q.mixed == NULL && q.table == NULL)
		return (struct pf_way){WAY_CLOSED, SEVERITY_HIGH};
	a.way.pass = ends_for_all(w, &q, k->effect, depth) ? WAY_CLOSED : SEVERITY_HIGH;
	/* What a row names is blamed on the row. */
	w->found = NULL;
	if (q.mixed != NULL)
		walk_mixed(w, &a, q.mixed);
	else
		walk_table(w, &a, q.table);
	w->found = found;
	if (a.blamed != NULL)
		blame_row(w, e, k, a.table, a.blamed, a.way.permit);
	return a.way;
}

/* --- single elements ------------------------------------------------------- */

static struct pf_way walk_special(struct walk *w, const struct pf_element *e, enum pf_effect effect)
{
	struct pf_way way = {WAY_CLOSED, SEVERITY_HIGH};
	const char *id = "", *why = "";

	switch ((int)effect) {
	case PF_BY_NETWORKS:
		/* mynetworks has findings of its own. */
		way.permit = w->trust->networks;
		return way;
	case PF_BY_NAKED_HELO:
		way.permit = SEVERITY_HIGH;
		id = "helo-permits";
		why = "permit_naked_ip_address permits whoever gives an address in HELO, which "
		      "anybody "
		      "may do: strangers may send to where they like.";
		break;
	case PF_BY_MX:
		way.permit = SEVERITY_MEDIUM;
		id = "mx-backup-permits";
		if (!pf_is_anybodys_backup(w->v))
			return (struct pf_way){WAY_CLOSED, SEVERITY_HIGH};
		why = "permit_mx_backup takes mail for any domain whose MX names this host, and a "
		      "stranger's own domain can: it is a relay for whoever writes such a record.";
		break;
	case PF_BY_ANY_CERT:
		way.permit = pf_any_cert_reach(w->v);
		id = "certificate-permits";
		why = "permit_tls_all_clientcerts permits every certificate of a public "
		      "authority, which anybody gets for nothing: strangers may send to where they "
		      "like.";
		break;
	case PF_BY_CERT_LIST:
		way.permit = pf_cert_list_reach(w->v);
		id = "certificate-permits";
		why = "relay_clientcerts holds every certificate, self-made ones included: "
		      "strangers "
		      "may send to where they like.";
		break;
	default:
		break;
	}
	if (way.permit != WAY_CLOSED)
		blame_element(w, e, id, way.permit, why);
	return way;
}

static const struct access_kind *kind_of(enum pf_effect effect)
{
	for (size_t i = 0; i < sizeof(access_kinds) / sizeof(access_kinds[0]); i++)
		if (access_kinds[i].effect == effect)
			return &access_kinds[i];
	return NULL;
}

/* What Postfix must know for this kind of restriction to have an effect. */
static unsigned needed_by(enum pf_effect effect)
{
	switch ((int)effect) {
	case PF_BY_HELO:
	case PF_BY_NAKED_HELO:
		return PF_KNOWS_HELO;
	case PF_BY_SENDER:
		return PF_KNOWS_SENDER;
	case PF_BY_RECIPIENT:
	case PF_BY_MX:
	case PF_REFUSES_ELSEWHERE:
	case PF_PERMITS_OURS:
		return PF_KNOWS_RECIPIENT;
	default:
		return 0;
	}
}

static bool is_ours(const struct walk *w)
{
	return (w->known & PF_RECIPIENT_IS_OURS) != 0;
}

/* A policy server may answer what it likes; while it is away its default action holds. */
static struct pf_way walk_policy(struct walk *w, const struct pf_element *e, unsigned depth)
{
	const char *action = pf_policy_default(w->v, e),
		   *server = e->argument == NULL ? "" : e->argument;
	struct arena *a = &w->v->pf->arena;
	struct pf_culprits *found = w->found;
	struct pf_way way = {SEVERITY_LOW, SEVERITY_HIGH}, away;

	w->found = NULL;
	away = walk_action(w, action, depth);
	w->found = found;
	if (away.permit >= SEVERITY_MEDIUM)
		way.permit = SEVERITY_MEDIUM;
	blame_element(w, e, "policy-before-reject", way.permit,
	    way.permit == SEVERITY_MEDIUM
		? arena_printf(a,
		      "%s %s is asked before recipients elsewhere are refused, and while it can't "
		      "be reached its default action \"%s\" holds: strangers may then send to "
		      "where they like.",
		      e->text, server, action)
		: arena_printf(a,
		      "%s %s is asked before recipients elsewhere are refused: if it ever answers "
		      "OK, strangers may send to where they like.",
		      e->text, server));
	return way;
}

static struct pf_way walk_element(struct walk *w, const struct pf_element *e, unsigned depth)
{
	const struct pf_restriction *r = e->restriction;
	const struct access_kind *k = kind_of(r->effect);
	struct pf_way way = {WAY_CLOSED, SEVERITY_HIGH};

	if ((needed_by(r->effect) & ~w->known) != 0)
		return way;
	if (k != NULL && e->argument != NULL)
		return walk_access(w, e, k, depth);
	switch ((int)r->effect) {
	case PF_PERMITS:
		blame_element(w, e, "permit-before-reject", SEVERITY_HIGH,
		    "\"permit\" stands before anything that refuses recipients elsewhere: "
		    "strangers may send to where they like.");
		return (struct pf_way){SEVERITY_HIGH, WAY_CLOSED};
	case PF_REFUSES:
		return (struct pf_way){WAY_CLOSED, WAY_CLOSED};
	case PF_REFUSES_ELSEWHERE:
		return (struct pf_way){WAY_CLOSED, is_ours(w) ? SEVERITY_HIGH : WAY_CLOSED};
	case PF_PERMITS_OURS:
		return is_ours(w) ? (struct pf_way){SEVERITY_HIGH, WAY_CLOSED} : way;
	case PF_BY_POLICY:
		return walk_policy(w, e, depth);
	case PF_PASSES:
	case PF_ONLY_WARNS:
		return way;
	default:
		return walk_special(w, e, r->effect);
	}
}

/* --- lists ----------------------------------------------------------------- */

/* type:table without a check_*_access before it: the list's own kind of check. */
static const struct pf_restriction *implied(const struct walk *w)
{
	static const struct {
		const char *list, *restriction;
	} table[] = {{"smtpd_client_restrictions", "check_client_access"},
	    {"smtpd_helo_restrictions", "check_helo_access"},
	    {"smtpd_sender_restrictions", "check_sender_access"},
	    {"smtpd_recipient_restrictions", "check_recipient_access"}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].list, w->list) == 0)
			return pf_restriction(table[i].restriction);
	return NULL;
}

/* What is neither a restriction nor a table is a class, or stops all mail. */
static struct pf_way walk_other(struct walk *w, const struct pf_element *e, unsigned depth)
{
	const struct pf_view *v = w->v;
	struct pf_element table = *e;

	if (pf_is_table(e->text)) {
		table.restriction = implied(w);
		if (table.restriction == NULL)
			return (struct pf_way){WAY_CLOSED, SEVERITY_HIGH};
		table.text = table.restriction->name;
		table.argument = e->text;
		return walk_element(w, &table, depth);
	}
	if (pf_is_class(v, e->text)) {
		/* What is blamed within a class is blamed on the element that names it. */
		size_t before = w->found == NULL ? 0 : w->found->count;
		struct pf_way way = walk_list(w, pf_get(v, e->text), depth + 1);

		for (size_t i = before; w->found != NULL && i < w->found->count; i++) {
			w->found->items[i].element = e->text;
			w->found->items[i].index = e->index;
			w->found->items[i].line = w->line == 0 ? 0 : w->line + e->lines;
		}
		return way;
	}
	return (struct pf_way){WAY_CLOSED, WAY_CLOSED};
}

static struct pf_way walk_list(struct walk *w, const char *text, unsigned depth)
{
	struct pf_way total = {WAY_CLOSED, SEVERITY_HIGH};
	struct pf_cursor at = {.text = text};
	struct pf_element e = {.text = NULL};
	bool warns = false;

	if (depth > PF_NESTING_MAX)
		return (struct pf_way){WAY_CLOSED, WAY_CLOSED};
	while (
	    total.pass != WAY_CLOSED && w->count++ < WALKS_MAX && pf_next_element(w->v, &at, &e)) {
		struct pf_way way;

		if (e.restriction != NULL && e.restriction->effect == PF_ONLY_WARNS) {
			warns = true;
			continue;
		}
		way = e.restriction != NULL ? walk_element(w, &e, depth) : walk_other(w, &e, depth);
		/* A class and a table have looked at what is in them. */
		if (only_networks(w) && e.restriction != NULL &&
		    e.restriction->effect != PF_BY_NETWORKS &&
		    kind_of(e.restriction->effect) == NULL)
			way.permit = WAY_CLOSED;
		total.permit = better(total.permit, worse(way.permit, total.pass));
		if (!warns)
			total.pass = worse(total.pass, way.pass);
		warns = false;
	}
	return total;
}

struct pf_way pf_walk(const struct pf_view *v, const char *parameter, unsigned known,
    const struct pf_trust *trust, struct pf_culprits *culprits)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct walk w = {.v = v,
	    .trust = trust,
	    .known = known,
	    .list = parameter,
	    .file = s == NULL ? v->pf->main_file : s->file,
	    .line = s == NULL ? 0 : s->line,
	    .found = culprits};

	return walk_list(&w, pf_get(v, parameter), 0);
}
