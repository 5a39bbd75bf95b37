/* Domains that take in the world, and tables that send on to wherever the recipient says. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_audit.h"
#include "audit/pf_pattern.h"
#include "base/strbuf.h"

/*
 * What patterns are tried with: names that nobody's own pattern can mean. Those for examples are
 * none of them.
 */
static const char *const strangers[] = {"mx.stranger-77.net", "victim-77.org", "gmail.com",
    "stranger-77.test", "a.b.stranger-77.co.uk", "web.de"};

/* A word of a list, or a key of a table, that means much more than one site's domains. */
static bool is_wide_word(const char *text, bool subdomains)
{
	if (!strangers_below(text))
		return false;
	return text[0] == '.' ? !subdomains : subdomains;
}

/* The pattern that takes strangers' domains in; *row where a table does. NULL: none. */
static const struct pf_pattern *wide_pattern(const struct pf_view *v, const struct pf_patterns *l,
    bool subdomains, const struct pf_row **row)
{
	*row = NULL;
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		const struct pf_pattern *p = pf_match_domain(v, l, strangers[i], subdomains, row);

		if (p != NULL)
			return p;
	}
	*row = NULL;
	for (size_t i = 0; i < l->count; i++) {
		const struct pf_pattern *p = &l->items[i];
		const struct pf_table *t = p->table;

		if (!p->negated && t == NULL && is_wide_word(p->text, subdomains))
			return p;
		for (size_t r = 0; t != NULL && t->kind == PF_KEYED && r < t->count; r++) {
			if (!is_wide_word(t->rows[r].key, subdomains))
				continue;
			*row = &t->rows[r];
			return p;
		}
	}
	return NULL;
}

/* What to write for a pattern, or a row of its table (NULL: none): where it stands. */
static struct pf_instead without(
    struct pf_audit *a, const char *parameter, const struct pf_pattern *p, const struct pf_row *row)
{
	const struct pf_setting *s = pf_set(&a->main, parameter);

	if (row != NULL && row->line > 0)
		return pf_comment_out(a->pf, p->table->file, row->line);
	if (s != NULL && p->file != s->file)
		return pf_without_word(a->pf, p->file, p->line, p->text);
	return pf_list_without(&a->main, parameter, p->index);
}

/* A row of a table that a parameter names: as a comment, or the table gone where it is there. */
static struct pf_instead without_row(
    struct pf_audit *a, const char *parameter, const struct pf_table *t, const struct pf_row *row)
{
	struct pf_patterns l = pf_patterns(&a->main, parameter);

	for (size_t i = 0; i < l.count; i++)
		if (l.items[i].table == t)
			return without(a, parameter, &l.items[i], row);
	return pf_no_line();
}

/* --- where the mail of such domains goes ----------------------------------- */

/* Does mail of this transport leave the host? */
static bool leaves(const char *transport)
{
	static const char *const names[] = {"smtp", "relay", "esmtp", "uucp"};
	size_t len = strcspn(transport, ": \t\n");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], transport, len) == 0)
			return true;
	return false;
}

static bool rewrites_outside(const struct pf_view *v);

static bool local_leaves(const struct pf_view *v)
{
	return leaves(pf_get(v, "local_transport")) || leaves(pf_get(v, "fallback_transport")) ||
	       leaves(pf_get(v, "mailbox_transport"));
}

static bool virtual_leaves(const struct pf_view *v)
{
	return leaves(pf_get(v, "virtual_transport"));
}

static bool relay_leaves(const struct pf_view *v)
{
	(void)v;
	return true;
}

static const struct {
	const char *parameter;
	bool (*leaves)(const struct pf_view *v);
} domain_lists[] = {
    {"relay_domains", relay_leaves},
    {"mydestination", local_leaves},
    {"virtual_mailbox_domains", virtual_leaves},
    {"virtual_alias_domains", rewrites_outside},
};

/* What is said of our domains counts as much as strangers get at any of them. */
static enum severity capped(const struct pf_audit *a, enum severity severity)
{
	int reach = pf_ours_reach(a);

	if (reach == WAY_CLOSED)
		return SEVERITY_LOW;
	return (int)severity > reach ? (enum severity)reach : severity;
}

static void audit_list(struct pf_audit *a, const char *parameter, bool away)
{
	const struct pf_view *v = &a->main;
	struct pf_patterns l = pf_patterns(v, parameter);
	const struct pf_row *row = NULL;
	const struct pf_pattern *p = wide_pattern(v, &l, pf_matches_subdomains(v, parameter), &row);
	bool relay = strcmp(parameter, "relay_domains") == 0;
	const char *what, *file;
	unsigned line;

	if (p == NULL)
		return;
	what = p->text;
	file = p->file;
	line = p->line;
	if (row != NULL && row->line > 0) {
		file = p->table->file;
		line = row->line;
		what = findings_text(a->findings, "%s (\"%s\")", p->text, row->key);
	}
	pf_report_at(a, NULL, relay ? "relay-domains-wide" : "domains-catch-all",
	    capped(a, away ? SEVERITY_HIGH : SEVERITY_MEDIUM), file, line,
	    away ? findings_text(a->findings,
		       "%s has %s, which takes in domains of strangers: mail to them is taken from "
		       "everybody and sent on.",
		       parameter, what)
		 : findings_text(a->findings,
		       "%s has %s, which takes in domains of strangers: mail to them is taken from "
		       "everybody, though it stays here; testers call that an open relay.",
		       parameter, what),
	    without(a, parameter, p, row));
}

/* --- rewriting to what the recipient says ---------------------------------- */

/* Group number `n` of a pattern: where it begins and ends; false: there is none. */
static bool find_group(const char *pattern, unsigned n, size_t *from, size_t *to)
{
	unsigned count = 0, depth = 0, mine = 0;
	bool inside = false;

	for (size_t i = 0; pattern[i] != '\0'; i++) {
		if (pattern[i] == '\\' && pattern[i + 1] != '\0') {
			i++;
		} else if (pattern[i] == '(') {
			depth++;
			if (pattern[i + 1] != '?' && ++count == n) {
				inside = true;
				mine = depth;
				*from = i + 1;
			}
		} else if (pattern[i] == ')') {
			if (inside && depth == mine) {
				*to = i;
				return true;
			}
			depth -= depth > 0;
		}
	}
	return false;
}

/*
 * Can the recipient's own text fill the group, and does more of the pattern follow it? At the very
 * end of the pattern the group is the address's own domain, which was judged as such.
 */
static bool is_free_group(const char *pattern, unsigned n)
{
	size_t from = 0, to = 0;
	bool free = false;
	const char *rest;

	if (!find_group(pattern, n, &from, &to))
		return false;
	for (size_t i = from; i + 1 < to; i++)
		free = free ||
		       (pattern[i] == '.' && strchr("*+", pattern[i + 1]) != NULL &&
			   (i == from || pattern[i - 1] != '\\')) ||
		       (pattern[i] == '[' && pattern[i + 1] == '^');
	rest = pattern + to + 1;
	return free && rest[0] != '\0' && strcmp(rest, "$") != 0;
}

/* The group that a result ends with: user@$2, user@${2}; 0: none. */
static unsigned last_group(const char *text, size_t len)
{
	size_t n = len;

	if (n > 0 && (text[n - 1] == '}' || text[n - 1] == ')'))
		n--;
	if (n < 2 || !isdigit((unsigned char)text[n - 1]))
		return 0;
	while (n > 0 && isdigit((unsigned char)text[n - 1]))
		n--;
	if (n > 0 && text[n - 1] == '$')
		return (unsigned)strtoul(text + n, NULL, 10);
	if (n > 1 && (text[n - 1] == '{' || text[n - 1] == '(') && text[n - 2] == '$')
		return (unsigned)strtoul(text + n, NULL, 10);
	return 0;
}

/* Does one of the result's addresses go to a domain that the recipient chooses? */
static bool chooses_domain(const struct pf_row *row)
{
	const char *p = row->value;

	while (*p != '\0') {
		size_t len = strcspn(p, ", \t");
		unsigned group = memchr(p, '@', len) == NULL ? 0 : last_group(p, len);

		if (group > 0 && is_free_group(row->key, group))
			return true;
		p += len;
		p += strspn(p, ", \t");
	}
	return false;
}

/* The first row of the tables in a parameter that sends on to anywhere. */
static const struct pf_row *rewriting_row(
    const struct pf_view *v, const char *parameter, const struct pf_table **table)
{
	struct pf_patterns l = pf_patterns(v, parameter);

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_table *t = l.items[i].table;

		for (size_t r = 0; t != NULL && t->kind == PF_REGEX && r < t->count; r++) {
			if (t->rows[r].kind != PF_ROW || !chooses_domain(&t->rows[r]))
				continue;
			*table = t;
			return &t->rows[r];
		}
	}
	return NULL;
}

/*
 * Does a catch-all row send to a domain that is none of ours? One whose result is in
 * virtual_alias_domains itself, as with a pattern that matches everything, ends as unknown.
 */
static bool rewrites_outside(const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "virtual_alias_maps");
	struct pf_patterns ours = pf_patterns(v, "mydestination");
	struct pf_patterns boxes = pf_patterns(v, "virtual_mailbox_domains");
	struct pf_patterns aliases = pf_patterns(v, "virtual_alias_domains");

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_table *t = l.items[i].table;
		const struct pf_row *row =
		    t == NULL ? NULL : pf_lookup(t, "victim@mx.stranger-77.net");
		const char *at = row == NULL ? NULL : strrchr(row->value, '@');

		if (at == NULL)
			continue;
		if (strchr(at, '$') != NULL ||
		    (pf_match_domain(v, &aliases, at + 1, false, NULL) == NULL &&
			pf_match_domain(v, &ours, at + 1, false, NULL) == NULL &&
			pf_match_domain(v, &boxes, at + 1, false, NULL) == NULL))
			return true;
	}
	return false;
}

static void audit_rewriting(struct pf_audit *a)
{
	static const char *const parameters[] = {
	    "virtual_alias_maps", "recipient_canonical_maps", "canonical_maps"};

	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const struct pf_table *t = NULL;
		const struct pf_row *row = rewriting_row(&a->main, parameters[i], &t);

		if (row == NULL)
			continue;
		pf_report_at(a, NULL, "rewrite-opens-relay", capped(a, SEVERITY_HIGH), t->file,
		    row->line,
		    findings_text(a->findings,
			"%s rewrites what matches /%s/ to \"%s\", after the relay checks: the "
			"recipient's own text says which domain the mail goes to, so that "
			"strangers "
			"may send to where they like.",
			parameters[i], row->key, row->value),
		    without_row(a, parameters[i], t, row));
	}
}

/* transport_maps whose next hop is taken from the recipient. */
static void audit_transport(struct pf_audit *a)
{
	struct pf_patterns l = pf_patterns(&a->main, "transport_maps");

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_table *t = l.items[i].table;

		for (size_t r = 0; t != NULL && t->kind == PF_REGEX && r < t->count; r++) {
			const struct pf_row *row = &t->rows[r];
			const char *dollar = strchr(row->value, '$');
			unsigned n = dollar == NULL
			                 ? 0
			                 : (unsigned)strtoul(
					       dollar + 1 + strspn(dollar + 1, "{("), NULL, 10);

			if (n == 0 || !is_free_group(row->key, n))
				continue;
			pf_report_at(a, NULL, "transport-by-recipient", SEVERITY_MEDIUM, t->file,
			    row->line,
			    findings_text(a->findings,
				"transport_maps sends what matches /%s/ to \"%s\": the recipient's "
				"own "
				"text says which host the mail goes to.",
				row->key, row->value),
			    without_row(a, "transport_maps", t, row));
		}
	}
}

/* --- routes within an address ---------------------------------------------- */

/* Is there a relay domain besides what is delivered here? */
static bool has_relay_domains(const struct pf_view *v)
{
	const char *relay = pf_get(v, "relay_domains");

	return relay[0] != '\0' && strcmp(relay, pf_get(v, "mydestination")) != 0;
}

static void audit_routing(struct pf_audit *a)
{
	enum severity severity = has_relay_domains(&a->main) ? SEVERITY_MEDIUM : SEVERITY_LOW;

	if (pf_bool(&a->main, "allow_untrusted_routing", false))
		pf_report(a, NULL, "untrusted-routing", severity, "allow_untrusted_routing",
		    "Strangers may name a route within the address "
		    "(user%other.example@relayed.example): "
		    "the server of a relay domain gets such mail from a host that it trusts, and "
		    "may "
		    "send it on to where they like.",
		    pf_line_for(&a->main, "allow_untrusted_routing", "no"));
	if (!pf_bool(&a->main, "resolve_dequoted_address", true))
		pf_report(a, NULL, "quoted-routing", severity, "resolve_dequoted_address",
		    "A route within quotes (\"user@other.example\"@relayed.example) is not looked "
		    "at: "
		    "the server of a relay domain may follow it, and send mail on to where "
		    "strangers "
		    "like.",
		    pf_line_for(&a->main, "resolve_dequoted_address", "yes"));
}

/* Patterns that look like wildcards and match nothing. */
static void audit_dead_patterns(struct pf_audit *a)
{
	struct pf_patterns l = pf_patterns(&a->main, "relay_domains");
	bool subdomains = pf_matches_subdomains(&a->main, "relay_domains");

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_pattern *p = &l.items[i];

		if (p->table != NULL ||
		    (strchr(p->text, '*') == NULL && !(subdomains && p->text[0] == '.')))
			continue;
		pf_report_at(a, NULL, "relay-domains-dead", SEVERITY_LOW, p->file, p->line,
		    findings_text(a->findings,
			"relay_domains has %s, which matches nothing in Postfix; it was perhaps "
			"meant "
			"as a wildcard.",
			p->text),
		    without(a, "relay_domains", p, NULL));
	}
}

void pf_audit_domains(struct pf_audit *a)
{
	for (size_t i = 0; i < sizeof(domain_lists) / sizeof(domain_lists[0]); i++)
		audit_list(a, domain_lists[i].parameter, domain_lists[i].leaves(&a->main));
	audit_rewriting(a);
	audit_transport(a);
	audit_routing(a);
	audit_dead_patterns(a);
}
