/* Which fields a signature covers: RFC 6376 5.4.2, and limits. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/header_list.h"

static bool add(struct header_list *l, const char *name, const char *value)
{
	const struct canon_field f = {
	    .name = name, .name_len = strlen(name), .value = value, .value_len = strlen(value)};

	return header_list_add(l, &f);
}

static struct header_list *a_header(void)
{
	static const char *const names[] = {
	    "DKIM-Signature", "From", "to ", "X", "To", "x\t", "TO", "Xy", "dkim-signature"};
	struct header_list *l = header_list_new(100, 10000);

	assert_non_null(l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(add(l, names[i], " v"));
	return l;
}

static void selects(void **state)
{
	static const struct {
		const char *h;
		size_t self;
		const char *want;
	} cases[] = {
	    {"from", 0, "1 "},
	    {"from:from", 0, "1 "},
	    {"to:to:to:to", 0, "6 4 2 "},
	    {"To : x\r\n : TO:X:X", 0, "6 5 4 3 "},
	    {"absent:xy:absent", 0, "7 "},
	    {"", 0, ""},
	    {":::", 0, ""},
	    {"dkim-signature:dkim-signature", 0, "8 "},
	    {"dkim-signature:dkim-signature", 8, "0 "},
	    {"dkim-signature:dkim-signature", HEADER_NO_FIELD, "8 0 "},
	    {"dkim-signatur:dkim-signaturee", 0, ""},
	};
	struct header_list *l = a_header();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tag h = {.value = cases[i].h, .len = strlen(cases[i].h)};
		size_t selected[20], count, used = 0;
		char got[100] = "";

		assert_true(header_list_select(l, &h, cases[i].self, selected, &count));
		for (size_t n = 0; n < count; n++)
			used +=
			    (size_t)snprintf(got + used, sizeof(got) - used, "%zu ", selected[n]);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got %s, want %s", cases[i].h, got, cases[i].want);
	}
	header_list_free(&l);
	header_list_free(&l);
}

static void hashes(void **state)
{
	static const char signature[] = " a=1; b=\r\n AAAA ; h=x";
	struct header_list *l = header_list_new(10, 1000);
	uint8_t got[SHA256_SIZE], want[SHA256_SIZE];
	struct sha256 *s = sha256_new();
	const struct canon_field *own;
	struct taglist tags;

	(void)state;
	assert_true(add(l, "X", "  1 "));
	assert_true(add(l, "Sig", signature));
	assert_int_equal(header_list_count(l), 2);
	own = header_list_get(l, 1);
	assert_true(canon_field_is(own, "sig"));
	assert_int_equal(taglist_read(own->value, own->value_len, &tags, NULL), TAGLIST_OK);
	assert_true(header_list_hash(
	    l, CANON_RELAXED, taglist_get(&tags, "h"), taglist_get(&tags, "b"), 1, got));
	sha256_add(s, "x:1\r\nsig:a=1; b=; h=x", strlen("x:1\r\nsig:a=1; b=; h=x"));
	assert_true(sha256_end(s, want));
	assert_memory_equal(got, want, SHA256_SIZE);
	sha256_free(&s);
	header_list_free(&l);
}

static void has_limits(void **state)
{
	struct header_list *l = header_list_new(2, 1000);

	(void)state;
	assert_true(add(l, "a", ""));
	assert_true(add(l, "b", ""));
	assert_false(header_list_is_over(l));
	assert_false(add(l, "c", ""));
	assert_true(header_list_is_over(l));
	header_list_free(&l);
	l = header_list_new(100, 10);
	assert_true(add(l, "abc", "defg"));
	assert_true(add(l, "abc", ""));
	assert_false(add(l, "a", ""));
	assert_true(header_list_is_over(l));
	assert_int_equal(header_list_count(l), 2);
	header_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(selects),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
