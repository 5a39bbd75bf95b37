/* Tag lists: RFC 6376 3.2, its base64, numbers and lists with colons. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/taglist.h"

struct list_case {
	const char *text;
	enum taglist_error want;
	const char *tags; /* "name=value|..." */
};

static const struct list_case lists[] = {
    {"v=1", TAGLIST_OK, "v=1|"},
    {"v=1;", TAGLIST_OK, "v=1|"},
    {"v=1; \r\n\t", TAGLIST_OK, "v=1|"},
    {" v = 1 ; a\t=\r\n rsa-sha256;b=", TAGLIST_OK, "v=1|a=rsa-sha256|b=|"},
    {"a=x y\r\n z;b=c=d=", TAGLIST_OK, "a=x y\r\n z|b=c=d=|"},
    {"Aa_9=1; aa_9=2", TAGLIST_OK, "Aa_9=1|aa_9=2|"},
    {"d=b\xc3\xbc"
     "cher.example",
	TAGLIST_OK,
	"d=b\xc3\xbc"
	"cher.example|"},
    {"b=;bh=", TAGLIST_OK, "b=|bh=|"},
    {"", TAGLIST_SYNTAX, ""},
    {" \r\n ", TAGLIST_SYNTAX, ""},
    {";", TAGLIST_SYNTAX, ""},
    {"v=1;;a=b", TAGLIST_SYNTAX, "v=1|"},
    {"v=1; ;", TAGLIST_SYNTAX, "v=1|"},
    {"v", TAGLIST_SYNTAX, ""},
    {"v;a=b", TAGLIST_SYNTAX, ""},
    {"=1", TAGLIST_SYNTAX, ""},
    {"1v=1", TAGLIST_SYNTAX, ""},
    {"v-1=1", TAGLIST_SYNTAX, ""},
    {"v 1=1", TAGLIST_SYNTAX, ""},
    {"a=\x01", TAGLIST_SYNTAX, ""},
    {"a=\x7f", TAGLIST_SYNTAX, ""},
    {"a=\xff", TAGLIST_SYNTAX, ""},
    {"a=\xc3", TAGLIST_SYNTAX, ""},
    {"a=1;b=2;a=3", TAGLIST_DUPLICATE, "a=1|b=2|"},
    {"a=1;a=1", TAGLIST_DUPLICATE, "a=1|"},
};

static void reads_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct taglist l;
		char got[200];
		size_t used = 0;
		enum taglist_error e = taglist_read(lists[i].text, strlen(lists[i].text), &l, NULL);

		got[0] = '\0';
		for (size_t n = 0; n < l.count; n++)
			used += (size_t)snprintf(got + used, sizeof(got) - used, "%.*s=%.*s|",
			    (int)l.tags[n].name_len, l.tags[n].name, (int)l.tags[n].len,
			    l.tags[n].value);
		if (e != lists[i].want || strcmp(got, lists[i].tags) != 0)
			fail_msg("\"%s\": got %d %s, want %d %s", lists[i].text, (int)e, got,
			    (int)lists[i].want, lists[i].tags);
	}
}

static void says_where(void **state)
{
	static const char text[] = "a=1; b=2; a=3", nul[] = "a=1\0;b=2";
	char many[TAGLIST_MAX * 8 + 8];
	size_t used = 0, at;
	struct taglist l;

	(void)state;
	assert_int_equal(taglist_read(text, sizeof(text) - 1, &l, &at), TAGLIST_DUPLICATE);
	assert_int_equal(at, 10);
	assert_int_equal(taglist_read(nul, sizeof(nul) - 1, &l, &at), TAGLIST_SYNTAX);
	assert_int_equal(at, 3);
	for (int i = 0; i <= TAGLIST_MAX; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used, "t%d=1;", i);
	assert_int_equal(taglist_read(many, used, &l, NULL), TAGLIST_TOO_MANY);
	assert_int_equal(l.count, TAGLIST_MAX);
	assert_string_not_equal(taglist_error_text(TAGLIST_DUPLICATE), "");
}

static void keeps_what_is_around_a_value(void **state)
{
	static const char text[] = "a=1; b = \r\n AB CD \r\n ;c=3";
	struct taglist l;
	const struct tag *b;

	(void)state;
	assert_int_equal(taglist_read(text, sizeof(text) - 1, &l, NULL), TAGLIST_OK);
	b = taglist_get(&l, "b");
	assert_non_null(b);
	assert_ptr_equal(b->raw, strstr(text, " \r\n AB"));
	assert_int_equal(b->raw_len, strlen(" \r\n AB CD \r\n "));
	assert_int_equal(b->len, 5);
	assert_null(taglist_get(&l, "B"));
	assert_null(taglist_get(&l, "bh"));
}

static struct tag tag_of(const char *value)
{
	return (struct tag){.value = value, .len = strlen(value)};
}

static void reads_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned digits;
		bool ok;
		uint64_t value;
	} cases[] = {
	    {"0", 12, true, 0},
	    {"007", 12, true, 7},
	    {"123456789012", 12, true, 123456789012},
	    {"1234567890123", 12, false, 0},
	    {"18446744073709551615", 76, true, UINT64_MAX},
	    {"18446744073709551616", 76, true, UINT64_MAX},
	    {"99999999999999999999999999", 76, true, UINT64_MAX},
	    {"", 12, false, 0},
	    {"-1", 12, false, 0},
	    {"+1", 12, false, 0},
	    {"1 2", 12, false, 0},
	    {"0x10", 12, false, 0},
	    {"1.5", 12, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tag t = tag_of(cases[i].text);
		uint64_t n;
		bool ok = tag_number(&t, cases[i].digits, &n);

		if (ok != cases[i].ok || (ok && n != cases[i].value))
			fail_msg("\"%s\": got %d %llu", cases[i].text, ok, (unsigned long long)n);
	}
}

static void reads_words(void **state)
{
	struct tag t = tag_of("From : to:\r\n subject"), holes = tag_of("a::b:");
	struct tag_words w = {.tag = &t}, h = {.tag = &holes}, none = {.tag = NULL};
	unsigned n = 0;

	(void)state;
	while (tag_next_word(&w))
		n++;
	assert_int_equal(n, 3);
	assert_false(w.empty);
	assert_int_equal(w.len, strlen("subject"));
	for (n = 0; tag_next_word(&h);)
		n++;
	assert_int_equal(n, 4);
	assert_true(h.empty);
	assert_false(tag_next_word(&none));
	assert_true(tag_has_word(&t, "from"));
	assert_true(tag_has_word(&t, "TO"));
	assert_false(tag_has_word(&t, "sub"));
	assert_false(tag_has_word(NULL, "from"));
	assert_true(tag_is(&holes, "A::B:"));
	assert_false(tag_is_exactly(&holes, "A::B:"));
	assert_false(tag_is(NULL, ""));
}

static void reads_base64(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} cases[] = {
	    {"", ""}, {"Zg==", "f"}, {"Zg", "f"}, {"Zm8=", "fo"}, {"Zm8", "fo"}, {"Zm9v", "foo"},
	    {"Zm9vYg==", "foob"}, {" Z\r\n\tm9 v Yg = = ", "foob"}, {"Z", NULL}, {"Zm9vY", NULL},
	    {"Zg=", NULL}, {"Zg===", NULL}, {"Zm9v=", NULL}, {"Zm9v====", NULL}, {"====", NULL},
	    {"Zg==Zg==", NULL}, {"Zm-v", NULL}, {"Zm_v", NULL}, {"Zm.v", NULL},
	    {"Zm9vYmFyYmF6Zm9vYmFy", NULL}, /* more than there is room for */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tag t = tag_of(cases[i].text);
		uint8_t out[8];
		size_t len;
		bool ok = tag_base64(&t, out, sizeof(out), &len);

		if (ok != (cases[i].want != NULL) ||
		    (ok && (len != strlen(cases[i].want) || memcmp(out, cases[i].want, len) != 0)))
			fail_msg("\"%s\": got %d, %zu bytes", cases[i].text, ok, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_lists),
	    cmocka_unit_test(says_where),
	    cmocka_unit_test(keeps_what_is_around_a_value),
	    cmocka_unit_test(reads_numbers),
	    cmocka_unit_test(reads_words),
	    cmocka_unit_test(reads_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
