/* What DNS says of a domain and its servers, from fixed records. */
#include "../lib/unit.h"

#include <string.h>

#include "auth/fixed.h"
#include "base/strbuf.h"
#include "selftest/domain.h"

static struct resolver *resolver_of(const char *records)
{
	unsigned line = 0;
	struct resolver *r = fixed_open(records, strlen(records), &line);

	if (r == NULL)
		fail_msg("line %u of\n%s", line, records);
	return r;
}

/* "name host:port ..." of each, or what there is instead. */
static const struct {
	const char *records, *want;
} servers[] = {
    {"example.com MX 20 b.example.com\nexample.com MX 10 a.example.com\n"
     "a.example.com A 192.0.2.1\na.example.com A 192.0.2.2\nb.example.com AAAA 2001:db8::1\n",
	"a.example.com=192.0.2.1 a.example.com=192.0.2.2 b.example.com=2001:db8::1 "},
    {"example.com A 192.0.2.7\n", "implicit example.com=192.0.2.7 "},
    {"example.com MX 0 .\n", "null "},
    {"example.com MX 10 gone.example.com\n", ""},
    {"other.example A 192.0.2.7\n", "nxdomain "},
    {"example.com TIMEOUT\n", "deadline "},
};

static void servers_in_order(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		struct resolver *r = resolver_of(servers[i].records);
		struct domain_servers s;
		struct strbuf got = {0};

		domain_servers(r, "example.com", &s);
		if (s.status != DNS_OK)
			strbuf_printf(&got, "%s ", dns_status_name(s.status));
		strbuf_printf(
		    &got, "%s%s", s.implicit ? "implicit " : "", s.null_mx ? "null " : "");
		for (size_t k = 0; k < s.count; k++) {
			strbuf_printf(&got, "%s=%s ", s.all[k].name, s.all[k].host);
			assert_int_equal(s.all[k].port, 25);
		}
		if (strcmp(strbuf_text(&got), servers[i].want) != 0) {
			print_error("%sgot  %s\nwant %s\n", servers[i].records, strbuf_text(&got),
			    servers[i].want);
			failed++;
		}
		strbuf_free(&got);
		resolver_close(&r);
	}
	assert_int_equal(failed, 0);
}

/* Severity and name of each finding. */
static void describe(const struct side_findings *f, struct strbuf *b)
{
	for (size_t i = 0; i < f->count; i++)
		strbuf_printf(b, "%s %s; ", severity_name(f->items[i].severity), f->items[i].name);
}

#define MX "example.com MX 10 mx.example.com\nmx.example.com A 198.51.100.1\n"
#define SPF "example.com TXT \"v=spf1 mx -all\"\n"
#define DMARC "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"

static const struct {
	const char *records, *want;
} domains[] = {
    {MX SPF DMARC, ""},
    {SPF DMARC "example.com A 198.51.100.1\n", "low mx; note spf-elsewhere; "},
    {"example.com MX 0 .\nexample.com TXT \"v=spf1 -all\"\n" DMARC,
	"medium mx; note spf-elsewhere; "},
    {"example.com MX 10 mx.example.com\nmx.example.com A 198.51.100.2\n" SPF DMARC,
	"note mx-elsewhere; note spf-elsewhere; "},
    {MX DMARC, "low spf; "},
    {MX "example.com TXT \"v=spf1 +all\"\n" DMARC, "medium spf-all; "},
    {MX "example.com TXT \"v=spf1 mx bogus -all\"\n" DMARC, "medium spf-broken; "},
    {MX "example.com TXT \"v=spf1 ip4:198.51.100.9 ~all\"\n" DMARC, "note spf-elsewhere; "},
    /* Each is told from the others. */
    {MX "example.com TXT \"v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all\"\n" DMARC, ""},
    {MX "example.com TXT \"v=spf1 mx ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all\"\n" DMARC,
	"medium spf-all; "},
    {MX "example.com TXT \"v=spf1 mx ip6:::/0 -all\"\n" DMARC, "medium spf-all; "},
    {MX "example.com TXT \"v=spf1 mx ?all\"\n" DMARC, "note spf-neutral; "},
    {MX "example.com TXT \"v=spf1 mx\"\n" DMARC, "note spf-neutral; "},
    {MX "example.com TXT \"v=spf1 include:other.example -all\"\n"
	"other.example TXT \"v=spf1 ip4:198.51.100.1 -all\"\n" DMARC,
	""},
    {MX "example.com TXT \"v=spf1 include:other.example -all\"\n"
	"other.example TXT \"v=spf1 +all\"\n" DMARC,
	"medium spf-all; "},
    {MX "example.com TXT \"v=spf1 redirect=other.example\"\n"
	"other.example TXT \"v=spf1 ip4:198.51.100.1 ~all\"\n" DMARC,
	""},
    {MX "example.com TXT \"v=spf1 redirect=none.example\"\n" DMARC, "medium spf-broken; "},
    {MX "example.com TXT \"v=spf1 include:dead.example -all\"\n"
	"dead.example SERVFAIL\n" DMARC,
	"note spf; "},
    {MX SPF SPF DMARC, "medium spf-broken; "},
    {MX "example.com TXT TIMEOUT\n" DMARC, "note spf; "},
    {MX "example.com MX 20 gone.example.com\n" SPF DMARC, "low mx-dead; "},
    {"example.com MX 10 gone.example.com\n" SPF DMARC, "medium mx; note spf-elsewhere; "},
    {"example.com MX 10 mx.example.com\nmx.example.com SERVFAIL\n"
     "example.com TXT \"v=spf1 ip4:198.51.100.1 -all\"\n" DMARC,
	"note mx; "},
    {MX SPF "_dmarc.example.com SERVFAIL\n", "note dmarc; "},
    {MX SPF "_dmarc.example.com TXT \"v=DMARC1; p=reject; t=y\"\n", ""},
    {MX SPF "_dmarc.example.com TXT \"v=DMARC1; p=quarantine; t=y\"\n", "note dmarc-none; "},
    {MX SPF DMARC DMARC, "low dmarc; "},
    {MX SPF, "low dmarc; "},
    {MX SPF "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n", "note dmarc-none; "},
};

static void domains_are_looked_at(void **state)
{
	struct addr a;
	unsigned failed = 0;

	(void)state;
	assert_true(addr_parse("198.51.100.1", 12, &a));
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		struct resolver *r = resolver_of(domains[i].records);
		struct side_findings f = {.count = 0};
		struct strbuf got = {0};

		domain_inspect(&f, r, "example.com", "mx.example.com", &a, 1,
		    (usec_t)1795478400 * USEC_PER_SEC);
		describe(&f, &got);
		if (strcmp(strbuf_text(&got), domains[i].want) != 0) {
			print_error("%sgot  %s\nwant %s\n", domains[i].records, strbuf_text(&got),
			    domains[i].want);
			failed++;
		}
		strbuf_free(&got);
		side_free(&f);
		resolver_close(&r);
	}
	assert_int_equal(failed, 0);
}

#define SANE "2.0.0.127.bl.example A 127.0.0.2\nbl.example A 127.0.0.1\n"

static const struct {
	const char *records, *want;
} lists[] = {
    {SANE, ""},
    {SANE "1.100.51.198.bl.example A 127.0.0.4\n", "medium dnsbl; "},
    {SANE "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example A "
	  "127.0.0.2\n",
	"medium dnsbl; "},
    /* An error is no entry. */
    {SANE "1.100.51.198.bl.example A 127.255.255.254\n", "note dnsbl-unusable; "},
    {SANE "1.100.51.198.bl.example A 127.0.0.4\n1.100.51.198.bl.example A 127.255.255.254\n",
	"note dnsbl-unusable; "},
    {SANE "1.100.51.198.bl.example TIMEOUT\n", "note dnsbl-unusable; "},
    {SANE "1.100.51.198.bl.example SERVFAIL\n", "note dnsbl-unusable; "},
    {"2.0.0.127.bl.example TIMEOUT\n", "note dnsbl-unusable; "},
    {SANE "1.0.0.127.bl.example SERVFAIL\n", "note dnsbl-unusable; "},
    /* A list that nobody keeps any more, or that answers to everything. */
    {"bl.example A 127.0.0.1\n", "note dnsbl-unusable; "},
    {SANE "1.0.0.127.bl.example A 127.0.0.2\n1.100.51.198.bl.example A 127.0.0.2\n",
	"note dnsbl-unusable; "},
    {"2.0.0.127.bl.example A 127.255.255.254\n", "note dnsbl-unusable; "},
    {"2.0.0.127.bl.example A 198.51.100.80\n", "note dnsbl-unusable; "},
    {"2.0.0.127.bl.example SERVFAIL\n", "note dnsbl-unusable; "},
};

static void lists_are_sane_or_not_asked(void **state)
{
	static const char *const zones[] = {"bl.example", NULL};
	struct addr a[4];
	unsigned failed = 0;

	(void)state;
	assert_true(addr_parse("198.51.100.1", 12, &a[0]));
	assert_true(addr_parse("2001:db8::1", 11, &a[1]));
	assert_true(addr_parse("127.0.0.2", 9, &a[2]));
	assert_true(addr_parse("192.168.1.1", 11, &a[3]));
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct resolver *r = resolver_of(lists[i].records);
		struct side_findings f = {.count = 0};
		struct strbuf got = {0};

		/* Only private ones: nothing to ask. */
		dnsbl_inspect(&f, r, zones, a + 2, 2);
		assert_int_equal(f.count, 0);
		dnsbl_inspect(&f, r, zones, a, 4);
		describe(&f, &got);
		if (strcmp(strbuf_text(&got), lists[i].want) != 0) {
			print_error("%sgot  %s\nwant %s\n", lists[i].records, strbuf_text(&got),
			    lists[i].want);
			failed++;
		}
		strbuf_free(&got);
		side_free(&f);
		resolver_close(&r);
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(servers_in_order),
	    cmocka_unit_test(domains_are_looked_at),
	    cmocka_unit_test(lists_are_sane_or_not_asked),
	};

	return cmocka_run_group_tests_name("domain", tests, NULL, NULL);
}
