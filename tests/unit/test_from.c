/* The From field: RFC 5322, its obsolete forms, RFC 6532, RFC 6854, and what is none of them. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "auth/from.h"
#include "base/strbuf.h"

/* "one example.com", or the status alone; then the addresses, and "!" where something is wrong. */
static void describe(const struct from *f, struct strbuf *b)
{
	strbuf_reset(b);
	strbuf_puts(b, from_status_name(f->status));
	if (f->domain != NULL)
		strbuf_printf(b, " %s", f->domain);
	if (f->wrong != NULL)
		strbuf_puts(b, " !");
	for (const struct from_address *a = f->addresses; a != NULL; a = a->next)
		strbuf_printf(b, " <%s@%s>", a->local, a->domain);
}

static const struct {
	const char *value, *want;
} cases[] = {
    /* plain */
    {" joe@example.com", "one example.com <joe@example.com>"},
    {" <joe@example.com>", "one example.com <joe@example.com>"},
    {" Joe Doe <joe@Example.COM>\r\n", "one example.com <joe@example.com>"},
    {"joe@sub.example.com", "one sub.example.com <joe@sub.example.com>"},
    {" joe@localhost", "one localhost <joe@localhost>"},
    {" j.doe+tag=1@example.com", "one example.com <j.doe+tag=1@example.com>"},
    /* display names */
    {" \"Doe, Joe\" <joe@example.com>", "one example.com <joe@example.com>"},
    {" \"ceo@bank.example\" <x@evil.example>", "one evil.example <x@evil.example>"},
    {" \"a \\\"b\\\" <ceo@bank.example>\" <x@evil.example>", "one evil.example <x@evil.example>"},
    {" =?utf-8?q?ceo=40bank.example?= <x@evil.example>", "one evil.example <x@evil.example>"},
    {" =?utf-8?b?PGNlb0BiYW5rLmV4YW1wbGU+?= <x@evil.example>", "one evil.example <x@evil.example>"},
    {" Joe D. Doe <joe@example.com>", "one example.com <joe@example.com>"},
    {" caf\xc3\xa9 <joe@example.com>", "one example.com <joe@example.com>"},
    {" caf\xe9 <joe@example.com>", "one example.com <joe@example.com>"},
    {" \"\" <joe@example.com>", "one example.com <joe@example.com>"},
    {" Joe\r\n Doe\r\n\t<joe@example.com>", "one example.com <joe@example.com>"},
    /* comments */
    {" joe@example.com (Joe Doe)", "one example.com <joe@example.com>"},
    {" (ceo@bank.example) x@evil.example (<ceo@bank.example>)",
	"one evil.example <x@evil.example>"},
    {" joe(a(nested \\) ) one)(two)@(three)example(four).(five)com",
	"one example.com <joe@example.com>"},
    {" (", "malformed !"},
    {" joe@example.com (", "malformed !"},
    {" joe@example.com )", "malformed ! <joe@example.com>"},
    /* quoted local parts */
    {" \"joe\"@example.com", "one example.com <joe@example.com>"},
    {" \"a@bank.example\"@evil.example", "one evil.example <a@bank.example@evil.example>"},
    {" \"j\\oe \\\" x\"@example.com", "one example.com <joe \" x@example.com>"},
    {" \"j\".doe@example.com", "one example.com <j.doe@example.com>"},
    {" \"joe@example.com", "malformed !"},
    /* obsolete */
    {" joe @ example . com", "one example.com <joe@example.com>"},
    {" j . doe@example.com", "one example.com <j.doe@example.com>"},
    {" <@a.example,@b.example:joe@example.com>", "one example.com ! <joe@example.com>"},
    {" <@a.example:joe@example.com>", "one example.com ! <joe@example.com>"},
    {" <@a.example joe@example.com>", "malformed !"},
    {" ,, joe@example.com,,", "one example.com <joe@example.com>"},
    {" joe@example.com.", "one example.com ! <joe@example.com>"},
    /* several */
    {" a@example.com, b@example.com", "one example.com <a@example.com> <b@example.com>"},
    {" A <a@example.com>, \"B\" <b@EXAMPLE.com>",
	"one example.com <a@example.com> <b@example.com>"},
    {" a@example.com, b@example.net", "several <a@example.com> <b@example.net>"},
    {" a@example.com, b@sub.example.com", "several <a@example.com> <b@sub.example.com>"},
    {" a@example.com b@example.net", "malformed ! <a@example.com>"},
    {" <a@example.com> <b@example.net>", "malformed ! <a@example.com>"},
    {" <a@example.com> b", "malformed ! <a@example.com>"},
    /* groups */
    {" Us: a@example.com, B <b@example.com>;", "one example.com <a@example.com> <b@example.com>"},
    {" Us: a@example.com, b@example.net;", "several <a@example.com> <b@example.net>"},
    {" Us: a@example.com;, b@example.net", "several <a@example.com> <b@example.net>"},
    {" undisclosed:;", "none"},
    {" Us:a@example.com", "one example.com ! <a@example.com>"},
    {" Us:a@example.com; b", "malformed ! <a@example.com>"},
    {" :a@example.com;", "malformed !"},
    {" Us: Re: A <a@example.com>;", "one example.com ! <a@example.com>"},
    {" a@example.com;", "malformed ! <a@example.com>"},
    /* no domain */
    {"", "none"},
    {"  \r\n", "none"},
    {" ,", "none"},
    {" <>", "none !"},
    {" Joe <>", "none !"},
    {" root", "none !"},
    {" <joe doe>", "malformed !"},
    {" <root>", "none ! <root@>"},
    {" <root>, a@example.com", "several ! <root@> <a@example.com>"},
    {" joe@[192.0.2.1]", "none ! <joe@>"},
    {" joe@[192.0.2.1], a@example.com", "several ! <joe@> <a@example.com>"},
    {" joe@", "malformed !"},
    {" @example.com", "malformed !"},
    {" <@example.com>", "malformed !"},
    {" joe@.", "malformed !"},
    {" joe@example..com", "malformed ! <joe@example>"},
    {" joe@.example.com", "malformed !"},
    {" joe@exa mple.com", "malformed ! <joe@exa>"},
    {" joe@exa_mple.com", "one exa_mple.com <joe@exa_mple.com>"},
    {" joe@exa!mple.com", "malformed !"},
    {" a@b@example.com", "malformed ! <a@b>"},
    {" <a@b@example.com>", "malformed ! <a@b>"},
    {" a..b@example.com", "malformed !"},
    {" .a@example.com", "malformed !"},
    {" joe doe@example.com", "malformed !"},
    {" <joe@example.com", "malformed ! <joe@example.com>"},
    {" joe@example.com>", "malformed ! <joe@example.com>"},
    {" joe@exam\x01ple.com", "malformed !"},
    {" joe\\@example.com", "malformed !"},
    {" joe@[192.0.2.1", "malformed !"},
    {" joe@[192.0.[2.1]", "malformed !"},
    /* display names that should have been quoted */
    {" Doe, Joe <joe@example.com>", "one example.com ! <joe@example.com>"},
    {" Re: Joe <joe@example.com>", "one example.com ! <joe@example.com>"},
    {" joe@example.com <joe@example.com>", "one example.com ! <joe@example.com> <joe@example.com>"},
    {" ceo@bank.example <x@evil.example>", "several ! <ceo@bank.example> <x@evil.example>"},
    {" the ceo@bank.example <x@evil.example>", "malformed !"},
    {" Joe @ Work <joe@example.com>", "one example.com ! <joe@example.com>"},
    {" Joe Doe @ Big Work <joe@example.com>", "one example.com ! <joe@example.com>"},
    {" [Team] Joe <joe@example.com>", "one example.com <joe@example.com>"},
    {" Joe <joe@example.com> (at home)", "one example.com <joe@example.com>"},
    /* IDN */
    {" joe@b\xc3\xbc"
     "cher.example",
	"one xn--bcher-kva.example <joe@xn--bcher-kva.example>"},
    {" joe@B\xc3\x9c"
     "CHER.example",
	"one xn--bcher-kva.example <joe@xn--bcher-kva.example>"},
    {" a@xn--bcher-kva.example, b@b\xc3\xbc"
     "cher.example",
	"one xn--bcher-kva.example <a@xn--bcher-kva.example> <b@xn--bcher-kva.example>"},
    {" joe@b\xfc"
     "cher.example",
	"malformed !"},
    {" jos\xc3\xa9@example.com", "one example.com <jos\xc3\xa9@example.com>"},
};

static void fields(void **state)
{
	struct strbuf got = {0};
	bool failed = false;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena a = {0};
		struct from f = {.status = FROM_ABSENT};

		assert_true(from_add(&f, &a, cases[i].value, strlen(cases[i].value)));
		describe(&f, &got);
		if (strcmp(strbuf_text(&got), cases[i].want) != 0)
			failed = true,
			print_error("`%s`: got %s (%s), want %s\n", cases[i].value,
			    strbuf_text(&got), f.wrong == NULL ? "" : f.wrong, cases[i].want);
		arena_free(&a);
	}
	strbuf_free(&got);
	assert_false(failed);
}

static void add(struct from *f, struct arena *a, const char *value)
{
	assert_true(from_add(f, a, value, strlen(value)));
}

static void repeated_fields_name_nobody(void **state)
{
	struct arena a = {0};
	struct from f = {.status = FROM_ABSENT};
	struct strbuf got = {0};

	(void)state;
	assert_string_equal(from_status_name(f.status), "absent");
	add(&f, &a, "a@example.com");
	add(&f, &a, "b@example.com");
	describe(&f, &got);
	assert_string_equal(strbuf_text(&got), "repeated <a@example.com> <b@example.com>");
	assert_int_equal(f.fields, 2);
	add(&f, &a, "<");
	assert_int_equal(f.status, FROM_MALFORMED);
	add(&f, &a, "c@example.com");
	assert_int_equal(f.status, FROM_MALFORMED);
	assert_null(f.domain);
	strbuf_free(&got);
	arena_free(&a);
}

static void bounds(void **state)
{
	size_t size = FROM_FIELD_MAX + 1;
	char *text = malloc(size + 1);
	struct arena a = {0};
	struct from f = {.status = FROM_ABSENT};

	(void)state;
	assert_non_null(text);
	memset(text, '(', size);
	assert_true(from_add(&f, &a, text, size));
	assert_int_equal(f.status, FROM_MALFORMED);
	assert_string_equal(f.wrong, "the field is too long");

	/* comments in comments, to a depth that nobody writes */
	f = (struct from){.status = FROM_ABSENT};
	memset(text, '(', 200);
	memset(text + 200, ')', 200);
	assert_true(from_add(&f, &a, text, 400));
	assert_int_equal(f.status, FROM_MALFORMED);

	/* a long display name, and a long local part */
	f = (struct from){.status = FROM_ABSENT};
	memset(text, 'x', size);
	memcpy(text + 5000, " <a@example.com>", 17);
	add(&f, &a, text);
	assert_int_equal(f.status, FROM_ONE);
	f = (struct from){.status = FROM_ABSENT};
	memcpy(text + 5000, "@example.com", 13);
	add(&f, &a, text);
	assert_int_equal(f.status, FROM_MALFORMED);

	/* ten thousand addresses */
	f = (struct from){.status = FROM_ABSENT};
	text[0] = '\0';
	for (size_t i = 0; i < 10000; i++)
		memcpy(text + i * 6, "a@b.c,", 6);
	assert_true(from_add(&f, &a, text, 60000));
	assert_int_equal(f.status, FROM_ONE);

	f = (struct from){.status = FROM_ABSENT};
	assert_true(from_add(&f, &a, "a@b.c\0", 6));
	assert_int_equal(f.status, FROM_MALFORMED);
	arena_free(&a);
	free(text);
}

static void no_memory_is_told(void **state)
{
	struct arena a = {.limit = 1};
	struct from f = {.status = FROM_ABSENT};

	(void)state;
	assert_false(from_add(&f, &a, "a@b.c", 5));
	assert_int_equal(f.status, FROM_MALFORMED);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields),
	    cmocka_unit_test(repeated_fields_name_nobody),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests_name("from", tests, NULL, NULL);
}
