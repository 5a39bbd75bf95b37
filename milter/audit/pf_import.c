#include "audit/pf_import.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_import_clients.h"
#include "base/strbuf.h"
#include "core/fingerprint.h"

/* An import at work. */
struct job {
	struct pf *pf;
	struct pf_view main;
	struct import *out;
};

/* --- where something stands ------------------------------------------------ */

/* A file as it is called in a comment: without its directory, where that is the usual one. */
static const char *short_name(const struct pf *pf, const char *file)
{
	size_t n = strlen(pf->request->config_dir);

	if (strncmp(file, pf->request->config_dir, n) == 0 && file[n] == '/')
		return file + n + 1;
	return file;
}

struct import_from pf_from_setting(const struct pf_view *v, const char *name)
{
	const struct pf_setting *s = pf_set(v, name);

	return (struct import_from){short_name(v->pf, s == NULL ? v->pf->main_file : s->file),
	    s == NULL ? 0 : s->line, name};
}

struct import_from pf_from_pattern(
    const struct pf *pf, const struct pf_pattern *p, const char *name)
{
	return (struct import_from){short_name(pf, p->file), p->line, name};
}

struct import_from pf_from_row(
    const struct pf *pf, const struct pf_pattern *p, const struct pf_row *row, const char *name)
{
	if (row->line == 0)
		return pf_from_pattern(pf, p, name);
	return (struct import_from){short_name(pf, p->table->file), row->line, name};
}

void pf_note_opaque(
    struct import *i, const char *spec, const struct import_from *from, const char *what)
{
	static const char *const compiled[] = {"hash:", "btree:", "lmdb:", "cdb:", "dbm:", "sdbm:"};
	/* What is in braces may be a password. */
	int shown = (int)strcspn(spec, "{");
	const char *query =
	    strstr(spec, "sql:") != NULL || strstr(spec, "sqlite:") != NULL
		? "run its query for all rows, write the result one a line into a file"
	    : strstr(spec, "ldap:") != NULL
		? "run its search, write the result one a line into a file"
		: "write what it holds one a line into a file";

	for (size_t k = 0; k < sizeof(compiled) / sizeof(compiled[0]); k++)
		if (strstr(spec, compiled[k]) != NULL)
			query = "its text can't be read; `postmap -s` with its name prints what it "
				"holds: "
				"write that one a line into a file";
	import_note(i, from, "%.*s was not taken over: %s, and add file:PATH to %s", shown, spec,
	    query, what);
}

/* --- domains --------------------------------------------------------------- */

typedef void add_domain_fn(
    struct import *i, const char *text, size_t len, const struct import_from *from);

/* A list of domains at work. */
struct domains {
	struct job *job;
	const char *name; /* of the parameter */
	bool subdomains;
	const struct pf_patterns *patterns;
	size_t at; /* of the pattern at hand */
};

/* Does one of the patterns from `first` to before `end` match this name, negated or not? */
static bool speaks_of(const struct domains *d, size_t first, size_t end, const char *name)
{
	for (size_t i = first; i < end; i++) {
		struct pf_pattern plain = d->patterns->items[i];
		const struct pf_patterns one = {&plain, 1, 1};

		plain.negated = false;
		if (pf_match_domain(&d->job->main, &one, name, d->subdomains, NULL) != NULL)
			return true;
	}
	return false;
}

static const char *const parameters[] = {
    "mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"};

enum { PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

/*
 * Does `!name` take anything away? Not behind a pattern that has it, nor where no later one, or
 * another list, does.
 */
static bool takes_away(const struct domains *d, const char *name)
{
	name += name[0] == '.';
	if (speaks_of(d, 0, d->at, name) || !speaks_of(d, d->at + 1, d->patterns->count, name))
		return false;
	for (size_t i = 0; i < PARAMETERS; i++) {
		struct pf_patterns other = pf_patterns(&d->job->main, parameters[i]);

		if (strcmp(parameters[i], d->name) != 0 &&
		    pf_match_domain(&d->job->main, &other, name,
			pf_matches_subdomains(&d->job->main, parameters[i]), NULL) != NULL)
			return false;
	}
	return true;
}

/* A name as Postfix would match it: with what is below it, where the list is of that kind. */
static void add_domain(const struct domains *d, const char *text, const struct import_from *from)
{
	struct import *out = d->job->out;
	bool negated = d->patterns->items[d->at].negated;
	add_domain_fn *add = negated ? import_not_ours : import_domain;
	char below[300];

	if (text[0] == '[') {
		add(out, text, strlen(text), from);
		return;
	}
	if (strchr(text, '*') != NULL) {
		import_note(
		    out, from, "%s was not taken over: Postfix matches nothing with it", text);
		return;
	}
	if (negated && !takes_away(d, text))
		return;
	add(out, text, strlen(text), from);
	if (!d->subdomains || text[0] == '.' || strlen(text) > 250)
		return;
	snprintf(below, sizeof(below), ".%s", text);
	add(out, below, strlen(below), from);
}

static void domains_of_table(const struct domains *d)
{
	const struct pf_pattern *p = &d->patterns->items[d->at];
	const struct pf_table *t = p->table;
	struct import *out = d->job->out;
	struct import_from from = pf_from_pattern(d->job->pf, p, d->name);

	if (t->kind == PF_OPAQUE) {
		pf_note_opaque(
		    out, p->text, &from, p->negated ? "`domains not-ours`" : "`domains ours`");
		return;
	}
	if (t->kind != PF_KEYED) {
		import_note(out, &from,
		    "%s was not taken over: name its domains in `domains ours`, which has no "
		    "patterns",
		    p->text);
		return;
	}
	for (size_t i = 0; i < t->count; i++) {
		const struct pf_row *row = &t->rows[i];

		/* A table of recipients has addresses beside its domains. */
		if (strchr(row->key, '@') != NULL)
			continue;
		from = pf_from_row(d->job->pf, p, row, d->name);
		add_domain(d, row->key, &from);
	}
}

static void import_domain_list(struct job *j, const char *name)
{
	struct pf_patterns l = pf_patterns(&j->main, name);
	struct domains d = {
	    .job = j, .name = name, .subdomains = pf_matches_subdomains(&j->main, name)};

	d.patterns = &l;
	for (d.at = 0; d.at < l.count; d.at++) {
		const struct pf_pattern *p = &l.items[d.at];
		struct import_from from = pf_from_pattern(j->pf, p, name);

		if (p->table != NULL)
			domains_of_table(&d);
		else
			add_domain(&d, p->text, &from);
	}
}

/* user@[address] is local for each address that Postfix takes for this host's. */
static void import_literals(struct job *j)
{
	static const char *const names[] = {"inet_interfaces", "proxy_interfaces"};
	struct import_from from = pf_from_setting(&j->main, names[0]);

	import_domain(j->out, "[127.0.0.1]", 11, &from);
	import_domain(j->out, "[IPv6:::1]", 10, &from);
	for (size_t i = 0; i < 2; i++) {
		const char *p = pf_get(&j->main, names[i]), *word;
		char text[ADDR_TEXT_MAX + 16], plain[ADDR_TEXT_MAX];
		struct prefix net;

		from = pf_from_setting(&j->main, names[i]);
		while ((word = pf_word(&j->pf->arena, &p, NULL)) != NULL) {
			if (import_read_network(word, strlen(word), &net) != PREFIX_OK ||
			    strchr(word, '/') != NULL)
				continue;
			addr_format(&net.addr, plain);
			snprintf(text, sizeof(text), "[%s%s]",
			    net.addr.family == ADDR_V6 ? "IPv6:" : "", plain);
			import_domain(j->out, text, strlen(text), &from);
		}
	}
}

/* --- certificates ---------------------------------------------------------- */

/* A fingerprint as the guard writes it; md5 and sha256 alone can be named. */
static bool canonical(const char *key, char out[FINGERPRINT_SIZE])
{
	char text[128];
	unsigned digits = 0;

	for (const char *p = key; *p != '\0'; p++) {
		if (*p != ':' && !isxdigit((unsigned char)*p))
			return false;
		digits += *p != ':';
	}
	if ((digits != 32 && digits != 64) || strlen(key) > 100)
		return false;
	snprintf(text, sizeof(text), "%s:%s", digits == 32 ? "md5" : "sha256", key);
	return fingerprint_canonical(text, out);
}

static void certs_of_table(struct job *j, struct import *out, const struct pf_pattern *p)
{
	const char *name = "relay_clientcerts";
	struct import_from from = pf_from_pattern(j->pf, p, name);
	char fingerprint[FINGERPRINT_SIZE], body[256];

	if (p->table == NULL || p->table->kind != PF_KEYED) {
		import_note(out, &from,
		    "%s was not taken over: write a rule with `cert = { ... }` for the "
		    "fingerprints in "
		    "it",
		    p->text);
		return;
	}
	for (size_t i = 0; i < p->table->count; i++) {
		const struct pf_row *row = &p->table->rows[i];

		from = pf_from_row(j->pf, p, row, name);
		if (!canonical(row->key, fingerprint)) {
			import_note(out, &from,
			    "%s was not taken over: a fingerprint of MD5 or SHA-256 was expected",
			    row->key);
			continue;
		}
		snprintf(body, sizeof(body), "cert = \"%s\"  action = permit", fingerprint);
		import_rule(out, "cert", body, &from);
	}
}

static void import_certs(
    struct job *j, struct import *out, const struct pf_view *v, const struct pf_clients *c)
{
	struct pf_patterns l = pf_patterns(v, "relay_clientcerts");
	struct import_from from = pf_from_setting(v, "smtpd_relay_restrictions");

	if (c->certs) {
		for (size_t i = 0; i < l.count; i++)
			certs_of_table(j, out, &l.items[i]);
		if (l.count > 0)
			import_note(out, &from,
			    "Postfix shows no fingerprint to a milter: the rules for certificates "
			    "match "
			    "nothing until each is written as `cert = \"subject:...\"`");
	}
	if (c->any_cert)
		import_note(out, &from,
		    "permit_tls_all_clientcerts was not taken over: it trusts every certificate of "
		    "the "
		    "authorities in smtpd_tls_CAfile; write a rule with `cert = verified` if those "
		    "are "
		    "your own");
}

/* --- recipients that the lists permit --------------------------------------- */

static void recipient_row(struct import *out, const struct pf_recipients *r,
    const struct pf_row *row, const struct import_from *from)
{
	char body[512];

	if (r->overruled != NULL) {
		import_note(out, from,
		    "that %s permits %s was not taken over: %s refuses it to all but those whom it "
		    "permits",
		    r->list, row->key, r->overruled);
		return;
	}
	if (r->table.table->kind != PF_KEYED || strangers_below(row->key) ||
	    !import_is_recipient(row->key)) {
		import_note(out, from, "the permission of %s was not taken over", row->key);
		return;
	}
	snprintf(body, sizeof(body), "to = \"%s\"  action = permit", row->key);
	import_note(out, from,
	    "recipients at %s are permitted by a rule, which matches what goes on under that "
	    "domain only where it is in `domains ours` as well",
	    row->key);
	import_rule(out, "to", body, from);
}

static void import_recipients(struct job *j, struct import *out, const struct pf_clients *c)
{
	for (size_t i = 0; i < c->recipient_count; i++) {
		const struct pf_recipients *r = &c->recipients[i];
		const struct pf_table *t = r->table.table;

		for (size_t k = 0; k < t->count; k++) {
			const struct pf_row *row = &t->rows[k];
			struct import_from from = pf_from_row(j->pf, &r->table, row, r->list);

			if (row->kind == PF_ROW && pf_row_permits(row->value))
				recipient_row(out, r, row, &from);
		}
	}
}

/* --- listeners ------------------------------------------------------------- */

static bool needs_tls(const struct pf_view *v)
{
	return pf_bool(v, "smtpd_tls_auth_only", false) ||
	       pf_bool(v, "smtpd_tls_wrappermode", false) ||
	       strcasecmp(pf_get(v, "smtpd_tls_security_level"), "encrypt") == 0;
}

/* What one listener permits. */
struct seen {
	const struct pf_listener *listener;
	const char *port; /* NULL: not known */
	bool ok;
	struct pf_clients clients;
	bool takes_logins;
};

const char *pf_port(struct pf *pf, const struct pf_service *s)
{
	static const char *const known[][2] = {{"smtp", "25"}, {"submission", "587"},
	    {"smtps", "465"}, {"submissions", "465"}, {"ssmtp", "465"}, {"urd", "465"}};
	const char *colon = strrchr(s->name, ':'), *name = colon == NULL ? s->name : colon + 1;

	/* postscreen takes the connections of port 25, and hands them on. */
	if (strcmp(s->type, "pass") == 0)
		return "25";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], name) == 0)
			return known[i][1];
	if (name[0] == '\0' || strlen(name) > 5 || strspn(name, "0123456789") != strlen(name))
		return NULL;
	return arena_printf(&pf->arena, "%lu", strtoul(name, NULL, 10));
}

/* Is what they permit the same? Logins that one does not take are no matter of its lists. */
static bool same(const struct seen *a, const struct seen *b)
{
	bool logins =
	    !a->takes_logins || !b->takes_logins || a->clients.logins == b->clients.logins;

	return a->ok == b->ok && logins && a->clients.inbound == b->clients.inbound &&
	       a->clients.everybody == b->clients.everybody &&
	       a->clients.certs == b->clients.certs && a->clients.any_cert == b->clients.any_cert &&
	       nets_equal(&a->clients.permitted, &b->clients.permitted) &&
	       nets_equal(&a->clients.refused, &b->clients.refused);
}

static void add_clients(struct job *j, struct import *out, const struct seen *s)
{
	const struct pf_clients *c = &s->clients;
	char text[ADDR_TEXT_MAX];

	if (c->everybody)
		import_note(out, NULL,
		    "%s refuses nobody: it is an open relay, which was NOT taken over; see "
		    "`relay-guard audit`",
		    s->listener->label);
	if (!c->inbound)
		import_note(out, NULL,
		    "%s takes no mail of strangers, not for domains of its own either; nor does "
		    "the "
		    "guard take it for the bare postmaster there, to whom Postfix always listens",
		    s->listener->label);
	out->no_inbound = !c->inbound;
	for (size_t i = 0; i < c->permitted.count; i++) {
		prefix_format(&c->permitted.items[i].net, text);
		import_network(out, text, strlen(text), &c->permitted.items[i].from);
	}
	for (size_t i = 0; i < c->refused.count; i++) {
		prefix_format(&c->refused.items[i].net, text);
		import_excluded(out, text, strlen(text), &c->refused.items[i].from);
	}
	import_certs(j, out, &s->listener->view, c);
	import_recipients(j, out, c);
}

static void add_logins(struct import *out, const struct seen *s)
{
	struct import_from from = pf_from_setting(&s->listener->view, "smtpd_sasl_auth_enable");

	if (s->takes_logins && s->clients.logins)
		import_logins(out, needs_tls(&s->listener->view), &from);
}

static bool look(struct job *j, const struct pf_listener *l, struct seen *s)
{
	struct import_from from = {
	    pf_from_setting(&l->view, "").file, l->view.service->line, "listener"};
	const char *text = arena_printf(&j->pf->arena, "%s %s%s", l->view.service->type, l->label,
	    l->local ? ", which only this host reaches" : "");

	from.file = short_name(j->pf, l->view.service->file);
	if (text != NULL)
		import_listener(j->out, text, &from);
	*s = (struct seen){.listener = l, .port = pf_port(j->pf, l->view.service)};
	if (l->local)
		return false;
	s->takes_logins = pf_bool(&l->view, "smtpd_sasl_auth_enable", false);
	s->ok = pf_clients(&l->view, j->out, &s->clients);
	return true;
}

/* The first that has this port, or permits the same, is asked for both. */
static struct import *place_of(
    struct job *j, const struct seen *all, struct import **places, size_t at)
{
	const struct seen *s = &all[at];

	for (size_t k = 0; k < at; k++)
		if (places[k] == j->out && same(&all[k], s))
			return j->out;
	for (size_t k = 0; k < at; k++)
		if (s->port != NULL && all[k].port != NULL && strcmp(all[k].port, s->port) == 0)
			return same(&all[k], s) ? places[k] : NULL;
	return s->port == NULL ? NULL : import_for_listener(j->out, s->port);
}

/* What holds at the first listener holds wherever nothing else is said. */
static void import_listeners(struct job *j, const struct pf_listeners *l)
{
	struct seen *all = arena_alloc(&j->pf->arena, (l->count + 1) * sizeof(*all));
	struct import **places =
	    arena_alloc(&j->pf->arena, (l->count + 1) * sizeof(struct import *));
	size_t count = 0;

	if (all == NULL || places == NULL) {
		j->out->failed = true;
		return;
	}
	for (size_t k = 0; k < l->count; k++)
		count += look(j, &l->items[k], &all[count]);
	for (size_t k = 0; k < count; k++) {
		struct import_from from = {short_name(j->pf, all[k].listener->view.service->file),
		    all[k].listener->view.service->line, "listener"};
		bool other;

		places[k] = k == 0 ? j->out : place_of(j, all, places, k);
		other = places[k] != NULL && places[k] != j->out;
		if (places[k] == NULL) {
			import_note(j->out, &from,
			    "%s permits others than the listeners before it, and its port is not "
			    "known or theirs: this was not taken over",
			    all[k].listener->label);
			continue;
		}
		if (k == 0 || other)
			add_clients(j, places[k], &all[k]);
		add_logins(places[k], &all[k]);
	}
	for (size_t k = 0; k < count; k++)
		pf_import_limits(&all[k].listener->view, count > 1 ? all[k].port : NULL, j->out);
}

/* A transport that delivers here under another name: the mailer is then one of the guard's. */
static void import_transports(struct job *j)
{
	static const char *const names[] = {"local_transport", "virtual_transport"};

	for (size_t i = 0; i < 2; i++) {
		const char *value = pf_get(&j->main, names[i]);
		struct import_from from = pf_from_setting(&j->main, names[i]);

		if (strncmp(value, "lmtp:", 5) == 0)
			import_note(j->out, &from,
			    "%s: mail for these domains is kept, as it goes on under the same "
			    "domain",
			    value);
	}
}

void pf_import(struct pf *pf, struct import *i)
{
	struct job j = {pf, {pf, NULL}, i};
	struct pf_listeners l = pf_listeners(pf);
	const char *source;

	source = arena_printf(&i->arena, "Postfix %s%s in %s", pf->version_text,
	    pf->version_is_known ? "" : " (assumed)", pf->request->config_dir);
	i->source = source;
	import_listeners(&j, &l);
	for (size_t k = 0; k < PARAMETERS; k++)
		import_domain_list(&j, parameters[k]);
	import_literals(&j);
	pf_import_logins(pf, &l, i);
	import_transports(&j);
}
