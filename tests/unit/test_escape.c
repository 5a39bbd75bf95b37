#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "../lib/unescape.h"
#include "base/escape.h"
#include "base/utf8.h"

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *bytes;
	size_t len;
	const char *json, *text;
} cases[] = {
    {BYTES(""), "\"\"", ""},
    {BYTES("user@example.com"), "\"user@example.com\"", "user@example.com"},
    {BYTES("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"", "a\"b\\\\c/d"},
    {BYTES("a\0b"), "\"a\\u0000b\"", "a\\x00b"},
    {BYTES("\r\n\t\033\177"), "\"\\u000d\\u000a\\u0009\\u001b\\u007f\"",
	"\\x0d\\x0a\\x09\\x1b\\x7f"},
    {BYTES("b\xc3\xbc\x63her"), "\"b\xc3\xbc\x63her\"", "b\xc3\xbc\x63her"},
    {BYTES("\xf0\x9f\x93\xa7"), "\"\xf0\x9f\x93\xa7\"", "\xf0\x9f\x93\xa7"},
    /* next line, line separator, right-to-left override, letter mark, byte order mark */
    {BYTES("\xc2\x85"), "\"\\u0085\"", "\\xc2\\x85"},
    {BYTES("\xe2\x80\xa8"), "\"\\u2028\"", "\\xe2\\x80\\xa8"},
    {BYTES("\xe2\x80\xae"), "\"\\u202e\"", "\\xe2\\x80\\xae"},
    {BYTES("\xd8\x9c"), "\"\\u061c\"", "\\xd8\\x9c"},
    {BYTES("\xef\xbb\xbf"), "\"\\ufeff\"", "\\xef\\xbb\\xbf"},
    /* not UTF-8: lone, overlong, surrogate, above U+10FFFF, cut off */
    {BYTES("\xff"), "\"\\udcff\"", "\\xff"},
    {BYTES("\x80"), "\"\\udc80\"", "\\x80"},
    {BYTES("\xc0\xaf"), "\"\\udcc0\\udcaf\"", "\\xc0\\xaf"},
    {BYTES("\xe0\x80\xaf"), "\"\\udce0\\udc80\\udcaf\"", "\\xe0\\x80\\xaf"},
    {BYTES("\xed\xb2\x80"), "\"\\udced\\udcb2\\udc80\"", "\\xed\\xb2\\x80"},
    {BYTES("\xf4\x90\x80\x80"), "\"\\udcf4\\udc90\\udc80\\udc80\"", "\\xf4\\x90\\x80\\x80"},
    {BYTES("\xe2\x82"), "\"\\udce2\\udc82\"", "\\xe2\\x82"},
    {BYTES("\xc3("), "\"\\udcc3(\"", "\\xc3("},
    /* what looks like an escape */
    {BYTES("\\u0041\\x41"), "\"\\\\u0041\\\\x41\"", "\\\\u0041\\\\x41"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf json = {0}, text = {0};

		escape_json(&json, cases[i].bytes, cases[i].len);
		escape_text(&text, cases[i].bytes, cases[i].len);
		if (strcmp(strbuf_text(&json), cases[i].json) != 0)
			fail_msg("got %s, want %s", strbuf_text(&json), cases[i].json);
		if (strcmp(strbuf_text(&text), cases[i].text) != 0)
			fail_msg("got %s, want %s", strbuf_text(&text), cases[i].text);
		strbuf_free(&json);
		strbuf_free(&text);
	}
}

static void test_reply(void **state)
{
	struct strbuf b = {0};

	(void)state;
	escape_reply(&b, BYTES("a%b\r\n~\177\xc3\xbc\0."), 100);
	assert_string_equal(strbuf_text(&b), "a%b??~????.");
	strbuf_reset(&b);
	escape_reply(&b, BYTES("0123456789"), 4);
	assert_string_equal(strbuf_text(&b), "0123");
	strbuf_reset(&b);
	escape_reply(&b, NULL, 0, 4);
	assert_string_equal(strbuf_text(&b), "");
	strbuf_free(&b);
}

/* Random bytes of which many begin or continue UTF-8. */
static size_t random_bytes(uint64_t *random, char *out, size_t max)
{
	static const char likely[] = "\\\"u\xc2\x85\xe2\x80\xa8\xed\xa0\xf0\x9f\x93\xa7\n\0";
	size_t len = random_below(random, (uint32_t)max);

	for (size_t i = 0; i < len; i++)
		out[i] = random_below(random, 3) == 0
		             ? (char)random_next(random)
		             : likely[random_below(random, sizeof(likely))];
	return len;
}

static void test_round_trip(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct strbuf b = {0};
		char bytes[40], back[40 * 6 + 2];
		size_t len = random_bytes(&random, bytes, sizeof(bytes)), n;

		escape_json(&b, bytes, len);
		if (!unescape_json(strbuf_text(&b), back, &n) || n != len ||
		    memcmp(back, bytes, len) != 0)
			fail_msg("%s does not decode to its bytes", strbuf_text(&b));
		strbuf_reset(&b);
		escape_text(&b, bytes, len);
		if (!unescape_text(strbuf_text(&b), back, &n) || n != len ||
		    memcmp(back, bytes, len) != 0)
			fail_msg("%s does not decode to its bytes", strbuf_text(&b));
		strbuf_free(&b);
	}
}

static const char python[] = "python3 -c '\n"
			     "import json, sys\n"
			     "for line in sys.stdin.buffer:\n"
			     "    want, text = line.rstrip(b\"\\n\").split(b\" \", 1)\n"
			     "    text = text.decode(\"utf-8\")\n"
			     "    got = json.loads(text).encode(\"utf-8\", \"surrogateescape\")\n"
			     "    if got.hex() != want.decode() or len(text.splitlines()) != 1:\n"
			     "        sys.exit(f\"got {got.hex()}, want {want}, from {text!r}\")\n"
			     "'";

/* One line: the bytes in hexadecimal, a blank, the JSON string. */
static void give(FILE *to, const char *bytes, size_t len)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < len; i++)
		fprintf(to, "%02x", (unsigned)(unsigned char)bytes[i]);
	escape_json(&b, bytes, len);
	fprintf(to, " %s\n", strbuf_text(&b));
	strbuf_free(&b);
}

/* A reader that we did not write must get the same bytes. */
static void test_python(void **state)
{
	uint64_t random = 5;
	char bytes[40];
	FILE *to;

	(void)state;
	if (system("python3 -c pass") != 0) {
		print_message("# no python3\n");
		skip();
	}
	to = popen(python, "w");
	assert_non_null(to);
	for (unsigned c = 1; c < 256; c++)
		for (unsigned d = 0; d < 256; d++) {
			bytes[0] = (char)c;
			bytes[1] = (char)d;
			give(to, bytes, 2);
		}
	for (uint32_t c = 0x80; c < 0x10000; c++)
		if (c < 0xd800 || c > 0xdfff)
			give(to, bytes, unescape_character(c, bytes));
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = random_bytes(&random, bytes, sizeof(bytes));

		give(to, bytes, len);
	}
	assert_int_equal(pclose(to), 0);
}

static void test_cap(void **state)
{
	struct strbuf b = {.max = 8};

	(void)state;
	escape_text(&b, BYTES("\n\n\n"));
	assert_true(b.failed);
	assert_string_equal(strbuf_text(&b), "\\x0a\\x0a");
	strbuf_free(&b);
}

static const struct {
	const char *bytes;
	size_t len, want;
	uint32_t character;
} utf8[] = {
    {BYTES("\0"), 1, 0},
    {BYTES("a"), 1, 'a'},
    {BYTES("\xc2\x80"), 2, 0x80},
    {BYTES("\xdf\xbf"), 2, 0x7ff},
    {BYTES("\xe0\xa0\x80"), 3, 0x800},
    {BYTES("\xed\x9f\xbf"), 3, 0xd7ff},
    {BYTES("\xee\x80\x80"), 3, 0xe000},
    {BYTES("\xef\xbf\xbf"), 3, 0xffff},
    {BYTES("\xf0\x90\x80\x80"), 4, 0x10000},
    {BYTES("\xf4\x8f\xbf\xbf"), 4, 0x10ffff},
    {BYTES("\xf4\x90\x80\x80"), 0, 0},
    {BYTES("\xc1\xbf"), 0, 0},
    {BYTES("\xe0\x9f\xbf"), 0, 0},
    {BYTES("\xf0\x8f\xbf\xbf"), 0, 0},
    {BYTES("\xed\xa0\x80"), 0, 0},
    {BYTES("\xed\xbf\xbf"), 0, 0},
    {BYTES("\xf8\x88\x80\x80\x80"), 0, 0},
    {BYTES("\xfe"), 0, 0},
    {BYTES("\xbf"), 0, 0},
    {BYTES("\xc2"), 0, 0},
    {BYTES("\xc2"
	   "a"),
	0, 0},
    {BYTES("\xe2\x82"), 0, 0},
    {BYTES("\xf0\x9f\x93"), 0, 0},
};

static void test_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(utf8) / sizeof(utf8[0]); i++) {
		/* Of its own size, so that a read behind it is seen. */
		char *bytes = malloc(utf8[i].len);
		uint32_t c = 0;
		size_t got;

		assert_non_null(bytes);
		memcpy(bytes, utf8[i].bytes, utf8[i].len);
		got = utf8_decode(bytes, utf8[i].len, &c);
		free(bytes);
		if (got != utf8[i].want || (got != 0 && c != utf8[i].character))
			fail_msg("case %zu: got %zu bytes U+%04X, want %zu bytes U+%04X", i, got,
			    (unsigned)c, utf8[i].want, (unsigned)utf8[i].character);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_reply),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_python),
	    cmocka_unit_test(test_cap),
	    cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
