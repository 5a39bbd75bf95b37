#include "audit/pf_reach.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_pattern.h"
#include "audit/strangers.h"
#include "base/addr.h"

/* Strangers of whom nobody has heard, for tables that match by pattern. */
static const char *const stranger_addresses[] = {
    "193.99.144.80", "8.8.4.4", "45.90.160.3", "185.220.101.9", "2a02:2e0:3fe::9", "2a00:1450::77"};
static const char *const stranger_names[] = {"unknown", "host-77.isp-77.net", "mx.stranger-77.org",
    "a.b.c.stranger.test", "dsl-9.isp-77.com"};
static const char *const stranger_domains[] = {
    "mx.stranger-77.net", "victim-77.org", "gmail.com", "stranger-77.test", "web.de"};
static const char *const local_parts[] = {"victim", "postmaster", "abuse", "info", "root", "a.b"};

/* Is the key of an access table asked for the names below it: example.net, or .example.net? */
static bool holds_below(const struct pf_view *v, const char *key)
{
	return pf_matches_subdomains(v, "smtpd_access_maps") != (key[0] == '.');
}

static int client_key_reach(const struct pf_view *v, const struct pf_row *row)
{
	const char *key = row->key;
	struct prefix p;
	unsigned octets = 0;
	bool below = holds_below(v, key);
	char text[40];

	if (strspn(key, "0123456789.") == strlen(key) && strlen(key) < 16) {
		/* 192.168: the octets of a network. */
		for (const char *s = key; *s != '\0'; s++)
			octets += *s == '.' && s[1] != '\0';
		octets++;
		snprintf(text, sizeof(text), "%s%s/%u", key,
		    octets == 1   ? ".0.0.0"
		    : octets == 2 ? ".0.0"
		    : octets == 3 ? ".0"
				  : "",
		    octets * 8);
		return prefix_parse(text, strlen(text), &p) == PREFIX_OK ? strangers_in(&p)
		                                                         : WAY_CLOSED;
	}
	if (prefix_parse(key, strlen(key), &p) == PREFIX_OK)
		return strangers_in(&p);
	if (strcasecmp(key, "unknown") == 0)
		return SEVERITY_HIGH;
	if (!below && key[0] == '.')
		return WAY_CLOSED;
	if (below && strangers_below(key))
		return SEVERITY_HIGH;
	if (strchr(key, ':') != NULL)
		return WAY_CLOSED;
	/* A name is as good as its owner's DNS. */
	return strchr(key, '.') != NULL ? SEVERITY_MEDIUM : WAY_CLOSED;
}

/* Does a pattern match whatever it is asked? */
static bool matches_all(const struct pf_row *row)
{
	static const char *const keys[] = {"a", "unknown", "localhost", "203.0.113.9",
	    "2001:db8::9", "[203.0.113.9]", "<>", "mx.stranger.example.org",
	    "victim@ext.example.net"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!pf_row_matches(row, keys[i]))
			return false;
	return true;
}

/* So many rows are looked at for one that hides a network: a bound. */
enum { HIDING_MAX = 300 };

/* Is all that a row of a cidr table matches taken by a row before it? */
static bool is_hidden(const struct pf_table *t, const struct pf_row *row)
{
	/* With `!` it matches the rest of its family. */
	unsigned bits = row->negated ? 0 : row->prefix.bits, depth = 0;

	for (const struct pf_row *r = t->rows; r < row && r < t->rows + HIDING_MAX; r++) {
		depth += r->kind == PF_ROW_IF;
		depth -= r->kind == PF_ROW_ENDIF && depth > 0;
		if (r->kind == PF_ROW && depth == 0 && !r->negated && r->prefix.bits <= bits &&
		    prefix_contains(&r->prefix, &row->prefix.addr))
			return true;
	}
	return false;
}

bool pf_is_reached(const struct pf_table *t, const struct pf_row *row, struct pf_seen *seen)
{
	bool reached = !seen->all;

	if (t->kind == PF_CIDR)
		return row->kind != PF_ROW || !is_hidden(t, row);
	if (t->kind != PF_REGEX)
		return true;
	if (row->kind == PF_ROW_IF)
		seen->depth++;
	else if (row->kind == PF_ROW_ENDIF)
		seen->depth -= seen->depth > 0;
	else if (seen->depth == 0 && !seen->all)
		seen->all = matches_all(row);
	return reached;
}

int pf_client_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row)
{
	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	if (t->kind == PF_CIDR)
		return row->negated ? SEVERITY_HIGH : strangers_in(&row->prefix);
	if (t->kind == PF_KEYED)
		return client_key_reach(v, row);
	for (size_t i = 0; i < sizeof(stranger_addresses) / sizeof(stranger_addresses[0]); i++)
		if (pf_lookup(t, stranger_addresses[i]) == row)
			return SEVERITY_HIGH;
	for (size_t i = 0; i < sizeof(stranger_names) / sizeof(stranger_names[0]); i++)
		if (pf_lookup(t, stranger_names[i]) == row)
			return SEVERITY_HIGH;
	/* A pattern of letters is one of names. */
	return strpbrk(row->key, "abcdefghijklmnopqrstuvwxyz") != NULL ? SEVERITY_MEDIUM
	                                                               : WAY_CLOSED;
}

int pf_free_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row)
{
	(void)v;
	(void)t;
	(void)row;
	return SEVERITY_HIGH;
}

int pf_recipient_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row)
{
	size_t len = strlen(row->key);
	char address[128];

	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	if (t->kind == PF_KEYED) {
		if (len > 1 && row->key[len - 1] == '@')
			return SEVERITY_HIGH;
		return holds_below(v, row->key) && strangers_below(row->key) ? SEVERITY_HIGH
		                                                             : WAY_CLOSED;
	}
	for (size_t d = 0; d < sizeof(stranger_domains) / sizeof(stranger_domains[0]); d++) {
		if (pf_lookup(t, stranger_domains[d]) == row)
			return SEVERITY_HIGH;
		for (size_t l = 0; l < sizeof(local_parts) / sizeof(local_parts[0]); l++) {
			snprintf(
			    address, sizeof(address), "%s@%s", local_parts[l], stranger_domains[d]);
			if (pf_lookup(t, address) == row)
				return SEVERITY_HIGH;
		}
	}
	return WAY_CLOSED;
}

int pf_cert_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row)
{
	static const char some[] = "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:"
				   "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00";

	(void)v;
	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	return t->kind == PF_REGEX && pf_lookup(t, some) == row ? SEVERITY_HIGH : WAY_CLOSED;
}

int pf_cert_list_reach(const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "relay_clientcerts");

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_table *t = l.items[i].table;

		for (size_t r = 0; t != NULL && r < t->count; r++)
			if (pf_cert_reach(v, t, &t->rows[r]) != WAY_CLOSED)
				return SEVERITY_HIGH;
	}
	return WAY_CLOSED;
}

int pf_any_cert_reach(const struct pf_view *v)
{
	const char *file = pf_get(v, "smtpd_tls_CAfile"), *path = pf_get(v, "smtpd_tls_CApath");
	bool asked =
	    pf_bool(v, "smtpd_tls_ask_ccert", false) || pf_bool(v, "smtpd_tls_req_ccert", false);

	if (!asked)
		return WAY_CLOSED;
	if (strcmp(file, "/etc/ssl/certs/ca-certificates.crt") == 0 ||
	    strncmp(path, "/etc/ssl/certs", 14) == 0 || strstr(file, "ca-bundle") != NULL ||
	    pf_bool(v, "tls_append_default_CA", false))
		return SEVERITY_HIGH;
	return WAY_CLOSED;
}

const char *pf_stranger_address(size_t i)
{
	return i < sizeof(stranger_addresses) / sizeof(stranger_addresses[0])
	           ? stranger_addresses[i]
	           : NULL;
}

const char *pf_stranger_domain(size_t i)
{
	return i < sizeof(stranger_domains) / sizeof(stranger_domains[0]) ? stranger_domains[i]
	                                                                  : NULL;
}

bool pf_is_anybodys_backup(const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "permit_mx_backup_networks");
	struct prefix p;

	for (size_t i = 0; i < l.count; i++) {
		const char *text = l.items[i].text;

		if (l.items[i].negated)
			continue;
		if (strncmp(text, "static:", 7) == 0 ||
		    (prefix_parse(text, strlen(text), &p) == PREFIX_OK &&
			strangers_in(&p) == SEVERITY_HIGH))
			return true;
	}
	return pf_get(v, "permit_mx_backup_networks")[0] == '\0';
}
