#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "wire/smtp_sink.h"

static void add(void *arg, const struct smtp_sink_message *m)
{
	strbuf_printf(arg, "{%s|%s}", m->envelope, m->content);
}

#define WELCOME "220 relay-guard self-test ESMTP\r\n"
#define OK "250 2.0.0 OK\r\n"

static const struct {
	const char *said, *replies, *messages;
	bool goes_on;
} rows[] = {
    {"", "", "", true},
    {"NOOP", "", "", true},
    {"HELO x\r\nNOOP\n", OK OK, "", true},
    {"EHLO x\r\n",
	"250-relay-guard self-test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n", "",
	true},
    {"mail from:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n.\r\nRSET\r\n",
	OK OK "354 go on\r\n250 2.0.0 taken\r\n" OK, "{mail from:<a>\r\nRCPT TO:<b>\r\n|x\r\n}",
	true},
    /* Only CRLF.CRLF ends a message. */
    {"DATA\r\n\n.\n.\n\r\n.\r\r\n..\r\n.\r\nQUIT\r\n",
	"354 go on\r\n250 2.0.0 taken\r\n221 2.0.0 bye\r\n", "{|\n.\n.\n\r\n.\r\r\n..\r\n}", false},
    /* The second message begins anew. */
    {"MAIL FROM:<a>\r\nDATA\r\n1\r\n.\r\nMAIL FROM:<b>\r\nDATA\r\n2\r\n.\r\n",
	OK "354 go on\r\n250 2.0.0 taken\r\n" OK "354 go on\r\n250 2.0.0 taken\r\n",
	"{MAIL FROM:<a>\r\n|1\r\n}{MAIL FROM:<b>\r\n|2\r\n}", true},
    {"MAIL FROM:<a>\r\nRSET\r\nDATA\r\n.\r\n", OK OK "354 go on\r\n250 2.0.0 taken\r\n", "{|}",
	true},
};

static void takes_what_comes(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct strbuf out = {0}, messages = {0};
		struct smtp_sink s = {.taken = add, .arg = &messages};
		bool goes_on = true;

		smtp_sink_open(&s, &out);
		assert_string_equal(strbuf_text(&out), WELCOME);
		strbuf_reset(&out);
		for (const char *p = rows[i].said; goes_on && *p != '\0'; p++)
			goes_on = smtp_sink_feed(&s, p, 1, &out);
		if (goes_on != rows[i].goes_on || strcmp(strbuf_text(&out), rows[i].replies) != 0 ||
		    strcmp(strbuf_text(&messages), rows[i].messages) != 0) {
			print_error("row %zu: got %d\n%s\n%s\n", i, goes_on, strbuf_text(&out),
			    strbuf_text(&messages));
			failed++;
		}
		smtp_sink_close(&s);
		strbuf_free(&out);
		strbuf_free(&messages);
	}
	assert_int_equal(failed, 0);
}

static void is_bounded(void **state)
{
	struct strbuf out = {0}, messages = {0};
	struct smtp_sink s = {.taken = add, .arg = &messages};
	char *line = malloc(SMTP_SINK_LINE_MAX + 2);

	(void)state;
	assert_non_null(line);
	memset(line, 'x', SMTP_SINK_LINE_MAX + 1);
	smtp_sink_open(&s, &out);
	assert_true(smtp_sink_feed(&s, "DATA\r\n", 6, &out));
	line[999] = '\n';
	for (unsigned i = 0; i < 100; i++)
		assert_true(smtp_sink_feed(&s, line, 1000, &out));
	assert_true(smtp_sink_feed(&s, "\r\n.\r\n", 5, &out));
	assert_true(
	    messages.len > SMTP_SINK_KEPT_MAX - 100 && messages.len < SMTP_SINK_KEPT_MAX + 10);
	line[999] = 'x';
	assert_false(smtp_sink_feed(&s, line, SMTP_SINK_LINE_MAX + 1, &out));
	smtp_sink_close(&s);
	strbuf_free(&out);
	strbuf_free(&messages);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_comes),
	    cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests_name("smtp_sink", tests, NULL, NULL);
}
