#include "selftest/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc.h"
#include "auth/dmarc_record.h"
#include "auth/spf.h"
#include "base/names.h"

/* Of one question, and of all of one domain. */
#define PER_LOOKUP (5 * USEC_PER_SEC)
#define ALL_LOOKUPS (20 * USEC_PER_SEC)
enum { LOOKUPS = 100, MX_MAX = 16 };

static struct dns_budget budget(void)
{
	return dns_budget_make(ALL_LOOKUPS, PER_LOOKUP, LOOKUPS);
}

/* --- servers ---------------------------------------------------------------- */

struct mx {
	unsigned preference;
	char name[DNS_NAME_SIZE];
};

static int by_preference(const void *pa, const void *pb)
{
	const struct mx *a = pa, *b = pb;

	return a->preference < b->preference ? -1 : a->preference > b->preference;
}

static size_t read_mx(const struct dns_answer *answer, struct mx out[MX_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < answer->count && count < MX_MAX; i++) {
		const struct dns_rdata *r = &answer->records[i];

		if (r->len < 3 || !dns_rdata_name(r, 2, out[count].name))
			continue;
		out[count++].preference = (unsigned)r->data[0] << 8 | r->data[1];
	}
	if (count > 0)
		qsort(out, count, sizeof(*out), by_preference);
	return count;
}

/* False: there is none. */
static bool add_addresses(struct resolver *r, struct dns_budget *b, const char *name,
    enum dns_type type, struct domain_servers *out)
{
	const struct dns_answer *answer = dns_query(r, b, name, type);
	const size_t len = type == DNS_TYPE_A ? 4 : 16;
	bool found = answer->count > 0 || dns_status_is_error(answer->status);

	if (out->implicit && answer->status == DNS_OK)
		out->status = DNS_OK;
	out->unknown = out->unknown || dns_status_is_error(answer->status);
	for (size_t i = 0; i < answer->count && out->count < DOMAIN_SERVERS_MAX; i++) {
		struct target *t = &out->all[out->count];
		struct addr a = {.family = type == DNS_TYPE_A ? ADDR_V4 : ADDR_V6};

		if (answer->records[i].len != len)
			continue;
		memcpy(a.bytes, answer->records[i].data, len);
		*t = (struct target){.port = 25};
		addr_format(&a, t->host);
		snprintf(t->name, sizeof(t->name), "%s", name);
		out->count++;
	}
	dns_answer_unref(&answer);
	return found;
}

static void add_server(
    struct resolver *r, struct dns_budget *b, const char *name, struct domain_servers *out)
{
	bool v4 = add_addresses(r, b, name, DNS_TYPE_A, out);
	bool v6 = add_addresses(r, b, name, DNS_TYPE_AAAA, out);

	if (!v4 && !v6 && *out->dead == '\0')
		snprintf(out->dead, sizeof(out->dead), "%s", *name == '\0' ? "." : name);
}

void domain_servers(struct resolver *r, const char *domain, struct domain_servers *out)
{
	struct dns_budget b = budget();
	const struct dns_answer *answer = dns_query(r, &b, domain, DNS_TYPE_MX);
	struct mx mx[MX_MAX];
	size_t count = read_mx(answer, mx);

	*out = (struct domain_servers){.status = answer->status};
	dns_answer_unref(&answer);
	if (count == 1 && *mx[0].name == '\0') {
		out->null_mx = true;
		return;
	}
	if (out->status == DNS_NODATA) {
		out->implicit = true;
		snprintf(mx[0].name, sizeof(mx[0].name), "%s", domain);
		count = 1;
	}
	for (size_t i = 0; i < count; i++)
		add_server(r, &b, mx[i].name, out);
}

/* Adds one that is public, once. */
static void add_public(const struct addr *a, struct addr *all, size_t *count, size_t max)
{
	for (size_t i = 0; i < *count; i++)
		if (addr_equal(&all[i], a))
			return;
	if (*count < max && addr_is_public(a))
		all[(*count)++] = *a;
}

void domain_addresses(
    struct resolver *r, const char *host, struct addr *all, size_t *count, size_t max)
{
	struct domain_servers s = {.count = 0};
	struct dns_budget b = budget();
	struct addr a;

	add_server(r, &b, host, &s);
	for (size_t i = 0; i < s.count; i++)
		if (addr_parse(s.all[i].host, strlen(s.all[i].host), &a))
			add_public(&a, all, count, max);
}

/* --- MX --------------------------------------------------------------------- */

static bool is_server(const struct domain_servers *s, const struct addr *a)
{
	struct addr one;

	for (size_t i = 0; i < s->count; i++)
		if (addr_parse(s->all[i].host, strlen(s->all[i].host), &one) && addr_equal(&one, a))
			return true;
	return false;
}

static void tell_no_server(
    struct side_findings *f, const char *domain, const struct domain_servers *s)
{
	if (dns_status_is_error(s->status))
		side_add(f, SEVERITY_NOTE, domain, "mx", "Its MX could not be looked up: %s.",
		    dns_status_name(s->status));
	else if (s->unknown)
		side_add(f, SEVERITY_NOTE, domain, "mx",
		    "The addresses of its MX could not be looked up.");
	else if (s->null_mx)
		side_add(f, SEVERITY_MEDIUM, domain, "mx",
		    "It says that it takes no mail at all (a null MX). Publish an MX with the name "
		    "of its mail server.");
	else
		side_add(f, SEVERITY_MEDIUM, domain, "mx",
		    "It has no server in DNS that takes its mail%s%s. Publish an MX, and an "
		    "address for the name in it.",
		    *s->dead == '\0' || s->implicit ? "" : ": there is no address for ",
		    s->implicit ? "" : s->dead);
}

static void inspect_mx(struct side_findings *f, struct resolver *r, const char *domain,
    const struct addr *addresses, size_t count)
{
	char text[ADDR_TEXT_MAX];
	struct domain_servers s;

	domain_servers(r, domain, &s);
	if (s.null_mx || s.count == 0) {
		tell_no_server(f, domain, &s);
		return;
	}
	if (s.implicit)
		side_add(f, SEVERITY_LOW, domain, "mx",
		    "It has no MX: mail goes to its own address. Publish one.");
	if (*s.dead != '\0')
		side_add(f, SEVERITY_LOW, domain, "mx-dead",
		    "Its MX %.253s has no address. Give it one, or take it out.", s.dead);
	for (size_t i = 0; i < count; i++) {
		addr_format(&addresses[i], text);
		if (!is_server(&s, &addresses[i]))
			side_add(f, SEVERITY_NOTE, domain, "mx-elsewhere",
			    "Its MX don't lead to %s, but to %.100s%s. That is right for a server "
			    "that takes no mail from outside.",
			    text, s.all[0].name, s.count > 1 ? " and others" : "");
	}
}

/* --- SPF -------------------------------------------------------------------- */

/*
 * Nobody's, and so far from one another that only `+all` and its like let all of a family send:
 * RFC 1112, 6598, 2544; 3849, 9637.
 */
static const char *const nobodys[][3] = {
    {"240.0.0.1", "100.64.99.99", "198.18.99.99"}, {"2001:db8:ffff::99", "3fff::99", NULL}};

enum { FAMILIES = sizeof(nobodys) / sizeof(*nobodys), NOBODYS = 3 };

struct spf_case {
	struct resolver *resolver;
	const char *domain, *host;
	usec_t now;
	struct arena arena;
};

static struct spf_outcome ask_spf(struct spf_case *c, const struct addr *client)
{
	struct dns_budget b = budget();
	struct spf_outcome out;
	struct spf_query q = {.client = *client,
	    .helo = c->host,
	    .sender = arena_printf(&c->arena, "postmaster@%s", c->domain),
	    .receiver = c->host,
	    .now = c->now};

	spf_check(c->resolver, &b, &q, SPF_MAILFROM, &c->arena, &out);
	return out;
}

/* What nobody of a family is told; PASS only when each of them may send. */
static struct spf_outcome ask_spf_of_nobody(struct spf_case *c, size_t family)
{
	struct spf_outcome out = {.result = SPF_NONE};

	for (size_t i = 0; i < NOBODYS && nobodys[family][i] != NULL; i++) {
		struct addr a = {.family = ADDR_NONE};

		(void)addr_parse(nobodys[family][i], strlen(nobodys[family][i]), &a);
		out = ask_spf(c, &a);
		if (out.result != SPF_PASS)
			break;
	}
	return out;
}

/* False: there is no record that could name anybody. */
static bool inspect_spf_record(
    struct side_findings *f, const char *domain, const struct spf_outcome *o)
{
	switch (o->result) {
	case SPF_NONE:
		side_add(f, SEVERITY_LOW, domain, "spf",
		    "It has no SPF record: anybody can send in its name. Publish a TXT record such "
		    "as \"v=spf1 mx -all\".");
		return false;
	case SPF_PASS:
		side_add(f, SEVERITY_MEDIUM, domain, "spf-all",
		    "Its SPF record lets everybody send in its name: end it in -all or ~all, and "
		    "name the servers. %.200s",
		    o->reason);
		return false;
	case SPF_PERMERROR:
		side_add(f, SEVERITY_MEDIUM, domain, "spf-broken",
		    "Its SPF record is broken, and nobody heeds it: %.200s", o->reason);
		return false;
	case SPF_TEMPERROR:
		side_add(f, SEVERITY_NOTE, domain, "spf",
		    "Its SPF record could not be looked up: %.200s", o->reason);
		return false;
	case SPF_NEUTRAL:
		side_add(f, SEVERITY_NOTE, domain, "spf-neutral",
		    "Its SPF record says nothing of other servers: end it in -all or ~all.");
		return true;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
		break;
	}
	return true;
}

static void inspect_spf(
    struct side_findings *f, struct spf_case *c, const struct addr *addresses, size_t count)
{
	struct spf_outcome o = {.result = SPF_NONE};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < FAMILIES && o.result != SPF_PASS; i++)
		if (i == 0 || (o.result != SPF_TEMPERROR && o.result != SPF_PERMERROR))
			o = ask_spf_of_nobody(c, i);
	if (!inspect_spf_record(f, c->domain, &o))
		return;
	for (size_t i = 0; i < count; i++) {
		o = ask_spf(c, &addresses[i]);
		addr_format(&addresses[i], text);
		if (o.result == SPF_TEMPERROR)
			side_add(f, SEVERITY_NOTE, c->domain, "spf",
			    "Whether its SPF record names %s can't be told: %.200s", text,
			    o.reason);
		else if (o.result != SPF_PASS)
			side_add(f, SEVERITY_NOTE, c->domain, "spf-elsewhere",
			    "Its SPF record does not name %s (%s): mail that this server sends out "
			    "in its name is not believed.",
			    text, spf_result_name(o.result));
	}
}

/* --- DMARC ------------------------------------------------------------------ */

/* The one record at a name. False: there is none, or several. */
static bool read_dmarc(
    struct resolver *r, struct dns_budget *b, const char *name, struct dmarc_record *out)
{
	char question[DNS_NAME_SIZE + sizeof("_dmarc.")];
	const struct dns_answer *answer;
	unsigned count = 0;

	snprintf(question, sizeof(question), "_dmarc.%s", name);
	answer = dns_query(r, b, question, DNS_TYPE_TXT);
	for (size_t i = 0; i < answer->count; i++) {
		struct dmarc_record record;
		char *text;
		size_t len;

		if (!dns_rdata_txt(&answer->records[i], &text, &len))
			continue;
		if (dmarc_record_read(text, len, &record)) {
			*out = record;
			count++;
		}
		free(text);
	}
	dns_answer_unref(&answer);
	return count == 1 && out->applies;
}

/*
 * A walk that ended in an error, at a top-level domain perhaps, is no verdict of a message; but
 * that there is a record below it is known.
 */
static bool find_dmarc_below_error(
    struct resolver *r, struct dns_budget *b, const char *domain, struct dmarc_outcome *o)
{
	struct dmarc_record record;

	for (const char *name = domain; name != NULL; name = name_parent(name)) {
		if (!read_dmarc(r, b, name, &record))
			continue;
		o->record_domain = name;
		o->policy = name == domain ? record.p : record.sp;
		if (record.testing)
			o->policy = dmarc_policy_lower(o->policy);
		return true;
	}
	return false;
}

static void inspect_dmarc(
    struct side_findings *f, struct resolver *r, const char *domain, struct arena *a)
{
	const struct dmarc_query q = {.dkim_count = 0};
	struct dns_budget b = budget();
	struct dmarc_lookup *l = dmarc_start(r, &b, domain);
	struct dmarc_outcome o;

	dmarc_finish(&l, &b, &q, a, &o);
	if (o.result == DMARC_TEMPERROR && !find_dmarc_below_error(r, &b, domain, &o))
		side_add(f, SEVERITY_NOTE, domain, "dmarc",
		    "Its DMARC record could not be looked up: %.300s", o.reason);
	else if (o.record_domain == NULL)
		side_add(f, SEVERITY_LOW, domain, "dmarc",
		    "It has no DMARC record that can be used: who forges its name in From is not "
		    "turned away. Publish a TXT record at _dmarc.%.100s such as \"v=DMARC1; "
		    "p=reject\". %.200s",
		    domain, o.reason);
	else if (o.policy == DMARC_POLICY_NONE)
		side_add(f, SEVERITY_NOTE, domain, "dmarc-none",
		    "Its DMARC record, at %.200s, asks for nothing: %.200s", o.record_domain,
		    o.reason);
}

void domain_inspect(struct side_findings *f, struct resolver *r, const char *domain,
    const char *host, const struct addr *addresses, size_t count, usec_t now)
{
	struct spf_case c = {.resolver = r, .domain = domain, .host = host, .now = now};

	inspect_mx(f, r, domain, addresses, count);
	inspect_spf(f, &c, addresses, count);
	inspect_dmarc(f, r, domain, &c.arena);
	arena_free(&c.arena);
}
