/* SPF evaluation over fixed data: RFC 7208, its appendix A, its limits, hostile records. */
#include "../lib/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/fixed.h"
#include "auth/spf.h"
#include "base/strbuf.h"

/* One literal a line: clang-format would split the long ones. */
/* clang-format off */
static const char *const zone[] = {
    /* RFC 7208 appendix A.1 */
    "example.com MX 10 mail-a.example.com\n",
    "example.com MX 20 mail-b.example.com\n",
    "example.com A 192.0.2.10\n",
    "example.com A 192.0.2.11\n",
    "amy.example.com A 192.0.2.65\n",
    "bob.example.com A 192.0.2.66\n",
    "mail-a.example.com A 192.0.2.129\n",
    "mail-b.example.com A 192.0.2.130\n",
    "example.org MX 10 mail-c.example.org\n",
    "mail-c.example.org A 192.0.2.140\n",
    "10.2.0.192.in-addr.arpa PTR example.com\n",
    "11.2.0.192.in-addr.arpa PTR example.com\n",
    "65.2.0.192.in-addr.arpa PTR amy.example.com\n",
    "66.2.0.192.in-addr.arpa PTR bob.example.com\n",
    "129.2.0.192.in-addr.arpa PTR mail-a.example.com\n",
    "130.2.0.192.in-addr.arpa PTR mail-b.example.com\n",
    "140.2.0.192.in-addr.arpa PTR mail-c.example.org\n",
    "10.0.0.10.in-addr.arpa PTR example.com\n",
    "all.t.example TXT \"v=spf1 +all\"\n",
    "a1.t.example TXT \"v=spf1 a:example.com -all\"\n",
    "a2.t.example TXT \"v=spf1 a:example.org -all\"\n",
    "mx1.t.example TXT \"v=spf1 mx:example.com -all\"\n",
    "mx2.t.example TXT \"v=spf1 mx:example.org -all\"\n",
    "mx3.t.example TXT \"v=spf1 mx:example.com mx:example.org -all\"\n",
    "mx4.t.example TXT \"v=spf1 mx:example.com/30 mx:example.org/30 -all\"\n",
    "ptr.t.example TXT \"v=spf1 ptr:example.com -all\"\n",
    "ip4.t.example TXT \"v=spf1 ip4:192.0.2.128/28 -all\"\n",
    /* finding the record */
    "two.t.example TXT \"v=spf1 +all\"\n",
    "two.t.example TXT \"v=spf1 -all\"\n",
    "other.t.example TXT \"v=spf10 -all\"\n",
    "other.t.example TXT \"spf2.0/pra -all\"\n",
    "noise.t.example TXT \"caf\\195\\169\"\n",
    "noise.t.example TXT \"v=spf1 -all\"\n",
    "split.t.example TXT \"v=spf1 ip4:192.0.\" \"2.1 -all\"\n",
    "broken.t.example SERVFAIL\n",
    "slow.t.example TIMEOUT\n",
    "forged.t.example BOGUS\n",
    "empty.t.example TXT \"v=spf1\"\n",
    "wide.t.example TXT \"v=spf1 caf\\195\\169 -all\"\n",
    "late.t.example TXT \"v=spf1 +all moo\"\n",
    "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0.t.example TXT \"v=spf1 -all\"\n",
    "xn--caf-dma.example TXT \"v=spf1 -all\"\n",
    /* masks */
    "zero.t.example TXT \"v=spf1 a:example.com/0 -all\"\n",
    "zero6.t.example TXT \"v=spf1 a:v6.t.example//0 -all\"\n",
    "zeromx.t.example TXT \"v=spf1 mx:example.com/0//0 -all\"\n",
    "zeroip.t.example TXT \"v=spf1 ip4:0.0.0.0/0 -all\"\n",
    "zeroip6.t.example TXT \"v=spf1 ip6:::/0 -all\"\n",
    "mask.t.example TXT \"v=spf1 a:example.com/31//64 a:v6.t.example/24//64 -all\"\n",
    "mapped.t.example TXT \"v=spf1 ip6:::ffff:192.0.2.1 -all\"\n",
    "v6.t.example AAAA 2001:db8::1\n",
    "v6.t.example TXT \"v=spf1 a -all\"\n",
    /* include and redirect */
    "inc.t.example TXT \"v=spf1 include:ip4.t.example ~all\"\n",
    "incfail.t.example TXT \"v=spf1 include:none.t.example -all\"\n",
    "incempty.t.example TXT \"v=spf1 include:mail-a.example.com -all\"\n",
    "inctemp.t.example TXT \"v=spf1 include:broken.t.example -all\"\n",
    "incperm.t.example TXT \"v=spf1 include:late.t.example -all\"\n",
    "incqual.t.example TXT \"v=spf1 ?include:all.t.example -all\"\n",
    "incredir.t.example TXT \"v=spf1 include:redir.t.example ~all\"\n",
    "incbad.t.example TXT \"v=spf1 include:a..b.example -all\"\n",
    "redir.t.example TXT \"v=spf1 redirect=ip4.t.example\"\n",
    "redirfirst.t.example TXT \"v=spf1 redirect=all.t.example ip4:192.0.2.1 -all\"\n",
    "redirnone.t.example TXT \"v=spf1 redirect=none.t.example\"\n",
    "redirneutral.t.example TXT \"v=spf1 redirect=empty.t.example\"\n",
    "loop.t.example TXT \"v=spf1 include:loop.t.example -all\"\n",
    "rloop.t.example TXT \"v=spf1 redirect=rloop.t.example\"\n",
    "rmacro.t.example TXT \"v=spf1 redirect=%{l}.t.example\"\n",
    /* limits */
    "c0.t.example TXT \"v=spf1 include:c1.t.example include:c1.t.example a:example.com -all\"\n",
    "c1.t.example TXT \"v=spf1 a:example.com a:example.com a:example.com ?all\"\n",
    "d0.t.example TXT \"v=spf1 include:c1.t.example include:c1.t.example a:example.com a:example.com -all\"\n",
    "d1.t.example TXT \"v=spf1 include:c1.t.example include:c1.t.example a:example.com a:example.com mx:example.com -all\"\n",
    "ten.t.example TXT \"v=spf1 a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com ip4:192.0.2.1 -all\"\n",
    "eleven.t.example TXT \"v=spf1 a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com a:example.com\" \" a:example.com ip4:192.0.2.1 -all\"\n",
    "void2.t.example TXT \"v=spf1 a:n1.t.example mx:n2.t.example ip4:192.0.2.1 -all\"\n",
    "void3.t.example TXT \"v=spf1 a:n1.t.example mx:n2.t.example exists:n3.t.example ip4:192.0.2.1 -all\"\n",
    "bigmx.t.example TXT \"v=spf1 mx -all\"\n",
    "bigmx.t.example MX 1 h1.t.example\nbigmx.t.example MX 2 h2.t.example\n",
    "bigmx.t.example MX 3 h3.t.example\nbigmx.t.example MX 4 h4.t.example\n",
    "bigmx.t.example MX 5 h5.t.example\nbigmx.t.example MX 6 h6.t.example\n",
    "bigmx.t.example MX 7 h7.t.example\nbigmx.t.example MX 8 h8.t.example\n",
    "bigmx.t.example MX 9 h9.t.example\nbigmx.t.example MX 10 h10.t.example\n",
    "bigmx.t.example MX 11 h11.t.example\n",
    "h1.t.example A 198.51.100.1\nh2.t.example A 198.51.100.2\nh3.t.example A 198.51.100.3\n",
    "h4.t.example A 198.51.100.4\nh5.t.example A 198.51.100.5\nh6.t.example A 198.51.100.6\n",
    "h7.t.example A 198.51.100.7\nh8.t.example A 198.51.100.8\nh9.t.example A 198.51.100.9\n",
    "h10.t.example A 198.51.100.10\nh11.t.example A 198.51.100.11\n",
    "nullmx.t.example TXT \"v=spf1 mx -all\"\n",
    "nullmx.t.example MX 0 .\n",
    "mxbroken.t.example TXT \"v=spf1 mx -all\"\n",
    "mxbroken.t.example MX 0 broken.t.example\n",
    "abroken.t.example TXT \"v=spf1 a:broken.t.example -all\"\n",
    "aslow.t.example TXT \"v=spf1 ip4:192.0.2.1 a:slow.t.example -all\"\n",
    /* ptr: twelve names, the good one first or last; errors */
    "1.113.0.203.in-addr.arpa PTR ok.t.example\n",
    "ok.t.example A 203.0.113.1\n",
    "2.113.0.203.in-addr.arpa PTR n1.t.example\n2.113.0.203.in-addr.arpa PTR n2.t.example\n",
    "2.113.0.203.in-addr.arpa PTR n3.t.example\n2.113.0.203.in-addr.arpa PTR n4.t.example\n",
    "2.113.0.203.in-addr.arpa PTR n5.t.example\n2.113.0.203.in-addr.arpa PTR n6.t.example\n",
    "2.113.0.203.in-addr.arpa PTR n7.t.example\n2.113.0.203.in-addr.arpa PTR n8.t.example\n",
    "2.113.0.203.in-addr.arpa PTR n9.t.example\n2.113.0.203.in-addr.arpa PTR n10.t.example\n",
    "2.113.0.203.in-addr.arpa PTR last.t.example\n",
    "last.t.example A 203.0.113.2\n",
    "3.113.0.203.in-addr.arpa SERVFAIL\n",
    "4.113.0.203.in-addr.arpa PTR broken.t.example\n4.113.0.203.in-addr.arpa PTR good.t.example\n",
    "good.t.example A 203.0.113.4\n",
    "5.113.0.203.in-addr.arpa PTR liar.t.example\n",
    "liar.t.example A 203.0.113.99\n",
    "6.113.0.203.in-addr.arpa PTR xt.example\n",
    "xt.example A 203.0.113.6\n",
    "p.t.example TXT \"v=spf1 ptr:t.example -all\"\n",
    "t.example A 192.0.2.250\n",
    "pm.t.example TXT \"v=spf1 exists:%{p}.seen.t.example -all\"\n",
    "ok.t.example.seen.t.example A 127.0.0.2\n",
    "unknown.seen.t.example A 127.0.0.2\n",
    /* exists, macros */
    "ex.t.example TXT \"v=spf1 exists:%{l}.%{d} -all\"\n",
    "joe.ex.t.example A 127.0.0.2\n",
    "helo.t.example TXT \"v=spf1 exists:%{h}.names.t.example ?exists:%{s}.x.t.example -all\"\n",
    "mx.client.example.names.t.example A 127.0.0.2\n",
    "pm.postmaster.t.example TXT \"v=spf1 exists:%{l}.names.t.example -all\"\n",
    "postmaster.names.t.example A 127.0.0.2\n",
    "slashes.t.example TXT \"v=spf1 exists:%{l/,+}.names.t.example -all\"\n",
    "a.b.c.names.t.example A 127.0.0.2\n",
    /* explanations */
    "exp.t.example TXT \"v=spf1 -all exp=why.%{d}\"\n",
    "why.exp.t.example TXT \"%{i} is not one of %{d}'s\" \" servers, %{s}%_(%{c} %{r} %{t} %{h})\"\n",
    "expinc.t.example TXT \"v=spf1 include:exp.t.example -all\"\n",
    "expredir.t.example TXT \"v=spf1 redirect=exp.t.example exp=gone.t.example\"\n",
    "exptwo.t.example TXT \"v=spf1 -all exp=two.t.example\"\n",
    "expbad.t.example TXT \"v=spf1 -all exp=badtext.t.example\"\n",
    "badtext.t.example TXT \"%{x} %q\"\n",
    "expwide.t.example TXT \"v=spf1 -all exp=noise2.t.example\"\n",
    "noise2.t.example TXT \"caf\\195\\169\"\n",
    "exppass.t.example TXT \"v=spf1 +all exp=why.exp.t.example\"\n",
    "expsoft.t.example TXT \"v=spf1 ~all exp=why.exp.t.example\"\n",
    "expslow.t.example TXT \"v=spf1 -all exp=slow.t.example\"\n",
    "expl.t.example TXT \"v=spf1 -all exp=local.t.example\"\n",
    "local.t.example TXT \"%{l} %{L}\"\n",
    NULL,
};
/* clang-format on */

static struct resolver *open_zone(const char *text)
{
	unsigned line;
	struct resolver *r = fixed_open(text, strlen(text), &line);

	if (r == NULL)
		fail_msg("line %u is wrong", line);
	return r;
}

static struct resolver *open_zones(const char *const *lines)
{
	struct strbuf text = {0};
	struct resolver *r;

	for (; *lines != NULL; lines++)
		strbuf_puts(&text, *lines);
	r = open_zone(strbuf_text(&text));
	strbuf_free(&text);
	return r;
}

struct spf_case {
	const char *client, *helo, *sender;
	enum spf_result want;
	const char *reason;      /* a part of it; NULL: any */
	const char *explanation; /* NULL: none */
};

static void check_case(struct resolver *r, const struct spf_case *c)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct spf_query q = {.helo = c->helo,
	    .sender = c->sender,
	    .receiver = "mx.guard.example",
	    .now = 1234567890 * USEC_PER_SEC};
	struct arena a = {0};
	struct spf_outcome o;

	assert_true(addr_parse(c->client, strlen(c->client), &q.client));
	spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
	if (o.result != c->want || (c->reason != NULL && strstr(o.reason, c->reason) == NULL))
		fail_msg("%s %s <%s>: got %s (%s), want %s (%s)", c->client, c->helo, c->sender,
		    spf_result_name(o.result), o.reason, spf_result_name(c->want),
		    c->reason == NULL ? "" : c->reason);
	if ((o.explanation == NULL) != (c->explanation == NULL) ||
	    (o.explanation != NULL && strcmp(o.explanation, c->explanation) != 0))
		fail_msg("<%s>: got `%s`, want `%s`", c->sender,
		    o.explanation == NULL ? "(none)" : o.explanation,
		    c->explanation == NULL ? "(none)" : c->explanation);
	arena_free(&a);
}

#define CHECK_ALL(cases)                                                                           \
	do {                                                                                       \
		struct resolver *r = open_zones(zone);                                             \
		for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                    \
			check_case(r, &(cases)[i]);                                                \
		resolver_close(&r);                                                                \
	} while (0)

static void appendix_a(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.1", "h", "x@all.t.example", SPF_PASS, "+all of all.t.example", NULL},
	    {"192.0.2.10", "h", "x@a1.t.example", SPF_PASS, "a:example.com of a1.t.example", NULL},
	    {"192.0.2.11", "h", "x@a1.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.12", "h", "x@a1.t.example", SPF_FAIL, "-all of a1.t.example", NULL},
	    {"192.0.2.10", "h", "x@a2.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.129", "h", "x@mx1.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.130", "h", "x@mx1.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.140", "h", "x@mx1.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.140", "h", "x@mx2.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.140", "h", "x@mx3.t.example", SPF_PASS, "mx:example.org of", NULL},
	    {"192.0.2.131", "h", "x@mx4.t.example", SPF_PASS, "mx:example.com/30 of", NULL},
	    {"192.0.2.143", "h", "x@mx4.t.example", SPF_PASS, "mx:example.org/30 of", NULL},
	    {"192.0.2.144", "h", "x@mx4.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.65", "h", "x@ptr.t.example", SPF_PASS, "ptr:example.com of", NULL},
	    {"192.0.2.140", "h", "x@ptr.t.example", SPF_FAIL, NULL, NULL},
	    {"10.0.0.10", "h", "x@ptr.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.65", "h", "x@ip4.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.129", "h", "x@ip4.t.example", SPF_PASS, "ip4:192.0.2.128/28 of", NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void finding_the_record(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.1", "h", "x@none.t.example", SPF_NONE, "does not exist", NULL},
	    {"192.0.2.1", "h", "x@mail-a.example.com", SPF_NONE, "has no SPF record", NULL},
	    {"192.0.2.1", "h", "x@other.t.example", SPF_NONE, "has no SPF record", NULL},
	    {"192.0.2.1", "h", "x@two.t.example", SPF_PERMERROR, "more than one", NULL},
	    {"192.0.2.1", "h", "x@noise.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@NOISE.T.example.", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@split.t.example", SPF_PASS, "ip4:192.0.2.1", NULL},
	    {"192.0.2.1", "h", "x@broken.t.example", SPF_TEMPERROR, "DNS has an error", NULL},
	    {"192.0.2.1", "h", "x@slow.t.example", SPF_TEMPERROR, "no answer in time", NULL},
	    {"192.0.2.1", "h", "x@forged.t.example", SPF_TEMPERROR, "DNSSEC", NULL},
	    {"192.0.2.1", "h", "x@empty.t.example", SPF_NEUTRAL, "no term of", NULL},
	    {"192.0.2.1", "h", "x@wide.t.example", SPF_PERMERROR, "no such mechanism", NULL},
	    {"192.0.2.1", "h", "x@late.t.example", SPF_PERMERROR, "`moo` in the record", NULL},
	    {"192.0.2.1", "h", "x@example", SPF_NONE, "is not a name", NULL},
	    {"192.0.2.1", "h", "x@[192.0.2.1]", SPF_NONE, "is not a name", NULL},
	    {"192.0.2.1", "h", "x@a..t.example", SPF_NONE, "is not a name", NULL},
	    {"192.0.2.1", "h", "x@", SPF_NONE, "is not a name", NULL},
	    {"192.0.2.1", "h",
		"x@abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0.t.example",
		SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h",
		"x@abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01.t.example",
		SPF_NONE, "is not a name", NULL},
	    {"192.0.2.1", "h", "x@caf\303\251.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@\377.example", SPF_NONE, NULL, NULL},
	    /* no local part; two at-signs; the null sender */
	    {"192.0.2.1", "h", "@pm.postmaster.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "pm.postmaster.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "pm.postmaster.t.example", "", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "\"a@b\"@noise.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "noise.t.example", "", SPF_FAIL, "of noise.t.example", NULL},
	    {"192.0.2.1", "[192.0.2.1]", "", SPF_NONE, NULL, NULL},
	    {"192.0.2.1", "host", "", SPF_NONE, NULL, NULL},
	    {"192.0.2.1", "", "", SPF_NONE, NULL, NULL},
	    /* loopback is a client like any other */
	    {"127.0.0.1", "h", "x@noise.t.example", SPF_FAIL, NULL, NULL},
	    {"::1", "h", "x@noise.t.example", SPF_FAIL, NULL, NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void masks_and_families(void **state)
{
	static const struct spf_case cases[] = {
	    {"203.0.113.77", "h", "x@zero.t.example", SPF_PASS, "a:example.com/0", NULL},
	    {"2001:db8::77", "h", "x@zero.t.example", SPF_FAIL, NULL, NULL},
	    {"2001:dead::77", "h", "x@zero6.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.77", "h", "x@zero6.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.77", "h", "x@zeromx.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.77", "h", "x@zeroip.t.example", SPF_PASS, NULL, NULL},
	    {"2001:db8::77", "h", "x@zeroip.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.77", "h", "x@zeroip6.t.example", SPF_FAIL, NULL, NULL},
	    {"2001:db8::77", "h", "x@zeroip6.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.11", "h", "x@mask.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.12", "h", "x@mask.t.example", SPF_FAIL, NULL, NULL},
	    {"2001:db8::9:9", "h", "x@mask.t.example", SPF_PASS, "a:v6.t.example/24//64", NULL},
	    {"2001:db8:0:1::9", "h", "x@mask.t.example", SPF_FAIL, NULL, NULL},
	    {"2001:db8::1", "h", "x@v6.t.example", SPF_PASS, NULL, NULL},
	    {"2001:db8::2", "h", "x@v6.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@v6.t.example", SPF_FAIL, NULL, NULL},
	    /* the client is one of IPv4, the network one of IPv6 */
	    {"::ffff:192.0.2.1", "h", "x@mapped.t.example", SPF_FAIL, NULL, NULL},
	    {"::ffff:192.0.2.1", "h", "x@split.t.example", SPF_PASS, NULL, NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void include_and_redirect(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.129", "h", "x@inc.t.example", SPF_PASS,
		"ip4:192.0.2.128/28 of ip4.t.example, by include:ip4.t.example of inc.t.example",
		NULL},
	    {"192.0.2.1", "h", "x@inc.t.example", SPF_SOFTFAIL, "~all of inc.t.example", NULL},
	    {"192.0.2.1", "h", "x@incfail.t.example", SPF_PERMERROR, "does not exist", NULL},
	    {"192.0.2.1", "h", "x@incempty.t.example", SPF_PERMERROR, "has no SPF record", NULL},
	    {"192.0.2.1", "h", "x@inctemp.t.example", SPF_TEMPERROR, NULL, NULL},
	    {"192.0.2.1", "h", "x@incperm.t.example", SPF_PERMERROR, "`moo`", NULL},
	    {"192.0.2.1", "h", "x@incqual.t.example", SPF_NEUTRAL, "by ?include:", NULL},
	    {"192.0.2.129", "h", "x@incredir.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@incredir.t.example", SPF_SOFTFAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@incbad.t.example", SPF_PERMERROR, "is not a name", NULL},
	    {"192.0.2.129", "h", "x@redir.t.example", SPF_PASS, "by redirect=ip4.t.example", NULL},
	    {"192.0.2.1", "h", "x@redir.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@redirfirst.t.example", SPF_PASS, "ip4:192.0.2.1 of", NULL},
	    {"192.0.2.2", "h", "x@redirfirst.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@redirnone.t.example", SPF_PERMERROR, "does not exist", NULL},
	    {"192.0.2.1", "h", "x@redirneutral.t.example", SPF_NEUTRAL, "no term of empty", NULL},
	    {"192.0.2.1", "h", "x@loop.t.example", SPF_PERMERROR, "more than ten", NULL},
	    {"192.0.2.1", "h", "x@rloop.t.example", SPF_PERMERROR, "more than ten", NULL},
	    {"192.0.2.1", "h", "all@rmacro.t.example", SPF_PASS, NULL, NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void limits(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.1", "h", "x@c0.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@d0.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@d1.t.example", SPF_PERMERROR, "mx:example.com of d1", NULL},
	    {"192.0.2.1", "h", "x@ten.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@eleven.t.example", SPF_PERMERROR, "eleventh", NULL},
	    {"192.0.2.10", "h", "x@eleven.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@void2.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@void3.t.example", SPF_PERMERROR, "exists:n3.t.example", NULL},
	    {"198.51.100.10", "h", "x@bigmx.t.example", SPF_PASS, NULL, NULL},
	    {"198.51.100.11", "h", "x@bigmx.t.example", SPF_PERMERROR, "more than ten hosts", NULL},
	    {"192.0.2.1", "h", "x@nullmx.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@mxbroken.t.example", SPF_TEMPERROR, NULL, NULL},
	    {"192.0.2.1", "h", "x@abroken.t.example", SPF_TEMPERROR, "A of broken.t.example", NULL},
	    {"2001:db8::1", "h", "x@abroken.t.example", SPF_TEMPERROR, "AAAA of broken", NULL},
	    {"192.0.2.1", "h", "x@aslow.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.2", "h", "x@aslow.t.example", SPF_TEMPERROR, "no answer in time", NULL},
	    {"203.0.113.1", "h", "x@p.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.2", "h", "x@p.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.3", "h", "x@p.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.4", "h", "x@p.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.5", "h", "x@p.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.6", "h", "x@p.t.example", SPF_FAIL, NULL, NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void macros(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.1", "h", "joe@ex.t.example", SPF_PASS, NULL, NULL},
	    {"2001:db8::1", "h", "joe@ex.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "jim@ex.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "mx.client.example", "x@helo.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "a/b+c@slashes.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.1", "h", "x@pm.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.3", "h", "x@pm.t.example", SPF_PASS, NULL, NULL},
	    {"203.0.113.4", "h", "x@pm.t.example", SPF_FAIL, NULL, NULL},
	    {"203.0.113.5", "h", "x@pm.t.example", SPF_PASS, NULL, NULL},
	    /* what a sender writes never reaches DNS as anything but labels */
	    {"192.0.2.1", "h", "a\\.b\001 \"@ex.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "%{d}%{d}@ex.t.example", SPF_FAIL, NULL, NULL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void explanations(void **state)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.1", "h", "x@exp.t.example", SPF_FAIL, NULL,
		"192.0.2.1 is not one of exp.t.example's servers, x@exp.t.example (192.0.2.1 "
		"mx.guard.example 1234567890 h)"},
	    {"192.0.2.1", "h", "x@expredir.t.example", SPF_FAIL, NULL,
		"192.0.2.1 is not one of exp.t.example's servers, x@expredir.t.example "
		"(192.0.2.1 mx.guard.example 1234567890 h)"},
	    {"192.0.2.1", "h", "x@expinc.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@exptwo.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@expbad.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@expwide.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@expslow.t.example", SPF_FAIL, NULL, NULL},
	    {"192.0.2.1", "h", "x@exppass.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@expsoft.t.example", SPF_SOFTFAIL, NULL, NULL},
	    {"192.0.2.1", "h", "a\r\nb\303\251@expl.t.example", SPF_FAIL, NULL,
		"a??b?? a%0D%0Ab%C3%A9"},
	};

	(void)state;
	CHECK_ALL(cases);
}

/* --- records that libspf2 alone dies of, or reads wrong --------------------------- */

/* One TXT record of `head`, `count` times `part`, and `tail`. */
static void hostile(const char *head, const char *part, int count, const char *tail,
    enum spf_result want, const char *reason)
{
	struct spf_case c = {"192.0.2.1", "h", "x@h.t.example", want, reason, NULL};
	struct strbuf text = {0}, line = {0};
	struct resolver *r;

	strbuf_puts(&text, head);
	for (int i = 0; i < count; i++)
		strbuf_puts(&text, part);
	strbuf_puts(&text, tail);
	strbuf_puts(&line, "h.t.example TXT");
	for (size_t i = 0; i < text.len; i += 200)
		strbuf_printf(&line, " \"%.200s\"", text.data + i);
	strbuf_puts(&line, "\nwhy.t.example TXT");
	for (size_t i = 0; i < text.len; i += 200)
		strbuf_printf(&line, " \"%.200s\"", text.data + i);
	strbuf_puts(&line, "\n");
	r = open_zone(strbuf_text(&line));
	check_case(r, &c);
	resolver_close(&r);
	strbuf_free(&text);
	strbuf_free(&line);
}

static void hostile_records(void **state)
{
	char letters[6001];

	(void)state;
	memset(letters, 'a', 6000);
	letters[6000] = '\0';
	hostile("v=spf1 exists:", "%{d}", 127, letters, SPF_PERMERROR, "not a domain");
	hostile("v=spf1 exists:%{d}", letters, 1, ".%{d} -all", SPF_FAIL, NULL);
	hostile("v=spf1 exists:", "%{d}", 127, " -all", SPF_FAIL, NULL);
	hostile("v=spf1 exists:", "%{D99r-.+}", 6000, " -all", SPF_FAIL, NULL);
	hostile("v=spf1 ", "ip4:198.51.100.1 ", 64, "-all", SPF_FAIL, "-all of");
	hostile("v=spf1 ", "ip4:198.51.100.1 ", 3000, "ip4:192.0.2.1 -all", SPF_PASS, NULL);
	hostile("v=spf1 ", "a:x.example ", 4000, "-all", SPF_PERMERROR, NULL);
	hostile("v=spf1 ", "?all ", 5000, "", SPF_NEUTRAL, NULL);
	hostile("v=spf1 ", "m%{s}=%{s} ", 1, "", SPF_PERMERROR, NULL);
	hostile("v=spf1 ", "m=%{s} ", 5000, "-all", SPF_FAIL, NULL);
	hostile("v=spf1 a:", "a.", 5000, "example -all", SPF_FAIL, NULL);
	hostile("v=spf1 ptr:", "a/", 5000, "", SPF_PERMERROR, NULL);
	hostile("v=spf1", " ", 60000, "-all", SPF_FAIL, NULL);
}

/* An explanation alone was enough to crash it. */
static void hostile_explanation(void **state)
{
	struct spf_case c = {"192.0.2.1", "h", "x@e.t.example", SPF_FAIL, NULL, NULL};
	struct strbuf zone_text = {0};
	struct resolver *r;

	(void)state;
	strbuf_puts(&zone_text, "e.t.example TXT \"v=spf1 -all exp=why.t.example\"\n"
				"why.t.example TXT");
	for (int i = 0; i < 127; i++)
		strbuf_puts(&zone_text, " \"%{d}%{S}%{ir}\"");
	for (int i = 0; i < 60; i++)
		strbuf_puts(
		    &zone_text, " \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	r = open_zone(strbuf_text(&zone_text));
	check_case(r, &c);
	resolver_close(&r);
	strbuf_free(&zone_text);
}

static void budgets(void **state)
{
	struct resolver *r = open_zones(zone);
	struct spf_query q = {.helo = "h", .sender = "x@ten.t.example"};
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 5);
	struct arena a = {0};
	struct spf_outcome o;

	(void)state;
	assert_true(addr_parse("192.0.2.1", 9, &q.client));
	spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
	assert_int_equal(o.result, SPF_TEMPERROR);
	assert_int_equal(fixed_asked(r), 5);
	b = dns_budget_make(-1, USEC_PER_SEC, 100);
	spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
	assert_int_equal(o.result, SPF_TEMPERROR);
	assert_non_null(strstr(o.reason, "in time"));
	assert_int_equal(fixed_asked(r), 5);
	arena_free(&a);

	/* Little memory is an error too, and nothing worse. */
	for (size_t limit = 100; limit < 20000; limit += 100) {
		a.limit = limit;
		b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 100);
		spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
		if (o.result != SPF_TEMPERROR && o.result != SPF_PASS)
			fail_msg(
			    "%zu bytes: got %s (%s)", limit, spf_result_name(o.result), o.reason);
		arena_free(&a);
	}
	assert_int_equal(o.result, SPF_PASS);
	resolver_close(&r);
}

static void identities(void **state)
{
	struct resolver *r = open_zones(zone);
	struct spf_query q = {.helo = "all.t.example", .sender = "x@noise.t.example"};
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 50);
	struct arena a = {0};
	struct spf_outcome o;

	(void)state;
	assert_true(addr_parse("192.0.2.1", 9, &q.client));
	spf_check(r, &b, &q, SPF_HELO, &a, &o);
	assert_int_equal(o.result, SPF_PASS);
	assert_int_equal(o.identity, SPF_HELO);
	assert_string_equal(o.domain, "all.t.example");
	assert_string_equal(o.mechanism, "+all");
	spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
	assert_int_equal(o.identity, SPF_MAILFROM);
	assert_string_equal(o.domain, "noise.t.example");
	q.client.family = ADDR_NONE;
	spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
	assert_int_equal(o.result, SPF_NONE);
	spf_prefetch(r, &b, &q, SPF_MAILFROM);
	arena_free(&a);
	resolver_close(&r);
}

static void *check_often(void *arg)
{
	static const struct spf_case cases[] = {
	    {"192.0.2.143", "h", "x@mx4.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.1", "h", "x@d1.t.example", SPF_PERMERROR, NULL, NULL},
	    {"203.0.113.1", "h", "x@pm.t.example", SPF_PASS, NULL, NULL},
	    {"192.0.2.65", "h", "x@ptr.t.example", SPF_PASS, NULL, NULL},
	};

	for (int i = 0; i < 200; i++)
		check_case(arg, &cases[i % 4]);
	return NULL;
}

static void threads_check_at_once(void **state)
{
	struct resolver *r = open_zones(zone);
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, check_often, r), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	resolver_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(appendix_a),
	    cmocka_unit_test(finding_the_record),
	    cmocka_unit_test(masks_and_families),
	    cmocka_unit_test(include_and_redirect),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(macros),
	    cmocka_unit_test(explanations),
	    cmocka_unit_test(hostile_records),
	    cmocka_unit_test(hostile_explanation),
	    cmocka_unit_test(budgets),
	    cmocka_unit_test(identities),
	    cmocka_unit_test(threads_check_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
