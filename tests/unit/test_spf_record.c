/* The grammar of SPF records (RFC 7208 12). */
#include "../lib/unit.h"

#include <string.h>

#include "auth/spf_record.h"

static void versions(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
	    {"v=spf1", true},
	    {"v=spf1 ", true},
	    {"V=SpF1 -all", true},
	    {"v=spf1 moo", true},
	    {"v=spf10", false},
	    {"v=spf1-all", false},
	    {"v=spf1\t-all", false},
	    {" v=spf1 -all", false},
	    {"v=spf", false},
	    {"spf2.0/pra -all", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (spf_record_is_spf(cases[i].text, strlen(cases[i].text)) != cases[i].want)
			fail_msg("`%s`: want %d", cases[i].text, cases[i].want);
}

static const struct {
	const char *text; /* behind "v=spf1 " */
	int terms;        /* -1: refused */
} grammar_cases[] = {
    {"", 0},
    {"   ", 0},
    {"-all", 1},
    {"-ALL  +mX   ", 2},
    {"a a:example.com a/24 a//64 a/24//64 a:example.com/24//64", 6},
    {"a/0 a//0 a/32//128 mx/0//0", 4},
    {"a:example.com/024", -1},
    {"a/00", -1},
    {"a/33", -1},
    {"a//129", -1},
    {"a/24/64", -1},
    {"a/", -1},
    {"a//", -1},
    {"a///64", -1},
    {"a/24//", -1},
    {"a//64/24", -1},
    {"a:", -1},
    {"a:/24", -1},
    {"a:example.com:8080", -1},
    {"a:foo:bar/baz.example.com", 1},
    {"a:museum", -1},
    {"a:museum.", -1},
    {"a:.example.com", 1},
    {"a:111.222.33.44", -1},
    {"a:example.com/24/24", -1},
    {"a:example.-com", -1},
    {"a=example.com", 0}, /* an unknown modifier */
    {"-a=example.com", -1},
    {"a-b", -1},
    {"include", -1},
    {"include:", -1},
    {"include:example.com", 1},
    {"include:example.com/24", -1},
    {"include/24", -1},
    {"exists", -1},
    {"exists:", -1},
    {"exists:%{ir}.sbl.example.org", 1},
    {"exists:%{ir}.sbl.example.org/24", -1},
    {"exists:%{l/}", 1},
    {"ptr ptr:example.com", 2},
    {"ptr:", -1},
    {"ptr/0", -1},
    {"ptr:example.com/24", -1},
    {"all:example.com", -1},
    {"all/8", -1},
    {"all.", -1},
    {"all=x", 0},
    {"mx:%%%_/.claranet.de/27", 1},
    {"ip4:192.0.2.1 ip4:192.0.2.0/24 ip4:0.0.0.0/0", 3},
    {"ip4:192.0.2.1/33", -1},
    {"ip4:192.0.2.1/032", -1},
    {"ip4:192.0.2.1//32", -1},
    {"ip4:192.0.2.01", -1},
    {"ip4:192.0.2", -1},
    {"ip4:192.0.2.256", -1},
    {"ip4:192.0.2.1:8080", -1},
    {"ip4:2001:db8::1", -1},
    {"ip4:", -1},
    {"ip4", -1},
    {"ip4/8", -1},
    {"ip6:2001:db8::1 ip6:2001:db8::/32 ip6:::/0 ip6:::1/128", 4},
    {"ip6:2001:db8::1/129", -1},
    {"ip6:2001:db8::1//64", -1},
    {"ip6:::1::2", -1},
    {"ip6:IPv6:::1", -1},
    {"ip6:192.0.2.1", -1},
    {"ip6:::ffff:192.0.2.1/120", 1},
    {"ip6:", -1},
    {"ip6", -1},
    {"redirect=example.com", 0},
    {"redirect=", -1},
    {"redirect:example.com", -1},
    {"redirect=a.example redirect=b.example", -1},
    {"exp=a.example exp=b.example", -1},
    {"exp=", -1},
    {"exp=example", -1},
    {"EXP=a.example ReDirect=b.example", 0},
    {"redirect=example.com/24", -1},
    {"moo=x moo=x moo=%{c}", 0},
    {"moo=", 0},
    {"moo.cow-far_out=man:dog/cat", 0},
    {"1moo=x", -1},
    {"-moo=x", -1},
    {"moo@cow=x", -1},
    {"moo=%a", -1},
    {"=all", -1},
    {"moo", -1},
    {"+", -1},
    {"++all", -1},
    {"!all", -1},
    {"a\t-all", -1},
    {"a\n-all", -1},
    {"a:caf\303\251.example -all", -1},
    {"moo=\200", -1},
    {"\341\203\220", -1},
};

static void grammar(void **state)
{

	(void)state;
	for (size_t i = 0; i < sizeof(grammar_cases) / sizeof(grammar_cases[0]); i++) {
		struct spf_record_error error;
		struct spf_record r;
		struct arena a = {0};
		char text[200] = "v=spf1 ";
		bool ok;

		strncat(text, grammar_cases[i].text, sizeof(text) - strlen(text) - 1);
		ok = spf_record_read(text, strlen(text), &a, &r, &error);
		if (ok != (grammar_cases[i].terms >= 0) ||
		    (ok && (int)r.count != grammar_cases[i].terms))
			fail_msg("`%s`: got %d with %zu (%s), want %d", grammar_cases[i].text, ok,
			    r.count, ok ? "" : error.what, grammar_cases[i].terms);
		assert_true(ok || error.what != NULL);
		arena_free(&a);
	}
}

static void a_nul_is_no_text(void **state)
{
	static const char text[] = "v=spf1 a:x.com\0y.com -all";
	struct spf_record_error error;
	struct spf_record r;
	struct arena a = {0};

	(void)state;
	assert_false(spf_record_read(text, sizeof(text) - 1, &a, &r, &error));
	arena_free(&a);
}

static void values(void **state)
{
	static const char text[] = "v=spf1 ~a:b.example/20//40 ?ip4:192.0.2.77/24 mx//7 exp=e.%{d}";
	struct spf_record_error error;
	struct spf_record r;
	struct arena a = {0};
	char network[ADDR_TEXT_MAX];

	(void)state;
	assert_true(spf_record_read(text, strlen(text), &a, &r, &error));
	assert_int_equal(r.count, 3);
	assert_int_equal(r.terms[0].kind, SPF_A);
	assert_int_equal(r.terms[0].qualifier, '~');
	assert_int_equal(r.terms[0].bits4, 20);
	assert_int_equal(r.terms[0].bits6, 40);
	assert_int_equal(r.terms[0].domain.len, strlen("b.example"));
	assert_int_equal(r.terms[1].qualifier, '?');
	prefix_format(&r.terms[1].network, network);
	assert_string_equal(network, "192.0.2.0/24");
	assert_int_equal(r.terms[2].bits4, 32);
	assert_int_equal(r.terms[2].bits6, 7);
	assert_null(r.terms[2].domain.text);
	assert_int_equal(r.exp.len, strlen("e.%{d}"));
	assert_null(r.redirect.domain.text);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions),
	    cmocka_unit_test(grammar),
	    cmocka_unit_test(a_nul_is_no_text),
	    cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
