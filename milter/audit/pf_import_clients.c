#include "audit/pf_import_clients.h"

#include <string.h>
#include <strings.h>

#include "audit/pf_import.h"
#include "audit/pf_list.h"

/* What becomes of a stranger who comes to the end of a list. */
enum ending { PASSES, REFUSES_RELAY, REFUSES_ALL };

static const char *const lists[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
    "smtpd_sender_restrictions", "smtpd_relay_restrictions", "smtpd_recipient_restrictions"};

enum { LISTS = sizeof(lists) / sizeof(lists[0]), ELEMENTS_MAX = 20000 };

/* One list at work. */
struct walk {
	const struct pf_view *v;
	struct nets_effort *effort;
	struct import *notes;
	struct pf_clients *out; /* for its recipients */
	const char *list;
	struct nets networks, tables; /* whom mynetworks, and tables, permit */
	struct nets refused;
	struct nets except; /* of mynetworks: they go on */
	enum ending ending;
	bool closed; /* relaying is refused from here on */
	bool over;
	bool ours_pass; /* what is ours was permitted before */
	bool logins, certs, any_cert;
	unsigned count;
};

static void walk_list(struct walk *w, const char *text, unsigned depth);

/* --- mynetworks ------------------------------------------------------------ */

/* One pattern; an entry that Postfix does not understand makes it put off all who come to it. */
static void add_pattern(struct walk *w, const struct pf_pattern *p, struct nets *out)
{
	struct import_from from = pf_from_pattern(w->v->pf, p, "mynetworks");
	struct prefix net;

	if (p->table != NULL) {
		pf_table_networks(w->effort, w->v->pf, p, w->notes, out);
		return;
	}
	switch (import_read_network(p->text, strlen(p->text), &net)) {
	case PREFIX_OK:
		nets_add(w->effort, out, &net, &from);
		break;
	case PREFIX_HOST_BITS:
	case PREFIX_BAD_BITS:
		import_note(w->notes, &from,
		    "%s was not taken over: Postfix takes no network with bits behind its length, "
		    "and puts off all mail of clients that are in no entry before it",
		    p->text);
		break;
	case PREFIX_BAD_ADDRESS:
		import_note(w->notes, &from,
		    "%s was not taken over: it is no network; the guard knows clients by their "
		    "address alone",
		    p->text);
		break;
	}
}

/* This host's addresses as far as the files have them. */
static void add_own_addresses(struct walk *w, const struct import_from *from)
{
	static const char *const loopback[] = {"127.0.0.0/8", "::1"};
	const char *p = pf_get(w->v, "inet_interfaces"), *word;
	struct prefix net;

	for (size_t i = 0; i < 2; i++)
		if (prefix_parse(loopback[i], strlen(loopback[i]), &net) == PREFIX_OK)
			nets_add(w->effort, &w->networks, &net, from);
	while ((word = pf_word(w->effort->arena, &p, NULL)) != NULL)
		if (import_read_network(word, strlen(word), &net) == PREFIX_OK)
			nets_add(w->effort, &w->networks, &net, from);
}

static void add_default_networks(struct walk *w)
{
	struct import_from from = pf_from_setting(w->v, "mynetworks");
	const char *style = pf_get(w->v, "mynetworks_style");

	add_own_addresses(w, &from);
	import_note(w->notes, &from,
	    "mynetworks is not set; mynetworks_style = %s trusts this host%s, of which only "
	    "loopback and the addresses of inet_interfaces were taken over: add yours to "
	    "`networks friends`",
	    style, strcasecmp(style, "host") == 0 ? "" : " and its neighbours");
}

static void add_networks(struct walk *w)
{
	struct pf_patterns l = pf_patterns(w->v, "mynetworks");
	struct nets before = {NULL, 0, 0};

	if (!pf_is_set(w->v, "mynetworks"))
		add_default_networks(w);
	/* What an entry before it holds, an exception does not. */
	for (size_t i = 0; pf_is_set(w->v, "mynetworks") && i < l.count; i++) {
		struct nets nets = {NULL, 0, 0};

		add_pattern(w, &l.items[i], &nets);
		for (size_t k = 0; l.items[i].negated && k < nets.count; k++)
			nets_add_without(w->effort, &w->except, &nets.items[k], &before);
		if (!l.items[i].negated)
			nets_join(w->effort, &before, &nets);
	}
	nets_join(w->effort, &w->networks, &before);
}

/* --- elements -------------------------------------------------------------- */

/* The first that holds an address decides: what is refused now may have been permitted before. */
static void add_access(struct walk *w, const char *argument, bool warns)
{
	const struct pf_setting *s = pf_set(w->v, w->list);
	struct pf_pattern p = {.text = argument, .file = s == NULL ? w->v->pf->main_file : s->file};
	struct pf_access access = {{NULL, 0, 0}, {NULL, 0, 0}};

	p.line = s == NULL ? 0 : s->line;
	p.table = pf_table(w->v, argument);
	if (p.table == NULL)
		return;
	pf_table_access(w->effort, w->v->pf, &p, w->list, w->notes, &access);
	for (size_t i = 0; i < access.permitted.count && !w->effort->failed; i++)
		nets_add_without(w->effort, &w->tables, &access.permitted.items[i], &w->refused);
	for (size_t i = 0; i < access.refused.count && !warns && !w->effort->failed; i++) {
		struct nets rest = {NULL, 0, 0};

		nets_add_without(w->effort, &rest, &access.refused.items[i], &w->networks);
		for (size_t k = 0; k < rest.count; k++)
			nets_add_without(w->effort, &w->refused, &rest.items[k], &w->tables);
	}
}

static void add_recipients(struct walk *w, const struct pf_element *e)
{
	const struct pf_setting *s = pf_set(w->v, w->list);
	struct pf_recipients *r = &w->out->recipients[w->out->recipient_count];

	if (w->out->recipient_count == PF_RECIPIENTS_MAX)
		return;
	*r = (struct pf_recipients){.list = w->list};
	r->table.text = e->argument;
	r->table.file = s == NULL ? w->v->pf->main_file : s->file;
	r->table.line = s == NULL ? 0 : s->line + e->lines;
	r->table.table = pf_table(w->v, e->argument);
	w->out->recipient_count += r->table.table != NULL;
}

/* Anybody may claim such a name. */
static void note_claims(struct walk *w, const struct pf_element *e)
{
	const struct pf_table *t = pf_table(w->v, e->argument);
	struct pf_pattern p = {.text = e->argument, .file = w->v->pf->main_file, .table = t};

	for (size_t i = 0; t != NULL && i < t->count; i++) {
		struct import_from from = pf_from_row(w->v->pf, &p, &t->rows[i], w->list);

		if (pf_row_permits(t->rows[i].value))
			import_note(w->notes, &from,
			    "%s permits %s, which anybody may claim to be; it was NOT taken over",
			    e->text, t->kind == PF_STATIC ? "everybody" : t->rows[i].key);
	}
}

static void note_element(struct walk *w, const struct pf_element *e, const char *what)
{
	struct import_from from = pf_from_setting(w->v, w->list);

	import_note(w->notes, &from, "%s%s%s was not taken over: %s", e->text,
	    e->argument == NULL ? "" : " ", e->argument == NULL ? "" : e->argument, what);
}

static void refuse(struct walk *w, const struct pf_element *e)
{
	static const char *const relay_alone[] = {
	    "reject_unauth_destination", "defer_unauth_destination", "check_relay_domains"};
	bool all = true;

	for (size_t i = 0; i < sizeof(relay_alone) / sizeof(relay_alone[0]); i++)
		all = all && strcasecmp(e->text, relay_alone[i]) != 0;
	w->closed = true;
	w->ending = all && !w->ours_pass ? REFUSES_ALL : REFUSES_RELAY;
	w->over = all;
}

static bool named(const struct pf_element *e, const char *name)
{
	return strcasecmp(e->text, name) == 0;
}

/* Elements that only permit, and only some. */
static void permit_some(struct walk *w, const struct pf_element *e)
{
	if (named(e, "permit_sasl_authenticated"))
		w->logins = true;
	else if (named(e, "permit_tls_clientcerts"))
		w->certs = true;
	else if (named(e, "permit_tls_all_clientcerts"))
		w->any_cert = true;
	else if (named(e, "permit_inet_interfaces"))
		note_element(w, e, "it permits this host's own addresses; add them to `friends`");
	else if (named(e, "permit_naked_ip_address"))
		note_element(w, e, "anybody may greet with an address");
	else if (named(e, "permit_mx_backup"))
		note_element(w, e, "name the domains in `domains ours`");
}

static void walk_element(struct walk *w, const struct pf_element *e, bool warns)
{
	bool table = e->argument != NULL && pf_is_table(e->argument);

	if (named(e, "permit_auth_destination")) {
		w->ours_pass = true;
	} else if (e->restriction->effect == PF_PERMITS) {
		w->over = true;
		w->ours_pass = true;
	} else if (e->restriction->effect == PF_REFUSES ||
		   e->restriction->effect == PF_REFUSES_ELSEWHERE) {
		if (!warns)
			refuse(w, e);
	} else if (w->closed) {
		return;
	} else if (e->restriction->effect == PF_BY_NETWORKS) {
		add_networks(w);
	} else if (e->restriction->effect == PF_BY_CLIENT && table) {
		add_access(w, e->argument, warns);
	} else if (e->restriction->effect == PF_BY_RECIPIENT && table) {
		add_recipients(w, e);
	} else if ((e->restriction->effect == PF_BY_HELO ||
		       e->restriction->effect == PF_BY_SENDER) &&
		   table) {
		note_claims(w, e);
	} else if (e->restriction->effect == PF_BY_POLICY) {
		note_element(w, e, "what it would answer is not known");
	} else if (e->restriction->effect == PF_BY_CERT_TABLE) {
		note_element(
		    w, e, "write a rule with `cert = ...` for each certificate that it permits");
	} else {
		permit_some(w, e);
	}
}

/* type:table alone is the list's own kind of check. */
static void walk_other(struct walk *w, struct pf_element *e, bool warns, unsigned depth)
{
	static const char *const checks[LISTS] = {"check_client_access", "check_helo_access",
	    "check_sender_access", NULL, "check_recipient_access"};

	if (pf_is_table(e->text)) {
		for (size_t i = 0; i < LISTS; i++)
			if (checks[i] != NULL && strcmp(lists[i], w->list) == 0) {
				e->argument = e->text;
				e->text = checks[i];
				e->restriction = pf_restriction(checks[i]);
				walk_element(w, e, warns);
				return;
			}
	} else if (pf_is_class(w->v, e->text)) {
		walk_list(w, pf_get(w->v, e->text), depth + 1);
	} else {
		/* Postfix puts off all mail then. */
		w->over = true;
		w->closed = true;
		w->ending = REFUSES_ALL;
		note_element(w, e,
		    "Postfix knows no such restriction, and puts off all mail that "
		    "comes to it");
	}
}

static void walk_list(struct walk *w, const char *text, unsigned depth)
{
	struct pf_cursor at = {.text = text};
	struct pf_element e = {.text = NULL};
	bool warns = false;

	if (depth > PF_NESTING_MAX) {
		w->effort->failed = true;
		return;
	}
	while (!w->over && !w->effort->failed && pf_next_element(w->v, &at, &e)) {
		if (w->count++ == ELEMENTS_MAX) {
			w->effort->failed = true;
		} else if (e.restriction != NULL && e.restriction->effect == PF_ONLY_WARNS) {
			warns = true;
			continue;
		} else if (e.restriction != NULL) {
			walk_element(w, &e, warns);
		} else {
			walk_other(w, &e, warns, depth);
		}
		warns = false;
	}
}

/* --- the lists together ---------------------------------------------------- */

/* Exceptions of mynetworks that no table permits are refused where the list ends so. */
static void close_list(struct walk *w)
{
	for (size_t i = 0; w->ending != PASSES && i < w->except.count && !w->effort->failed; i++)
		nets_add_without(w->effort, &w->refused, &w->except.items[i], &w->tables);
	nets_join(w->effort, &w->networks, &w->tables);
}

/* Who relays must come through each list. */
static void narrow(struct nets_effort *e, struct pf_clients *out, const struct nets *permitted)
{
	struct nets both = {NULL, 0, 0};

	if (out->everybody) {
		out->permitted = *permitted;
		return;
	}
	if (nets_equal(&out->permitted, permitted))
		return;
	for (size_t i = 0; i < out->permitted.count && !e->failed; i++)
		nets_add_common(e, &both, &out->permitted.items[i], permitted);
	out->permitted = both;
}

static void add_list(struct pf_clients *out, struct walk *w, size_t first_recipients)
{
	close_list(w);
	nets_join(w->effort, &out->refused, &w->refused);
	out->inbound = out->inbound && w->ending != REFUSES_ALL;
	if (w->ending == PASSES)
		return;
	for (size_t i = 0; i < first_recipients; i++)
		out->recipients[i].overruled = w->list;
	narrow(w->effort, out, &w->networks);
	out->logins = w->logins && (out->everybody || out->logins);
	out->certs = w->certs && (out->everybody || out->certs);
	out->any_cert = w->any_cert && (out->everybody || out->any_cert);
	out->everybody = false;
}

/* A list of refusals is long; only those of whom something permits are of use. */
static void keep_touching(struct nets_effort *e, struct pf_clients *out)
{
	struct nets kept = {NULL, 0, 0};

	for (size_t i = 0; i < out->refused.count && !e->failed; i++)
		if (nets_touch(e, &out->permitted, &out->refused.items[i].net))
			nets_add(e, &kept, &out->refused.items[i].net, &out->refused.items[i].from);
	out->refused = kept;
}

bool pf_clients(const struct pf_view *v, struct import *notes, struct pf_clients *out)
{
	struct nets_effort effort = {.arena = &v->pf->arena};
	const char *closer = NULL;

	*out = (struct pf_clients){.everybody = true, .inbound = true};
	for (size_t i = 0; i < LISTS && !effort.failed; i++) {
		struct walk w = {
		    .v = v, .effort = &effort, .notes = notes, .out = out, .list = lists[i]};
		size_t before = out->recipient_count;

		walk_list(&w, pf_get(v, lists[i]), 0);
		for (size_t k = before; k < out->recipient_count; k++)
			out->recipients[k].overruled = closer;
		add_list(out, &w, before);
		if (w.ending != PASSES)
			closer = lists[i];
	}
	keep_touching(&effort, out);
	if (!effort.failed)
		return true;
	*out = (struct pf_clients){.inbound = true};
	import_note(notes, NULL,
	    "the restrictions of Postfix are too intricate to be taken over: no client is in "
	    "`networks friends`");
	return false;
}
