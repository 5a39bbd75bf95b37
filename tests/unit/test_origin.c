/* The sections that judge where a message comes from. What they decide: tests/cases. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "check/config.h"
#include "check/dkim.h"
#include "check/dns.h"
#include "check/logins.h"
#include "check/sender.h"

#define BASE                                                                                       \
	"domains ours { members = example.com } networks friends { members = 192.0.2.0/24 }\n"     \
	"relay { rule in { to = @ours action = permit } rule others { action = reject } }\n"

static struct config *load(const char *text, struct diag *d)
{
	char all[4096];

	snprintf(all, sizeof(all), "%s%s", BASE, text);
	return config_load_text("x", all, strlen(all), 0, d);
}

static void errors(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"spf { temperror = reject }", "found the unknown word for `temperror`, `reject`"},
	    {"spf { except = { to = example.com } }", "expected no criterion of recipients here"},
	    {"spf { rule a { client = 192.0.2.1 } }", "found no action in rule `a`"},
	    {"spf { rule a { reading = ours fail = tag } }",
		"expected no criterion of recipients here"},
	    {"spf { reply = \"no\" }", "found the reply \"no\""},
	    {"dkim { temperror = reject }", "found the unknown word for `temperror`, `reject`"},
	    {"dkim { signatures = 0 }", "signatures"},
	    {"dkim { signatures = 101 }", "signatures"},
	    {"dkim { min-key-bits = 1023 }", "min-key-bits"},
	    {"dkim { max-header = 1k }", "max-header"},
	    {"dmarc { temperror = reject }", "found the unknown word for `temperror`, `reject`"},
	    {"dmarc { reject = refuse }", "found the unknown word for `reject`, `refuse`"},
	    {"sender { logins = alice }",
		"found the entry `alice`; expected a login, and behind it"},
	    {"sender { logins = \"alice  b@@c\" }", "expected an address, a domain or *"},
	    {"sender { logins = \"alice x..y\" }", "expected an address, a domain or *"},
	    {"sender { temperror = reject }", "found the unknown word for `temperror`, `reject`"},
	    {"authentication { except = { from-domain = x.example } }",
		"expected what is known before the message"},
	    {"authentication { authserv-id = \"a;b\" }", "expected a name, such as"},
	    {"resolver { forward = ns.example }", "expected an address, or ADDRESS@PORT"},
	    {"resolver { forward = \"127.0.0.1@0\" }", "expected an address, or ADDRESS@PORT"},
	    {"resolver { deadline = 10s }", "deadline"},
	    {"resolver { timeout = 4s deadline = 1s }", "found a `timeout` above the `deadline`"},
	    {"resolver { fixed = /nonexistent/zone }", "can't be read"},
	};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag *d = diag_new();
		struct config *c = load(cases[i].text, d);

		if (c != NULL || diag_errors(d) == 0 ||
		    strstr(diag_text(d, 0), cases[i].want) == NULL) {
			failed++;
			print_error("%s: got %s, want %s\n", cases[i].text,
			    diag_errors(d) == 0 ? "no error" : diag_text(d, 0), cases[i].want);
		}
		config_free(&c);
		diag_free(&d);
	}
	assert_int_equal(failed, 0);
}

enum {
	CONTENT = STAGE_BIT(STAGE_EOH) | STAGE_BIT(STAGE_BODY),
	ENVELOPE_AND_HEADER = STAGE_BIT(STAGE_MAIL) | STAGE_BIT(STAGE_RCPT) |
	                      STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_EOM)
};

/* What is asked of the MTA for it. */
static void needs(void **state)
{
	static const struct {
		const char *text;
		unsigned stages, rights;
	} cases[] = {
	    {"", STAGE_BIT(STAGE_RCPT), 0},
	    {"spf { }", ENVELOPE_AND_HEADER, RIGHT_ADD_FIELDS | RIGHT_DELETE_FIELDS},
	    {"spf { fail = hold } authentication { add-results = no remove-forged = no }",
		ENVELOPE_AND_HEADER, RIGHT_QUARANTINE},
	    {"spf { at = rcpt rule a { client = @friends fail = tag } }\n"
	     "authentication { add-results = no remove-forged = no }",
		ENVELOPE_AND_HEADER, RIGHT_ADD_FIELDS},
	    {"dkim { }", ENVELOPE_AND_HEADER | CONTENT, RIGHT_ADD_FIELDS | RIGHT_DELETE_FIELDS},
	    {"dmarc { }", ENVELOPE_AND_HEADER | CONTENT, RIGHT_ALL},
	    {"sender { } authentication { add-results = no remove-forged = no }",
		ENVELOPE_AND_HEADER | CONTENT, 0},
	    {"mode = monitor spf { fail = hold }", ENVELOPE_AND_HEADER, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag *d = diag_new();
		struct config *c = load(cases[i].text, d);

		if (c == NULL)
			fail_msg("%s: %s", cases[i].text, diag_text(d, 0));
		print_message("%s\n", cases[i].text);
		/* Bans are looked at when a client connects. */
		assert_int_equal(c->policy.stages & ~STAGE_BIT(STAGE_CONNECT), cases[i].stages);
		assert_int_equal(c->policy.rights, cases[i].rights);
		assert_int_equal(
		    c->policy.answers &
			(STAGE_BIT(STAGE_MAIL) | STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_EOH)),
		    strstr(cases[i].text, "sender") == NULL ? 0 : STAGE_BIT(STAGE_MAIL));
		assert_int_equal((c->policy.facts & FACT_RESOLVER) != 0, i > 0);
		config_free(&c);
		diag_free(&d);
	}
}

/* Several entries of one login count together, wherever they stand. */
static void many_logins(void **state)
{
	struct strbuf text = {0};
	struct diag *d = diag_new();
	const struct logins *l;
	struct config *c;

	(void)state;
	strbuf_puts(&text, BASE "sender { logins = {");
	for (int i = 0; i < 3000; i++)
		strbuf_printf(&text, "\"user%d: user%d@a.example, x%d@b.example\", ", i * 7 % 3000,
		    i * 7 % 3000, i);
	strbuf_puts(&text, "\"USER77 c.example\", \"user* .d.example\" } }");
	c = config_load_text("x", text.data, text.len, 0, d);
	assert_non_null(c);
	l = ((const struct sender_settings *)(const void *)c->settings->sender)->logins;
	assert_true(logins_knows(l, "user0"));
	assert_true(logins_knows(l, "user5000"));
	assert_false(logins_knows(l, "root"));
	for (int i = 0; i < 3000; i++) {
		char login[20];

		snprintf(login, sizeof(login), "User%d", i);
		assert_true(logins_allows(l, login, login, "a.example"));
		assert_true(logins_allows(l, login, "any", "x.d.example"));
		assert_false(logins_allows(l, login, "any", "d.example"));
		assert_int_equal(logins_allows(l, login, "any", "c.example"), i == 77);
		assert_false(
		    logins_allows(l, login, "user77", i == 77 ? "b.example" : "a.example"));
	}
	config_free(&c);
	diag_free(&d);
	strbuf_free(&text);
}

static void resolvers(void **state)
{
	struct diag *d = diag_new();
	struct config *c = load("resolver { forward = { \"127.0.0.1@5353\", ::1 } deadline = 2s "
				"timeout = 500ms lookups = 30 }",
	    d);
	const struct dns_settings *s;
	struct dns_budget b;
	struct resolver *r;
	const char *error = NULL;

	(void)state;
	assert_non_null(c);
	s = (const struct dns_settings *)(const void *)c->settings->resolver;
	assert_int_equal(s->forward.count, 2);
	b = dns_budget_of(s);
	assert_int_equal(b.per_lookup, 500000);
	assert_int_equal(b.lookups, 30);
	r = dns_open(s, &error);
	assert_non_null(r);
	resolver_close(&r);
	config_free(&c);
	diag_free(&d);
}

static struct dkim_limits limits_of(const char *text)
{
	struct diag *d = diag_new();
	struct config *c = load(text, d);
	struct dkim_limits limits;

	if (c == NULL)
		fail_msg("%s: %s", text, diag_text(d, 0));
	limits = dkim_limits_of(c->settings->dkim);
	config_free(&c);
	diag_free(&d);
	return limits;
}

static void signatures(void **state)
{
	struct dkim_limits l = limits_of(
	    "dkim { signatures = 3 min-key-bits = 2048 max-fields = 200 max-header = 64k }");

	(void)state;
	assert_int_equal(l.signatures, 3);
	assert_int_equal(l.key_bits, 2048);
	assert_int_equal(l.fields, 200);
	assert_int_equal(l.header, 65536);
	/* The defaults are those of auth/dkim.h, with a section and without one. */
	l = limits_of("dkim { }");
	assert_int_equal(l.signatures, 10);
	assert_int_equal(l.key_bits, 1024);
	assert_int_equal(l.fields, 10000);
	assert_int_equal(l.header, 4 * 1024 * 1024);
	assert_int_equal(limits_of("dmarc { }").signatures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(errors), cmocka_unit_test(needs),
	    cmocka_unit_test(many_logins), cmocka_unit_test(resolvers),
	    cmocka_unit_test(signatures)};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
