#include "audit/pf_import.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_audit.h"
#include "audit/pf_pattern.h"
#include "base/strbuf.h"
#include "core/fingerprint.h"

/* An import at work. */
struct job {
	struct pf *pf;
	struct pf_view main;
	struct import *out;
};

/* A file as it is called in a comment: without its directory, where that is the usual one. */
static const char *short_name(const struct job *j, const char *file)
{
	size_t n = strlen(j->pf->request->config_dir);

	if (strncmp(file, j->pf->request->config_dir, n) == 0 && file[n] == '/')
		return file + n + 1;
	return file;
}

static struct import_from from_setting(
    const struct job *j, const struct pf_view *v, const char *name)
{
	const struct pf_setting *s = pf_set(v, name);

	return (struct import_from){
	    short_name(j, s == NULL ? j->pf->main_file : s->file), s == NULL ? 0 : s->line, name};
}

static struct import_from from_pattern(
    const struct job *j, const struct pf_pattern *p, const char *name)
{
	return (struct import_from){short_name(j, p->file), p->line, name};
}

static struct import_from from_row(
    const struct job *j, const struct pf_pattern *p, const struct pf_row *row, const char *name)
{
	if (row->line == 0)
		return from_pattern(j, p, name);
	return (struct import_from){short_name(j, p->table->file), row->line, name};
}

/* What to do about a table that is not in a file. */
static void note_opaque(
    struct job *j, const char *spec, const struct import_from *from, const char *what)
{
	const char *query =
	    strstr(spec, "sql:") != NULL
		? "run its query for all rows, write the result one a line into a file"
	    : strstr(spec, "ldap:") != NULL
		? "run its search, write the result one a line into a file"
		: "write what it holds one a line into a file";

	import_note(
	    j->out, from, "%s was not taken over: %s, and add file:PATH to %s", spec, query, what);
}

/* --- networks -------------------------------------------------------------- */

/* 192.168 and 192.168.1 are networks in tables of access. */
static void add_network_key(struct job *j, const char *key, const struct import_from *from)
{
	unsigned dots = 0;
	char text[64];

	for (const char *p = key; *p != '\0'; p++)
		dots += *p == '.';
	if (strspn(key, "0123456789.") != strlen(key) || dots == 3 || strlen(key) > 15) {
		import_network(j->out, key, strlen(key), from);
		return;
	}
	snprintf(text, sizeof(text), "%s%s/%u", key,
	    dots == 0   ? ".0.0.0"
	    : dots == 1 ? ".0.0"
			: ".0",
	    8 * (dots + 1));
	import_network(j->out, text, strlen(text), from);
}

static void networks_of_table(struct job *j, const struct pf_pattern *p, const char *name)
{
	const struct pf_table *t = p->table;
	struct import_from from = from_pattern(j, p, name);

	if (t->kind == PF_OPAQUE) {
		note_opaque(j, p->text, &from, "`networks friends`");
		return;
	}
	if (t->kind == PF_REGEX || t->kind == PF_STATIC) {
		import_note(j->out, &from,
		    "%s was not taken over: the guard has no patterns of networks", p->text);
		return;
	}
	for (size_t i = 0; i < t->count; i++) {
		const struct pf_row *row = &t->rows[i];

		from = from_row(j, p, row, name);
		if (row->kind != PF_ROW)
			import_note(j->out, &from, "if and endif were not taken over");
		else if (row->negated)
			import_note(j->out, &from, "!%s was not taken over", row->key);
		else
			add_network_key(j, row->key, &from);
	}
}

/* Does this listener, or main.cf, permit mynetworks at all? */
static bool trusts_networks(const struct pf_view *v)
{
	return pf_uses(v, "permit_mynetworks");
}

static void import_networks(struct job *j, const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "mynetworks");
	struct import_from from = from_setting(j, v, "mynetworks");

	if (!trusts_networks(v)) {
		import_note(j->out, &from,
		    "mynetworks was not taken over: no restriction list of that listener permits "
		    "it");
		return;
	}
	if (!pf_is_set(v, "mynetworks")) {
		import_note(j->out, &from,
		    "mynetworks is not set; mynetworks_style = %s trusts this host%s, of which "
		    "only "
		    "loopback was taken over: add yours to `networks friends`",
		    pf_get(v, "mynetworks_style"),
		    strcasecmp(pf_get(v, "mynetworks_style"), "host") == 0 ? ""
									   : " and its neighbours");
		import_network(j->out, "127.0.0.0/8", 11, &from);
		import_network(j->out, "::1", 3, &from);
		return;
	}
	for (size_t i = 0; i < l.count; i++) {
		const struct pf_pattern *p = &l.items[i];

		from = from_pattern(j, p, "mynetworks");
		if (p->negated && p->table != NULL)
			import_note(j->out, &from,
			    "!%s was not taken over: write the networks without it", p->text);
		else if (p->negated)
			import_excluded(j->out, p->text, strlen(p->text), &from);
		else if (p->table != NULL)
			networks_of_table(j, p, "mynetworks");
		else
			import_network(j->out, p->text, strlen(p->text), &from);
	}
}

/* --- domains --------------------------------------------------------------- */

/* A name as Postfix would match it: with what is below it, where the list is of that kind. */
static void add_domain(
    struct job *j, const char *text, bool subdomains, const struct import_from *from)
{
	char below[300];

	if (text[0] == '[') {
		import_domain(j->out, text, strlen(text), from);
		return;
	}
	if (strchr(text, '*') != NULL || (text[0] == '.' && subdomains)) {
		import_note(
		    j->out, from, "%s was not taken over: Postfix matches nothing with it", text);
		return;
	}
	import_domain(j->out, text, strlen(text), from);
	if (!subdomains || text[0] == '.' || strlen(text) > 250)
		return;
	snprintf(below, sizeof(below), ".%s", text);
	import_domain(j->out, below, strlen(below), from);
}

static void domains_of_table(
    struct job *j, const struct pf_pattern *p, bool subdomains, const char *name)
{
	const struct pf_table *t = p->table;
	struct import_from from = from_pattern(j, p, name);

	if (t->kind == PF_OPAQUE) {
		note_opaque(j, p->text, &from, "`domains ours`");
		return;
	}
	if (t->kind != PF_KEYED) {
		import_note(j->out, &from,
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
		from = from_row(j, p, row, name);
		add_domain(j, row->key, subdomains, &from);
	}
}

static void import_domain_list(struct job *j, const char *name)
{
	struct pf_patterns l = pf_patterns(&j->main, name);
	bool subdomains = pf_matches_subdomains(&j->main, name);

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_pattern *p = &l.items[i];
		struct import_from from = from_pattern(j, p, name);

		if (p->negated)
			import_note(j->out, &from, "!%s was not taken over", p->text);
		else if (p->table != NULL)
			domains_of_table(j, p, subdomains, name);
		else
			add_domain(j, p->text, subdomains, &from);
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

static void certs_of_table(struct job *j, const struct pf_pattern *p)
{
	const char *name = "relay_clientcerts";
	struct import_from from = from_pattern(j, p, name);
	char fingerprint[FINGERPRINT_SIZE], body[256];

	if (p->table == NULL || p->table->kind != PF_KEYED) {
		import_note(j->out, &from,
		    "%s was not taken over: write a rule with `cert = { ... }` for the "
		    "fingerprints in "
		    "it",
		    p->text);
		return;
	}
	for (size_t i = 0; i < p->table->count; i++) {
		const struct pf_row *row = &p->table->rows[i];

		from = from_row(j, p, row, name);
		if (!canonical(row->key, fingerprint)) {
			import_note(j->out, &from,
			    "%s was not taken over: a fingerprint of MD5 or SHA-256 was expected",
			    row->key);
			continue;
		}
		snprintf(body, sizeof(body), "cert = \"%s\"  action = permit", fingerprint);
		import_rule(j->out, "cert", body, &from);
	}
}

static void import_certs(struct job *j, const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "relay_clientcerts");
	struct import_from from = from_setting(j, v, "smtpd_relay_restrictions");

	if (pf_uses(v, "permit_tls_clientcerts")) {
		for (size_t i = 0; i < l.count; i++)
			certs_of_table(j, &l.items[i]);
		if (l.count > 0)
			import_note(j->out, &from,
			    "Postfix shows no fingerprint to a milter: the rules for certificates "
			    "match "
			    "nothing until each is written as `cert = \"subject:...\"`");
	}
	if (pf_uses(v, "permit_tls_all_clientcerts"))
		import_note(j->out, &from,
		    "permit_tls_all_clientcerts was not taken over: it trusts every certificate of "
		    "the "
		    "authorities in smtpd_tls_CAfile; write a rule with `cert = verified` if those "
		    "are "
		    "your own");
}

/* --- what the lists permit besides ----------------------------------------- */

/* Is the row's action a plain permission? */
static bool permits(const char *value)
{
	size_t len = strcspn(value, " \t,");

	return (len == 2 && strncasecmp(value, "OK", 2) == 0) ||
	       (len == 5 && strncasecmp(value, "RELAY", 5) == 0) ||
	       (len == 6 && strncasecmp(value, "permit", 6) == 0) ||
	       (value[0] != '\0' && strspn(value, "0123456789") == strlen(value));
}

static void client_table(struct job *j, const struct pf_pattern *p, const char *list)
{
	const struct pf_table *t = p->table;
	struct import_from from = from_pattern(j, p, list);

	if (t->kind == PF_OPAQUE) {
		note_opaque(j, p->text, &from, "`networks friends`");
		return;
	}
	for (size_t i = 0; i < t->count; i++) {
		const struct pf_row *row = &t->rows[i];

		if (row->kind != PF_ROW || !permits(row->value))
			continue;
		from = from_row(j, p, row, list);
		if (t->kind == PF_REGEX || t->kind == PF_STATIC || row->negated)
			import_note(j->out, &from, "the permission of %s was not taken over",
			    t->kind == PF_STATIC ? p->text : row->key);
		else
			add_network_key(j, row->key, &from);
	}
}

static void recipient_table(struct job *j, const struct pf_pattern *p, const char *list)
{
	const struct pf_table *t = p->table;
	struct import_from from = from_pattern(j, p, list);
	char body[512];

	for (size_t i = 0; i < t->count; i++) {
		const struct pf_row *row = &t->rows[i];
		size_t len = strlen(row->key);

		if (row->kind != PF_ROW || !permits(row->value))
			continue;
		from = from_row(j, p, row, list);
		if (t->kind != PF_KEYED || len == 0 || len > 250 || row->key[len - 1] == '@' ||
		    strpbrk(row->key, "\"\\ <>") != NULL || strangers_below(row->key) ||
		    strchr(row->key, '.') == NULL) {
			import_note(
			    j->out, &from, "the permission of %s was not taken over", row->key);
			continue;
		}
		snprintf(body, sizeof(body), "to = \"%s\"  action = permit", row->key);
		import_note(j->out, &from,
		    "recipients at %s are permitted by a rule, which matches what goes on under "
		    "that "
		    "domain only where it is in `domains ours` as well",
		    row->key);
		import_rule(j->out, "to", body, &from);
	}
}

static void other_table(
    struct job *j, const char *check, const struct pf_pattern *p, const char *list)
{
	struct import_from from = from_pattern(j, p, list);
	const struct pf_table *t = p->table;

	for (size_t i = 0; i < t->count; i++) {
		if (!permits(t->rows[i].value))
			continue;
		from = from_row(j, p, &t->rows[i], list);
		import_note(j->out, &from,
		    "%s permits %s, which anybody may claim to be; it was NOT taken over", check,
		    t->kind == PF_STATIC ? "everybody" : t->rows[i].key);
	}
}

static bool ends_list(const char *word)
{
	return strcmp(word, "reject_unauth_destination") == 0 ||
	       strcmp(word, "defer_unauth_destination") == 0 || strcmp(word, "reject") == 0 ||
	       strcmp(word, "defer") == 0;
}

/* The tables that stand before relaying is refused. */
static void import_list(struct job *j, const struct pf_view *v, const char *list)
{
	const struct pf_setting *s = pf_set(v, list);
	const char *text = pf_get(v, list), *word, *argument;
	struct pf_pattern p = {.file = s == NULL ? j->pf->main_file : s->file};
	unsigned lines = 0;

	while ((word = pf_word(&j->pf->arena, &text, &lines)) != NULL && !ends_list(word)) {
		if (strncmp(word, "check_", 6) != 0)
			continue;
		p.line = s == NULL ? 0 : s->line + lines;
		argument = pf_word(&j->pf->arena, &text, &lines);
		if (argument == NULL || !pf_is_table(pf_unbrace(&j->pf->arena, argument)))
			continue;
		p.text = pf_unbrace(&j->pf->arena, argument);
		p.table = pf_table(v, p.text);
		if (p.table == NULL)
			return;
		if (strcmp(word, "check_client_access") == 0)
			client_table(j, &p, list);
		else if (strcmp(word, "check_recipient_access") == 0)
			recipient_table(j, &p, list);
		else if (strcmp(word, "check_sender_access") == 0 ||
			 strcmp(word, "check_helo_access") == 0)
			other_table(j, word, &p, list);
	}
	if (pf_uses(v, "permit_mx_backup")) {
		struct import_from from = from_setting(j, v, list);

		import_note(j->out, &from,
		    "permit_mx_backup was not taken over: name the domains in `domains ours`");
	}
}

/* --- logins ---------------------------------------------------------------- */

static bool needs_tls(const struct pf_view *v)
{
	return pf_bool(v, "smtpd_tls_auth_only", false) ||
	       pf_bool(v, "smtpd_tls_wrappermode", false) ||
	       strcasecmp(pf_get(v, "smtpd_tls_security_level"), "encrypt") == 0;
}

static void import_login(struct job *j, const struct pf_view *v)
{
	struct import_from from = from_setting(j, v, "smtpd_sasl_auth_enable");

	if (pf_bool(v, "smtpd_sasl_auth_enable", false) && pf_uses(v, "permit_sasl_authenticated"))
		import_logins(j->out, needs_tls(v), &from);
}

/* Who may use which sender: the guard's own section takes the same lines. */
static void import_login_maps(struct job *j)
{
	struct pf_patterns l = pf_patterns(&j->main, "smtpd_sender_login_maps");
	const size_t shown = 200;

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_pattern *p = &l.items[i];
		const struct pf_table *t = p->table;
		struct import_from from = from_pattern(j, p, "smtpd_sender_login_maps");

		if (t == NULL || t->kind != PF_KEYED) {
			import_note(j->out, &from,
			    "%s says which login may use which sender; Postfix goes on to hold it, "
			    "the guard "
			    "has no rule for it here",
			    p->text);
			continue;
		}
		for (size_t r = 0; r < t->count && r < shown; r++) {
			from = from_row(j, p, &t->rows[r], "smtpd_sender_login_maps");
			import_note(j->out, &from,
			    "sender %s belongs to the logins %s; Postfix goes on to hold that",
			    t->rows[r].key, t->rows[r].value);
		}
	}
}

/* --- the rest -------------------------------------------------------------- */

static void import_limits(struct job *j, const struct pf_view *v)
{
	static const char *const limits[] = {"smtpd_client_connection_rate_limit",
	    "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
	    "smtpd_client_auth_rate_limit", "smtpd_client_connection_count_limit"};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct import_from from = from_setting(j, v, limits[i]);
		char text[128];

		if (!pf_is_set(v, limits[i]) || pf_number(v, limits[i]) == 0)
			continue;
		snprintf(text, sizeof(text), "%lu a client and anvil_rate_time_unit (60s)",
		    pf_number(v, limits[i]));
		import_limit(j->out, text, &from);
	}
}

/* A transport that delivers here under another name: the mailer is then one of the guard's. */
static void import_transports(struct job *j)
{
	static const char *const names[] = {"local_transport", "virtual_transport"};

	for (size_t i = 0; i < 2; i++) {
		const char *value = pf_get(&j->main, names[i]);
		struct import_from from = from_setting(j, &j->main, names[i]);

		if (strncmp(value, "lmtp:", 5) == 0)
			import_note(j->out, &from,
			    "%s: mail for these domains is kept, as it goes on under the same "
			    "domain",
			    value);
	}
}

static void import_one(struct job *j, const struct pf_listener *l)
{
	struct import_from from = {
	    short_name(j, l->view.service->file), l->view.service->line, "listener"};
	const char *text = arena_printf(&j->pf->arena, "%s %s%s", l->view.service->type, l->label,
	    l->local ? ", which only this host reaches" : "");

	if (text != NULL)
		import_listener(j->out, text, &from);
	import_login(j, &l->view);
	import_limits(j, &l->view);
	if (l->local)
		return;
	import_networks(j, &l->view);
	import_certs(j, &l->view);
	import_list(j, &l->view, "smtpd_relay_restrictions");
	import_list(j, &l->view, "smtpd_recipient_restrictions");
}

void pf_import(struct pf *pf, struct import *i)
{
	static const char *const domains[] = {
	    "mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"};
	struct job j = {pf, {pf, NULL}, i};
	struct pf_listeners l = pf_listeners(pf);
	const char *source;

	source = arena_printf(&i->arena, "Postfix %s%s in %s", pf->version_text,
	    pf->version_is_known ? "" : " (assumed)", pf->request->config_dir);
	i->source = source;
	for (size_t k = 0; k < l.count; k++)
		import_one(&j, &l.items[k]);
	for (size_t k = 0; k < sizeof(domains) / sizeof(domains[0]); k++)
		import_domain_list(&j, domains[k]);
	import_login_maps(&j);
	import_transports(&j);
}
