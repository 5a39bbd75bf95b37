/* The access map of Sendmail as networks, domains and rules. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/nets.h"
#include "audit/sm_audit.h"
#include "base/domset.h"
#include "base/names.h"

static const char what[] = "the access map";

static bool relays(const struct sm_fact *f)
{
	return strncasecmp(f->value, "RELAY", 5) == 0;
}

/* The key without its tag; NULL: it has another one. */
static const char *key_of(const struct sm_fact *f, const char *tag)
{
	size_t len = strlen(tag);

	return strncmp(f->name, tag, len) == 0 ? f->name + len : NULL;
}

/* --- clients ------------------------------------------------------------------- */

/* Connect:192.0.2, or the same without a tag. */
static bool is_client(const struct sm_fact *f, struct prefix *p)
{
	const char *key = key_of(f, "connect:");

	return sm_network(key == NULL ? f->name : key, p);
}

static bool refuses(const struct sm_fact *f)
{
	return strncasecmp(f->value, "OK", 2) != 0 && strncasecmp(f->value, "SKIP", 4) != 0 &&
	       strncasecmp(f->value, "QUARANTINE", 10) != 0;
}

static void class_r_networks(struct sm *sm, struct nets_effort *e, struct nets *out)
{
	const struct sm_fact *f = NULL;
	struct prefix p;

	while ((f = sm_next(sm, f, SM_CLASS, "R")) != NULL) {
		struct import_from where = sm_from(f, "class {R}");

		if (sm_network(f->value, &p))
			nets_add(e, out, &p, &where);
	}
}

/* An entry that does not let its clients relay, less the more specific ones that do. */
static void except_client(struct import *i, struct nets_effort *e, const struct net_from *other,
    const struct nets *permitted, const struct nets *always, const struct nets *friends)
{
	struct nets rest = {NULL, 0, 0}, holes = {NULL, 0, 0};
	char text[ADDR_TEXT_MAX];

	nets_join(e, &holes, always);
	for (size_t n = 0; n < permitted->count; n++)
		if (permitted->items[n].net.bits > other->net.bits)
			nets_add(e, &holes, &permitted->items[n].net, &permitted->items[n].from);
	nets_add_without(e, &rest, other, &holes);
	for (size_t n = 0; n < rest.count && !e->failed; n++) {
		if (!nets_touch(e, friends, &rest.items[n].net))
			continue;
		prefix_format(&rest.items[n].net, text);
		import_excluded(i, text, strlen(text), &rest.items[n].from);
	}
}

/* The most specific entry decides. Class {R} lets all relay whom the map does not refuse. */
static void import_clients(struct sm *sm, struct import *i)
{
	const struct nets none = {NULL, 0, 0};
	struct nets_effort e = {.arena = &i->arena};
	struct nets permitted = {NULL, 0, 0}, of_class = {NULL, 0, 0}, all = {NULL, 0, 0};
	const struct sm_fact *f = NULL;
	struct prefix p;

	class_r_networks(sm, &e, &of_class);
	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL) {
		struct import_from where = sm_from(f, what);

		if (!relays(f) || !is_client(f, &p))
			continue;
		nets_add(&e, &permitted, &p, &where);
		sm_add_network(i, &p, &where);
	}
	nets_join(&e, &all, &permitted);
	nets_join(&e, &all, &of_class);
	while (!e.failed && (f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL) {
		struct net_from other = {.from = sm_from(f, what)};

		if (relays(f) || !is_client(f, &other.net))
			continue;
		if (refuses(f))
			except_client(i, &e, &other, &permitted, &none, &all);
		else
			except_client(i, &e, &other, &permitted, &of_class, &permitted);
	}
	if (!e.failed)
		return;
	i->networks.count = 0;
	import_note(
	    i, NULL, "the access map is too intricate to be taken over: no client is in `friends`");
}

/* --- recipients ------------------------------------------------------------------ */

static struct domset *set_of(const struct import_list *l)
{
	struct domset_builder *b = domset_builder_new();

	for (size_t k = 0; b != NULL && k < l->count; k++)
		(void)domset_builder_add(b, l->items[k].text, strlen(l->items[k].text), NULL);
	return b == NULL ? NULL : domset_build(&b);
}

static bool is_local(const struct sm *sm, const char *name)
{
	static const char *const classes[] = {"w", "VirtHost"};

	for (size_t c = 0; c < 2; c++)
		for (const struct sm_fact *f = NULL;
		     (f = sm_next(sm, f, SM_CLASS, classes[c])) != NULL;)
			if (strcasecmp(f->value, name) == 0)
				return true;
	return false;
}

/* Class {R} is asked before the map: it has the name, or `.name` or a name above it. */
static bool is_of_class_r(const struct sm *sm, const char *name)
{
	bool hosts_only = sm_last(sm, SM_FEATURE, "relay_hosts_only") != NULL;

	for (const struct sm_fact *f = NULL; (f = sm_next(sm, f, SM_CLASS, "R")) != NULL;) {
		size_t len = strlen(name), n = strlen(f->value);

		if (strcasecmp(f->value, name) == 0)
			return true;
		if (!hosts_only && n > 0 && len > n && strcasecmp(name + len - n, f->value) == 0 &&
		    (f->value[0] == '.' || name[len - n - 1] == '.'))
			return true;
	}
	return false;
}

/* To:sub.example.com REJECT below To:example.com RELAY. */
static void import_exceptions(struct sm *sm, struct import *i)
{
	bool dots = sm_last(sm, SM_FEATURE, "lookupdotdomain") != NULL;
	struct domset *ours = set_of(&i->domains);
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL) {
		struct import_from where = sm_from(f, what);
		const char *to = key_of(f, "to:"), *key = to == NULL ? f->name : to;
		bool dot = dots && key[0] == '.';
		char name[NAME_SIZE], below[NAME_SIZE + 1];
		struct prefix p;

		key += dot;
		if (relays(f) || strpbrk(key, ":@") != NULL || sm_network(key, &p) ||
		    name_canonical(key, strlen(key), name) != NAME_OK ||
		    !domset_contains(ours, name) || is_local(sm, name) || is_of_class_r(sm, name))
			continue;
		if (!dot)
			import_not_ours(i, name, strlen(name), &where);
		snprintf(below, sizeof(below), ".%s", name);
		import_not_ours(i, below, strlen(below), &where);
	}
	domset_free(&ours);
}

/* --- rows that permit --------------------------------------------------------------- */

static void note_by_name(struct import *i, const char *key, const struct import_from *where)
{
	import_note(i, where,
	    "Clients with a name in %s may relay. The guard asks for addresses: add theirs to "
	    "`friends`.",
	    key);
}

/* As the server tells it, in the case of the file: it compares without. */
static bool is_plain_name(const char *text)
{
	size_t len = strlen(text);

	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~' || *p == '"' || *p == '\\')
			return false;
	return len > 0 && len < 300;
}

static void import_issuer(struct import *i, const char *issuer, const struct import_from *where)
{
	char body[400];

	if (!is_plain_name(issuer)) {
		import_note(i, where, "certificates of %s were not taken over", issuer);
		return;
	}
	snprintf(body, sizeof(body), "cert = \"issuer:%s\"  action = permit", issuer);
	import_rule(i, "issuer", body, where);
	import_note(i, where,
	    "certificates of %s are permitted by a rule, which asks for the name in this very case",
	    issuer);
}

static void import_certificate(struct import *i, const struct sm_fact *f)
{
	struct import_from where = sm_from(f, what);
	const char *issuer = key_of(f, "certissuer:"), *subject = key_of(f, "certsubject:");

	if (issuer != NULL && relays(f))
		import_issuer(i, issuer, &where);
	else if (issuer != NULL && strncasecmp(f->value, "SUBJECT", 7) == 0)
		import_note(i, &where,
		    "certificates of %s are looked up by their subject as well: see there", issuer);
	else if (subject != NULL && relays(f))
		import_note(i, &where,
		    "the certificate of %s may relay if a CERTIssuer with SUBJECT made it. This "
		    "was "
		    "not taken over, as a rule can't ask for both: where confCACERT has no other "
		    "authority, write `rule NAME { cert = \"subject:%s\"  action = permit }`",
		    subject, subject);
}

static void import_entry(struct sm *sm, struct import *i, const struct sm_fact *f)
{
	struct import_from where = sm_from(f, what);
	const char *connect = key_of(f, "connect:"), *to = key_of(f, "to:");
	const char *key = connect != NULL ? connect : to != NULL ? to : f->name;
	bool dots = sm_last(sm, SM_FEATURE, "lookupdotdomain") != NULL;
	struct prefix p;

	if (strncmp(f->name, "cert", 4) == 0 && strchr(f->name, ':') != NULL)
		import_certificate(i, f);
	else if (!relays(f) || (to == NULL && sm_network(key, &p)))
		return;
	else if (strchr(key, ':') != NULL || strchr(key, '@') != NULL)
		import_note(i, &where, "%s %s can't be expressed.", f->name, f->value);
	else if (key[0] == '.' && !dots)
		import_note(i, &where,
		    "%s was not taken over: a key that begins with a dot matches nothing", f->name);
	else if (connect != NULL)
		note_by_name(i, key, &where);
	else
		sm_add_relay_domain(sm, i, key, &where);
	if (relays(f) && connect == NULL && to == NULL && key[0] != '.' &&
	    strpbrk(key, ":@") == NULL)
		note_by_name(i, key, &where);
}

void sm_import_access(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = NULL;

	import_clients(sm, i);
	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL)
		import_entry(sm, i, f);
	import_exceptions(sm, i);
}
