/* What is tried where, what must come out, and what is made of it. */
#include "../lib/unit.h"

#include <string.h>

#include "../lib/plan_config.h"
#include "../lib/plan_row.h"
#include "selftest/login.h"

static const struct {
	const char *rules, *probe;
	enum expectation want;
} expectations[] = {
    {"", "plain", EXPECT_REFUSED},
    {"", "subdomain", EXPECT_REFUSED},
    {"", "percent-ours", EXPECT_REFUSED},
    {"", "control-postmaster", EXPECT_ACCEPTED},
    {"", "control-bare", EXPECT_ACCEPTED},
    /* Through the guard's socket it is known that the server would send it out. */
    {"", "route-back", EXPECT_REFUSED},
    {"", "no-domain", EXPECT_EITHER},
    /* The configuration permits it by name. */
    {"rule a { to = .example.com action = permit }", "subdomain", EXPECT_EITHER},
    {"rule a { to = example.org action = permit }", "plain", EXPECT_EITHER},
    {"rule a { to = example.org action = permit }", "helo-host", EXPECT_EITHER},
    {"rule a { to = example.org action = permit expires = 2020-01-01 }", "plain", EXPECT_REFUSED},
    {"rule a { to = example.org action = permit }", "percent-ours", EXPECT_REFUSED},
};

static void strangers_must_be_refused(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++) {
		struct config *c = load(expectations[i].rules);
		enum expectation got;
		struct plan p;

		assert_true(plan_make(&p, c, &names, &any, 1, now));
		got = plan_row(&p, "stranger-v4", expectations[i].probe)->expected;
		if (got != expectations[i].want) {
			print_error("%s, %s: got %s, want %s\n", expectations[i].rules,
			    expectations[i].probe, expectation_name(got),
			    expectation_name(expectations[i].want));
			failed++;
		}
		plan_free(&p);
		config_free(&c);
	}
	assert_int_equal(failed, 0);
}

/* The guard does not know it: its mail is relayed, and refused. */
static void no_domain_of_ours(void **state)
{
	struct config *c =
	    load_with("domains ours { members = {} }", "rule login { auth = yes action = permit }");
	struct plan p;

	(void)state;
	assert_non_null(c);
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	assert_int_equal(
	    plan_row(&p, "stranger-v4", "control-postmaster")->expected, EXPECT_REFUSED);
	assert_int_equal(plan_row(&p, "stranger-v4", "plain")->expected, EXPECT_REFUSED);
	assert_int_equal(plan_row(&p, "login", "relay")->expected, EXPECT_ACCEPTED);
	plan_free(&p);
	config_free(&c);
}

static void without_a_configuration(void **state)
{
	struct place at = {.name = "192.0.2.25:25", .full = true};
	struct plan p;

	(void)state;
	at.means = (struct means){.own = {address("192.0.2.9")},
	    .own_count = 1,
	    .login = "alice",
	    .logins = LOGIN_BIT(LOGIN_PLAIN)};
	assert_true(plan_make(&p, NULL, &names, &at, 1, now));
	assert_int_equal(p.actor_count, 2);
	assert_string_equal(plan_row(&p, "login", "relay")->actor->mail.auth_login, "alice");
	assert_int_equal(plan_row(&p, "stranger-v4", "plain")->expected, EXPECT_REFUSED);
	/* Where the server would send it is not known: it may be kept. */
	assert_int_equal(plan_row(&p, "stranger-v4", "route-back")->expected, EXPECT_EITHER);
	assert_true(plan_row(&p, "stranger-v4", "percent-ours")->doubtful);
	assert_true(plan_row(&p, "stranger-v4", "percent-literal")->doubtful);
	assert_int_equal(
	    plan_row(&p, "stranger-v4", "double-at-outside")->expected, EXPECT_REFUSED);
	assert_int_equal(plan_row(&p, "stranger-v4", "quoted-address")->expected, EXPECT_REFUSED);
	/* Nor is it known whether there is a guard. */
	assert_int_equal(plan_row(&p, "stranger-v4", "guard-is-asked")->expected, EXPECT_EITHER);
	plan_free(&p);
}

static void places_differ(void **state)
{
	struct place at[] = {
	    {.name = "192.0.2.25:25", .full = true, .guarded = true},
	    {.name = "192.0.2.25:25 HELO", .guarded = true},
	    {.name = "192.0.2.25:587", .full = true, .guarded = true, .submission = true},
	    {.name = "192.0.2.25:25 friends", .guarded = true, .friends_only = true},
	};
	struct config *c = load("rule login { auth = yes tls = yes action = permit }\n"
				"rule office { client = 198.51.100.0/24 action = permit }");
	size_t rows[4] = {0}, asked = 0;
	struct spread spread;
	struct plan p;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		at[i].means = (struct means){.own = {address(i < 3 ? "192.0.2.9" : "198.51.100.1")},
		    .own_count = 1,
		    .login = i == 2 ? "alice" : NULL,
		    .logins = LOGIN_BIT(LOGIN_PLAIN),
		    .wrong_login = i != 1,
		    .anonymous = i == 2,
		    .tls = i == 2};
	assert_true(plan_make(&p, c, &names, at, 4, now));
	for (size_t i = 0; i < p.row_count; i++) {
		rows[p.rows[i].actor->place - at]++;
		asked += p.rows[i].probe->kind == PROBE_GUARD;
	}
	assert_int_equal(asked, 2);
	assert_true(rows[0] > 120 && rows[2] > 120);
	assert_int_equal(rows[1], 10);
	assert_int_equal(rows[3], 1);
	/* The rule that asks for TLS is tried where there is TLS, and so there is no note. */
	assert_ptr_equal(plan_row(&p, "login", "relay")->actor->place, &at[2]);
	assert_int_equal(p.note_count, 0);
	assert_true(plan_row(&p, "wrong-login", "plain")->actor->wrong_login);
	assert_true(plan_row(&p, "anonymous", "plain")->actor->anonymous);
	assert_ptr_equal(plan_row(&p, "anonymous", "plain")->actor->place, &at[2]);
	/* A mail server is not told of it by XCLIENT: whoever logs in says so himself. */
	assert_null(plan_row(&p, "anonymous", "plain")->actor->mail.auth_login);
	spread = plan_spread(&p);
	assert_int_equal(spread.clients, 5);
	assert_int_equal(spread.probes, probe_table_size);
	assert_int_equal(spread.places, 4);
	/* Who asks for a login first does no wrong. */
	for (size_t i = 0; i < p.row_count; i++)
		if (p.rows[i].probe->kind == PROBE_CONTROL)
			assert_int_equal(p.rows[i].expected,
			    p.rows[i].actor->place == &at[2] ? EXPECT_EITHER : EXPECT_ACCEPTED);
	plan_free(&p);
	config_free(&c);
}

static void names_the_rule(void **state)
{
	struct config *c =
	    load("rule wide { client = { 0.0.0.0/0, ::/0 } action = permit i-know = yes }");
	struct row *r;
	struct plan p;

	(void)state;
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	r = &p.rows[0];
	assert_int_equal(r->expected, EXPECT_REFUSED);
	r->result.outcome = OUTCOME_ACCEPTED;
	assert_true(plan_name_rules(&p, c, now));
	assert_string_equal(r->by_rule, "wide (test.conf:5)");
	assert_string_equal(row_verdict(r), "suspect");
	r->confirmed = true;
	assert_string_equal(row_verdict(r), "confirmed");
	plan_free(&p);
	config_free(&c);
}

static void monitor_is_known(void **state)
{
	struct config *c = load_with("mode = monitor\n" OURS, "");
	struct plan p;

	(void)state;
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	assert_true(p.monitor);
	plan_free(&p);
	config_free(&c);
	/* A limit that only watches is no relay rule that does. */
	c = load_with("limit often { key = client  count = connections  rate = 9/1h  mode = monitor"
		      "  on-exceed = defer }\n" OURS,
	    "");
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	assert_false(p.monitor);
	plan_free(&p);
	config_free(&c);
}

/* --- domains ---------------------------------------------------------------- */

static const struct {
	const char *members, *want; /* NULL: none */
} domains[] = {
    {"localhost, z.example, a.example", "z.example"},
    {".a.example, z.example", "z.example"},
    {"[192.0.2.1], .z.example, .a.example", "selftest.a.example"},
    {"localhost, [192.0.2.1]", "localhost"},
    {"[192.0.2.1]", NULL},
};

static void the_first_domain_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		struct arena a = {0};
		struct config *c;
		const char *got;
		char lists[200];

		snprintf(
		    lists, sizeof(lists), "domains ours { members = { %s } }", domains[i].members);
		c = load_with(lists, "");
		assert_non_null(c);
		got = plan_our_domain(&a, c);
		if (domains[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, domains[i].want);
		arena_free(&a);
		config_free(&c);
	}
}

/* --- results ---------------------------------------------------------------- */

static void rows_are_right_or_wrong(void **state)
{
	/* By expectation: refused, accepted, either. */
	static const struct {
		enum outcome outcome;
		bool right[3];
	} rows[] = {
	    {OUTCOME_ACCEPTED, {false, true, true}},
	    {OUTCOME_REFUSED, {true, false, true}},
	    {OUTCOME_DEFERRED, {true, false, true}},
	    {OUTCOME_ERROR, {false, false, false}},
	    {OUTCOME_UNTRIED, {false, false, false}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned e = 0; e < 3; e++) {
			struct row r = {.expected = (enum expectation)e,
			    .result = {.outcome = rows[i].outcome}};

			assert_int_equal(row_is_right(&r), rows[i].right[e]);
		}
	}
}

static void no_row_is_there_twice(void **state)
{
	/* The server calls itself as our domain. */
	struct probe_names same = names;
	struct config *c = load("");
	struct plan p;

	(void)state;
	same.host = same.ours;
	assert_true(plan_make(&p, c, &same, &any, 1, now));
	for (size_t i = 0; i < p.row_count; i++)
		assert_string_not_equal(p.rows[i].probe->name, "sender-host");
	plan_free(&p);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strangers_must_be_refused),
	    cmocka_unit_test(no_domain_of_ours),
	    cmocka_unit_test(without_a_configuration),
	    cmocka_unit_test(places_differ),
	    cmocka_unit_test(names_the_rule),
	    cmocka_unit_test(monitor_is_known),
	    cmocka_unit_test(the_first_domain_as_written),
	    cmocka_unit_test(rows_are_right_or_wrong),
	    cmocka_unit_test(no_row_is_there_twice),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
