/* SPF macros: the examples of RFC 7208 7.4, and what is not one. */
#include "../lib/unit.h"

#include <string.h>

#include "auth/spf_macro.h"

static const char *unknown(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
	return "unknown";
}

static struct spf_macro_env env_for(const char *client)
{
	struct spf_macro_env env = {
	    .sender = "strong-bad@email.example.com",
	    .local = "strong-bad",
	    .sender_domain = "email.example.com",
	    .domain = "email.example.com",
	    .helo = "mx.example.org",
	    .receiver = "host.example.net",
	    .now = (usec_t)1234567890 * USEC_PER_SEC + 999999,
	    .validated = unknown,
	};

	assert_true(addr_parse(client, strlen(client), &env.client));
	return env;
}

static void expansions(void **state)
{
	static const struct {
		const char *client, *text, *want;
	} cases[] = {
	    /* RFC 7208 7.4 */
	    {"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
	    {"192.0.2.3", "%{o}", "email.example.com"},
	    {"192.0.2.3", "%{d}", "email.example.com"},
	    {"192.0.2.3", "%{d4}", "email.example.com"},
	    {"192.0.2.3", "%{d3}", "email.example.com"},
	    {"192.0.2.3", "%{d2}", "example.com"},
	    {"192.0.2.3", "%{d1}", "com"},
	    {"192.0.2.3", "%{dr}", "com.example.email"},
	    {"192.0.2.3", "%{d2r}", "example.email"},
	    {"192.0.2.3", "%{l}", "strong-bad"},
	    {"192.0.2.3", "%{l-}", "strong.bad"},
	    {"192.0.2.3", "%{lr}", "strong-bad"},
	    {"192.0.2.3", "%{lr-}", "bad.strong"},
	    {"192.0.2.3", "%{l1r-}", "strong"},
	    {"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	    {"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
	    {"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
		"bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
	    {"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
		"3.2.0.192.in-addr.strong.lp._spf.example.com"},
	    {"192.0.2.3", "%{d2}.trusted-domains.example.net",
		"example.com.trusted-domains.example.net"},
	    {"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
		"1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example."
		"com"},
	    /* the other letters, escapes, several delimiters, case */
	    {"192.0.2.3", "%{h}|%{p}|%{r}|%{t}|%{c}",
		"mx.example.org|unknown|host.example.net|"
		"1234567890|192.0.2.3"},
	    {"2001:db8::cb01", "%{c}", "2001:db8::cb01"},
	    {"192.0.2.3", "%%%_%-", "% %20"},
	    {"192.0.2.3", "%{S}", "strong-bad%40email.example.com"},
	    {"192.0.2.3", "%{D2R}", "example.email"},
	    {"192.0.2.3", "%{s2-@.}", NULL}, /* @ is no delimiter */
	    {"192.0.2.3", "%{sr-.}", "com.example.bad@email.strong"},
	    {"192.0.2.3", "%{d99999999999999999999}", "email.example.com"},
	    {"192.0.2.3", "%{d128}", "email.example.com"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spf_macro_env env = env_for(cases[i].client);
		struct strbuf b = {.max = 500};
		bool ok = spf_macro_expand(cases[i].text, strlen(cases[i].text), &env, &b);

		if (ok != (cases[i].want != NULL) ||
		    (ok && strcmp(strbuf_text(&b), cases[i].want) != 0))
			fail_msg("%s: got %d `%s`, want `%s`", cases[i].text, ok, strbuf_text(&b),
			    cases[i].want);
		strbuf_free(&b);
	}
}

static void long_names_lose_labels_on_the_left(void **state)
{
	struct spf_macro_env env = env_for("192.0.2.3");
	char text[4000] = "", name[DNS_NAME_SIZE];

	(void)state;
	for (int i = 0; i < 300; i++)
		strncat(text, "abcdefghi.", sizeof(text) - strlen(text) - 1);
	strncat(text, "%{d}", sizeof(text) - strlen(text) - 1);
	assert_true(spf_macro_domain(text, strlen(text), &env, name));
	/* 23 labels of ten bytes with their dots, and 17 of the domain */
	assert_int_equal(strlen(name), 247);
	assert_string_equal(name + 230, "email.example.com");
	assert_int_equal(strncmp(name, "abcdefghi.", 10), 0);
	/* One label that is too long: nothing that can exist. */
	memset(text, 'x', 3000);
	text[3000] = '\0';
	strncat(text, ".%{d}", sizeof(text) - strlen(text) - 1);
	assert_true(spf_macro_domain(text, strlen(text), &env, name));
	assert_string_equal(name, "email.example.com");
}

static void well_formed(void **state)
{
	static const struct {
		const char *text;
		bool domain, modifier, explain;
	} cases[] = {
	    {"", false, true, true},
	    {"example.com", true, true, true},
	    {"example.com.", true, true, true},
	    {"example.com..", false, true, true},
	    {"com", false, true, true},
	    {".com", true, true, true},
	    {"example.1", false, true, true},
	    {"example.1a", true, true, true},
	    {"example.a1", true, true, true},
	    {"example.a-b", true, true, true},
	    {"example.-b", false, true, true},
	    {"example.b-", false, true, true},
	    {"example.1-2", true, true, true},
	    {"example.x_y", false, true, true},
	    {"foo:bar/baz.example.com", true, true, true},
	    {"example.%{d}", true, true, true},
	    {"%{d}", true, true, true},
	    {"%{d}.", false, true, true},
	    {"%{d}com", false, true, true},
	    {"%{d}.com", true, true, true},
	    {"x%%", true, true, true},
	    {"x%_", true, true, true},
	    {"x%-", true, true, true},
	    {"x%", false, false, false},
	    {"%a.com", false, false, false},
	    {"%{d", false, false, false},
	    {"%{}", false, false, false},
	    {"%{d0}", false, false, false},
	    {"%{d00}", false, false, false},
	    {"%{d01}", true, true, true},
	    {"%{rd}", false, false, false},
	    {"%{x}", false, false, false},
	    {"%{dr5}", false, false, false},
	    {"%{d;}", false, false, false},
	    {"%{d.-+,/_=}", true, true, true},
	    {"%{ d}", false, false, false},
	    {"%{c}", false, true, true},
	    {"%{r}", false, true, true},
	    {"%{t}", false, true, true},
	    {"%{T}", false, true, true},
	    {"a b.com", false, false, true},
	    {"a\tb.com", false, false, false},
	    {"caf\303\251.com", false, false, false},
	    {"\177.com", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		bool domain = spf_macro_check_domain(cases[i].text, len);
		bool modifier = spf_macro_check(cases[i].text, len, SPF_MACRO_MODIFIER);
		bool explain = spf_macro_check(cases[i].text, len, SPF_MACRO_EXPLAIN);

		if (domain != cases[i].domain || modifier != cases[i].modifier ||
		    explain != cases[i].explain)
			fail_msg("`%s`: got %d %d %d, want %d %d %d", cases[i].text, domain,
			    modifier, explain, cases[i].domain, cases[i].modifier,
			    cases[i].explain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expansions),
	    cmocka_unit_test(long_names_lose_labels_on_the_left),
	    cmocka_unit_test(well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
