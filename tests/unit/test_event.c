#include "../lib/unit.h"

#include <string.h>

#include "core/event.h"

static const struct event full = {
    .time = 0,
    .host = "mx",
    .session = "s1",
    .message = "Q1",
    .stage = "rcpt",
    .client = "203.0.113.9",
    .client_port = 65535,
    .client_name = "c.example",
    .helo = "h",
    .auth = "alice",
    .auth_mech = "PLAIN",
    .tls = "TLSv1.3",
    .cert_subject = "CN",
    .cert_fingerprint = "md5:00",
    .listener = "192.0.2.1:25",
    .sender = "<a@b>",
    .recipient = "<\"x y\"@z>",
    .reading = "ambiguous",
    .mta_mailer = "smtp",
    .mta_host = "z",
    .mta_addr = "x y@z",
    .check = "relay",
    .rule = "others",
    .where = "f:1",
    .verdict = "reject",
    .by = "guard",
    .code = 550,
    .enhanced = "5.7.1",
    .reply = "No",
    .reason = "quoted",
    .mode = "enforce",
    .limit = "account",
    .limit_key = "login:alice",
    .limit_count = 101,
    .notify = true,
    .probe = true,
    .took_us = 7,
};

/* The time of day depends on the zone: it is cut off. */
static const char *after_time(const struct strbuf *b)
{
	const char *s = strstr(strbuf_text(b), "\",");

	assert_non_null(s);
	return s + 2;
}

static void json_in_the_promised_order(void **state)
{
	struct strbuf b = {0};

	(void)state;
	event_json(&full, &b);
	assert_memory_equal(strbuf_text(&b), "{\"time\":\"19", 11);
	assert_string_equal(after_time(&b),
	    "\"host\":\"mx\",\"session\":\"s1\",\"message\":\"Q1\",\"stage\":\"rcpt\","
	    "\"client\":\"203.0.113.9\",\"client_port\":65535,\"client_name\":\"c.example\","
	    "\"helo\":\"h\",\"auth\":\"alice\",\"auth_mech\":\"PLAIN\",\"tls\":\"TLSv1.3\","
	    "\"cert_subject\":\"CN\",\"cert_fingerprint\":\"md5:00\","
	    "\"listener\":\"192.0.2.1:25\",\"sender\":\"<a@b>\","
	    "\"recipient\":\"<\\\"x y\\\"@z>\",\"reading\":\"ambiguous\","
	    "\"mta_mailer\":\"smtp\",\"mta_host\":\"z\",\"mta_addr\":\"x y@z\","
	    "\"check\":\"relay\",\"rule\":\"others\",\"where\":\"f:1\",\"verdict\":\"reject\","
	    "\"by\":\"guard\",\"code\":550,\"enhanced\":\"5.7.1\",\"reply\":\"No\","
	    "\"reason\":\"quoted\",\"mode\":\"enforce\",\"limit\":\"account\",\"limit_key\":"
	    "\"login:alice\",\"limit_count\":101,"
	    "\"notify\":true,\"probe\":true,\"took_us\":7}\n");
	strbuf_free(&b);
}

static void empty_values_are_left_out(void **state)
{
	const struct event e = {.verdict = "permit", .sender = "", .helo = "a\nb\"c\\\xff"};
	struct strbuf b = {0};

	(void)state;
	event_json(&e, &b);
	assert_string_equal(
	    after_time(&b), "\"helo\":\"a\\u000ab\\\"c\\\\\\udcff\",\"verdict\":\"permit\"}\n");
	strbuf_free(&b);
}

static void text_splits_again(void **state)
{
	const struct event e = {.host = "left out",
	    .session = "s1",
	    .client_port = 25,
	    .helo = "a\nb",
	    .sender = "<\"x y\"@z>",
	    .reply = "a=b"};
	struct strbuf b = {0};

	(void)state;
	event_text(&e, &b);
	assert_string_equal(strbuf_text(&b),
	    "session=s1 client_port=25 helo=a\\x0ab sender=\"<\\x22x y\\x22@z>\" reply=\"a=b\"");
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_in_the_promised_order),
	    cmocka_unit_test(empty_values_are_left_out),
	    cmocka_unit_test(text_splits_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
