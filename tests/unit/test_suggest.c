#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "tool/suggest.h"

static void times(void **state)
{
	static const struct {
		const char *text;
		long long want; /* microseconds; -1: none */
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01T01:00:00.5+01:00", 500000},
	    {"2026-11-24T03:00:00.123+01:00", 1795485600123000},
	    {"2026-11-23T21:00:00.123-05:00", 1795485600123000},
	    {"2024-02-29T12:00:00Z", 1709208000000000},
	    {"2000-03-01T00:00:00Z", 951868800000000},
	    {"2026-11-24T03:00:00.1234567+00:00", 1795489200123456},
	    {"2026-11-24T03:00:00", -1},
	    {"2026-11-24 03:00:00Z", -1},
	    {"2026-13-24T03:00:00Z", -1},
	    {"2026-00-24T03:00:00Z", -1},
	    {"2026-11-24T24:00:00Z", -1},
	    {"2026-11-24T03:00:00+0100", -1},
	    {"2026-11-24T03:00:00Zx", -1},
	    {"2026-11", -1},
	    {"", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		usec_t t = -1;

		if (!event_time_read(cases[i].text, &t))
			t = -1;
		if (t != cases[i].want)
			fail_msg(
			    "%s: got %lld, want %lld", cases[i].text, (long long)t, cases[i].want);
	}
}

#define EVENT(rest) "{\"time\":\"2026-11-24T03:00:00Z\"" rest "}"

static void lines(void **state)
{
	static const struct {
		const char *line;
		const char *expected; /* NULL: it is an event */
		const char *auth;
	} cases[] = {
	    {EVENT(",\"auth\":\"alice\""), NULL, "alice"},
	    {EVENT(""), NULL, ""},
	    {EVENT(",\"auth\":7"), NULL, ""},
	    {EVENT(",\"auth\":\"a\\udcffb\""), NULL,
		"a\xc3\xbf"
		"b"},
	    {EVENT(",\"auth\":\"a\\\\udcff\""), NULL, "a\\udcff"},
	    {EVENT(",\"auth\":\"\\u00e9\""), NULL, "\xc3\xa9"},
	    {EVENT(",\"auth\":\"a\",\"auth\":\"b\""), "an object of JSON on one line", ""},
	    {"{\"time\":\"now\"}", "an event with its time", ""},
	    {"{}", "an event with its time", ""},
	    {"[]", "an object of JSON on one line", ""},
	    {"7", "an object of JSON on one line", ""},
	    {"", "an object of JSON on one line", ""},
	    {"Nov 24 03:00:00 mx postfix/smtpd[1]: connect", "an object of JSON on one line", ""},
	};
	struct event_line e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *expected = event_line_read(cases[i].line, strlen(cases[i].line), &e);

		if ((expected == NULL) != (cases[i].expected == NULL) ||
		    (expected != NULL && strcmp(expected, cases[i].expected) != 0))
			fail_msg("%s: got %s", cases[i].line, expected == NULL ? "it" : expected);
		if (expected != NULL)
			continue;
		assert_string_equal(e.auth, cases[i].auth);
		event_line_free(&e);
	}
}

/* A recipient that was accepted, `minute` minutes after some midnight. */
static struct event_line event_at(int minute, const char *login, const char *recipient)
{
	return (struct event_line){.time = (1795478400 + (usec_t)minute * 60) * USEC_PER_SEC,
	    .session = login,
	    .message = "",
	    .stage = "rcpt",
	    .client = "192.0.2.7",
	    .auth = login,
	    .sender = "<a@Example.com>",
	    .recipient = recipient,
	    .verdict = "permit",
	    .by = "guard"};
}

static void expect(struct suggest *s, const char *want)
{
	struct strbuf b = {0};

	suggest_json(s, &b);
	assert_false(b.failed);
	if (strstr(strbuf_text(&b), want) == NULL)
		fail_msg("%s is not in\n%s", want, strbuf_text(&b));
	strbuf_free(&b);
}

static void statistics(void **state)
{
	struct suggest *s = suggest_new();
	struct event_line e;
	char login[20];

	(void)state;
	/* In one hour, u1 sends to 1, u2 to 2, ... u100 to 100; u1 once more in the next. */
	for (int user = 1; user <= 100; user++) {
		snprintf(login, sizeof(login), "U%d", user);
		for (int n = 0; n < user; n++) {
			e = event_at(n % 60, login, "<b@a.example>");
			assert_true(suggest_add(s, &e));
		}
	}
	e = event_at(60, "u1", "<b@a.example>");
	assert_true(suggest_add(s, &e));
	assert_int_equal(suggest_recipients(s), 5051);
	expect(s, "{\"key\":\"login\",\"counts\":\"recipients\",\"per\":\"hour\",\"periods\":101,"
		  "\"p50\":50,\"p95\":95,\"p99\":99,\"most\":100,\"whose\":\"u100\"");
	expect(s, "{\"key\":\"login\",\"counts\":\"recipients\",\"per\":\"day\",\"periods\":100,"
		  "\"p50\":50,\"p95\":95,\"p99\":99,\"most\":100,\"whose\":\"u100\"");
	expect(s,
	    "{\"key\":\"recipient-domain\",\"counts\":\"recipients\",\"per\":\"day\",\"periods\":"
	    "1,\"p50\":5051,\"p95\":5051,\"p99\":5051,\"most\":5051,\"whose\":\"a.example\"");
	expect(s,
	    "{\"key\":\"sender\",\"counts\":\"recipients\",\"per\":\"day\",\"periods\":1,\"p50\":"
	    "5051,\"p95\":5051,\"p99\":5051,\"most\":5051,\"whose\":\"a@example.com\"");
	/* Twice 99, rounded up. */
	expect(s, "rate = { 200/1h, 200/1d }");
	suggest_free(&s);
	assert_null(s);
}

static void what_counts(void **state)
{
	struct suggest *s = suggest_new();
	struct event_line e = event_at(0, "x", "<b@a.example>"), other;

	(void)state;
	other = e;
	other.verdict = "reject";
	assert_true(suggest_add(s, &other));
	other = e;
	other.by = "mta";
	assert_true(suggest_add(s, &other));
	other = e;
	other.stage = "eom";
	assert_true(suggest_add(s, &other));
	other = e;
	other.recipient = "";
	assert_true(suggest_add(s, &other));
	assert_int_equal(suggest_recipients(s), 0);
	other = e;
	other.auth = "";
	other.sender = "<>";
	other.client = "";
	other.verdict = "hold";
	assert_true(suggest_add(s, &other));
	assert_int_equal(suggest_recipients(s), 1);
	expect(s,
	    "\"key\":\"sender\",\"counts\":\"recipients\",\"per\":\"hour\",\"periods\":1,\"p50\":1,"
	    "\"p95\":1,\"p99\":1,\"most\":1,\"whose\":\"<>\"");
	suggest_free(&s);
}

/* Postfix names the queue id from the second recipient on, Sendmail always. */
static void messages(void **state)
{
	static const char *const ids[] = {"", "A", "A", "", "", "B", "C", "C"};
	struct suggest *s = suggest_new();

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct event_line e = event_at(0, "x", "<b@a.example>");

		e.message = ids[i];
		assert_true(suggest_add(s, &e));
	}
	expect(s,
	    "\"key\":\"login\",\"counts\":\"messages\",\"per\":\"hour\",\"periods\":1,\"p50\":4");
	suggest_free(&s);
}

static void networks(void **state)
{
	static const char *const clients[] = {"192.0.2.1", "192.0.2.2", "198.51.100.1",
	    "2001:db8::1", "2001:db8:0:1::1", "192.0.2.1"};
	struct suggest *s = suggest_new();

	(void)state;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct event_line e = event_at(0, "x", "<b@a.example>");

		e.client = clients[i];
		assert_true(suggest_add(s, &e));
	}
	expect(s,
	    "\"key\":\"login\",\"counts\":\"distinct client-net\",\"per\":\"hour\",\"periods\":1,"
	    "\"p50\":3");
	suggest_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times),
	    cmocka_unit_test(lines),
	    cmocka_unit_test(statistics),
	    cmocka_unit_test(what_counts),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
