#include "../lib/unit.h"

#include <string.h>

#include "wire/milter.h"

#define BYTES(s) s, sizeof(s) - 1

static void frames(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		enum milter_read want;
		char command;
		size_t payload, used;
	} cases[] = {
	    {"nothing", BYTES(""), MILTER_READ_MORE, 0, 0, 0},
	    {"half a length", BYTES("\0\0"), MILTER_READ_MORE, 0, 0, 0},
	    {"length alone", BYTES("\0\0\0\1"), MILTER_READ_MORE, 0, 0, 0},
	    {"no payload", BYTES("\0\0\0\1c"), MILTER_READ_FRAME, 'c', 0, 5},
	    {"payload", BYTES("\0\0\0\3yab"), MILTER_READ_FRAME, 'y', 2, 7},
	    {"two frames", BYTES("\0\0\0\1c\0\0\0\1a"), MILTER_READ_FRAME, 'c', 0, 5},
	    {"payload to come", BYTES("\0\0\0\3ya"), MILTER_READ_MORE, 0, 0, 0},
	    {"length 0", BYTES("\0\0\0\0c"), MILTER_READ_BAD, 0, 0, 0},
	    {"longest", BYTES("\0\x10\0\0c"), MILTER_READ_MORE, 0, 0, 0},
	    {"above the longest", BYTES("\0\x10\0\1"), MILTER_READ_BAD, 0, 0, 0},
	    {"negative", BYTES("\xff\xff\xff\xff"), MILTER_READ_BAD, 0, 0, 0},
	    {"text", BYTES("220 mail"), MILTER_READ_BAD, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_frame f = {0};
		size_t used = 0;
		enum milter_read got = milter_frame_read(cases[i].bytes, cases[i].len, &f, &used);

		if (got != cases[i].want)
			fail_msg(
			    "%s: got %d, want %d", cases[i].name, (int)got, (int)cases[i].want);
		assert_int_equal(f.command, cases[i].command);
		assert_int_equal(f.len, cases[i].payload);
		assert_int_equal(used, cases[i].used);
	}
}

static void expect_bytes(struct strbuf *b, const char *name, const char *want, size_t len)
{
	assert_false(b->failed);
	if (b->len != len || memcmp(b->data, want, len) != 0)
		fail_msg("%s: got %zu bytes, want %zu, or others", name, b->len, len);
	strbuf_reset(b);
}

static void writers(void **state)
{
	static const char *const pairs[] = {"{a}", "1", "i", "", NULL}, *const none[] = {NULL};
	static const char *const parameters[] = {"SIZE=1", "BODY=8BITMIME", NULL};
	struct milter_options offer = {6, MILTER_ALL_ACTIONS, MILTER_ALL_PROTOCOL};
	struct addr v4 = {{203, 0, 113, 9}, ADDR_V4}, v6 = {.family = ADDR_NONE};
	struct addr unknown = {.family = ADDR_NONE};
	struct strbuf b = {0};

	(void)state;
	assert_true(addr_parse("2001:db8::9", 11, &v6));
	milter_write_negotiate(&b, &offer);
	expect_bytes(&b, "negotiate", BYTES("\0\0\0\15O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"));
	milter_write_macros(&b, MILTER_RCPT, pairs);
	expect_bytes(&b, "macros", BYTES("\0\0\0\13DR{a}\0001\0i\0\0"));
	milter_write_macros(&b, MILTER_CONNECT, none);
	expect_bytes(&b, "no macros", BYTES("\0\0\0\2DC"));
	milter_write_connect(&b, "x.example", &v4, 258);
	expect_bytes(&b, "connect 4", BYTES("\0\0\0\032Cx.example\0004\1\002203.0.113.9\0"));
	milter_write_connect(&b, "y", &v6, 25);
	expect_bytes(&b, "connect 6", BYTES("\0\0\0\022Cy\0006\0\0312001:db8::9\0"));
	milter_write_connect(&b, "localhost", &unknown, 0);
	expect_bytes(&b, "connect unknown", BYTES("\0\0\0\14Clocalhost\0U"));
	milter_write_helo(&b, "h");
	expect_bytes(&b, "helo", BYTES("\0\0\0\3Hh\0"));
	milter_write_envelope(&b, MILTER_MAIL, "<a@b>", parameters);
	expect_bytes(&b, "mail", BYTES("\0\0\0\034M<a@b>\0SIZE=1\0BODY=8BITMIME\0"));
	milter_write_envelope(&b, MILTER_RCPT, "<>", NULL);
	expect_bytes(&b, "rcpt", BYTES("\0\0\0\4R<>\0"));
	milter_frame_write(&b, MILTER_BODY, "x", MILTER_FRAME_MAX);
	assert_true(b.failed);
	strbuf_free(&b);
}

static struct milter_frame frame(const char *bytes, size_t len)
{
	return (struct milter_frame){bytes[0], bytes + 1, len - 1};
}

static void replies(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		bool ok, final;
		unsigned code;
		const char *enhanced, *text;
	} cases[] = {
	    {"continue", BYTES("c"), true, true, 0, "", ""},
	    {"reject", BYTES("r"), true, true, 0, "", ""},
	    {"progress", BYTES("p"), true, false, 0, "", ""},
	    {"header", BYTES("hX\0y\0"), true, false, 0, "", ""},
	    {"continue with more", BYTES("cx"), false, true, 0, "", ""},
	    {"unknown letter", BYTES("Z"), false, false, 0, "", ""},
	    {"no letter", BYTES("\0"), false, false, 0, "", ""},
	    {"code", BYTES("y550 5.7.1 No\0"), true, true, 550, "5.7.1", "No"},
	    {"no enhanced code", BYTES("y451 Later\0"), true, true, 451, "", "Later"},
	    {"of another class", BYTES("y451 5.7.1 x\0"), true, true, 451, "", "5.7.1 x"},
	    {"percent", BYTES("y550 5.7.1 100%% a%b%%\0"), true, true, 550, "5.7.1", "100% a%b%"},
	    {"lines", BYTES("y550-5.7.1 A\r\n550 5.7.1 B\0"), true, true, 550, "5.7.1", "A\nB"},
	    {"bare code", BYTES("y550\0"), true, true, 550, "", ""},
	    {"without NUL", BYTES("y550 x"), false, true, 0, "", ""},
	    {"NUL within", BYTES("y550 x\0y\0"), false, true, 0, "", ""},
	    {"empty", BYTES("y"), false, true, 0, "", ""},
	    {"no code", BYTES("yno\0"), false, true, 0, "", ""},
	    {"2xx", BYTES("y250 ok\0"), false, true, 0, "", ""},
	    {"codes differ", BYTES("y550-a\r\n451 b\0"), false, true, 550, "", "a"},
	    {"empty line", BYTES("y550 a\r\n\0"), false, true, 550, "", "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_frame f = frame(cases[i].bytes, cases[i].len);
		struct milter_reply r;

		if (milter_read_reply(&f, &r) != cases[i].ok)
			fail_msg("%s: got %d, want %d", cases[i].name, !cases[i].ok, cases[i].ok);
		if (cases[i].ok && (r.code != cases[i].code || strcmp(r.text, cases[i].text) != 0 ||
				       strcmp(r.enhanced, cases[i].enhanced) != 0))
			fail_msg("%s: got %u '%s' '%s', want %u '%s' '%s'", cases[i].name, r.code,
			    r.enhanced, r.text, cases[i].code, cases[i].enhanced, cases[i].text);
		assert_int_equal(milter_reply_is_final(f.command), cases[i].final);
	}
}

static void long_reply_is_cut(void **state)
{
	char bytes[3000] = "y550 ";
	struct milter_frame f = frame(bytes, sizeof(bytes));
	struct milter_reply r;

	(void)state;
	memset(bytes + 5, 'x', sizeof(bytes) - 6);
	assert_true(milter_read_reply(&f, &r));
	assert_int_equal(strlen(r.text), MILTER_TEXT_MAX - 1);
}

static void negotiation(void **state)
{
	static const char bytes[] = "O\0\0\0\6\0\0\1\0\0\0\x10\x02"
				    "\0\0\0\2i {auth_authen}\0\0\0\0\3rcpt_mailer i\0";
	struct milter_frame f = frame(bytes, sizeof(bytes) - 1), shorter = f, other = f;
	struct milter_options o = {0};
	const char *macros = NULL, *list = NULL;
	size_t len = 0, list_len = 0;

	(void)state;
	assert_true(milter_read_negotiate(&f, &o, &macros, &len));
	assert_int_equal(o.version, 6);
	assert_int_equal(o.actions, 0x100);
	assert_int_equal(o.protocol, 0x1002);
	assert_true(milter_macros_wanted(macros, len, MILTER_MAIL, &list, &list_len));
	assert_true(milter_macro_in(list, list_len, "{auth_authen}"));
	assert_true(milter_macro_in(list, list_len, "i"));
	assert_false(milter_macro_in(list, list_len, "{auth}"));
	assert_true(milter_macros_wanted(macros, len, MILTER_RCPT, &list, &list_len));
	assert_true(milter_macro_in(list, list_len, "{rcpt_mailer}"));
	assert_false(milter_macros_wanted(macros, len, MILTER_CONNECT, &list, &list_len));
	assert_false(milter_macros_wanted(macros, len - 1, MILTER_RCPT, &list, &list_len));
	assert_false(milter_macros_wanted(macros, len, MILTER_BODY, &list, &list_len));
	shorter.len = 11;
	assert_false(milter_read_negotiate(&shorter, &o, NULL, NULL));
	other.command = 'c';
	assert_false(milter_read_negotiate(&other, &o, NULL, NULL));
}

static void stages(void **state)
{
	uint32_t p = MILTER_NO_HELO | MILTER_NR_MAIL;

	(void)state;
	assert_true(milter_wants(p, MILTER_CONNECT) && milter_answers(p, MILTER_CONNECT));
	assert_false(milter_wants(p, MILTER_HELO) || milter_answers(p, MILTER_HELO));
	assert_true(milter_wants(p, MILTER_MAIL));
	assert_false(milter_answers(p, MILTER_MAIL));
	assert_true(milter_answers(MILTER_ALL_PROTOCOL, MILTER_EOM));
	assert_true(milter_wants(p, MILTER_ABORT));
	assert_false(milter_answers(p, MILTER_ABORT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames),
	    cmocka_unit_test(writers),
	    cmocka_unit_test(replies),
	    cmocka_unit_test(long_reply_is_cut),
	    cmocka_unit_test(negotiation),
	    cmocka_unit_test(stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
