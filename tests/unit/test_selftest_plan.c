/* Who is played: strangers, and one client for each rule that permits relaying. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "check/config.h"
#include "selftest/login.h"
#include "selftest/plan.h"

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static const struct probe_names names = {
    .ours = "example.com", .outside = "example.org", .host = "mx.example.com", .ip = "192.0.2.1"};

/* The guard's own socket. */
static const struct place any = {.name = "",
    .full = true,
    .means = {.any_client = true, .any_login = true, .everything = true, .tls = true}};

#define OURS "domains ours { members = { localhost, example.com, a.example } }\n"
#define INBOUND "rule inbound { to = @ours action = permit }\n"
#define OTHERS "rule others { action = reject }\n"

/* `rules` stand between INBOUND and OTHERS. */
static struct config *load_with(const char *lists, const char *rules)
{
	struct diag *diag = diag_new();
	struct config *c;
	char text[4096];

	snprintf(text, sizeof(text), "%s\nrelay {\n" INBOUND "%s\n" OTHERS "}\n", lists, rules);
	c = config_load_text("test.conf", text, strlen(text), now, diag);
	for (size_t i = 0; c == NULL && i < diag_errors(diag); i++)
		print_error("%s\n", diag_text(diag, i));
	diag_free(&diag);
	return c;
}

static struct config *load(const char *rules)
{
	return load_with(OURS, rules);
}

/* --- friends ---------------------------------------------------------------- */

static void add_field(char *out, size_t size, const char *name, const char *value)
{
	size_t len = strlen(out);

	if (value != NULL)
		snprintf(out + len, size - len, " %s=%s", name, value);
}

/* All that the plan says of its friends, and what it does not try. */
static void describe(const struct plan *p, char *out, size_t size)
{
	char client[ADDR_TEXT_MAX];

	*out = '\0';
	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *r = &p->rows[i];
		const struct actor *a = r->actor;

		if (a->kind != ACTOR_FRIEND)
			continue;
		addr_format(&a->connect.client_addr, client);
		snprintf(out + strlen(out), size - strlen(out), "%s %s", a->name, client);
		add_field(out, size, "login", a->mail.auth_login);
		add_field(out, size, "mech", a->mail.auth_mech);
		add_field(out, size, "tls", a->mail.tls_version);
		add_field(out, size, "fp", a->mail.cert_fingerprint);
		add_field(out, size, "subject", a->mail.cert_subject);
		add_field(out, size, "verify", a->mail.verify);
		if (strcmp(a->connect.daemon_port, "25") != 0)
			add_field(out, size, "port", a->connect.daemon_port);
		if (strcmp(a->connect.daemon_name, "smtpd") != 0)
			add_field(out, size, "daemon", a->connect.daemon_name);
		if (r->helo[0] != '[')
			add_field(out, size, "helo", r->helo);
		if (strcmp(r->from, "<postmaster@example.com>") != 0)
			add_field(out, size, "from", r->from);
		if (strcmp(r->to, "<relaytest@example.org>") != 0)
			add_field(out, size, "to", r->to);
		snprintf(out + strlen(out), size - strlen(out), "; ");
	}
	for (size_t i = 0; i < p->note_count; i++)
		snprintf(out + strlen(out), size - strlen(out), "note: %s; ", p->notes[i]);
}

static const struct {
	const char *rules, *want;
} friends[] = {
    {"", ""},
    {"rule office { client = 192.0.2.0/24 action = permit }", "office 192.0.2.1; "},
    {"rule office { client = 2001:db8:1::/48 action = permit }", "office 2001:db8:1::1; "},
    {"rule login { auth = yes action = permit }", "login 203.0.113.9 login=selftest mech=PLAIN; "},
    {"rule staff { login = \"*@example.com\" action = permit }",
	"staff 203.0.113.9 login=selftest@example.com mech=PLAIN; "},
    {"rule strong { mech = CRAM-MD5 auth = yes tls = yes action = permit }",
	"strong 203.0.113.9 login=selftest mech=CRAM-MD5 tls=TLSv1.3; "},
    {"rule modern { auth = yes tls = TLSv1.2 action = permit }",
	"modern 203.0.113.9 login=selftest mech=PLAIN tls=TLSv1.3; "},
    {"rule partner { cert = \"md5:00112233445566778899aabbccddeeff\" to = partner.example\n"
     "action = permit }",
	"partner 203.0.113.9 tls=TLSv1.3 fp=00112233445566778899aabbccddeeff"
	" to=<relaytest@partner.example>; "},
    {"rule named { cert = \"subject:/CN=x\" action = permit }",
	"named 203.0.113.9 tls=TLSv1.3 subject=/CN=x verify=OK; "},
    {"rule submission { listener = 587 client = 192.0.2.0/24 action = permit }",
	"submission 192.0.2.1 port=587; "},
    {"rule submission { listener = \"[2001:db8::1]:465\" client = 192.0.2.0/24 action = permit }",
	"submission 192.0.2.1 port=465; "},
    {"rule named { listener = submission client = 192.0.2.0/24 action = permit }",
	"named 192.0.2.1 daemon=submission; "},
    {"rule greet { helo = gw.example client = 192.0.2.0/24 action = permit }",
	"greet 192.0.2.1 helo=gw.example; "},
    {"rule below { helo = .gw.example client = 192.0.2.0/24 action = permit }",
	"below 192.0.2.1 helo=selftest.gw.example; "},
    {"rule sender { from = list.example client = 192.0.2.0/24 action = permit }",
	"sender 192.0.2.1 from=<selftest@list.example>; "},
    {"rule bounces { from = \"<>\" client = 192.0.2.0/24 action = permit }",
	"bounces 192.0.2.1 from=<>; "},
    {"rule one { to = bob@partner.example action = permit i-know = yes }",
	"one 203.0.113.9 to=<bob@partner.example>; "},
    /* Its day has passed, or it never permits. */
    {"rule old { client = 192.0.2.0/24 action = permit expires = 2020-01-31 }", ""},
    {"rule no { client = 192.0.2.0/24 action = reject }", ""},
    {"rule later { client = 192.0.2.0/24 action = defer }", ""},
    /* What another rule decides before is told, and not held against it. */
    {"rule blocked { client = 192.0.2.0/24 action = reject }\n"
     "rule office { client = 192.0.2.7 action = permit }",
	"note: rule office (test.conf:6) is not tried: rule blocked decides before it; "},
    {"rule noplain { auth = yes tls = no action = reject }\n"
     "rule login { auth = yes action = permit }",
	"login 203.0.113.9 login=selftest mech=PLAIN tls=TLSv1.3; "},
    /* A second rule is tried by a client that the first does not let in already. */
    {"rule office { client = 203.0.113.0/24 action = permit }\n"
     "rule login { auth = yes action = permit }",
	"office 203.0.113.1; login 198.51.100.9 login=selftest mech=PLAIN; "},
    {"rule local { local = yes action = permit }",
	"note: rule local (test.conf:5) is not tried: it is for mail handed in on the host "
	"itself; "},
};

static void friends_are_made_from_rules(void **state)
{
	unsigned failed = 0;
	char got[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(friends) / sizeof(*friends); i++) {
		struct config *c = load(friends[i].rules);
		struct plan p;

		if (c == NULL)
			fail_msg("%s is no configuration", friends[i].rules);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		describe(&p, got, sizeof(got));
		if (strcmp(got, friends[i].want) != 0) {
			print_error(
			    "%s:\n  got  %s\n  want %s\n", friends[i].rules, got, friends[i].want);
			failed++;
		}
		plan_free(&p);
		config_free(&c);
	}
	assert_int_equal(failed, 0);
}

/* --- what can't be played --------------------------------------------------- */

static struct addr address(const char *text)
{
	struct addr a;

	if (!addr_parse(text, strlen(text), &a))
		fail_msg("%s is no address", text);
	return a;
}

static void only_what_can_be_played(void **state)
{
	struct place at = {.name = "192.0.2.25:25", .full = true, .guarded = true};
	struct means *m = &at.means;
	struct config *c = load("rule office { client = 198.51.100.0/24 action = permit }\n"
				"rule login { auth = yes action = permit }\n"
				"rule cert { cert = verified action = permit i-know = yes }");
	struct plan p;
	char got[2048];

	(void)state;
	*m = (struct means){.own = {address("192.0.2.9")}, .own_count = 1, .no_clients = "say why"};
	assert_true(plan_make(&p, c, &names, &at, 1, now));
	describe(&p, got, sizeof(got));
	assert_string_equal(got,
	    "note: rule office (test.conf:5) is not tried: its clients can't be played from here; "
	    "note: rule login (test.conf:6) is not tried: it asks for a login: give --auth-user, "
	    "where the server offers AUTH; "
	    "note: rule cert (test.conf:7) is not tried: it asks for a certificate: give --cert "
	    "and --key, where the server has TLS; ");
	assert_int_equal(p.actor_count, 1);
	plan_free(&p);
	m->login = "alice";
	m->logins = LOGIN_BIT(LOGIN_PLAIN) | LOGIN_BIT(LOGIN_CRAM_MD5);
	assert_true(plan_make(&p, c, &names, &at, 1, now));
	describe(&p, got, sizeof(got));
	assert_non_null(strstr(got, "login 192.0.2.9 login=alice mech=PLAIN; "
				    "login 192.0.2.9 login=alice mech=CRAM-MD5; "));
	plan_free(&p);
	m->own[0] = address("198.51.100.1");
	assert_true(plan_make(&p, c, &names, &at, 1, now));
	assert_int_equal(p.row_count, 0);
	assert_non_null(strstr(p.notes[0], "198.51.100.1, where this command connects from, may"));
	assert_non_null(strstr(p.notes[0], "say why"));
	plan_free(&p);
	config_free(&c);
}

/* --- strangers -------------------------------------------------------------- */

static const struct {
	const char *rules, *v4, *v6;
} strangers[] = {
    {"", "203.0.113.9", "2001:db8::9"},
    {"rule a { client = { 203.0.113.0/24, 2001:db8::/32 } action = permit }", "198.51.100.9",
	"2001:2::9"},
    {"rule a { client = { 203.0.113.0/24, 198.51.100.0/24 } action = permit }", "192.0.2.9",
	"2001:db8::9"},
    /* With a password they are no strangers: the network by itself lets nobody in. */
    {"rule a { client = 203.0.113.0/24 auth = yes action = permit }", "203.0.113.9", "2001:db8::9"},
    /* All are let in: the first is as good as any, and its rows fail. */
    {"rule a { client = { 0.0.0.0/0, ::/0 } action = permit i-know = yes }", "203.0.113.9",
	"2001:db8::9"},
};

static void strangers_are_nobodys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
		struct config *c = load(strangers[i].rules);
		char v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];
		struct plan p;

		assert_non_null(c);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		assert_string_equal(p.actors[0].name, "stranger-v4");
		assert_string_equal(p.actors[1].name, "stranger-v6");
		addr_format(&p.actors[0].connect.client_addr, v4);
		addr_format(&p.actors[1].connect.client_addr, v6);
		assert_string_equal(v4, strangers[i].v4);
		assert_string_equal(v6, strangers[i].v6);
		plan_free(&p);
		config_free(&c);
	}
}

static const struct row *find(const struct plan *p, const char *actor, const char *probe)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (strcmp(p->rows[i].actor->name, actor) == 0 &&
		    strcmp(p->rows[i].probe->name, probe) == 0)
			return &p->rows[i];
	fail_msg("there is no row %s %s", actor, probe);
	return NULL;
}

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
		got = find(&p, "stranger-v4", expectations[i].probe)->expected;
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

static void without_a_configuration(void **state)
{
	struct place at = {.name = "192.0.2.25:25", .full = true};
	struct plan p;

	(void)state;
	at.means = (struct means){.own = {address("192.0.2.9")}, .own_count = 1, .login = "alice"};
	assert_true(plan_make(&p, NULL, &names, &at, 1, now));
	assert_int_equal(p.actor_count, 2);
	assert_string_equal(find(&p, "login", "relay")->actor->mail.auth_login, "alice");
	assert_int_equal(find(&p, "stranger-v4", "plain")->expected, EXPECT_REFUSED);
	/* Where the server would send it is not known: it may be kept. */
	assert_int_equal(find(&p, "stranger-v4", "route-back")->expected, EXPECT_EITHER);
	assert_true(find(&p, "stranger-v4", "percent-ours")->doubtful);
	assert_true(find(&p, "stranger-v4", "percent-literal")->doubtful);
	assert_int_equal(find(&p, "stranger-v4", "double-at-outside")->expected, EXPECT_REFUSED);
	assert_int_equal(find(&p, "stranger-v4", "quoted-address")->expected, EXPECT_REFUSED);
	/* Nor is it known whether there is a guard. */
	assert_int_equal(find(&p, "stranger-v4", "guard-is-asked")->expected, EXPECT_EITHER);
	plan_free(&p);
}

static void others_only_look_trusted(void **state)
{
	static const struct {
		const char *networks, *want;
	} rows[] = {
	    {"192.0.2.0/24", "192.0.3.0 "},
	    {"192.0.2.0/25, 192.0.2.128/25", "192.0.3.0 "},
	    {"192.0.2.7", "192.0.2.8 "},
	    {"127.0.0.0/8", "128.0.0.0 "},
	    {"240.0.0.0/4", ""},
	    {"2001:db8:1::/48", "2001:db8:2:: "},
	    {"::1", "::2 "},
	};
	char relay[200], text[ADDR_TEXT_MAX];
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct strbuf got = {0};
		struct config *c;
		struct plan p;

		snprintf(relay, sizeof(relay),
		    "rule a { client = { %s } action = permit i-know = yes }", rows[i].networks);
		c = load(relay);
		assert_non_null(c);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		for (size_t k = 0; k < p.actor_count; k++) {
			if (strcmp(p.actors[k].name, "neighbour") != 0)
				continue;
			addr_format(&p.actors[k].connect.client_addr, text);
			strbuf_printf(&got, "%s ", text);
		}
		if (strcmp(strbuf_text(&got), rows[i].want) != 0) {
			print_error("%s: got %s\n", rows[i].networks, strbuf_text(&got));
			failed++;
		}
		strbuf_free(&got);
		assert_string_equal(find(&p, "false-name", "plain")->actor->connect.client_name,
		    "mail.example.com");
		plan_free(&p);
		config_free(&c);
	}
	assert_int_equal(failed, 0);
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
		    .wrong_login = i != 1,
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
	assert_ptr_equal(find(&p, "login", "relay")->actor->place, &at[2]);
	assert_int_equal(p.note_count, 0);
	assert_true(find(&p, "wrong-login", "plain")->actor->wrong_login);
	spread = plan_spread(&p);
	assert_int_equal(spread.clients, 4);
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
	    cmocka_unit_test(friends_are_made_from_rules),
	    cmocka_unit_test(only_what_can_be_played),
	    cmocka_unit_test(strangers_are_nobodys),
	    cmocka_unit_test(strangers_must_be_refused),
	    cmocka_unit_test(without_a_configuration),
	    cmocka_unit_test(others_only_look_trusted),
	    cmocka_unit_test(places_differ),
	    cmocka_unit_test(names_the_rule),
	    cmocka_unit_test(monitor_is_known),
	    cmocka_unit_test(the_first_domain_as_written),
	    cmocka_unit_test(rows_are_right_or_wrong),
	    cmocka_unit_test(no_row_is_there_twice),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
