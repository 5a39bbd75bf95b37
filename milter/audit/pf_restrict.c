#include "audit/pf_restrict.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"

enum { NESTING_MAX = 10, WALKS_MAX = 20000 };

/* What a restriction does to a stranger's recipient elsewhere. */
enum effect {
	PASSES,
	PERMITS,
	REFUSES,
	BY_NETWORKS,
	BY_NAKED_HELO,
	BY_MX,
	BY_ANY_CERT,
	BY_CERT_LIST,
	BY_CLIENT,
	BY_HELO,
	BY_SENDER,
	BY_RECIPIENT,
	BY_CERT_TABLE,
	BY_POLICY,
	ONLY_WARNS,
};

struct restriction {
	const char *name;
	enum effect effect;
	bool argument;
};

/* OK from the tables of MX, NS and A records, and of reverse names, is an error to Postfix. */
static const struct restriction restrictions[] = {
    {"check_ccert_access", BY_CERT_TABLE, true},
    {"check_client_a_access", PASSES, true},
    {"check_client_access", BY_CLIENT, true},
    {"check_client_mx_access", PASSES, true},
    {"check_client_ns_access", PASSES, true},
    {"check_etrn_access", PASSES, true},
    {"check_helo_a_access", PASSES, true},
    {"check_helo_access", BY_HELO, true},
    {"check_helo_mx_access", PASSES, true},
    {"check_helo_ns_access", PASSES, true},
    {"check_policy_service", BY_POLICY, true},
    {"check_recipient_a_access", PASSES, true},
    {"check_recipient_access", BY_RECIPIENT, true},
    {"check_recipient_maps", PASSES, false},
    {"check_recipient_mx_access", PASSES, true},
    {"check_recipient_ns_access", PASSES, true},
    {"check_relay_domains", REFUSES, false},
    {"check_reverse_client_hostname_a_access", PASSES, true},
    {"check_reverse_client_hostname_access", PASSES, true},
    {"check_reverse_client_hostname_mx_access", PASSES, true},
    {"check_reverse_client_hostname_ns_access", PASSES, true},
    {"check_sasl_access", PASSES, true},
    {"check_sender_a_access", PASSES, true},
    {"check_sender_access", BY_SENDER, true},
    {"check_sender_mx_access", PASSES, true},
    {"check_sender_ns_access", PASSES, true},
    {"defer", REFUSES, false},
    {"defer_if_permit", REFUSES, false},
    {"defer_if_reject", PASSES, false},
    {"defer_unauth_destination", REFUSES, false},
    {"permit", PERMITS, false},
    {"permit_auth_destination", PASSES, false},
    {"permit_dnswl_client", PASSES, true},
    {"permit_inet_interfaces", PASSES, false},
    {"permit_mx_backup", BY_MX, false},
    {"permit_mynetworks", BY_NETWORKS, false},
    {"permit_naked_ip_address", BY_NAKED_HELO, false},
    {"permit_rhswl_client", PASSES, true},
    {"permit_sasl_authenticated", PASSES, false},
    {"permit_tls_all_clientcerts", BY_ANY_CERT, false},
    {"permit_tls_clientcerts", BY_CERT_LIST, false},
    {"reject", REFUSES, false},
    {"reject_authenticated_sender_login_mismatch", PASSES, false},
    {"reject_invalid_helo_hostname", PASSES, false},
    {"reject_invalid_hostname", PASSES, false},
    {"reject_known_sender_login_mismatch", PASSES, false},
    {"reject_maps_rbl", PASSES, false},
    {"reject_multi_recipient_bounce", PASSES, false},
    {"reject_non_fqdn_helo_hostname", PASSES, false},
    {"reject_non_fqdn_hostname", PASSES, false},
    {"reject_non_fqdn_recipient", PASSES, false},
    {"reject_non_fqdn_sender", PASSES, false},
    {"reject_plaintext_session", PASSES, false},
    {"reject_rbl", PASSES, true},
    {"reject_rbl_client", PASSES, true},
    {"reject_rhsbl_client", PASSES, true},
    {"reject_rhsbl_helo", PASSES, true},
    {"reject_rhsbl_recipient", PASSES, true},
    {"reject_rhsbl_reverse_client", PASSES, true},
    {"reject_rhsbl_sender", PASSES, true},
    {"reject_sender_login_mismatch", PASSES, false},
    {"reject_unauth_destination", REFUSES, false},
    {"reject_unauth_pipelining", PASSES, false},
    {"reject_unauthenticated_sender_login_mismatch", PASSES, false},
    {"reject_unknown_address", PASSES, false},
    {"reject_unknown_client", PASSES, false},
    {"reject_unknown_client_hostname", PASSES, false},
    {"reject_unknown_forward_client_hostname", PASSES, false},
    {"reject_unknown_helo_hostname", PASSES, false},
    {"reject_unknown_hostname", PASSES, false},
    {"reject_unknown_recipient_domain", PASSES, false},
    {"reject_unknown_reverse_client_hostname", PASSES, false},
    {"reject_unknown_sender_domain", PASSES, false},
    {"reject_unlisted_recipient", PASSES, false},
    {"reject_unlisted_sender", PASSES, false},
    {"reject_unverified_recipient", PASSES, false},
    {"reject_unverified_sender", PASSES, false},
    {"sleep", PASSES, true},
    {"warn_if_reject", ONLY_WARNS, false},
};

static const struct restriction *find(const char *name)
{
	for (size_t i = 0; i < sizeof(restrictions) / sizeof(restrictions[0]); i++)
		if (strcasecmp(restrictions[i].name, name) == 0)
			return &restrictions[i];
	return NULL;
}

/* One walk, and what it has gathered. */
struct walk {
	const struct pf_view *v;
	const struct pf_trust *trust;
	const char *list;          /* the parameter at hand */
	const char *file;          /* where its value stands */
	unsigned line;             /* 0: it is a default */
	struct pf_culprits *found; /* NULL: nobody asks */
	unsigned count;            /* of elements walked over: a bound */
};

/* Where the walk is. */
struct element {
	const char *text;
	const char *argument; /* NULL: none */
	unsigned index, lines;
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
    struct walk *w, const struct element *e, const char *id, int severity, const char *why)
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

/* What a table's right-hand side does: access(5). */
static struct pf_way walk_action(struct walk *w, const char *text, unsigned depth)
{
	static const char *const passing[] = {"DUNNO", "HOLD", "PREPEND", "WARN", "INFO", "FILTER",
	    "REDIRECT", "BCC", "DEFER_IF_REJECT", "REPLACE"};
	static const char *const refusing[] = {"REJECT", "DEFER", "DEFER_IF_PERMIT", "DISCARD"};
	const struct pf_way yes = {SEVERITY_HIGH, WAY_CLOSED}, no = {WAY_CLOSED, WAY_CLOSED};
	const struct pf_way on = {WAY_CLOSED, SEVERITY_HIGH};
	size_t len = strcspn(text, " \t,");

	if (is_word(text, len, "OK") || is_word(text, len, "RELAY") ||
	    (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)))
		return yes;
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

/* Strangers of whom nobody has heard, for tables that match by pattern. */
static const char *const stranger_addresses[] = {
    "203.0.113.77", "8.8.4.4", "45.90.160.3", "185.220.101.9", "2001:db8:77::9", "2a00:1450::77"};
static const char *const stranger_names[] = {
    "unknown", "host-77.isp.example.net", "mx.stranger.example.org", "a.b.c.stranger.test"};
static const char *const stranger_domains[] = {
    "ext.example.net", "victim.example.org", "gmail.com", "stranger-77.test", "web.de"};
static const char *const local_parts[] = {"victim", "postmaster", "abuse", "info", "root", "a.b"};

/* A permitting row: how far a stranger reaches it. */
typedef int reach_fn(const struct pf_table *t, const struct pf_row *row);

static int client_key_reach(const struct pf_row *row)
{
	const char *key = row->key;
	struct prefix p;
	unsigned octets = 0;
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
	if (strcasecmp(key, "unknown") == 0 || strangers_below(key))
		return SEVERITY_HIGH;
	if (strchr(key, ':') != NULL)
		return WAY_CLOSED;
	/* A name is as good as its owner's DNS. */
	return strchr(key, '.') != NULL ? SEVERITY_MEDIUM : WAY_CLOSED;
}

static int client_reach(const struct pf_table *t, const struct pf_row *row)
{
	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	if (t->kind == PF_CIDR)
		return row->negated ? SEVERITY_HIGH : strangers_in(&row->prefix);
	if (t->kind == PF_KEYED)
		return client_key_reach(row);
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

/* What a stranger says of himself is his choice. */
static int free_reach(const struct pf_table *t, const struct pf_row *row)
{
	(void)t;
	(void)row;
	return SEVERITY_HIGH;
}

/* Which recipients elsewhere does the row permit? Those of single domains are the owner's choice.
 */
static int recipient_reach(const struct pf_table *t, const struct pf_row *row)
{
	size_t len = strlen(row->key);
	char address[128];

	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	if (t->kind == PF_KEYED) {
		if (len > 1 && row->key[len - 1] == '@')
			return SEVERITY_HIGH;
		return strangers_below(row->key) ? SEVERITY_HIGH : WAY_CLOSED;
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

static int cert_reach(const struct pf_table *t, const struct pf_row *row)
{
	static const char some[] = "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:"
				   "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00";

	if (t->kind == PF_STATIC)
		return SEVERITY_HIGH;
	return t->kind == PF_REGEX && pf_lookup(t, some) == row ? SEVERITY_HIGH : WAY_CLOSED;
}

/* Does the table refuse every stranger that is tried, whatever he is called? */
static bool refuses_all(struct walk *w, const struct pf_table *t, enum effect by, unsigned depth)
{
	const char *const *keys = by == BY_CLIENT ? stranger_addresses : stranger_domains;
	size_t count = by == BY_CLIENT ? sizeof(stranger_addresses) / sizeof(stranger_addresses[0])
	                               : sizeof(stranger_domains) / sizeof(stranger_domains[0]);
	struct pf_culprits *found = w->found;
	bool all = t->kind != PF_OPAQUE;

	w->found = NULL;
	for (size_t i = 0; all && i < count; i++) {
		const struct pf_row *row = pf_lookup(t, keys[i]);

		if (row == NULL) {
			all = false;
		} else {
			struct pf_way way = walk_action(w, row->value, depth);

			all = way.pass == WAY_CLOSED && way.permit == WAY_CLOSED;
		}
	}
	w->found = found;
	return all;
}

struct access_kind {
	enum effect effect;
	reach_fn *reach;
	const char *id, *whose;
};

static const struct access_kind access_kinds[] = {
    {BY_CLIENT, client_reach, "client-permits", "the client's address or name"},
    {BY_HELO, free_reach, "helo-permits", "the name in HELO, which anybody may give"},
    {BY_SENDER, free_reach, "sender-permits", "the sender's address, which anybody may give"},
    {BY_RECIPIENT, recipient_reach, "recipient-permits", "the recipient"},
    {BY_CERT_TABLE, cert_reach, "certificate-permits", "the client's certificate"},
};

static const char *access_id(
    const struct access_kind *k, const struct pf_table *t, const struct pf_row *row, int severity)
{
	if (k->effect == BY_CLIENT && severity == SEVERITY_MEDIUM && t->kind != PF_CIDR &&
	    strspn(row->key, "0123456789.:/") != strlen(row->key))
		return "client-name-permits";
	return k->id;
}

static void blame_row(struct walk *w, const struct element *e, const struct access_kind *k,
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
		    : k->effect == BY_CLIENT && access_id(k, t, row, severity) != k->id
			? "who controls that name's DNS may send to where he likes"
			: "whoever can use such an address may send to where he likes");
	blame_element(w, e, access_id(k, t, row, severity), severity, why);
}

/* The table of check_*_access: each row that a stranger reaches. */
static struct pf_way walk_access(
    struct walk *w, const struct element *e, const struct access_kind *k, unsigned depth)
{
	const struct pf_table *t = pf_is_table(e->argument) ? pf_table(w->v, e->argument) : NULL;
	struct pf_way way = {WAY_CLOSED, SEVERITY_HIGH};
	int worst = WAY_CLOSED;
	const struct pf_row *blamed = NULL;
	struct pf_culprits *found = w->found;

	if (t == NULL)
		return way;
	/* What a row names is blamed on the row. */
	w->found = NULL;
	for (size_t i = 0; i < t->count; i++) {
		const struct pf_row *row = &t->rows[i];
		struct pf_way got;
		int reach;

		if (row->kind != PF_ROW)
			continue;
		got = walk_action(w, row->value, depth);
		if (got.permit == WAY_CLOSED)
			continue;
		reach = worse(k->reach(t, row), got.permit);
		if (reach > worst) {
			worst = reach;
			blamed = row;
		}
	}
	w->found = found;
	if (blamed != NULL)
		blame_row(w, e, k, t, blamed, worst);
	way.permit = worst;
	if (refuses_all(w, t, k->effect, depth))
		way.pass = WAY_CLOSED;
	return way;
}

/* --- single elements ------------------------------------------------------- */

/* The list of relay_clientcerts: does it hold every certificate? */
static int cert_list_reach(const struct pf_view *v)
{
	struct pf_patterns l = pf_patterns(v, "relay_clientcerts");

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_table *t = l.items[i].table;

		for (size_t r = 0; t != NULL && r < t->count; r++)
			if (cert_reach(t, &t->rows[r]) != WAY_CLOSED)
				return SEVERITY_HIGH;
	}
	return WAY_CLOSED;
}

/* Whose certificates does permit_tls_all_clientcerts take? Everybody's, with public authorities. */
static int any_cert_reach(const struct pf_view *v)
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

static struct pf_way walk_special(struct walk *w, const struct element *e, enum effect effect)
{
	struct pf_way way = {WAY_CLOSED, SEVERITY_HIGH};
	const char *id = "", *why = "";

	switch ((int)effect) {
	case BY_NETWORKS:
		/* mynetworks has findings of its own. */
		way.permit = w->trust->networks;
		return way;
	case BY_NAKED_HELO:
		way.permit = SEVERITY_HIGH;
		id = "helo-permits";
		why = "permit_naked_ip_address permits whoever gives an address in HELO, which "
		      "anybody "
		      "may do: strangers may send to where they like.";
		break;
	case BY_MX:
		way.permit = SEVERITY_MEDIUM;
		id = "mx-backup-permits";
		if (pf_get(w->v, "permit_mx_backup_networks")[0] != '\0')
			return (struct pf_way){WAY_CLOSED, SEVERITY_HIGH};
		why = "permit_mx_backup takes mail for any domain whose MX names this host, and a "
		      "stranger's own domain can: it is a relay for whoever writes such a record.";
		break;
	case BY_ANY_CERT:
		way.permit = any_cert_reach(w->v);
		id = "certificate-permits";
		why = "permit_tls_all_clientcerts permits every certificate of a public "
		      "authority, which anybody gets for nothing: strangers may send to where they "
		      "like.";
		break;
	case BY_CERT_LIST:
		way.permit = cert_list_reach(w->v);
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

static const struct access_kind *kind_of(enum effect effect)
{
	for (size_t i = 0; i < sizeof(access_kinds) / sizeof(access_kinds[0]); i++)
		if (access_kinds[i].effect == effect)
			return &access_kinds[i];
	return NULL;
}

static struct pf_way walk_element(
    struct walk *w, const struct element *e, const struct restriction *r, unsigned depth)
{
	const struct access_kind *k = kind_of(r->effect);
	struct pf_way way = {WAY_CLOSED, SEVERITY_HIGH};

	if (k != NULL && e->argument != NULL)
		return walk_access(w, e, k, depth);
	switch ((int)r->effect) {
	case PERMITS:
		blame_element(w, e, "permit-before-reject", SEVERITY_HIGH,
		    "\"permit\" stands before anything that refuses recipients elsewhere: "
		    "strangers may send to where they like.");
		return (struct pf_way){SEVERITY_HIGH, WAY_CLOSED};
	case REFUSES:
		return (struct pf_way){WAY_CLOSED, WAY_CLOSED};
	case BY_POLICY:
		way.permit = SEVERITY_LOW;
		blame_element(w, e, "policy-before-reject", SEVERITY_LOW,
		    arena_printf(&w->v->pf->arena,
			"%s %s is asked before recipients elsewhere are refused: if it ever "
			"answers OK, strangers may send to where they like.",
			e->text, e->argument == NULL ? "" : e->argument));
		return way;
	case PASSES:
	case ONLY_WARNS:
		return way;
	default:
		return walk_special(w, e, r->effect);
	}
}

/* --- lists ----------------------------------------------------------------- */

static bool is_class(const struct pf_view *v, const char *name)
{
	const char *p = pf_get(v, "smtpd_restriction_classes"), *word;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL)
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

/* type:table without a check_*_access before it: the list's own kind of check. */
static const struct restriction *implied(const struct walk *w)
{
	static const struct {
		const char *list, *restriction;
	} table[] = {{"smtpd_client_restrictions", "check_client_access"},
	    {"smtpd_helo_restrictions", "check_helo_access"},
	    {"smtpd_sender_restrictions", "check_sender_access"},
	    {"smtpd_recipient_restrictions", "check_recipient_access"}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].list, w->list) == 0)
			return find(table[i].restriction);
	return NULL;
}

/* What is neither a restriction nor a table is a class, or stops all mail. */
static struct pf_way walk_other(struct walk *w, const struct element *e, unsigned depth)
{
	const struct pf_view *v = w->v;
	struct element table = *e;
	const struct restriction *r;

	if (pf_is_table(e->text)) {
		r = implied(w);
		if (r == NULL)
			return (struct pf_way){WAY_CLOSED, SEVERITY_HIGH};
		table.text = r->name;
		table.argument = e->text;
		return walk_element(w, &table, r, depth);
	}
	if (is_class(v, e->text)) {
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

/* Reads the next element and its argument. False: the list ends. */
static bool next_element(struct walk *w, const char **p, unsigned *lines, unsigned *index,
    struct element *e, const struct restriction **r)
{
	struct arena *a = &w->v->pf->arena;

	e->argument = NULL;
	e->text = pf_word(a, p, lines);
	if (e->text == NULL)
		return false;
	e->lines = *lines;
	e->index = (*index)++;
	*r = find(e->text);
	if (*r != NULL && (*r)->argument) {
		e->argument = pf_word(a, p, lines);
		*index += e->argument != NULL;
		if (e->argument != NULL && (*r)->effect != BY_POLICY)
			e->argument = pf_unbrace(a, e->argument);
	}
	return true;
}

static struct pf_way walk_list(struct walk *w, const char *text, unsigned depth)
{
	struct pf_way total = {WAY_CLOSED, SEVERITY_HIGH};
	unsigned lines = 0, index = 0;
	const struct restriction *r = NULL;
	struct element e = {.text = NULL};
	bool warns = false;

	if (depth > NESTING_MAX)
		return (struct pf_way){WAY_CLOSED, WAY_CLOSED};
	while (total.pass != WAY_CLOSED && w->count++ < WALKS_MAX &&
	       next_element(w, &text, &lines, &index, &e, &r)) {
		struct pf_way way;

		if (r != NULL && r->effect == ONLY_WARNS) {
			warns = true;
			continue;
		}
		way = r != NULL ? walk_element(w, &e, r, depth) : walk_other(w, &e, depth);
		total.permit = better(total.permit, worse(way.permit, total.pass));
		if (!warns)
			total.pass = worse(total.pass, way.pass);
		warns = false;
	}
	return total;
}

struct pf_way pf_walk(const struct pf_view *v, const char *parameter, const struct pf_trust *trust,
    struct pf_culprits *culprits)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct walk w = {.v = v,
	    .trust = trust,
	    .list = parameter,
	    .file = s == NULL ? v->pf->main_file : s->file,
	    .line = s == NULL ? 0 : s->line,
	    .found = culprits};

	return walk_list(&w, pf_get(v, parameter), 0);
}

/* --- what smtpd itself asks of the lists ----------------------------------- */

/* As smtpd looks for it: `permit` ends the search, what only warns does not count. */
static bool list_has_control(const struct pf_view *v, const char *text, unsigned depth)
{
	static const char *const wanted[] = {"reject_unauth_destination",
	    "defer_unauth_destination", "reject", "defer", "defer_if_permit",
	    "check_relay_domains"};
	const char *word;

	if (depth > NESTING_MAX)
		return false;
	while ((word = pf_word(&v->pf->arena, &text, NULL)) != NULL) {
		if (strcmp(word, "warn_if_reject") == 0) {
			pf_word(&v->pf->arena, &text, NULL);
			continue;
		}
		if (strcmp(word, "permit") == 0)
			return false;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strcmp(word, wanted[i]) == 0)
				return true;
		if (find(word) == NULL && is_class(v, word) &&
		    list_has_control(v, pf_get(v, word), depth + 1))
			return true;
	}
	return false;
}

bool pf_has_relay_control(const struct pf_view *v)
{
	return list_has_control(v, pf_get(v, "smtpd_relay_restrictions"), 0) ||
	       list_has_control(v, pf_get(v, "smtpd_recipient_restrictions"), 0);
}

static bool list_uses(const struct pf_view *v, const char *text, const char *name, unsigned depth)
{
	const char *word;

	if (depth > NESTING_MAX)
		return false;
	while ((word = pf_word(&v->pf->arena, &text, NULL)) != NULL) {
		if (strcasecmp(word, name) == 0)
			return true;
		if (find(word) == NULL && is_class(v, word) &&
		    list_uses(v, pf_get(v, word), name, depth + 1))
			return true;
	}
	return false;
}

bool pf_uses(const struct pf_view *v, const char *name)
{
	static const char *const lists[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
	    "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	    "smtpd_recipient_restrictions"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (list_uses(v, pf_get(v, lists[i]), name, 0))
			return true;
	return false;
}

const char *pf_unknown_word(const struct pf_view *v, const char *parameter, unsigned *line)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct walk w = {.v = v};
	const char *text = pf_get(v, parameter);
	const struct restriction *r = NULL;
	unsigned lines = 0, index = 0;
	struct element e = {.text = NULL};

	while (next_element(&w, &text, &lines, &index, &e, &r)) {
		if (r != NULL || pf_is_table(e.text) || is_class(v, e.text))
			continue;
		*line = s == NULL ? 0 : s->line + e.lines;
		return e.text;
	}
	return NULL;
}

/* --- the list as it should be ---------------------------------------------- */

static bool may_follow(const struct pf_culprit *c)
{
	return strncmp(c->element, "check_", 6) == 0 &&
	       strcmp(c->list, "smtpd_recipient_restrictions") == 0;
}

static void add_word(struct strbuf *b, const char *word, bool compact)
{
	if (b->len > 0)
		strbuf_puts(b, compact ? "," : ", ");
	strbuf_puts(b, word);
}

/* The elements but for the culprit, with reject_unauth_destination among them. */
static void repaired_list(
    const struct pf_view *v, const struct pf_culprit *c, bool compact, struct strbuf *b)
{
	struct walk w = {.v = v};
	const char *text = pf_get(v, c->list);
	const struct restriction *r = NULL;
	unsigned lines = 0, index = 0;
	struct element e = {.text = NULL};
	bool control = false, warns = false;

	while (next_element(&w, &text, &lines, &index, &e, &r)) {
		const char *whole = e.argument == NULL
		                        ? e.text
		                        : arena_printf(&v->pf->arena, "%s %s", e.text, e.argument);

		if (e.index == c->index || whole == NULL)
			continue;
		if (r != NULL && r->effect == REFUSES && !control) {
			if (warns)
				continue;
			control = true;
			add_word(b, e.text, compact);
			if (may_follow(c))
				add_word(b, c->element, compact);
			continue;
		}
		warns = r != NULL && r->effect == ONLY_WARNS;
		if (!warns)
			add_word(b, whole, compact);
	}
	if (!control) {
		add_word(b, "reject_unauth_destination", compact);
		if (may_follow(c))
			add_word(b, c->element, compact);
	}
}

const char *pf_repaired(const struct pf_view *v, const struct pf_culprit *c)
{
	const struct pf_setting *s = pf_set(v, c->list);
	bool override = v->service != NULL && s != NULL && strcmp(s->file, v->pf->master_file) == 0;
	struct strbuf b = {0};
	const char *text;

	repaired_list(v, c, override, &b);
	if (!override)
		text = arena_printf(&v->pf->arena, "%s = %s", c->list, strbuf_text(&b));
	else if (strpbrk(strbuf_text(&b), " \t") == NULL)
		text = arena_printf(&v->pf->arena, "-o %s=%s", c->list, strbuf_text(&b));
	else
		text = arena_printf(&v->pf->arena, "-o { %s = %s }", c->list, strbuf_text(&b));
	strbuf_free(&b);
	return text == NULL ? "" : text;
}
