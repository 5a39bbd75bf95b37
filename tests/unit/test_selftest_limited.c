/* What a limit or a ban refused is known by its reply, or by the guard's events. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/config.h"
#include "selftest/limited.h"
#include "selftest/report.h"

#define MARK " [0123456789abcdef012]"

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static char events[] = "/tmp/relay-guard-test-XXXXXX";

static struct config *load(const char *on_exceed)
{
	struct diag *diag = diag_new();
	struct strbuf b = {0};
	struct config *c;

	strbuf_printf(&b,
	    "domains ours { members = { example.com } }\n"
	    "networks friends { members = { 192.0.2.0/24 } }\n"
	    "events { path = \"%s\" }\n"
	    "limit probing { key = client  count = relay refusals  rate = 3/1h  on-exceed = %s\n"
	    "                reply = \"550 5.7.1 Too many of them\" }\n"
	    "relay {\n"
	    "  rule inbound { to = @ours action = permit }\n"
	    "  rule office { client = @friends action = permit }\n"
	    "  rule others { action = reject reply = \"550 5.7.1 Relay access denied\" }\n"
	    "}\n",
	    events, on_exceed);
	c = config_load_text("test.conf", b.data, b.len, now, diag);
	for (size_t i = 0; c == NULL && diag_get(diag, i) != NULL; i++)
		print_error("%s\n", diag_get(diag, i)->text);
	diag_free(&diag);
	strbuf_free(&b);
	assert_non_null(c);
	return c;
}

static void put_events(usec_t time, const char *client, const char *check)
{
	FILE *f = fopen(events, "w");
	char text[CLOCK_TEXT_MAX];

	assert_non_null(f);
	clock_format(time, text);
	fprintf(f, "{\"time\":\"%s\",\"client\":\"%s\",\"check\":\"%s\"}\n", text, client, check);
	fclose(f);
}

static const struct probe_names names = {
    "example.com", "example.org", "mx.example.com", "192.0.2.1", NULL, NULL};

static struct place smtp_place(struct way *way)
{
	return (struct place){
	    .way = way, .name = "mx:25", .full = true, .means = {.any_client = true}};
}

static void known_by_its_reply_or_by_an_event(void **state)
{
	static const struct {
		enum outcome outcome;
		const char *text;
		bool limited;
	} cases[] = {
	    {OUTCOME_REFUSED, "Too many of them" MARK, true},
	    {OUTCOME_DEFERRED, "<a@b>... Too many of them" MARK, true},
	    {OUTCOME_REFUSED, "Refused for now after too much of something" MARK, true},
	    {OUTCOME_ERROR, "no welcome: 554 5.7.1 Too many of them" MARK, true},
	    {OUTCOME_ERROR, "XCLIENT was refused: 554 not accepting connections", true},
	    {OUTCOME_REFUSED, "Relay access denied" MARK, false},
	    {OUTCOME_REFUSED, "Too many of them", false},
	    {OUTCOME_REFUSED, "<a@b>: Relay access denied", false},
	    {OUTCOME_ACCEPTED, "Too many of them" MARK, false},
	};
	struct way way = {.kind = "smtp"};
	struct place place = smtp_place(&way);
	struct config *c = load("reject");
	struct plan p;

	(void)state;
	put_events(now + USEC_PER_SEC, "203.0.113.9", "bans");
	assert_true(plan_make(&p, c, &names, &place, 1, now));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result *r = &p.rows[0].result;

		way_set(r, cases[i].outcome, STAGE_RCPT, cases[i].text);
		limited_settle(&p, c, now);
		if ((r->outcome == OUTCOME_LIMITED) != cases[i].limited)
			fail_msg("%s: got %s", cases[i].text, outcome_name(r->outcome));
		if (cases[i].limited)
			assert_true(row_is_right(&p.rows[0]));
	}
	plan_free(&p);
	config_free(&c);
}

/* Whatever is said of it. */
static void what_was_given_up_for_it_is_limited_too(void **state)
{
	struct way way = {.kind = "smtp"};
	struct place place = smtp_place(&way);
	struct config *c = load("reject");
	struct plan p;
	size_t other = 0;

	(void)state;
	put_events(now + USEC_PER_SEC, "203.0.113.9", "bans");
	assert_true(plan_make(&p, c, &names, &place, 1, now));
	while (addr_equal(
	    &p.rows[other].actor->connect.client_addr, &p.rows[0].actor->connect.client_addr))
		assert_true(++other + 1 < p.row_count);
	for (int given_up = 0; given_up <= 1; given_up++) {
		struct result *r = &p.rows[other].result;

		/* Only the first tells why. */
		way_set(&p.rows[0].result, OUTCOME_ERROR, STAGE_CONNECT, "no welcome: 554 x");
		way_set(r, OUTCOME_ERROR, STAGE_CONNECT, given_up ? "" : "not tried: so it says");
		r->given_up = given_up == 1;
		limited_settle(&p, c, now);
		assert_int_equal(p.rows[0].result.outcome, OUTCOME_LIMITED);
		assert_int_equal(r->outcome, given_up ? OUTCOME_LIMITED : OUTCOME_ERROR);
	}
	plan_free(&p);
	config_free(&c);
}

static void known_by_the_mail_server_itself(void **state)
{
	struct way way = {.kind = "smtp"}, other = {.kind = "smtp"};
	struct place places[] = {smtp_place(&way), smtp_place(&other)};
	struct result *first, *second, *elsewhere;
	struct plan p;

	(void)state;
	assert_true(plan_make(&p, NULL, &names, places, 2, now));
	first = &p.rows[0].result;
	second = &p.rows[1].result;
	elsewhere = &p.rows[p.row_count - 1].result;
	way_set(first, OUTCOME_LIMITED, STAGE_CONNECT, "Error: too many connections");
	way_set(second, OUTCOME_ERROR, STAGE_CONNECT, "not tried");
	way_set(elsewhere, OUTCOME_ERROR, STAGE_CONNECT, "not tried");
	second->given_up = elsewhere->given_up = true;
	limited_settle(&p, NULL, now);
	assert_int_equal(second->outcome, OUTCOME_LIMITED);
	assert_int_equal(elsewhere->outcome, OUTCOME_ERROR);
	/* A session that does not begin, but no answer to a probe. */
	way_set(second, OUTCOME_ERROR, STAGE_CONNECT, "the connection was closed");
	way_set(&p.rows[2].result, OUTCOME_ERROR, STAGE_RCPT, "the connection was closed");
	limited_settle(&p, NULL, now);
	assert_int_equal(second->outcome, OUTCOME_LIMITED);
	assert_int_equal(p.rows[2].result.outcome, OUTCOME_ERROR);
	plan_free(&p);
}

static void events_of_others_do_not_count(void **state)
{
	static const struct {
		usec_t time;
		const char *client, *check;
	} cases[] = {
	    {now - USEC_PER_SEC, "203.0.113.9", "bans"},
	    {now + USEC_PER_SEC, "203.0.113.99", "bans"},
	    {now + USEC_PER_SEC, "203.0.113.9", "relay"},
	};
	struct way way = {.kind = "smtp"};
	struct place place = smtp_place(&way);
	struct config *c = load("reject");
	struct plan p;

	(void)state;
	assert_true(plan_make(&p, c, &names, &place, 1, now));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_events(cases[i].time, cases[i].client, cases[i].check);
		way_set(&p.rows[0].result, OUTCOME_ERROR, STAGE_CONNECT, "no welcome: 554 x");
		limited_settle(&p, c, now);
		if (p.rows[0].result.outcome != OUTCOME_ERROR)
			fail_msg("case %zu: got %s", i, outcome_name(p.rows[0].result.outcome));
	}
	plan_free(&p);
	config_free(&c);
}

static void neighbours_are_spared_where_they_could_be_banned(void **state)
{
	static const struct {
		const char *on_exceed;
		bool everything, played;
	} cases[] = {
	    {"reject", false, true},
	    {"\"ban 1h\"", false, false},
	    {"\"ban 1h\"", true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct way way = {.kind = "smtp"};
		struct place place = {.way = &way,
		    .name = cases[i].everything ? "" : "mx:25",
		    .full = true,
		    .means = {.any_client = true, .everything = cases[i].everything}};
		struct config *c = load(cases[i].on_exceed);
		struct plan p;
		bool played = false;

		assert_true(plan_make(&p, c, &names, &place, 1, now));
		for (size_t k = 0; k < p.actor_count; k++)
			played = played || strcmp(p.actors[k].name, "neighbour") == 0;
		if (played != cases[i].played)
			fail_msg("case %zu: got %d", i, played);
		plan_free(&p);
		config_free(&c);
	}
}

static int make(void **state)
{
	int fd = mkstemp(events);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int drop(void **state)
{
	(void)state;
	return unlink(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_by_its_reply_or_by_an_event),
	    cmocka_unit_test(what_was_given_up_for_it_is_limited_too),
	    cmocka_unit_test(known_by_the_mail_server_itself),
	    cmocka_unit_test(events_of_others_do_not_count),
	    cmocka_unit_test(neighbours_are_spared_where_they_could_be_banned),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
