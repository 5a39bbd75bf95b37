#include "../lib/unit.h"

#include <string.h>

#include "wire/smtp.h"

#define BYTES(s) s, sizeof(s) - 1

static void replies(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum smtp_read want;
		unsigned code;
		const char *enhanced, *text;
		size_t used;
	} cases[] = {
	    {BYTES(""), SMTP_READ_MORE, 0, "", "", 0},
	    {BYTES("25"), SMTP_READ_MORE, 0, "", "", 0},
	    {BYTES("250 Ok"), SMTP_READ_MORE, 0, "", "", 0},
	    {BYTES("250 Ok\r"), SMTP_READ_MORE, 0, "", "", 0},
	    {BYTES("250 Ok\r\n"), SMTP_READ_REPLY, 250, "", "Ok", 8},
	    {BYTES("250 Ok\n"), SMTP_READ_REPLY, 250, "", "Ok", 7},
	    {BYTES("250\r\n"), SMTP_READ_REPLY, 250, "", "", 5},
	    {BYTES("250 2.1.5 Ok\r\n"), SMTP_READ_REPLY, 250, "2.1.5", "Ok", 14},
	    {BYTES("550 5.7.1\r\n"), SMTP_READ_REPLY, 550, "5.7.1", "", 11},
	    {BYTES("550 5.123.456 x\r\n"), SMTP_READ_REPLY, 550, "5.123.456", "x", 17},
	    {BYTES("550 5.1234.5 x\r\n"), SMTP_READ_REPLY, 550, "", "5.1234.5 x", 16},
	    {BYTES("550 4.7.1 x\r\n"), SMTP_READ_REPLY, 550, "", "4.7.1 x", 13},
	    {BYTES("550 5.7.x x\r\n"), SMTP_READ_REPLY, 550, "", "5.7.x x", 13},
	    {BYTES("550 5.7\r\n"), SMTP_READ_REPLY, 550, "", "5.7", 9},
	    {BYTES("354 3.0.0 x\r\n"), SMTP_READ_REPLY, 354, "", "3.0.0 x", 13},
	    {BYTES("250-a\r\n250 b\r\n221 c\r\n"), SMTP_READ_REPLY, 250, "", "a\nb", 14},
	    {BYTES("250-a\r\n250-b\r\n"), SMTP_READ_MORE, 0, "", "", 0},
	    {BYTES("250-a\r\n550 b\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("250-a\r\nhello\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("SSH-2.0"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("1"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("650 x\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("25x"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("2500"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("25\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	    {BYTES("250 a\0b\r\n"), SMTP_READ_BAD, 0, "", "", 0},
	};
	struct strbuf lines = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_reply r;
		size_t used = 0;
		enum smtp_read got =
		    smtp_reply_read(cases[i].bytes, cases[i].len, &lines, &r, &used);

		if (got != cases[i].want || used != cases[i].used)
			fail_msg("%s: got %d, %zu, want %d, %zu", cases[i].bytes, (int)got, used,
			    (int)cases[i].want, cases[i].used);
		if (got == SMTP_READ_REPLY &&
		    (r.code != cases[i].code || strcmp(r.enhanced, cases[i].enhanced) != 0 ||
			strcmp(r.text, cases[i].text) != 0))
			fail_msg("%s: got %u '%s' '%s', want %u '%s' '%s'", cases[i].bytes, r.code,
			    r.enhanced, r.text, cases[i].code, cases[i].enhanced, cases[i].text);
	}
	strbuf_free(&lines);
}

static void limits(void **state)
{
	static char bytes[8 * (SMTP_REPLY_LINES_MAX + 1) + SMTP_LINE_MAX + 8];
	struct strbuf lines = {0};
	struct smtp_reply r;
	size_t used = 0;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "250 ", 4);
	assert_int_equal(smtp_reply_read(bytes, SMTP_LINE_MAX, &lines, &r, &used), SMTP_READ_MORE);
	assert_int_equal(
	    smtp_reply_read(bytes, SMTP_LINE_MAX + 1, &lines, &r, &used), SMTP_READ_BAD);
	bytes[SMTP_LINE_MAX] = '\n';
	assert_int_equal(
	    smtp_reply_read(bytes, SMTP_LINE_MAX + 1, &lines, &r, &used), SMTP_READ_REPLY);
	for (size_t i = 0; i <= SMTP_REPLY_LINES_MAX; i++)
		memcpy(bytes + 7 * i, "250-a\r\n", 7);
	memcpy(bytes + 7 * (SMTP_REPLY_LINES_MAX - 1), "250 a\r\n", 7);
	assert_int_equal(
	    smtp_reply_read(bytes, 7 * SMTP_REPLY_LINES_MAX, &lines, &r, &used), SMTP_READ_REPLY);
	assert_int_equal(r.lines, SMTP_REPLY_LINES_MAX);
	memcpy(bytes + 7 * (SMTP_REPLY_LINES_MAX - 1), "250-a\r\n", 7);
	assert_int_equal(
	    smtp_reply_read(bytes, 7 * SMTP_REPLY_LINES_MAX + 7, &lines, &r, &used), SMTP_READ_BAD);
	strbuf_free(&lines);
}

static void offers(void **state)
{
	static const char ehlo[] = "250-mail.example XCLIENT\r\n250-PIPELINING\r\n"
				   "250-AUTH PLAIN LOGIN\r\n250-AUTH=CRAM-MD5\r\n"
				   "250-xclient NAME ADDR LOGIN\r\n250 SMTPUTF8\r\n";
	struct strbuf lines = {0};
	struct smtp_reply r;
	const char *rest = NULL;
	size_t used, len = 0;

	(void)state;
	assert_int_equal(
	    smtp_reply_read(ehlo, sizeof(ehlo) - 1, &lines, &r, &used), SMTP_READ_REPLY);
	assert_true(smtp_ehlo_offers(&r, "AUTH", &rest, &len));
	assert_true(smtp_has_word(rest, len, "plain"));
	assert_true(smtp_has_word(rest, len, "LOGIN"));
	assert_false(smtp_has_word(rest, len, "LOG"));
	assert_true(smtp_ehlo_offers(&r, "XCLIENT", &rest, &len));
	assert_true(smtp_has_word(rest, len, "LOGIN"));
	assert_true(smtp_ehlo_offers(&r, "SMTPUTF8", NULL, NULL));
	assert_false(smtp_ehlo_offers(&r, "SMTP", NULL, NULL));
	assert_false(smtp_ehlo_offers(&r, "STARTTLS", NULL, NULL));
	assert_false(smtp_ehlo_offers(&r, "mail.example", NULL, NULL));
	strbuf_free(&lines);
}

static void expect_text(struct strbuf *b, const char *want)
{
	assert_string_equal(strbuf_text(b), want);
	strbuf_reset(b);
}

static void commands(void **state)
{
	struct addr v4 = {{203, 0, 113, 9}, ADDR_V4}, v6, none = {.family = ADDR_NONE};
	struct strbuf b = {0};

	(void)state;
	assert_true(addr_parse("2001:db8::9", 11, &v6));
	smtp_write_xclient(&b, &v4, "[UNAVAILABLE]", NULL, NULL);
	expect_text(&b, "XCLIENT ADDR=203.0.113.9 NAME=[UNAVAILABLE]\r\n");
	smtp_write_xclient(&b, &v6, NULL, "a b", "al=ice+x\r\n");
	expect_text(&b, "XCLIENT ADDR=IPV6:2001:db8::9 HELO=a+20b LOGIN=al+3Dice+2Bx+0D+0A\r\n");
	smtp_write_xclient(&b, &none, "", "", "");
	expect_text(&b, "XCLIENT ADDR=[UNAVAILABLE]\r\n");
	smtp_write_xtext(&b, "\xc3\xbc\x7f~", 4);
	expect_text(&b, "+C3+BC+7F~");
	smtp_write_auth_plain(&b, "alice", "secret");
	expect_text(&b, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n");
	smtp_write_auth_plain(&b, "al", "secret");
	expect_text(&b, "AUTH PLAIN AGFsAHNlY3JldA==\r\n");
	smtp_write_auth_plain(&b, "ali", "secret");
	expect_text(&b, "AUTH PLAIN AGFsaQBzZWNyZXQ=\r\n");
	smtp_write_auth_plain(&b, "", "x");
	expect_text(&b, "AUTH PLAIN AAB4\r\n");
	strbuf_free(&b);
}

/* As haproxy's doc/proxy-protocol.txt has them. */
static void proxy_headers(void **state)
{
	static const char v2_v4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
				    "\xcb\0\x71\x09\x7f\0\0\x01\x9c\x40\0\x19";
	struct addr from = {{203, 0, 113, 9}, ADDR_V4}, to = {{127, 0, 0, 1}, ADDR_V4};
	struct strbuf b = {0};

	(void)state;
	smtp_write_proxy(&b, 1, &from, 40000, &to, 25);
	expect_text(&b, "PROXY TCP4 203.0.113.9 127.0.0.1 40000 25\r\n");
	smtp_write_proxy(&b, 2, &from, 40000, &to, 25);
	assert_int_equal(b.len, sizeof(v2_v4) - 1);
	assert_memory_equal(b.data, v2_v4, b.len);
	strbuf_reset(&b);
	from = (struct addr){{0x20, 0x01, 0x0d, 0xb8, [15] = 9}, ADDR_V6};
	to = (struct addr){{[15] = 1}, ADDR_V6};
	smtp_write_proxy(&b, 1, &from, 40000, &to, 25);
	expect_text(&b, "PROXY TCP6 2001:db8::9 ::1 40000 25\r\n");
	smtp_write_proxy(&b, 2, &from, 40000, &to, 25);
	assert_int_equal(b.len, 16 + 36);
	assert_memory_equal(b.data + 13, "\x21\0\x24\x20\x01\x0d\xb8", 7);
	assert_memory_equal(b.data + 48, "\x9c\x40\0\x19", 4);
	strbuf_free(&b);
}

static void versions(void **state)
{
	static const struct {
		const char *welcome;
		bool has;
	} cases[] = {
	    {"mx.example.com ESMTP Postfix", false},
	    {"mx.example.com ESMTP Postfix (Debian/GNU)", false},
	    {"mx.example.com ESMTP Postfix (3.7.11)", true},
	    {"mx.example.com ESMTP Postfix-3.7.11", true},
	    {"mx.example.com ESMTP Sendmail 8.17.1.9/8.17.1.9; Tue, 24 Nov 2026 19:00:00 GMT",
		true},
	    {"mx.example.com ESMTP Sendmail; Tue, 24 Nov 2026 19:00:00 GMT", false},
	    {"mx.example.com ESMTP Exim 4.96 Tue, 24 Nov 2026", true},
	    {"mx.example.com ESMTP OpenSMTPD 7.3.0p2", true},
	    {"mx.example.com ESMTP v2.0rc1 ready", true},
	    {"mx.example.com Microsoft ESMTP MAIL Service, Version: 10.0.17763.1697 ready", true},
	    {"mx1.2.example.com ESMTP", false},
	    {"mx.example.com ESMTP host-1.2.example.com", false},
	    {"mx.example.com ESMTP mx1.example2.com", false},
	    {"mx.example.com ESMTP [192.0.2.1] for you", false},
	    {"mx.example.com ESMTP 192.0.2.1", false},
	    {"mx.example.com ESMTP [10.0.2.1]", false},
	    {"mx.example.com ESMTP 24.11.2026 19:00", false},
	    {"mx.example.com ESMTP 2026.11.24", false},
	    {"mx.example.com ESMTP 42", false},
	    {"mx.example.com ESMTP 3. and 4.", false},
	    {"mx.example.com", false},
	    {"", false},
	    {" 1.2", true},
	};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (smtp_has_version(cases[i].welcome) == cases[i].has)
			continue;
		print_error("%s: want %d\n", cases[i].welcome, cases[i].has);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void challenges(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} cases[] = {
	    {"PDEyMzQ1QG14Pg==", "<12345@mx>"}, {"PDEyMzQ1QG14Pg== behind", "<12345@mx>"},
	    {"YWJj\r\n", "abc"}, {"YWI=", "ab"}, {"", NULL}, {"YWJ", NULL}, {"YW=j", NULL},
	    {"YWJj=", NULL}, {"====", NULL}, {"YW Jj", NULL}, {"YW*j", NULL},
	    {"\xff\xff\xff\xff", NULL}, {"YWJjYWJjYWJjYWJjYWJj", NULL}, /* 15 bytes */
	};
	unsigned char out[12];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = smtp_read_base64(cases[i].text, out, sizeof(out));

		if (n != (cases[i].want == NULL ? 0 : strlen(cases[i].want)) ||
		    (n > 0 && memcmp(out, cases[i].want, n) != 0))
			fail_msg("%s: got %zu bytes", cases[i].text, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(offers),
	    cmocka_unit_test(commands),
	    cmocka_unit_test(proxy_headers),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
