/*
 * The corners of RFC 7208 where evaluators are known to differ: what is a record, what is a
 * domain-spec, families and masks, who counts against the limits, and what an explanation may say.
 */
#include "../lib/unit.h"

#include <string.h>

#include "auth/fixed.h"
#include "auth/spf.h"
#include "base/strbuf.h"

/* One literal a line: clang-format would split the long ones. */
/* clang-format off */
static const char *const zone[] = {
    "mx.example A 192.0.2.1\n",
    "mx6.example AAAA 2001:db8::1\n",
    "dual.example A 192.0.2.1\ndual.example AAAA 2001:db8::1\n",
    "a.b-c A 192.0.2.1\n",
    "foo:bar/baz.example A 192.0.2.1\n",
    "many.example A 192.0.2.101\nmany.example A 192.0.2.102\nmany.example A 192.0.2.103\n",
    "many.example A 192.0.2.104\nmany.example A 192.0.2.105\nmany.example A 192.0.2.106\n",
    "many.example A 192.0.2.107\nmany.example A 192.0.2.108\nmany.example A 192.0.2.109\n",
    "many.example A 192.0.2.110\nmany.example A 192.0.2.111\nmany.example A 192.0.2.112\n",
    /* MX without an MX record, and with one host that has no address */
    "nomx.example A 192.0.2.1\n",
    "halfmx.example MX 10 gone.example\nhalfmx.example MX 20 mx.example\n",
    "dead.example SERVFAIL\n",
    "deadmx.example MX 10 mx.example\ndeadmx.example MX 20 dead.example\n",
    "alias.example CNAME mx.example\n",
    "loop.example CNAME loop.example\n",
    /* names of clients */
    "1.2.0.192.in-addr.arpa PTR mx.example\n1.2.0.192.in-addr.arpa PTR MX.sub.Example\n",
    "mx.sub.example A 192.0.2.1\n",
    "2.2.0.192.in-addr.arpa PTR forger.example\n",
    "forger.example A 203.0.113.1\n",
    "3.2.0.192.in-addr.arpa CNAME loop.example\n",
    "4.2.0.192.in-addr.arpa PTR mx.notexample\n",
    "mx.notexample A 192.0.2.4\n",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR mx6.example\n",
    /* records of other kinds */
    "softfail.zone TXT \"v=spf1 ~all\"\n",
    "loops.zone TXT \"v=spf1 include:loopa.zone -all\"\n",
    "loopa.zone TXT \"v=spf1 redirect=loops.zone\"\n",
    "permerror.zone TXT \"v=spf1 moo\"\n",
    "neutral.zone TXT \"v=spf1 ?all\"\n",
    "pass.zone TXT \"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32\"\n",
    "exp.pass.zone TXT \"never said\"\n",
    /* what the macros make */
    "192.0.2.1.in-addr.x.zone A 127.0.0.2\n",
    "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.ip6.x.zone A 127.0.0.2\n",
    "jack&jill=up.x.zone A 127.0.0.2\n",
    "jack%26jill%3Dup.y.zone A 127.0.0.2\n",
    "bad.strong.x.zone A 127.0.0.2\n",
    "_%20.x.zone A 127.0.0.2\n",
    "why.zone TXT \"%{i}|%{c}|%{s}|%{S}|%{h}|%{v}|%{d1}|%{p}\"\n",
    "why2.zone TXT \"one \" \"text %%%_%-\"\n",
    "two.zone TXT \"a\"\ntwo.zone TXT \"b\"\n",
    "badwhy.zone TXT \"%{i\"\n",
};

/* The record of c.zone, for one case. */
static const struct {
	const char *client, *sender, *record;
	enum spf_result want;
	const char *explanation;
} cases[] = {
    /* terms */
    {"192.0.2.1", "x", "v=spf1  a:mx.example   -all  ", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1\\009a:mx.example", SPF_NONE, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example\\009-all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example\\013\\010-all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 +a:mx.example", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 ++a:mx.example", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 + a:mx.example", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example moo", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1 -all redirect", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 all redirect:pass.zone", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 -all.", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 -all:x.example", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 -all/8", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 all -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 default=pass", SPF_NEUTRAL, NULL},
    {"192.0.2.1", "x", "v=spf1 a.b-c_D1=%{d}/x:y all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 1a=b all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 =b all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a@b=c all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 moo=%abc all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 moo= all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 moo=1 moo=2 all", SPF_PASS, NULL},
    /* addresses */
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1/32 -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:0.0.0.0/0 -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1/33 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1/032 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1//32 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1:80 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1. all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.01 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:0xC0.0.2.1 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4: all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4=192.0.2.1 -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 ip6 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip6:::1/0 -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 ip6:::ffff:192.0.2.1/0 -all", SPF_FAIL, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6:::1/0 -all", SPF_PASS, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6:::1/129 all", SPF_PERMERROR, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6:::1//33 all", SPF_PERMERROR, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6::2001::db8 all", SPF_PERMERROR, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6:2001:DB8::1 -all", SPF_PASS, NULL},
    {"2001:db8::1", "x", "v=spf1 ip6:2001:db8::1%eth0 all", SPF_PERMERROR, NULL},
    {"2001:db8::1", "x", "v=spf1 ip4:0.0.0.0/0 -all", SPF_FAIL, NULL},
    {"::ffff:192.0.2.1", "x", "v=spf1 ip4:192.0.2.1 -all", SPF_PASS, NULL},
    /* a, with masks and families */
    {"192.0.2.1", "x", "v=spf1 a:mx6.example -all", SPF_FAIL, NULL},
    {"2001:db8::1", "x", "v=spf1 a:mx6.example -all", SPF_PASS, NULL},
    {"2001:db8::1", "x", "v=spf1 a:dual.example -all", SPF_PASS, NULL},
    {"192.0.2.9", "x", "v=spf1 a:dual.example/24//128 -all", SPF_PASS, NULL},
    {"2001:db8::9", "x", "v=spf1 a:dual.example/24//64 -all", SPF_PASS, NULL},
    {"2001:db8::9", "x", "v=spf1 a:dual.example/24 -all", SPF_FAIL, NULL},
    {"198.51.100.1", "x", "v=spf1 a:mx.example/0 -all", SPF_PASS, NULL},
    {"198.51.100.1", "x", "v=spf1 a:gone.example/0 -all", SPF_FAIL, NULL},
    {"198.51.100.1", "x", "v=spf1 a:mx6.example//0 -all", SPF_FAIL, NULL},
    {"2001:1::1", "x", "v=spf1 a:mx6.example//0 -all", SPF_PASS, NULL},
    {"::ffff:192.0.2.1", "x", "v=spf1 a:mx6.example//0 -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example/33 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example//129 all", SPF_PERMERROR, NULL},
    {"192.0.2.112", "x", "v=spf1 a:many.example -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 a:alias.example -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 a:loop.example all", SPF_TEMPERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:dead.example all", SPF_TEMPERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:foo:bar/baz.example -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 a:a.b-c -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 a:a.b-c. -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 a:a.b- all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:abc.123 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:museum all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:museum. all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:192.0.2.1 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a: all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example\\000 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 a:mx.example,a:b.example ?all", SPF_NEUTRAL, NULL},
    {"192.0.2.1", "x", "v=spf1 a=mx.example -all", SPF_FAIL, NULL},
    /* mx */
    {"192.0.2.1", "x", "v=spf1 mx:nomx.example -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 mx:halfmx.example -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 mx:deadmx.example -all", SPF_PASS, NULL},
    {"192.0.2.2", "x", "v=spf1 mx:deadmx.example -all", SPF_TEMPERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 mx:dead.example -all", SPF_TEMPERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 mx: all", SPF_PERMERROR, NULL},
    {"198.51.100.1", "x", "v=spf1 mx:halfmx.example/0 -all", SPF_PASS, NULL},
    {"2001:db8::9", "x", "v=spf1 mx:halfmx.example//0 -all", SPF_FAIL, NULL},
    /* ptr */
    {"192.0.2.1", "x", "v=spf1 ptr:example.zone ptr:EXAMPLE.example -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 ptr:MX.EXAMPLE -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 ptr:sub.example -all", SPF_PASS, NULL},
    {"192.0.2.2", "x", "v=spf1 ptr:forger.example -all", SPF_FAIL, NULL},
    {"192.0.2.3", "x", "v=spf1 ptr:loop.example -all", SPF_FAIL, NULL},
    {"192.0.2.4", "x", "v=spf1 ptr:x.example -all", SPF_FAIL, NULL},
    {"2001:db8::1", "x", "v=spf1 ptr:mx6.example -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 ptr/0 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ptr: all", SPF_PERMERROR, NULL},
    /* exists */
    {"192.0.2.1", "x", "v=spf1 exists all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists: all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:mx.example/24 all", SPF_PERMERROR, NULL},
    {"2001:1::1", "x", "v=spf1 exists:mx.example -all", SPF_PASS, NULL},
    {"2001:1::1", "x", "v=spf1 exists:mx6.example -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:dead.example all", SPF_TEMPERROR, NULL},
    /* include and redirect */
    {"192.0.2.1", "x", "v=spf1 include:softfail.zone -all", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 include:neutral.zone ~all", SPF_SOFTFAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 -include:pass.zone all", SPF_FAIL, NULL},
    {"198.51.100.1", "x", "v=spf1 -include:pass.zone all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 include all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 include: all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 include:pass.zone/24 all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 include:mx.example all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 include:permerror.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ip4:192.0.2.1 include:permerror.zone", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 include:loops.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=pass.zone ?all", SPF_NEUTRAL, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=pass.zone a:gone.example", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=pass.zone redirect=pass.zone", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 REDIRECT=PASS.zone", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=pass.zone.", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=pass.zone/24", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 redirect=%", SPF_PERMERROR, NULL},
    /* macros */
    {"192.0.2.1", "x", "v=spf1 exists:%{i}.%{v}.x.zone -all", SPF_PASS, NULL},
    {"2001:db8::1", "x", "v=spf1 exists:%{i}.%{v}.x.zone -all", SPF_PASS, NULL},
    {"192.0.2.1", "jack&jill=up", "v=spf1 exists:%{l}.x.zone -all", SPF_PASS, NULL},
    {"192.0.2.1", "jack&jill=up", "v=spf1 exists:%{L}.y.zone -all", SPF_PASS, NULL},
    {"192.0.2.1", "strong-bad", "v=spf1 exists:%{lr-}.x.zone -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:_%-.x.zone -all", SPF_PASS, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{c}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{r}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{t}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{x}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{d0}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{d.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%d.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:x.zone% all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{dr1}.zone all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:%{d1;}.zone all", SPF_PERMERROR, NULL},
    /* explanations */
    {"192.0.2.1", "a b", "v=spf1 -all exp=why.zone", SPF_FAIL,
	"192.0.2.1|192.0.2.1|a b@c.zone|a%20b%40c.zone|h.example|in-addr|zone|mx.example"},
    {"2001:db8::1", "x", "v=spf1 -all exp=why.zone", SPF_FAIL,
	"2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1|2001:db8::1|x@c.zone|x%40c.zone|"
	"h.example|ip6|zone|mx6.example"},
    {"192.0.2.2", "x", "v=spf1 exp=why2.zone -all", SPF_FAIL, "one text % %20"},
    {"192.0.2.1", "x", "v=spf1 -all exp=two.zone", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 -all exp=badwhy.zone", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 -all exp=gone.zone", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 -all exp=dead.example", SPF_FAIL, NULL},
    {"192.0.2.1", "x", "v=spf1 -all exp=", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 all exp=why2.zone exp=why2.zone", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 all exp=-x", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 all exp=%{r}.zone", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 ~all exp=why2.zone", SPF_SOFTFAIL, NULL},
    /* limits */
    {"192.0.2.1", "x", "v=spf1 a:gone.example a:gone.example ?all", SPF_NEUTRAL, NULL},
    {"192.0.2.1", "x", "v=spf1 a:gone.example a:gone.example a:gone.example ?all", SPF_PERMERROR, NULL},
    {"192.0.2.1", "x", "v=spf1 exists:1.gone.example mx:2.gone.example a:3.gone.example ?all", SPF_PERMERROR, NULL},
};
/* clang-format on */

static struct resolver *open_zone(const char *record)
{
	struct strbuf b = {0};
	struct resolver *r;
	unsigned line;

	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++)
		strbuf_puts(&b, zone[i]);
	strbuf_printf(&b, "c.zone TXT \"%s\"\n", record);
	r = fixed_open(strbuf_text(&b), b.len, &line);
	if (r == NULL)
		fail_msg("line %u of the zone is wrong, for %s", line, record);
	strbuf_free(&b);
	return r;
}

static const char *or_none(const char *s)
{
	return s == NULL ? "(none)" : s;
}

static void corners(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resolver *r = open_zone(cases[i].record);
		struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
		struct arena a = {0};
		struct spf_query q = {.helo = "h.example", .receiver = "here.example"};
		struct spf_outcome o;

		q.sender = arena_printf(&a, "%s@c.zone", cases[i].sender);
		assert_true(addr_parse(cases[i].client, strlen(cases[i].client), &q.client));
		spf_check(r, &b, &q, SPF_MAILFROM, &a, &o);
		if (o.result != cases[i].want ||
		    strcmp(or_none(o.explanation), or_none(cases[i].explanation)) != 0) {
			print_error("%s `%s`: got %s `%s` (%s), want %s `%s`\n", cases[i].client,
			    cases[i].record, spf_result_name(o.result), or_none(o.explanation),
			    o.reason, spf_result_name(cases[i].want),
			    or_none(cases[i].explanation));
			ok = false;
		}
		arena_free(&a);
		resolver_close(&r);
	}
	assert_true(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(corners),
	};

	return cmocka_run_group_tests_name("spf_edges", tests, NULL, NULL);
}
