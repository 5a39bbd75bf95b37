#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/mailaddr.h"

static int parse(const char *text, size_t len, struct arena *a, struct mailaddr *m)
{
	return mailaddr_parse(text, len, a, m);
}

struct single {
	const char *text;
	unsigned forms;
	const char *local, *domain;
};

static const struct single singles[] = {
    {"<>", MAILADDR_NULL, "", ""},
    {"<bob@example.com>", 0, "bob", "example.com"},
    {"<Bob@EXAMPLE.Com>", 0, "Bob", "example.com"},
    {"bob@example.com", MAILADDR_NO_BRACKETS, "bob", "example.com"},
    {"<bob@example.com.>", MAILADDR_TRAILING_DOT, "bob", "example.com"},
    {"<bob+tag@example.com>", 0, "bob+tag", "example.com"},
    {"<b=o_b-{x}`~^$&'*?@example.com>", 0, "b=o_b-{x}`~^$&'*?", "example.com"},
    {"<|cat@example.com>", 0, "|cat", "example.com"},
    {"</tmp/x@example.com>", 0, "/tmp/x", "example.com"},
    {"<#x#@example.com>", 0, "#x#", "example.com"},
    {"<a.b@example.com>", 0, "a.b", "example.com"},
    {"<.a@example.com>", MAILADDR_ODD_DOTS, ".a", "example.com"},
    {"<a.@example.com>", MAILADDR_ODD_DOTS, "a.", "example.com"},
    {"<a..b@example.com>", MAILADDR_ODD_DOTS, "a..b", "example.com"},
    {"<bob>", MAILADDR_NO_DOMAIN, "bob", ""},
    {"bob", MAILADDR_NO_DOMAIN | MAILADDR_NO_BRACKETS, "bob", ""},
    {"<postmaster>", MAILADDR_NO_DOMAIN | MAILADDR_POSTMASTER, "postmaster", ""},
    {"<PostMaster>", MAILADDR_NO_DOMAIN | MAILADDR_POSTMASTER, "PostMaster", ""},
    {"<postmaster@example.com>", 0, "postmaster", "example.com"},
    {"<postmasters>", MAILADDR_NO_DOMAIN, "postmasters", ""},
    {"<bob@[192.0.2.1]>", MAILADDR_LITERAL, "bob", ""},
    {"<bob@[IPv6:2001:db8::1]>", MAILADDR_LITERAL, "bob", ""},
    {"<bob@192.0.2.1>", 0, "bob", "192.0.2.1"},
    {"<j\xc3\xbcrgen@example.com>", MAILADDR_UTF8, "j\xc3\xbcrgen", "example.com"},
    {"<bob@b\xc3\xbc"
     "cher.example>",
	MAILADDR_UTF8, "bob", "xn--bcher-kva.example"},
    {"<bob@B\xc3\x9c"
     "CHER.example>",
	MAILADDR_UTF8, "bob", "xn--bcher-kva.example"},
    {"<bob@xn--bcher-kva.example>", 0, "bob", "xn--bcher-kva.example"},
    /* 65 characters: VERP and SRS make such */
    {"<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.example>",
	MAILADDR_LONG_LOCAL, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"x.example"},
};

static void single_readings(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		const struct single *w = &singles[i];
		struct arena a = {0};
		struct mailaddr m;

		assert_true(parse(w->text, strlen(w->text), &a, &m));
		if (m.forms != w->forms || strcmp(m.local, w->local) != 0 ||
		    strcmp(m.domain, w->domain) != 0) {
			print_error("%s: got %x '%s' '%s', want %x '%s' '%s'\n", w->text, m.forms,
			    m.local, m.domain, w->forms, w->local, w->domain);
			failed++;
		}
		arena_free(&a);
	}
	assert_int_equal(failed, 0);
}

static const struct {
	const char *text;
	unsigned forms;
} ambiguous[] = {
    {"<u%other@example.com>", MAILADDR_PERCENT},
    {"<u%other>", MAILADDR_PERCENT | MAILADDR_NO_DOMAIN},
    {"<other!u@example.com>", MAILADDR_BANG},
    {"<a!b!c>", MAILADDR_BANG | MAILADDR_NO_DOMAIN},
    {"<@a.example:u@b.example>", MAILADDR_ROUTE},
    {"<@a.example,@b.example:u@c.example>", MAILADDR_ROUTE},
    {"<@a.example:u%x@c.example>", MAILADDR_ROUTE | MAILADDR_PERCENT},
    {"<@[192.0.2.1]:u@c.example>", MAILADDR_ROUTE},
    {"<@[IPv6:::1]:u@c.example>", MAILADDR_ROUTE},
    {"<a.example:u@b.example>", MAILADDR_BAD_LOCAL},
    {"<@a.example>", MAILADDR_BAD_LOCAL},
    {"<@>", MAILADDR_BAD_LOCAL | MAILADDR_MULTI_AT | MAILADDR_BAD_DOMAIN},
    {"<u@a.example@b.example>", MAILADDR_MULTI_AT},
    {"<u@a.example@>", MAILADDR_MULTI_AT | MAILADDR_BAD_DOMAIN},
    {"<u@>", MAILADDR_MULTI_AT | MAILADDR_BAD_DOMAIN},
    {"<\"u\"@example.com>", MAILADDR_QUOTED},
    {"<\"u@other\"@example.com>", MAILADDR_QUOTED},
    {"<\"u%other\"@example.com>", MAILADDR_QUOTED | MAILADDR_PERCENT},
    {"<\"u@other\">", MAILADDR_QUOTED | MAILADDR_NO_DOMAIN},
    {"<\"u@other>", MAILADDR_QUOTED | MAILADDR_NO_DOMAIN},
    {"<\"a\\\"@b\"@example.com>", MAILADDR_QUOTED | MAILADDR_BACKSLASH},
    {"<u\\@other@example.com>", MAILADDR_BACKSLASH | MAILADDR_MULTI_AT},
    {"<u(x)@example.com>", MAILADDR_COMMENT},
    {"<bob@example.com>trailing", MAILADDR_COMMENT | MAILADDR_NO_BRACKETS},
    {"<bob@example.com> ", MAILADDR_COMMENT | MAILADDR_CONTROL},
    {"Bob <bob@example.com>", MAILADDR_COMMENT | MAILADDR_CONTROL},
    {"<<bob@example.com>>", MAILADDR_BAD_LOCAL},
    {"<bob@example.com", MAILADDR_COMMENT},
    {"bob@example.com>", MAILADDR_COMMENT},
    {"< bob@example.com>", MAILADDR_CONTROL},
    {"<bob @example.com>", MAILADDR_CONTROL},
    {"<bob@example.com >", MAILADDR_CONTROL},
    {"<bob@exa\rmple.com>", MAILADDR_CONTROL},
    {"<b\tb@example.com>", MAILADDR_CONTROL},
    {"<b\x7f@example.com>", MAILADDR_CONTROL},
    {"<b\xc2\x85@example.com>", MAILADDR_CONTROL | MAILADDR_UTF8},
    {"<b\xff@example.com>", MAILADDR_BAD_UTF8},
    {"<b\xc0\xaf@example.com>", MAILADDR_BAD_UTF8},
    {"<bob@\xff.example>", MAILADDR_BAD_UTF8},
    {"<v\xef\xbc\xa0other@example.com>", MAILADDR_MULTI_AT | MAILADDR_UTF8},
    {"<v\xef\xb9\xabother@example.com>", MAILADDR_MULTI_AT | MAILADDR_UTF8},
    {"<v\xef\xbc\x85other@example.com>", MAILADDR_PERCENT | MAILADDR_UTF8},
    {"<v\xef\xbc\x81other@example.com>", MAILADDR_BANG | MAILADDR_UTF8},
    /* ideographic full stop, soft hyphen, fullwidth e: they only stand for example.com */
    {"<v@example\xe3\x80\x82\x63om>", MAILADDR_BAD_DOMAIN | MAILADDR_UTF8},
    {"<v@exa\xc2\xadmple.com>", MAILADDR_BAD_DOMAIN | MAILADDR_UTF8},
    {"<v@\xef\xbd\x85xample.com>", MAILADDR_BAD_DOMAIN | MAILADDR_UTF8},
    {"<l;x@example.com>", MAILADDR_BAD_LOCAL},
    {"<l,u@example.com>", MAILADDR_BAD_LOCAL},
    {"<l:u@example.com>", MAILADDR_BAD_LOCAL},
    {"<[l]@example.com>", MAILADDR_BAD_LOCAL},
    {"<l@x..y>", MAILADDR_BAD_DOMAIN},
    {"<l@.y>", MAILADDR_BAD_DOMAIN},
    {"<l@.>", MAILADDR_BAD_DOMAIN},
    {"<l@x..>", MAILADDR_BAD_DOMAIN},
    {"<l@x:25>", MAILADDR_BAD_DOMAIN},
    {"<u%evil.example:25@relay.example>", MAILADDR_PERCENT},
    {"<l@[192.0.2.1]:25>", MAILADDR_BAD_DOMAIN},
    {"<l@[192.0.2.1>", MAILADDR_BAD_DOMAIN},
    {"<l@[]>", MAILADDR_BAD_DOMAIN},
    {"<l@[x.example]>", MAILADDR_BAD_DOMAIN},
    {"<l@[192.0.2.1].example>", MAILADDR_BAD_DOMAIN},
    {"<l@x/y>", MAILADDR_BAD_DOMAIN},
    {"", MAILADDR_BAD_LOCAL | MAILADDR_NO_BRACKETS},
    {"<", MAILADDR_COMMENT},
};

static void more_than_one_reading(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ambiguous) / sizeof(ambiguous[0]); i++) {
		const char *text = ambiguous[i].text;
		struct arena a = {0};
		struct mailaddr m;

		assert_true(parse(text, strlen(text), &a, &m));
		if ((m.forms & ambiguous[i].forms) != ambiguous[i].forms ||
		    mailaddr_is_single(&m) || *m.local != '\0' || *m.domain != '\0' ||
		    m.literal.family != ADDR_NONE) {
			char got[256], want[256];

			mailaddr_forms_text(m.forms, got, sizeof(got));
			mailaddr_forms_text(ambiguous[i].forms, want, sizeof(want));
			print_error("%s: got %s, want %s\n", text, got, want);
			failed++;
		}
		arena_free(&a);
	}
	assert_int_equal(failed, 0);
}

static void lengths(void **state)
{
	char text[MAILADDR_MAX + 2];
	struct arena a = {0};
	struct mailaddr m;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '<';
	/* 254 between the brackets is the longest path */
	memcpy(text + 255 - strlen("@example.com"), "@example.com>", strlen("@example.com>"));
	assert_true(parse(text, 256, &a, &m));
	assert_true(mailaddr_is_single(&m));
	memmove(text + 2, text + 1, 255);
	assert_true(parse(text, 257, &a, &m));
	assert_int_equal(m.forms & MAILADDR_AMBIGUOUS, MAILADDR_TOO_LONG);
	memset(text, '%', sizeof(text));
	assert_true(parse(text, MAILADDR_MAX + 1, &a, &m));
	assert_int_equal(m.forms, MAILADDR_TOO_LONG);
	assert_true(parse("<a\0b@example.com>", 17, &a, &m));
	assert_int_equal(m.forms, MAILADDR_CONTROL);
	arena_free(&a);
}

static void without_memory_nothing_passes(void **state)
{
	struct arena a = {.limit = 8};
	struct mailaddr m;

	(void)state;
	assert_false(parse("<bob@example.com>", 17, &a, &m));
	assert_false(mailaddr_is_single(&m));
	assert_string_equal(m.domain, "");
	arena_free(&a);
}

static void names_of_forms(void **state)
{
	char text[64], little[10];

	(void)state;
	mailaddr_forms_text(MAILADDR_PERCENT | MAILADDR_MULTI_AT, text, sizeof(text));
	assert_string_equal(text, "percent, double at");
	mailaddr_forms_text(0, text, sizeof(text));
	assert_string_equal(text, "plain");
	mailaddr_forms_text(~0U, little, sizeof(little));
	assert_true(strlen(little) < sizeof(little));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(single_readings),
	    cmocka_unit_test(more_than_one_reading),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(without_memory_nothing_passes),
	    cmocka_unit_test(names_of_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
