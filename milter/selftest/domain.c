#include "selftest/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc.h"
#include "auth/spf.h"

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

static void add_addresses(struct resolver *r, struct dns_budget *b, const char *name,
    enum dns_type type, struct domain_servers *out)
{
	const struct dns_answer *answer = dns_query(r, b, name, type);
	const size_t len = type == DNS_TYPE_A ? 4 : 16;

	if (out->implicit && answer->status == DNS_OK)
		out->status = DNS_OK;
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
	for (size_t i = 0; i < count; i++) {
		add_addresses(r, &b, mx[i].name, DNS_TYPE_A, out);
		add_addresses(r, &b, mx[i].name, DNS_TYPE_AAAA, out);
	}
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

static void inspect_mx(struct side_findings *f, struct resolver *r, const char *domain,
    const struct addr *addresses, size_t count)
{
	char text[ADDR_TEXT_MAX];
	struct domain_servers s;

	domain_servers(r, domain, &s);
	if (dns_status_is_error(s.status)) {
		side_add(f, SEVERITY_NOTE, domain, "mx", "Its MX could not be looked up: %s.",
		    dns_status_name(s.status));
		return;
	}
	if (s.null_mx || s.count == 0) {
		side_add(f, SEVERITY_MEDIUM, domain, "mx",
		    s.null_mx ? "It says that it takes no mail at all (a null MX)."
			      : "It has no server in DNS that takes its mail.");
		return;
	}
	if (s.implicit)
		side_add(
		    f, SEVERITY_LOW, domain, "mx", "It has no MX: mail goes to its own address.");
	for (size_t i = 0; i < count; i++) {
		addr_format(&addresses[i], text);
		if (!is_server(&s, &addresses[i]))
			side_add(f, SEVERITY_NOTE, domain, "mx-elsewhere",
			    "Its MX don't lead to %s.", text);
	}
}

/* --- SPF -------------------------------------------------------------------- */

/* Nobody's, so that only `+all` and its like let it send. */
#define NOBODY "192.0.2.99"

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

static void inspect_spf(
    struct side_findings *f, struct spf_case *c, const struct addr *addresses, size_t count)
{
	struct addr nobody = {.family = ADDR_NONE};
	char text[ADDR_TEXT_MAX];
	struct spf_outcome o;

	(void)addr_parse(NOBODY, strlen(NOBODY), &nobody);
	o = ask_spf(c, &nobody);
	if (o.result == SPF_NONE)
		side_add(f, SEVERITY_LOW, c->domain, "spf",
		    "It has no SPF record: anybody can send in its name.");
	else if (o.result == SPF_PASS)
		side_add(f, SEVERITY_MEDIUM, c->domain, "spf-all",
		    "Its SPF record lets everybody send in its name: %.200s", o.reason);
	else if (o.result == SPF_PERMERROR)
		side_add(f, SEVERITY_MEDIUM, c->domain, "spf-broken",
		    "Its SPF record is broken: %.200s", o.reason);
	else if (o.result == SPF_TEMPERROR)
		side_add(f, SEVERITY_NOTE, c->domain, "spf",
		    "Its SPF record could not be looked up: %.200s", o.reason);
	if (o.result != SPF_FAIL && o.result != SPF_SOFTFAIL && o.result != SPF_NEUTRAL)
		return;
	for (size_t i = 0; i < count; i++) {
		o = ask_spf(c, &addresses[i]);
		addr_format(&addresses[i], text);
		if (o.result != SPF_PASS)
			side_add(f, SEVERITY_NOTE, c->domain, "spf-elsewhere",
			    "Its SPF record does not name %s (%s): mail that this server sends out "
			    "in its name is not believed.",
			    text, spf_result_name(o.result));
	}
}

/* --- DMARC ------------------------------------------------------------------ */

static void inspect_dmarc(
    struct side_findings *f, struct resolver *r, const char *domain, struct arena *a)
{
	const struct dmarc_query q = {.dkim_count = 0};
	struct dns_budget b = budget();
	struct dmarc_lookup *l = dmarc_start(r, &b, domain);
	struct dmarc_outcome o;

	dmarc_finish(&l, &b, &q, a, &o);
	if (o.record_domain == NULL)
		side_add(f, SEVERITY_LOW, domain, "dmarc",
		    "It has no DMARC record: who forges its name in From is not turned away "
		    "(%.200s).",
		    o.reason);
	else if (o.published == DMARC_POLICY_NONE)
		side_add(f, SEVERITY_NOTE, domain, "dmarc-none",
		    "Its DMARC record, at %.200s, asks for nothing: p=none.", o.record_domain);
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
