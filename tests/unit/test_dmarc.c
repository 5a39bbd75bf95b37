/* DMARC evaluation over fixed data: RFC 9989, its examples, errors of DNS. */
#include "../lib/unit.h"

#include <pthread.h>
#include <string.h>

#include "auth/dmarc.h"
#include "auth/fixed.h"
#include "base/strbuf.h"

/* One literal a line: clang-format would split the long ones. */
/* clang-format off */
static const char *const zone[] = {
    /* RFC 9989 appendix B.4.1 and B.4.2 */
    "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:d@example.com\"\n",
    "_dmarc.signing.example.com TXT \"v=DMARC1; p=none\"\n",
    "mail.example.com A 192.0.2.1\n",
    "txtonly.example.com TXT \"hello\"\n",
    "below.empty.example.com A 192.0.2.1\n",
    "dangling.example.com CNAME nowhere.example.net\n",
    "*.wild.example.com TXT \"v=spf1 -all\"\n",
    "_dmarc.wild.example.com TXT \"v=spf1 -all\"\n",
    /* B.4.3 */
    "_dmarc.bank.example TXT \"v=DMARC1; p=reject; sp=quarantine; psd=y\"\n",
    "_dmarc.giant.bank.example TXT \"v=DMARC1; p=none; sp=reject\"\n",
    "mail.giant.bank.example A 192.0.2.1\n",
    "mega.bank.example A 192.0.2.1\n",
    "mail.mega.bank.example A 192.0.2.1\n",
    /* psd=n, and one that stands too high in the tree to be seen */
    "_dmarc.dept.example.org TXT \"v=DMARC1; p=none; sp=reject; psd=n\"\n",
    "_dmarc.example.org TXT \"v=DMARC1; p=reject; sp=none\"\n",
    "a.dept.example.org A 192.0.2.1\n",
    "a.other.example.org A 192.0.2.1\n",
    "_dmarc.mid.example.org TXT \"v=DMARC1; p=quarantine; sp=quarantine\"\n",
    "x.mid.example.org A 192.0.2.1\n",
    "_dmarc.b.c.d.e.f.g.example.org TXT \"v=DMARC1; p=none; psd=n\"\n",
    "mail.a.b.c.d.e.f.g.example.org A 192.0.2.1\n",
    "_dmarc.self.example.org TXT \"v=DMARC1; p=quarantine; psd=n\"\n",
    /* a suffix below a suffix, and a record of a top-level domain without psd */
    "_dmarc.suffix TXT \"v=DMARC1; p=reject; sp=none; np=reject; psd=y\"\n",
    "_dmarc.co.suffix TXT \"v=DMARC1; p=reject; sp=none; np=reject; psd=y\"\n",
    "shop.co.suffix A 192.0.2.1\n",
    "www.shop.co.suffix A 192.0.2.1\n",
    "_dmarc.tld TXT \"v=DMARC1; p=quarantine\"\n",
    "_dmarc.name.tld TXT \"v=DMARC1; p=reject\"\n",
    "www.name.tld A 192.0.2.1\n",
    "_dmarc.lower.shop.co.suffix TXT \"v=DMARC1; p=reject\"\n",
    "x.lower.shop.co.suffix A 192.0.2.1\n",
    /* records that are none */
    "_dmarc.two.example.com TXT \"v=DMARC1; p=none\"\n",
    "_dmarc.two.example.com TXT \"v=DMARC1; p=none\"\n",
    "two.example.com A 192.0.2.1\n",
    "_dmarc.noise.example.com TXT \"something else\"\n",
    "_dmarc.noise.example.com TXT \"v=DMARC1; p=\" \"quarantine\"\n",
    "_dmarc.noise.example.com TXT \"v=dmarc1; p=none\"\n",
    "_dmarc.bad.example.com TXT \"v=DMARC1; p=bogus\"\n",
    "_dmarc.badrua.example.com TXT \"v=DMARC1; p=bogus; rua=mailto:d@example.com\"\n",
    "_dmarc.badsp.test.net TXT \"v=DMARC1; p=reject; sp=x; rua=mailto:d@example.com\"\n",
    "_dmarc.alias.example.com CNAME _dmarc.noise.example.com\n",
    /* the test mode */
    "_dmarc.test1.net TXT \"v=DMARC1; p=reject; sp=quarantine; np=reject; t=y; pct=0\"\n",
    "sub.test1.net A 192.0.2.1\n",
    "_dmarc.pct.net TXT \"v=DMARC1; p=reject; pct=0; rf=x; ri=0\"\n",
    /* strict */
    "_dmarc.strict.net TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n",
    "_dmarc.strictspf.net TXT \"v=DMARC1; p=reject; aspf=s\"\n",
    "sub.strict.net A 192.0.2.1\n",
    /* np falls to sp, sp to p */
    "_dmarc.nonp.net TXT \"v=DMARC1; p=none; sp=reject\"\n",
    "_dmarc.nosp.net TXT \"v=DMARC1; p=reject\"\n",
    "_dmarc.nponly.net TXT \"v=DMARC1; p=none; np=reject\"\n",
    "here.nponly.net MX 10 mail.example.com\n",
    /* errors */
    "_dmarc.broken.net SERVFAIL\n",
    "_dmarc.forged.net BOGUS\n",
    "_dmarc.slow.net TIMEOUT\n",
    "_dmarc.own.badtld TXT \"v=DMARC1; p=reject\"\n",
    "_dmarc.badtld SERVFAIL\n",
    "_dmarc.stop.badtld TXT \"v=DMARC1; p=reject; psd=n\"\n",
    "_dmarc.ownstrict.badtld TXT \"v=DMARC1; p=reject; aspf=s; adkim=s\"\n",
    "unsure.nponly.net SERVFAIL\n",
    "_dmarc.b.example.com SERVFAIL\n",
    "_dmarc.a.a.example.com TXT \"v=DMARC1; p=none\"\n",
    "_dmarc.localhost TXT \"v=DMARC1; p=reject\"\n",
    "_dmarc.xn--bcher-kva.example TXT \"v=DMARC1; p=reject\"\n",
    "_dmarc.1.2.3.4.5.6.deep.net TXT \"v=DMARC1; p=quarantine\"\n",
    "_dmarc.2.3.4.5.6.deep.net TXT \"v=DMARC1; p=reject; psd=y\"\n",
    "0.1.2.3.4.5.6.deep.net A 192.0.2.1\n",
};
/* clang-format on */

struct dmarc_case {
	const char *from;
	const char *spf;  /* DOMAIN passed; ?DOMAIN: temperror; !DOMAIN: failed; NULL: none */
	const char *dkim; /* several with blanks between them */
	/* RESULT RECORD-DOMAIN ORGANIZATIONAL-DOMAIN POLICY [spf] [dkim] */
	const char *want;
};

static struct resolver *open_zone(void)
{
	struct strbuf b = {0};
	struct resolver *r;
	unsigned line;

	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++)
		strbuf_puts(&b, zone[i]);
	r = fixed_open(strbuf_text(&b), b.len, &line);
	if (r == NULL)
		fail_msg("line %u of the zone is wrong", line);
	strbuf_free(&b);
	return r;
}

static struct dmarc_identifier identifier(const char *text)
{
	if (text == NULL)
		return (struct dmarc_identifier){.domain = ""};
	if (*text == '?')
		return (struct dmarc_identifier){text + 1, DMARC_AUTH_TEMPERROR};
	if (*text == '!')
		return (struct dmarc_identifier){text + 1, DMARC_AUTH_FAILED};
	return (struct dmarc_identifier){text, DMARC_AUTH_PASSED};
}

static size_t identifiers(struct arena *a, const char *text, struct dmarc_identifier *out)
{
	size_t n = 0;

	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, " ");

		out[n++] = identifier(arena_strndup(a, text, len));
		text += len + (text[len] == ' ');
	}
	return n;
}

static void describe(const struct dmarc_outcome *o, struct strbuf *b)
{
	strbuf_printf(b, "%s %s %s %s%s%s", dmarc_result_name(o->result),
	    o->record_domain == NULL ? "-" : o->record_domain,
	    o->organizational_domain == NULL ? "-" : o->organizational_domain,
	    dmarc_policy_name(o->policy), o->spf_aligned ? " spf" : "",
	    o->dkim_aligned ? " dkim" : "");
}

static bool check_case(struct resolver *r, const struct dmarc_case *c)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct arena a = {0};
	struct dmarc_identifier dkim[20];
	struct dmarc_query q = {.spf = identifier(c->spf), .dkim = dkim};
	struct dmarc_outcome o;
	struct from f = {.status = FROM_ABSENT};
	struct strbuf got = {0};
	bool ok;

	q.dkim_count = identifiers(&a, c->dkim, dkim);
	assert_true(from_add(&f, &a, c->from, strlen(c->from)));
	dmarc_check(r, &b, &f, &q, &a, &o);
	describe(&o, &got);
	ok = strcmp(strbuf_text(&got), c->want) == 0;
	if (!ok)
		print_error("%s spf=%s dkim=%s: got `%s` (%s), want `%s`\n", c->from,
		    c->spf == NULL ? "" : c->spf, c->dkim == NULL ? "" : c->dkim, strbuf_text(&got),
		    o.reason, c->want);
	strbuf_free(&got);
	arena_free(&a);
	return ok;
}

#define CHECK_ALL(cases)                                                                           \
	do {                                                                                       \
		struct resolver *r = open_zone();                                                  \
		bool ok = true;                                                                    \
		(void)state;                                                                       \
		for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                    \
			ok = check_case(r, &(cases)[i]) && ok;                                     \
		resolver_close(&r);                                                                \
		assert_true(ok);                                                                   \
	} while (0)

/* clang-format off */
static void examples_of_the_rfc(void **state)
{
	static const struct dmarc_case cases[] = {
	    /* B.1.1, B.1.2 */
	    {"a@example.com", "example.com", NULL, "pass example.com example.com reject spf"},
	    {"a@example.com", "child.example.com", NULL, "pass example.com example.com reject spf"},
	    {"a@mail.example.com", "example.net", NULL, "fail example.com example.com quarantine"},
	    {"a@example.com", NULL, "example.com", "pass example.com example.com reject dkim"},
	    {"a@mail.example.com", NULL, "example.com", "pass example.com example.com quarantine dkim"},
	    {"a@mail.example.com", NULL, "example.net", "fail example.com example.com quarantine"},
	    /* B.4.1 */
	    {"a@example.com", "example.com", "signing.example.com", "pass example.com example.com reject spf dkim"},
	    {"a@example.com", NULL, "signing.example.com", "pass example.com example.com reject dkim"},
	    /* B.4.2 */
	    {"a@a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com", "pass example.com example.com none spf dkim"},
	    /* B.4.3 */
	    {"a@giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example", "pass giant.bank.example giant.bank.example none spf"},
	    {"a@giant.bank.example", NULL, "mail.mega.bank.example", "fail giant.bank.example giant.bank.example none"},
	    {"a@giant.bank.example", "bank.example", NULL, "fail giant.bank.example giant.bank.example none"},
	    {"a@mail.giant.bank.example", "giant.bank.example", NULL, "pass giant.bank.example giant.bank.example reject spf"},
	    {"a@mega.bank.example", "mail.mega.bank.example", NULL, "pass bank.example mega.bank.example quarantine spf"},
	    {"a@mail.mega.bank.example", "mega.bank.example", NULL, "pass bank.example mega.bank.example quarantine spf"},
	    {"a@bank.example", NULL, NULL, "fail bank.example bank.example reject"},
	    {"a@bank.example", "giant.bank.example", NULL, "fail bank.example bank.example reject"},
	};

	CHECK_ALL(cases);
}

static void policy_discovery(void **state)
{
	static const struct dmarc_case cases[] = {
	    {"a@nothing.net", NULL, NULL, "none - nothing.net none"},
	    {"a@a.b.nothing.net", "a.b.nothing.net", NULL, "none - a.b.nothing.net none"},
	    {"a@localhost", NULL, NULL, "fail localhost localhost reject"},
	    /* p here, sp below, np where there is nothing */
	    {"a@example.com", NULL, NULL, "fail example.com example.com reject"},
	    {"a@EXAMPLE.com.", NULL, NULL, "fail example.com example.com reject"},
	    {"a@mail.example.com", NULL, NULL, "fail example.com example.com quarantine"},
	    {"a@txtonly.example.com", NULL, NULL, "fail example.com example.com quarantine"},
	    {"a@empty.example.com", NULL, NULL, "fail example.com example.com quarantine"},
	    {"a@dangling.example.com", NULL, NULL, "fail example.com example.com quarantine"},
	    {"a@absent.example.com", NULL, NULL, "fail example.com example.com none"},
	    {"a@x.mail.example.com", NULL, NULL, "fail example.com example.com none"},
	    {"a@absent.nonp.net", NULL, NULL, "fail nonp.net nonp.net reject"},
	    {"a@absent.nosp.net", NULL, NULL, "fail nosp.net nosp.net reject"},
	    {"a@absent.nponly.net", NULL, NULL, "fail nponly.net nponly.net reject"},
	    {"a@here.nponly.net", NULL, NULL, "fail nponly.net nponly.net none"},
	    {"a@nponly.net", NULL, NULL, "fail nponly.net nponly.net none"},
	    /* the Author Domain's own record: p, and the Organizational Domain is above it */
	    {"a@signing.example.com", NULL, NULL, "fail signing.example.com example.com none"},
	    {"a@mid.example.org", NULL, NULL, "fail mid.example.org example.org quarantine"},
	    {"a@mid.example.org", "x.other.example.org", NULL, "pass mid.example.org example.org quarantine spf"},
	    /* what lies between the Author Domain and its Organizational Domain does not count */
	    {"a@x.mid.example.org", NULL, NULL, "fail example.org example.org none"},
	    {"a@x.lower.shop.co.suffix", NULL, NULL, "fail co.suffix shop.co.suffix none"},
	    {"a@a.other.example.org", NULL, NULL, "fail example.org example.org none"},
	    /* psd=n */
	    {"a@dept.example.org", NULL, NULL, "fail dept.example.org dept.example.org none"},
	    {"a@a.dept.example.org", NULL, NULL, "fail dept.example.org dept.example.org reject"},
	    {"a@a.dept.example.org", "dept.example.org", NULL, "pass dept.example.org dept.example.org reject spf"},
	    {"a@a.dept.example.org", "example.org", NULL, "fail dept.example.org dept.example.org reject"},
	    {"a@example.org", "a.dept.example.org", NULL, "fail example.org example.org reject"},
	    {"a@example.org", "dept.example.org", NULL, "fail example.org example.org reject"},
	    {"a@self.example.org", "self.example.org", NULL, "pass self.example.org self.example.org quarantine spf"},
	    /* psd=y */
	    {"a@shop.co.suffix", NULL, NULL, "fail co.suffix shop.co.suffix none"},
	    {"a@gone.co.suffix", NULL, NULL, "fail co.suffix gone.co.suffix reject"},
	    {"a@www.shop.co.suffix", "shop.co.suffix", NULL, "pass co.suffix shop.co.suffix none spf"},
	    {"a@shop.co.suffix", "other.co.suffix", "co.suffix", "fail co.suffix shop.co.suffix none"},
	    {"a@co.suffix", NULL, NULL, "fail co.suffix co.suffix reject"},
	    {"a@co.suffix", "co.suffix", NULL, "pass co.suffix co.suffix reject spf"},
	    {"a@new.suffix", NULL, NULL, "fail suffix new.suffix reject"},
	    {"a@suffix", NULL, NULL, "fail suffix suffix reject"},
	    /* a top-level domain's record without psd makes it everybody's Organizational Domain */
	    {"a@name.tld", "www.name.tld", NULL, "pass name.tld tld reject spf"},
	    {"a@www.name.tld", "other.tld", NULL, "pass tld tld quarantine spf"},
	    /* the names that are asked for: the longest, then seven labels */
	    {"a@mail.a.b.c.d.e.f.g.example.org", NULL, NULL, "fail example.org example.org none"},
	    {"a@0.1.2.3.4.5.6.deep.net", NULL, NULL, "fail 2.3.4.5.6.deep.net 1.2.3.4.5.6.deep.net reject"},
	    {"a@1.2.3.4.5.6.deep.net", NULL, NULL, "fail 1.2.3.4.5.6.deep.net 1.2.3.4.5.6.deep.net quarantine"},
	};

	CHECK_ALL(cases);
}

static void records(void **state)
{
	static const struct dmarc_case cases[] = {
	    {"a@two.example.com", NULL, NULL, "fail example.com example.com quarantine"},
	    {"a@noise.example.com", NULL, NULL, "fail noise.example.com example.com quarantine"},
	    {"a@alias.example.com", NULL, NULL, "fail alias.example.com example.com quarantine"},
	    {"a@bad.example.com", "bad.example.com", NULL, "none - example.com none"},
	    {"a@badrua.example.com", "badrua.example.com", NULL, "pass badrua.example.com example.com none spf"},
	    {"a@badrua.example.com", NULL, NULL, "fail badrua.example.com example.com none"},
	    {"a@x.badsp.test.net", NULL, NULL, "fail badsp.test.net badsp.test.net none"},
	    {"a@test1.net", NULL, NULL, "fail test1.net test1.net quarantine"},
	    {"a@sub.test1.net", NULL, NULL, "fail test1.net test1.net none"},
	    {"a@absent.test1.net", NULL, NULL, "fail test1.net test1.net quarantine"},
	    {"a@pct.net", NULL, NULL, "fail pct.net pct.net reject"},
	    {"a@b\303\274cher.example", "B\303\234CHER.example", NULL, "pass xn--bcher-kva.example xn--bcher-kva.example reject spf"},
	};

	CHECK_ALL(cases);
}

static void alignment(void **state)
{
	static const struct dmarc_case cases[] = {
	    {"a@strict.net", "strict.net", NULL, "pass strict.net strict.net reject spf"},
	    {"a@strict.net", "sub.strict.net", "sub.strict.net", "fail strict.net strict.net reject"},
	    {"a@sub.strict.net", "strict.net", "strict.net", "fail strict.net strict.net reject"},
	    {"a@sub.strict.net", "SUB.strict.net.", NULL, "pass strict.net strict.net reject spf"},
	    {"a@strictspf.net", "x.strictspf.net", "x.strictspf.net", "pass strictspf.net strictspf.net reject dkim"},
	    /* a failure takes nothing away */
	    {"a@example.com", "!example.com", "!example.com", "fail example.com example.com reject"},
	    {"a@example.com", "!example.com", "example.com", "pass example.com example.com reject dkim"},
	    {"a@example.com", NULL, "!example.com example.com", "pass example.com example.com reject dkim"},
	    {"a@example.com", NULL, "evil.net x.example.com !example.com", "pass example.com example.com reject dkim"},
	    {"a@example.com", "evil.net", "evil.net", "fail example.com example.com reject"},
	    /* names that only look alike */
	    {"a@example.com", "notexample.com", "com", "fail example.com example.com reject"},
	    {"a@example.com", "example.com.evil.net", "example.co", "fail example.com example.com reject"},
	    {"a@example.com", "", "", "fail example.com example.com reject"},
	    {"a@example.com", "a b.example.com", ".example.com", "fail example.com example.com reject"},
	    {"a@example.com", "[192.0.2.1]", "..", "fail example.com example.com reject"},
	    /* two records are none, and the walk goes on */
	    {"a@example.com", "two.example.com", NULL, "pass example.com example.com reject spf"},
	};

	CHECK_ALL(cases);
}

static void errors_of_dns(void **state)
{
	static const struct dmarc_case cases[] = {
	    {"a@broken.net", "broken.net", NULL, "temperror - - none"},
	    {"a@forged.net", "forged.net", NULL, "temperror - - none"},
	    {"a@slow.net", NULL, NULL, "temperror - - none"},
	    {"a@x.broken.net", NULL, NULL, "temperror - - none"},
	    {"a@x.badtld", NULL, NULL, "temperror - - none"},
	    /* its own record is enough as long as names need not be compared */
	    {"a@own.badtld", "own.badtld", NULL, "pass own.badtld - reject spf"},
	    {"a@own.badtld", NULL, NULL, "fail own.badtld - reject"},
	    {"a@own.badtld", "example.com", NULL, "fail own.badtld - reject"},
	    {"a@own.badtld", "x.own.badtld", NULL, "temperror own.badtld - reject"},
	    {"a@own.badtld", "x.own.badtld", "own.badtld", "pass own.badtld - reject dkim"},
	    {"a@ownstrict.badtld", "x.ownstrict.badtld", NULL, "fail ownstrict.badtld - reject"},
	    /* behind psd=n nothing is asked for */
	    {"a@stop.badtld", "x.stop.badtld", NULL, "pass stop.badtld stop.badtld reject spf"},
	    {"a@x.stop.badtld", NULL, NULL, "fail stop.badtld stop.badtld reject"},
	    /* the walk of an identifier */
	    {"a@example.com", "b.example.com", NULL, "temperror example.com example.com reject"},
	    {"a@example.com", "b.example.com", "x.example.com", "pass example.com example.com reject dkim"},
	    {"a@example.com", "broken.net", "slow.net", "fail example.com example.com reject"},
	    /* does it exist? */
	    {"a@unsure.nponly.net", NULL, NULL, "temperror nponly.net nponly.net none"},
	    {"a@unsure.nponly.net", "nponly.net", NULL, "pass nponly.net nponly.net none spf"},
	    /* SPF and DKIM themselves */
	    {"a@example.com", "?example.com", NULL, "temperror example.com example.com reject"},
	    {"a@example.com", "?example.net", "?evil.net", "fail example.com example.com reject"},
	    {"a@example.com", NULL, "?x.example.com", "temperror example.com example.com reject"},
	    {"a@example.com", "?example.com", "example.com", "pass example.com example.com reject dkim"},
	    {"a@example.com", "?b.example.com", NULL, "temperror example.com example.com reject"},
	};

	CHECK_ALL(cases);
}

static void nobody_is_none(void **state)
{
	static const struct dmarc_case cases[] = {
	    {"a@example.com, b@example.com", NULL, NULL, "fail example.com example.com reject"},
	    {"a@example.com, b@example.net", "example.com", NULL, "none - - none"},
	    {"root", NULL, NULL, "none - - none"},
	    {"<a@example.com", NULL, NULL, "none - - none"},
	};

	CHECK_ALL(cases);
}
/* clang-format on */

static const char *reason_of(
    struct resolver *r, const char *domain, struct dmarc_query q, struct arena *a)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct dmarc_lookup *l = dmarc_start(r, &b, domain);
	struct dmarc_outcome o;

	assert_non_null(l);
	dmarc_finish(&l, &b, &q, a, &o);
	assert_null(l);
	return o.reason;
}

static void the_reason_tells_every_step(void **state)
{
	struct resolver *r = open_zone();
	struct arena a = {0};
	struct dmarc_identifier signature = {"mail.mega.bank.example", DMARC_AUTH_PASSED};

	(void)state;
	assert_string_equal(
	    reason_of(r, "giant.bank.example",
		(struct dmarc_query){.spf = {"mail.giant.bank.example", DMARC_AUTH_PASSED},
		    .dkim = &signature,
		    .dkim_count = 1},
		&a),
	    "_dmarc.giant.bank.example: a record with p=none sp=reject np=reject; "
	    "_dmarc.bank.example: a record with p=reject sp=quarantine np=quarantine psd=y; "
	    "p of giant.bank.example asks for none; "
	    "_dmarc.mail.giant.bank.example: no such name; "
	    "SPF passed for mail.giant.bank.example, which is aligned; "
	    "DKIM passed for mail.mega.bank.example, which is not aligned");
	assert_string_equal(reason_of(r, "absent.two.example.com", (struct dmarc_query){0}, &a),
	    "_dmarc.absent.two.example.com: no such name; "
	    "_dmarc.two.example.com: 2 records, which count as none; "
	    "_dmarc.example.com: a record with p=reject sp=quarantine np=none; "
	    "_dmarc.com: no such name; absent.two.example.com does not exist; "
	    "np of example.com asks for none; no aligned identifier has passed");
	assert_string_equal(reason_of(r, "bad.example.com", (struct dmarc_query){0}, &a),
	    "_dmarc.bad.example.com: a record with p=none sp=none np=none (not usable) because its "
	    "p is not valid; _dmarc.example.com: a record with p=reject sp=quarantine np=none; "
	    "_dmarc.com: no such name; the record asks for no DMARC");
	assert_string_equal(reason_of(r, "x.broken.net", (struct dmarc_query){0}, &a),
	    "_dmarc.x.broken.net: no such name; _dmarc.broken.net: DNS temperror");
	arena_free(&a);
	resolver_close(&r);
}

static unsigned asked_for(const char *domain, struct dmarc_query q)
{
	struct resolver *r = open_zone();
	struct arena a = {0};
	unsigned asked;

	reason_of(r, domain, q, &a);
	asked = fixed_asked(r);
	arena_free(&a);
	resolver_close(&r);
	return asked;
}

static void no_name_is_asked_for_twice(void **state)
{
	const struct dmarc_identifier evil = {"a.b.evil.net", DMARC_AUTH_PASSED};
	struct dmarc_identifier many[20];

	(void)state;
	assert_int_equal(asked_for("nothing.net", (struct dmarc_query){0}), 2);
	/* the longest name there is */
	assert_int_equal(
	    asked_for("a.b.c.d.e.f.g.h.i.j.k.nothing.net", (struct dmarc_query){0}), 8);
	assert_int_equal(asked_for("b.c.d.e.f.g.nothing.net", (struct dmarc_query){0}), 8);
	assert_int_equal(asked_for("example.com", (struct dmarc_query){.spf = evil}), 2);
	assert_int_equal(asked_for("example.com",
			     (struct dmarc_query){.spf = {"x.y.example.com", DMARC_AUTH_PASSED}}),
	    4);
	/* existence is asked for only where it makes a difference */
	assert_int_equal(asked_for("absent.nosp.net", (struct dmarc_query){0}), 3);
	assert_int_equal(asked_for("absent.nponly.net", (struct dmarc_query){0}), 6);
	/* more signatures than are looked at */
	for (size_t i = 0; i < 20; i++) {
		static char names[20][32];

		names[i][0] = (char)('a' + i);
		memcpy(names[i] + 1, ".dept.example.org", 18);
		many[i] = (struct dmarc_identifier){names[i], DMARC_AUTH_PASSED};
	}
	assert_int_equal(
	    asked_for("example.org", (struct dmarc_query){.dkim = many, .dkim_count = 20}),
	    2 + 1 + DMARC_WALKS_MAX - 1);
}

static void a_prefetch_asks_for_the_walk(void **state)
{
	struct resolver *r = open_zone();
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);

	(void)state;
	dmarc_prefetch(r, &b, "Mail.EXAMPLE.com.");
	assert_int_equal(fixed_asked(r), 3);
	dmarc_prefetch(r, &b, "a.b.c.d.e.f.g.h.i.j.example.com");
	assert_int_equal(fixed_asked(r), 11);
	dmarc_prefetch(r, &b, "");
	dmarc_prefetch(r, &b, "[192.0.2.1]");
	dmarc_prefetch(r, &b, "a b");
	assert_int_equal(fixed_asked(r), 11);
	resolver_close(&r);
}

static void abandoned_and_absent(void **state)
{
	struct resolver *r = open_zone();
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct dns_budget none = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 1);
	struct dmarc_query q = {.spf = {"example.com", DMARC_AUTH_PASSED}};
	struct dmarc_lookup *l = dmarc_start(r, &b, "example.com");
	struct from absent = {.status = FROM_ABSENT};
	struct dmarc_outcome o;
	struct arena a = {0}, full = {.limit = 1};

	(void)state;
	dmarc_abandon(&l);
	assert_null(l);
	dmarc_abandon(&l);
	dmarc_finish(&l, &b, &q, &a, &o);
	assert_int_equal(o.result, DMARC_TEMPERROR);
	dmarc_check(r, &b, &absent, &q, &a, &o);
	assert_int_equal(o.result, DMARC_NONE);
	assert_string_equal(o.reason, "the message has no From field");
	/* nobody's memory */
	l = dmarc_start(r, &b, "example.com");
	dmarc_finish(&l, &b, &q, &full, &o);
	assert_int_equal(o.result, DMARC_TEMPERROR);
	assert_false(o.spf_aligned);
	/* one look-up: the record is there, what is above it is not known */
	l = dmarc_start(r, &none, "example.com");
	dmarc_finish(&l, &none, &q, &a, &o);
	assert_int_equal(o.result, DMARC_PASS);
	assert_null(o.organizational_domain);
	/* a name that is not canonical, and too long to be asked for */
	l = dmarc_start(r, &b,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com");
	dmarc_finish(&l, &b, &q, &a, &o);
	assert_int_equal(o.result, DMARC_PASS);
	assert_string_equal(o.record_domain, "example.com");
	arena_free(&a);
	arena_free(&full);
	resolver_close(&r);
}

static void *evaluate_often(void *arg)
{
	static const struct dmarc_case cases[] = {
	    {"a@example.com", "child.example.com", NULL, "pass example.com example.com reject spf"},
	    {"a@absent.example.com", NULL, NULL, "fail example.com example.com none"},
	    {"a@x.broken.net", NULL, NULL, "temperror - - none"},
	};
	bool ok = true;

	for (size_t i = 0; i < 60; i++)
		ok = check_case(arg, &cases[i % 3]) && ok;
	return ok ? arg : NULL;
}

static void threads_share_a_resolver(void **state)
{
	struct resolver *r = open_zone();
	pthread_t threads[4];
	void *ok;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, evaluate_often, r), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &ok);
		assert_non_null(ok);
	}
	resolver_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples_of_the_rfc),
	    cmocka_unit_test(policy_discovery),
	    cmocka_unit_test(records),
	    cmocka_unit_test(alignment),
	    cmocka_unit_test(errors_of_dns),
	    cmocka_unit_test(nobody_is_none),
	    cmocka_unit_test(the_reason_tells_every_step),
	    cmocka_unit_test(no_name_is_asked_for_twice),
	    cmocka_unit_test(a_prefetch_asks_for_the_walk),
	    cmocka_unit_test(abandoned_and_absent),
	    cmocka_unit_test(threads_share_a_resolver),
	};

	return cmocka_run_group_tests_name("dmarc", tests, NULL, NULL);
}
