#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/maillog_line.h"

#define HEAD "Nov 24 05:15:00 mx sm-mta[12118]: 6AO5F03j012118: "
#define RULE "ruleset=check_rcpt, arg1="
#define DENIED "Relaying denied. IP name lookup failed [127.0.0.66]"

static const struct {
	const char *line;
	enum maillog_kind kind;
	const char *client, *name, *recipient;
	unsigned code;
	const char *enhanced, *reply;
} bodies[] = {
    /* As Sendmail 8.17.1.9 wrote them. */
    {RULE "<x@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <x@y.example>... " DENIED,
	MAILLOG_REFUSAL, "127.0.0.66", "", "<x@y.example>", 550, "5.7.1", DENIED},
    {RULE "x@y.example, relay=[127.0.0.66], reject=550 5.7.1 x@y.example... " DENIED,
	MAILLOG_REFUSAL, "127.0.0.66", "", "x@y.example", 550, "5.7.1", DENIED},
    {RULE "<\"a, b\"@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <\"a, b\"@y.example>... "
	  "No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<\"a, b\"@y.example>", 550, "5.7.1", "No"},
    /* The client's text looks like Sendmail's: in quotes, in a comment, with bytes beyond ASCII. */
    {RULE "<\"x, relay=[192.0.2.9], reject=550 5.7.1 y... \"@z.example>, relay=[127.0.0.66], "
	  "reject=550 5.7.1 <\"x, relay=[192.0.2.9], reject=550 5.7.1 y... \"@z.example>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "",
	"<\"x, relay=[192.0.2.9], reject=550 5.7.1 y... \"@z.example>", 550, "5.7.1", "No"},
    {RULE "<x (c, relay=[192.0.2.9], reject=550 5.7.1 no)@y.example>, relay=[127.0.0.66], "
	  "reject=550 5.7.1 <x (c, relay=[192.0.2.9], reject=550 5.7.1 no)@y.example>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "",
	"<x (c, relay=[192.0.2.9], reject=550 5.7.1 no)@y.example>", 550, "5.7.1", "No"},
    {RULE "<\"\\\\\", relay=[192.0.2.9], reject=550 5.7.1 \"@y.example>, relay=[127.0.0.66], "
	  "reject=550 5.7.1 <>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "",
	"<\"\\\", relay=[192.0.2.9], reject=550 5.7.1 \"@y.example>", 550, "5.7.1", "No"},
    {RULE "ruleset=check_rcpt,\\240arg1=<v@w>,\\240relay=[192.0.2.1],\\240reject=550\\2405.7.1, "
	  "relay=[127.0.0.66], reject=550 5.7.1 ruleset=check_rcpt, arg1=<v@w>, "
	  "relay=[192.0.2.1], reject=550 5.7.1... No",
	MAILLOG_REFUSAL, "127.0.0.66", "",
	"ruleset=check_rcpt,\240arg1=<v@w>,\240relay=[192.0.2.1],\240reject=550\2405.7.1", 550,
	"5.7.1", "No"},
    /* Escapes. */
    {RULE "<a\\\\@b@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <a\\\\@b@y.example>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<a\\@b@y.example>", 550, "5.7.1", "No"},
    {RULE "<\"a\\\\\"b\"@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<\"a\\\"b\"@y.example>", 550, "5.7.1", "No"},
    {RULE "<\\303\\244@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <C$@y.example>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<\303\244@y.example>", 550, "5.7.1", "No"},
    {RULE "<\"a\\tb\\001c\\177\"@y>, relay=[127.0.0.66], reject=550 5.7.1 <>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<\"a\tb\001c\177\"@y>", 550, "5.7.1", "No"},
    {RULE "<a\\000b\\101\\9@y>, relay=[127.0.0.66], reject=550 5.7.1 <>... No", MAILLOG_REFUSAL,
	"127.0.0.66", "", "<a\\000b\\101\\9@y>", 550, "5.7.1", "No"},
    {RULE "<%n%s@y>, relay=[127.0.0.66], reject=550 5.7.1 <>... %n%s", MAILLOG_REFUSAL,
	"127.0.0.66", "", "<%n%s@y>", 550, "5.7.1", "%n%s"},
    {RULE "<@a.example,@b.example:u@y.example>, relay=[127.0.0.66], reject=550 5.7.1 <>... No",
	MAILLOG_REFUSAL, "127.0.0.66", "", "<@a.example,@b.example:u@y.example>", 550, "5.7.1",
	"No"},
    /* Clients. */
    {RULE "<x@y>, relay=c.example [203.0.113.9], reject=553 5.1.8 <x@y>... Domain of sender "
	  "address a@b does not exist",
	MAILLOG_REFUSAL, "203.0.113.9", "c.example", "<x@y>", 553, "5.1.8",
	"Domain of sender address a@b does not exist"},
    {RULE "<x@y>, relay=c.example [203.0.113.9] (may be forged), reject=550 5.7.1 <x@y>... "
	  "Relaying denied. IP name possibly forged [203.0.113.9]",
	MAILLOG_REFUSAL, "203.0.113.9", "c.example", "<x@y>", 550, "5.7.1",
	"Relaying denied. IP name possibly forged [203.0.113.9]"},
    {RULE "<x@y>, relay=[IPv6:2001:db8:0:0:0:0:0:9], reject=450 4.7.1 <x@y>... Later",
	MAILLOG_REFUSAL, "2001:db8::9", "", "<x@y>", 450, "4.7.1", "Later"},
    {RULE "<x@y>, relay=[IPv6:::ffff:192.0.2.1], reject=450 <x@y>... Later", MAILLOG_REFUSAL,
	"192.0.2.1", "", "<x@y>", 450, "", "Later"},
    {RULE "<x@y>, relay=IDENT:u+x@c.example [203.0.113.9], reject=550 5.7.1 <x@y>... No",
	MAILLOG_REFUSAL, "203.0.113.9", "c.example", "<x@y>", 550, "5.7.1", "No"},
    {RULE "<x@y>, relay=root@localhost, reject=550 5.7.1 <x@y>... No", MAILLOG_REFUSAL, "",
	"localhost", "<x@y>", 550, "5.7.1", "No"},
    {RULE "<x@y>, relay=[203.0.113.999], reject=550 5.7.1 <x@y>... No", MAILLOG_REFUSAL, "",
	"[203.0.113.999]", "<x@y>", 550, "5.7.1", "No"},
    {RULE "<x@y>, relay=, reject=550 5.7.1 No", MAILLOG_REFUSAL, "", "", "<x@y>", 550, "5.7.1",
	"No"},
    /* Replies. */
    {RULE "<x@y>, relay=[192.0.2.1], reject=550 4.7.1 No", MAILLOG_REFUSAL, "192.0.2.1", "",
	"<x@y>", 550, "", "4.7.1 No"},
    {RULE "<x@y>, relay=[192.0.2.1], reject=250 2.0.0 Ok", MAILLOG_UNREADABLE, "", "", "", 0, "",
	""},
    {RULE "<x@y>, relay=[192.0.2.1], reject=5", MAILLOG_UNREADABLE, "", "", "", 0, "", ""},
    {RULE "<x@y>, relay=[192.0.2.1]", MAILLOG_UNREADABLE, "", "", "", 0, "", ""},
    {RULE "<\"x@y>, relay=[192.0.2.1], reject=550 5.7.1 No", MAILLOG_UNREADABLE, "", "", "", 0, "",
	""},
    {RULE, MAILLOG_UNREADABLE, "", "", "", 0, "", ""},
    {RULE "<x@y>, relay=[192.0.2.1], discard", MAILLOG_OTHER, "", "", "", 0, "", ""},
    {RULE "<x@y>, relay=[192.0.2.1], quarantine=why", MAILLOG_OTHER, "", "", "", 0, "", ""},
    /* Other lines. */
    {"ruleset=check_relay, arg1=c.example, arg2=192.0.2.1, relay=c.example [192.0.2.1], "
     "reject=550 5.7.1 No",
	MAILLOG_OTHER, "", "", "", 0, "", ""},
    {"ruleset=check_mail, arg1=<a@b>, relay=[192.0.2.1], reject=550 5.7.1 <a@b>... No",
	MAILLOG_OTHER, "", "", "", 0, "", ""},
    {"Milter: to=<x@y>, reject=550 5.7.1 Relay access denied", MAILLOG_OTHER, "", "", "", 0, "",
	""},
    {"<" RULE "<x@y>, relay=[192.0.2.1], reject=550 5.7.1 No>... Unbalanced '<'", MAILLOG_OTHER, "",
	"", "", 0, "", ""},
    {"[192.0.2.1]: VRFY " RULE "<x@y>, relay=[192.0.2.1], reject=550 5.7.1 No", MAILLOG_OTHER, "",
	"", "", 0, "", ""},
    {"", MAILLOG_OTHER, "", "", "", 0, "", ""},
};

static int compare(const char *line, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return 0;
	print_message("%s\n  %s: got \"%s\", want \"%s\"\n", line, what, got, want);
	return 1;
}

static void body_cases(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *line = bodies[i].line;
		struct maillog_refusal r;
		enum maillog_kind kind = maillog_body_read(line, strlen(line), &r);

		if (kind != bodies[i].kind ||
		    (kind == MAILLOG_REFUSAL && r.code != bodies[i].code)) {
			print_message("%s\n  got %d %u, want %d %u\n", line, (int)kind, r.code,
			    (int)bodies[i].kind, bodies[i].code);
			bad++;
		}
		if (kind != MAILLOG_REFUSAL)
			continue;
		bad += compare(line, "client", r.client, bodies[i].client);
		bad += compare(line, "name", r.client_name, bodies[i].name);
		bad += compare(line, "recipient", r.recipient, bodies[i].recipient);
		bad += compare(line, "enhanced", r.enhanced, bodies[i].enhanced);
		bad += compare(line, "reply", r.reply, bodies[i].reply);
	}
	assert_int_equal(bad, 0);
}

static void sender_cases(void **state)
{
	static const struct {
		const char *body, *want; /* NULL: tells no sender */
	} cases[] = {
	    {"from=<s@x.example>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA, relay=[::1]",
		"<s@x.example>"},
	    {"from=<>, size=0, class=0, nrcpts=0", "<>"},
	    {"from=root, size=0, class=0, nrcpts=0", "root"},
	    {"from=<\"a, size=1\"@b>, size=0, class=0", "<\"a, size=1\"@b>"},
	    {"from=<a", NULL},
	};
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct maillog_refusal r;
		enum maillog_kind kind =
		    maillog_body_read(cases[i].body, strlen(cases[i].body), &r);

		if (cases[i].want == NULL)
			bad += kind != MAILLOG_OTHER;
		else
			bad += compare(cases[i].body, "sender", r.sender, cases[i].want);
	}
	assert_int_equal(bad, 0);
}

/* What is longer than its field is cut, and nothing is overrun. */
static void long_fields_are_cut(void **state)
{
	static char line[16384];
	struct maillog_refusal r;
	char address[3001];
	int len;

	(void)state;
	memset(address, 'l', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	len = snprintf(line, sizeof(line), RULE "%s, relay=%s [192.0.2.1], reject=550 5.7.1 %s",
	    address, address, address);
	assert_int_equal(maillog_body_read(line, (size_t)len, &r), MAILLOG_REFUSAL);
	assert_int_equal(strlen(r.recipient), sizeof(r.recipient) - 1);
	assert_int_equal(strlen(r.client_name), sizeof(r.client_name) - 1);
	assert_int_equal(strlen(r.reply), sizeof(r.reply) - 1);
	assert_string_equal(r.client, "192.0.2.1");
}

static int compare_slice(
    const char *line, const char *what, const char *got, size_t len, const char *want)
{
	char text[256] = "";

	assert_true(len < sizeof(text));
	if (len > 0)
		memcpy(text, got, len);
	return compare(line, what, text, want);
}

static void split_cases(void **state)
{
	static const struct {
		const char *line;
		bool ok;
		const char *host, *id;
		unsigned piece;
		bool more;
		const char *body;
	} cases[] = {
	    {HEAD "x", true, "mx", "6AO5F03j012118", 0, false, "x"},
	    {"Nov  4 05:15:00 mx sendmail[1]: A1: x", true, "mx", "A1", 0, false, "x"},
	    {"Nov 24 05:15:00.123456 mx sendmail[1]: A1: x", true, "mx", "A1", 0, false, "x"},
	    {"Nov 24 05:15:00 sm-mta[1]: A1: x", true, "", "A1", 0, false, "x"},
	    {"<22>Nov 24 05:15:00 mx sm-mta[1]: A1: x", true, "mx", "A1", 0, false, "x"},
	    {"2026-11-24T05:15:00.123456+01:00 mx sm-mta[1]: A1: x", true, "mx", "A1", 0, false,
		"x"},
	    {"2026-11-24T05:15:00+0100 mx sm-mta[1]: A1: x", true, "mx", "A1", 0, false, "x"},
	    {"2026-11-24T05:15:00Z mx sendmail: NOQUEUE: x", true, "mx", "NOQUEUE", 0, false, "x"},
	    {"Nov 24 05:15:00 mx sm-mta[1]: A1[1]: x y ...", true, "mx", "A1", 1, true, "x y"},
	    {"Nov 24 05:15:00 mx sm-mta[1]: A1[2]: z", true, "mx", "A1", 2, false, "z"},
	    {HEAD "x ...", true, "mx", "6AO5F03j012118", 0, false, "x ..."},
	    /* None of Sendmail's. */
	    {"Nov 24 05:15:00 mx postfix/smtpd[1]: A1: x", false, "", "", 0, false, ""},
	    {"Nov 24 05:15:00 mx postfix-in/smtpd[1]: A1: x", false, "", "", 0, false, ""},
	    {"Nov 24 05:15:00 mx sm-mta[1]: starting daemon", false, "", "", 0, false, ""},
	    {"Nov 24 05:15:00 mx sm-mta[1]: A1[0]: x", false, "", "", 0, false, ""},
	    {"Nov 24 05:15:00 mx sm-mta[1]: A1[1: x", false, "", "", 0, false, ""},
	    {"Nov 24 05:15:00 mx last message repeated 2 times", false, "", "", 0, false, ""},
	    {"Nov 32 05:15:00 mx sm-mta[1]: A1: x", false, "", "", 0, false, ""},
	    {"Nov 24 24:15:00 mx sm-mta[1]: A1: x", false, "", "", 0, false, ""},
	    {"Foo 24 05:15:00 mx sm-mta[1]: A1: x", false, "", "", 0, false, ""},
	    {"2026-13-24T05:15:00Z mx sm-mta[1]: A1: x", false, "", "", 0, false, ""},
	    {"2026-11-24T05:15:00 mx sm-mta[1]: A1: x", false, "", "", 0, false, ""},
	    {RULE "<x@y>, relay=[192.0.2.1], reject=550 5.7.1 No", false, "", "", 0, false, ""},
	    {"", false, "", "", 0, false, ""},
	};
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line = cases[i].line;
		struct maillog_line l;

		if (maillog_line_split(line, strlen(line), &l) != cases[i].ok) {
			print_message("%s: want %d\n", line, cases[i].ok);
			bad++;
		}
		if (!cases[i].ok)
			continue;
		bad += compare_slice(line, "host", l.host, l.host_len, cases[i].host);
		bad += compare_slice(line, "id", l.id, l.id_len, cases[i].id);
		bad += compare_slice(line, "body", l.body, l.body_len, cases[i].body);
		if (l.piece != cases[i].piece || l.more != cases[i].more) {
			print_message("%s: got piece %u more %d\n", line, l.piece, l.more);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

static usec_t at(const char *utc)
{
	struct tm tm = {0};

	assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
	return (usec_t)timegm(&tm) * USEC_PER_SEC;
}

/* The log is written in New York's time, five hours behind, four in summer. */
static void time_cases(void **state)
{
	static const struct {
		const char *stamp, *now, *want;
		int usec;
	} cases[] = {
	    {"Nov 24 05:15:00", "2026-11-24 10:20:00", "2026-11-24 10:15:00", 0},
	    {"Jul  4 05:15:00.25", "2026-11-24 10:20:00", "2026-07-04 09:15:00", 250000},
	    {"Dec 31 23:59:59", "2027-01-01 05:00:01", "2027-01-01 04:59:59", 0},
	    {"Dec 31 23:59:59", "2027-06-01 05:00:01", "2027-01-01 04:59:59", 0},
	    {"Jan  1 00:00:01", "2027-01-01 04:59:58", "2027-01-01 05:00:01", 0},
	    {"Nov 25 05:15:00", "2026-11-24 10:20:00", "2026-11-25 10:15:00", 0},
	    {"Nov 25 05:25:00", "2026-11-24 10:20:00", "2025-11-25 10:25:00", 0},
	    {"Feb 29 12:00:00", "2026-11-24 10:20:00", "2024-02-29 17:00:00", 0},
	    {"Feb 29 12:00:00", "2100-11-24 10:20:00", "2096-02-29 17:00:00", 0},
	    {"Feb 30 12:00:00", "2026-11-24 10:20:00", "2026-11-24 10:20:00", 0},
	    /* The hour that does not exist, and a leap second. */
	    {"Mar  8 02:30:00", "2026-11-24 10:20:00", "2026-03-08 07:30:00", 0},
	    {"Dec 31 18:59:60", "2027-06-01 05:00:01", "2027-01-01 00:00:00", 0},
	    {"2026-11-24T05:15:00.123456+01:00", "2030-01-01 00:00:00", "2026-11-24 04:15:00",
		123456},
	    {"2026-11-24T05:15:00.1234567-0930", "2030-01-01 00:00:00", "2026-11-24 14:45:00",
		123456},
	    {"2026-11-24T05:15:00Z", "2020-01-01 00:00:00", "2026-11-24 05:15:00", 0},
	    {"2026-02-29T05:15:00Z", "2030-01-01 00:00:00", "2030-01-01 00:00:00", 0},
	};
	int bad = 0;

	(void)state;
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		usec_t want = at(cases[i].want) + cases[i].usec, got;
		struct maillog_line l;
		char line[128];

		snprintf(line, sizeof(line), "%s mx sm-mta[1]: A1: x", cases[i].stamp);
		assert_true(maillog_line_split(line, strlen(line), &l));
		got = maillog_line_time(&l.time, at(cases[i].now));
		if (got != want) {
			print_message("%s at %s: got %lld, want %lld (%s)\n", cases[i].stamp,
			    cases[i].now, (long long)got, (long long)want, cases[i].want);
			bad++;
		}
	}
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(body_cases),
	    cmocka_unit_test(sender_cases),
	    cmocka_unit_test(long_fields_are_cut),
	    cmocka_unit_test(split_cases),
	    cmocka_unit_test(time_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
