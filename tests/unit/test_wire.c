/* Milter frames and SMTP replies: what is right is read, what is not is refused. */
#include "../lib/unit.h"

#include <string.h>

#include "wire/milter.h"
#include "wire/smtp.h"

static void test_frame_round_trip(void **state)
{
	struct strbuf b = {0};
	struct milter_frame f;
	size_t used = 0;

	(void)state;
	milter_frame_write(&b, 'X', "abc", 3);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(milter_frame_read(b.data, n, &f, &used), MILTER_READ_MORE);
	assert_int_equal(milter_frame_read(b.data, b.len, &f, &used), MILTER_READ_FRAME);
	assert_int_equal(used, b.len);
	assert_int_equal(f.command, 'X');
	assert_int_equal(f.len, 3);
	assert_memory_equal(f.payload, "abc", 3);
	assert_int_equal(milter_frame_read("\0\0\0\0X", 5, &f, &used), MILTER_READ_BAD);
	assert_int_equal(milter_frame_read("\xff\0\0\0X", 5, &f, &used), MILTER_READ_BAD);
	strbuf_free(&b);
}

static void test_milter_replies(void **state)
{
	static const struct {
		char command;
		const char *payload;
		size_t len;
		bool good;
		unsigned code;
		const char *enhanced, *text;
	} table[] = {
	    {'c', "", 0, true, 0, "", ""},
	    {'c', "x", 1, false, 0, "", ""},
	    {'y', "550 5.7.1 no%%relay", 20, true, 550, "5.7.1", "no%relay"},
	    {'y', "451 later", 10, true, 451, "", "later"},
	    {'y', "250 fine", 9, false, 250, "", "fine"},
	    {'y', "550 no end", 10, false, 0, "", ""},
	    {'y', "5x0 5.7.1 no", 13, false, 0, "", ""},
	    {'Z', "", 0, false, 0, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct milter_frame f = {table[i].command, table[i].payload, table[i].len};
		struct milter_reply r;

		assert_int_equal(milter_read_reply(&f, &r), table[i].good);
		if (!table[i].good)
			continue;
		assert_int_equal(r.code, table[i].code);
		assert_string_equal(r.enhanced, table[i].enhanced);
		assert_string_equal(r.text, table[i].text);
	}
}

static void test_smtp_replies(void **state)
{
	static const struct {
		const char *input;
		enum smtp_read want;
		unsigned code;
		const char *enhanced, *text;
	} table[] = {
	    {"220 hello\r\n", SMTP_READ_REPLY, 220, "", "hello"},
	    {"250-a\r\n250-b\r\n250 c\r\n", SMTP_READ_REPLY, 250, "", "a\nb\nc"},
	    {"550 5.7.1 no\n", SMTP_READ_REPLY, 550, "5.7.1", "5.7.1 no"},
	    {"250\r\n", SMTP_READ_REPLY, 250, "", ""},
	    {"250-a\r\n", SMTP_READ_MORE, 0, "", ""},
	    {"25", SMTP_READ_MORE, 0, "", ""},
	    {"250-a\r\n550 b\r\n", SMTP_READ_BAD, 0, "", ""},
	    {"hello\r\n", SMTP_READ_BAD, 0, "", ""},
	    {"999 x\r\n", SMTP_READ_BAD, 0, "", ""},
	};
	struct strbuf lines = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct smtp_reply r;
		size_t used;

		assert_int_equal(
		    smtp_reply_read(table[i].input, strlen(table[i].input), &lines, &r, &used),
		    table[i].want);
		if (table[i].want != SMTP_READ_REPLY)
			continue;
		assert_int_equal(used, strlen(table[i].input));
		assert_int_equal(r.code, table[i].code);
		assert_string_equal(r.enhanced, table[i].enhanced);
		assert_string_equal(r.text, table[i].text);
	}
	strbuf_free(&lines);
}

static void test_ehlo_and_xclient(void **state)
{
	struct smtp_reply r = {.text = "mx\nSIZE 100\nXCLIENT NAME ADDR\nAUTH=PLAIN"};
	struct addr a = {.family = ADDR_NONE};
	struct strbuf b = {0};
	const char *rest;
	size_t len;

	(void)state;
	assert_true(smtp_ehlo_offers(&r, "xclient", &rest, &len));
	assert_int_equal(len, 9);
	assert_true(smtp_ehlo_offers(&r, "AUTH", NULL, NULL));
	assert_false(smtp_ehlo_offers(&r, "MX", NULL, NULL));
	assert_false(smtp_ehlo_offers(&r, "XCL", NULL, NULL));
	assert_true(addr_parse("2001:db8::9", 11, &a));
	smtp_write_xclient(&b, &a, "[UNAVAILABLE]", NULL, "a=b");
	assert_string_equal(
	    strbuf_text(&b), "XCLIENT ADDR=IPV6:2001:db8::9 NAME=[UNAVAILABLE] LOGIN=a+3Db\r\n");
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frame_round_trip),
	    cmocka_unit_test(test_milter_replies),
	    cmocka_unit_test(test_smtp_replies),
	    cmocka_unit_test(test_ehlo_and_xclient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
