#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

#define BYTES(s) s, sizeof(s) - 1

static void lines(void **state)
{
	static const struct {
		const char *line;
		size_t len;
		const char *wrong; /* NULL: it is read */
		const char *word;
		size_t count;
		const char *name, *value;
	} cases[] = {
	    {BYTES("status"), NULL, "status", 0, "a", NULL},
	    {BYTES("status\r"), NULL, "status", 0, "a", NULL},
	    {BYTES("ban key=login:alice for=3600"), NULL, "ban", 2, "for", "3600"},
	    {BYTES("ban reason=stolen%20password"), NULL, "ban", 1, "reason", "stolen password"},
	    {BYTES("a v=%c3%A9"), NULL, "a", 1, "v", "\xc3\xa9"},
	    {BYTES("a v="), NULL, "a", 1, "v", ""},
	    {BYTES("a v=1 v=2"), NULL, "a", 2, "v", "1"},
	    {BYTES(".0 text=ok"), NULL, ".0", 1, "text", "ok"},
	    {BYTES(""), "a line that does not begin with a word", "", 0, "", NULL},
	    {BYTES(" a"), "a line that does not begin with a word", "", 0, "", NULL},
	    {BYTES("A"), "a line that does not begin with a word", "", 0, "", NULL},
	    {BYTES("a\0b"), "a line that does not begin with a word", "", 0, "", NULL},
	    {BYTES("a123456789012345678901234567890123"), "a line that does not begin with a word",
		"", 0, "", NULL},
	    {BYTES("a b"), "a word that is no NAME=VALUE", "", 0, "", NULL},
	    {BYTES("a "), "a word that is no NAME=VALUE", "", 0, "", NULL},
	    {BYTES("a  v=1"), "a word that is no NAME=VALUE", "", 0, "", NULL},
	    {BYTES("a =1"), "a field whose name is no word", "", 0, "", NULL},
	    {BYTES("a v=\"1\""), "a character that has to be written as %XX", "", 0, "", NULL},
	    {BYTES("a v=\x1b"), "a character that has to be written as %XX", "", 0, "", NULL},
	    {BYTES("a v=%"), "a % without two hexadecimal digits", "", 0, "", NULL},
	    {BYTES("a v=%1"), "a % without two hexadecimal digits", "", 0, "", NULL},
	    {BYTES("a v=%1g"), "a % without two hexadecimal digits", "", 0, "", NULL},
	    {BYTES("a v=%00"), "a NUL", "", 0, "", NULL},
	};
	static struct control_line l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong = control_parse(cases[i].line, cases[i].len, &l), *value;

		if (wrong != NULL || cases[i].wrong != NULL) {
			assert_string_equal(wrong == NULL ? "read" : wrong,
			    cases[i].wrong == NULL ? "read" : cases[i].wrong);
			continue;
		}
		value = control_value(&l, cases[i].name);
		assert_string_equal(l.word, cases[i].word);
		assert_int_equal(l.count, cases[i].count);
		assert_string_equal(value == NULL ? "none" : value,
		    cases[i].value == NULL ? "none" : cases[i].value);
	}
}

static void numbers(void **state)
{
	static const char line[] =
	    "a one=1 most=999999999999999999 more=1000000000000000000 minus=-5 "
	    "none= word=1a dash=- plus=+1";
	static const struct {
		const char *name;
		uint64_t number;
		int64_t sign;
	} cases[] = {
	    {"one", 1, 1},
	    {"most", 999999999999999999, 999999999999999999},
	    {"more", 7, 7},
	    {"minus", 7, -5},
	    {"none", 7, 7},
	    {"word", 7, 7},
	    {"dash", 7, 7},
	    {"plus", 7, 7},
	    {"other", 7, 7},
	};
	static struct control_line l;

	(void)state;
	assert_null(control_parse(BYTES(line), &l));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(control_number(&l, cases[i].name, 7), cases[i].number);
		assert_int_equal(control_signed(&l, cases[i].name, 7), cases[i].sign);
	}
}

static void last_lines(void **state)
{
	static const struct {
		const char *line;
		int code; /* -1: it is not the last */
	} cases[] = {
	    {".0", 0}, {".78 text=x", 78}, {".", -1}, {"0", -1}, {".x", -1}, {".1234", -1}};
	static struct control_line l;
	int code;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(control_parse(cases[i].line, strlen(cases[i].line), &l));
		code = -1;
		(void)control_is_last(&l, &code);
		assert_int_equal(code, cases[i].code);
	}
}

static void written(void **state)
{
	struct strbuf b = {0};

	(void)state;
	control_begin(&b, "ban");
	control_text(&b, "reason", "a \"b\"\n100%");
	control_count(&b, "count", UINT64_MAX);
	control_time(&b, "until", -1);
	control_end(&b);
	control_last(&b, 78, "%s: %d", "a.conf", 3);
	assert_string_equal(strbuf_text(&b), "ban reason=a%20%22b%22%0A100%25 "
					     "count=18446744073709551615 until=-1\n"
					     ".78 text=a.conf:%203\n");
	strbuf_free(&b);
}

/* Whatever the values are, a line is one that can be read. */
static void long_values(void **state)
{
	static struct control_line l;
	char value[3000];
	struct strbuf b = {0};

	(void)state;
	memset(value, '\xff', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	control_begin(&b, "a");
	for (int i = 0; i < 10; i++)
		control_text(&b, "v", value);
	control_end(&b);
	assert_true(b.len <= CONTROL_LINE_MAX);
	assert_null(control_parse(b.data, b.len - 1, &l));
	assert_int_equal(strlen(l.fields[0].value), 341);
	strbuf_free(&b);
	assert_string_equal(
	    control_parse(value, sizeof(value), &l), "a line that does not begin with a word");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(last_lines),
	    cmocka_unit_test(written),
	    cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
