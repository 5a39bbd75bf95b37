/* A message's header, field by field. */
#include "../lib/unit.h"

#include <string.h>

#include "auth/fields.h"
#include "base/strbuf.h"

static const struct {
	const char *message, *want; /* {NAME|VALUE}..., then where the body begins */
} cases[] = {
    {"", "0"},
    {"From: a\nTo: b\n\nbody", "{From| a}{To| b}15"},
    {"From: a\r\nTo: b\r\n\r\nbody", "{From| a}{To| b}18"},
    {"From: a", "{From| a}7"},
    {"From:\n", "{From|}6"},
    {"From:\r\n", "{From|}7"},
    {"From:", "{From|}5"},
    {"From : a\n", "{From| a}9"},
    {"From\t :a\n", "{From|a}9"},
    {"X: a\n b\n\tc\nY: d\n", "{X| a\n b\n\tc}{Y| d}16"},
    {"X: a\r\n b\r\n\r\n c", "{X| a\r\n b}12"},
    {"X: a\n \nY: b\n", "{X| a\n }{Y| b}12"},
    {"From x Thu Jan  1 00:00:00 1970\nX: a\n\nb", "{X| a}38"},
    {"X: a\nFrom x Thu Jan  1 00:00:00 1970\nY: b\n", "{X| a}5"},
    {"no field\nX: a\n", "0"},
    {"X: a\nno field\n", "{X| a}5"},
    {": a\n", "0"},
    {" a: b\n", "0"},
    {"\nX: a\n", "1"},
    {"\r\nX: a\n", "2"},
    {"caf\xc3\xa9: a\n", "0"},
};

static void headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct field_reader r = {
		    .message = cases[i].message, .len = strlen(cases[i].message)};
		struct field f;
		struct strbuf got = {0};

		while (field_next(&r, &f))
			strbuf_printf(&got, "{%.*s|%.*s}", (int)f.name_len, f.name,
			    (int)f.value_len, f.value);
		strbuf_printf(&got, "%zu", r.at);
		if (strcmp(strbuf_text(&got), cases[i].want) != 0)
			fail_msg("`%s`: got %s, want %s", cases[i].message, strbuf_text(&got),
			    cases[i].want);
		strbuf_free(&got);
	}
}

static void fields_cover_the_header(void **state)
{
	static const char message[] = "From x\nA: b\r\n c\nD : e\n\nbody";
	struct field_reader r = {.message = message, .len = sizeof(message) - 1};
	struct field f;

	(void)state;
	assert_true(field_next(&r, &f));
	assert_int_equal(f.offset, 7);
	assert_int_equal(f.len, 9);
	assert_true(field_is(&f, "a"));
	assert_false(field_is(&f, "ab"));
	assert_true(field_next(&r, &f));
	assert_int_equal(f.offset, 16);
	assert_int_equal(f.len, 6);
	assert_true(field_is(&f, "D"));
	assert_false(field_next(&r, &f));
	assert_string_equal(message + r.at, "body");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers),
	    cmocka_unit_test(fields_cover_the_header),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
