/* Who is played by each rule that permits: its networks, logins, certificates, listeners. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "../lib/plan_config.h"
#include "base/strbuf.h"
#include "selftest/login.h"
#include "selftest/way.h"

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
    {"rule office { client = 192.0.2.0/24 action = permit }",
	"office 192.0.2.1; office 192.0.2.254; "},
    {"rule office { client = 2001:db8:1::/48 action = permit }",
	"office 2001:db8:1::1; office 2001:db8:1:ffff:ffff:ffff:ffff:ffff; "},
    {"rule login { auth = yes action = permit }",
	"login 203.0.113.9 login=selftest mech=PLAIN; "
	"login 203.0.113.9 login=selftest mech=LOGIN; "
	"login 203.0.113.9 login=selftest mech=CRAM-MD5; "},
    {"rule staff { login = \"*@example.com\" action = permit }",
	"staff 203.0.113.9 login=selftest@example.com mech=PLAIN; "
	"staff 203.0.113.9 login=selftest@example.com mech=LOGIN; "
	"staff 203.0.113.9 login=selftest@example.com mech=CRAM-MD5; "},
    {"rule strong { mech = CRAM-MD5 auth = yes tls = yes action = permit }",
	"strong 203.0.113.9 login=selftest mech=CRAM-MD5 tls=TLSv1.3; "},
    {"rule modern { auth = yes tls = TLSv1.2 action = permit }",
	"modern 203.0.113.9 login=selftest mech=PLAIN tls=TLSv1.3; "
	"modern 203.0.113.9 login=selftest mech=LOGIN tls=TLSv1.3; "
	"modern 203.0.113.9 login=selftest mech=CRAM-MD5 tls=TLSv1.3; "},
    {"rule partner { cert = \"md5:00112233445566778899aabbccddeeff\" to = partner.example\n"
     "action = permit }",
	"partner 203.0.113.9 tls=TLSv1.3 fp=00112233445566778899aabbccddeeff"
	" to=<relaytest@partner.example>; "},
    {"rule named { cert = \"subject:/CN=x\" action = permit }",
	"named 203.0.113.9 tls=TLSv1.3 subject=/CN=x verify=OK; "},
    {"rule submission { listener = 587 client = 192.0.2.0/24 action = permit }",
	"submission 192.0.2.1 port=587; submission 192.0.2.254 port=587; "},
    {"rule submission { listener = \"[2001:db8::1]:465\" client = 192.0.2.0/24 action = permit }",
	"submission 192.0.2.1 port=465; submission 192.0.2.254 port=465; "},
    {"rule named { listener = submission client = 192.0.2.0/24 action = permit }",
	"named 192.0.2.1 daemon=submission; named 192.0.2.254 daemon=submission; "},
    {"rule greet { helo = gw.example client = 192.0.2.0/24 action = permit }",
	"greet 192.0.2.1 helo=gw.example; greet 192.0.2.254 helo=gw.example; "},
    {"rule below { helo = .gw.example client = 192.0.2.0/24 action = permit }",
	"below 192.0.2.1 helo=selftest.gw.example; "
	"below 192.0.2.254 helo=selftest.gw.example; "},
    {"rule sender { from = list.example client = 192.0.2.0/24 action = permit }",
	"sender 192.0.2.1 from=<selftest@list.example>; "
	"sender 192.0.2.254 from=<selftest@list.example>; "},
    {"rule bounces { from = \"<>\" client = 192.0.2.0/24 action = permit }",
	"bounces 192.0.2.1 from=<>; bounces 192.0.2.254 from=<>; "},
    /* Each network of a list, each way to log in, certificate and listener. */
    {"rule nets { client = { 2001:db8:1::/48, 192.0.2.7, 198.51.100.0/30, 192.0.2.32/31 }\n"
     "action = permit }",
	"nets 192.0.2.7; nets 192.0.2.33; nets 198.51.100.1; nets 198.51.100.2; "
	"nets 2001:db8:1::1; nets 2001:db8:1:ffff:ffff:ffff:ffff:ffff; "},
    {"rule both { client = { 10.0.0.0/24, 10.0.1.0/24 } action = permit }",
	"both 10.0.0.1; both 10.0.1.254; "},
    {"rule hole { client = 10.0.0.1 action = reject }\n"
     "rule office { client = 10.0.0.0/24 action = permit }",
	"office 10.0.0.254; "},
    {"rule mechs { mech = { GSSAPI, PLAIN } action = permit }",
	"mechs 203.0.113.9 login=selftest mech=GSSAPI; "
	"mechs 203.0.113.9 login=selftest mech=PLAIN; "},
    {"rule noplain { mech = PLAIN action = reject }\n"
     "rule two { login = { ann, bob } mech = { PLAIN, LOGIN } action = permit }",
	"two 203.0.113.9 login=ann mech=LOGIN; "},
    {"rule staff { login = { ann, bob } mech = PLAIN action = permit }",
	"staff 203.0.113.9 login=ann mech=PLAIN; staff 203.0.113.9 login=bob mech=PLAIN; "},
    {"rule certs { cert = { \"subject:a\", \"md5:00112233445566778899aabbccddeeff\" }\n"
     "action = permit }",
	"certs 203.0.113.9 tls=TLSv1.3 subject=a verify=OK; "
	"certs 203.0.113.9 tls=TLSv1.3 fp=00112233445566778899aabbccddeeff; "},
    {"rule ports { listener = { 587, 465 } client = 192.0.2.7 action = permit }",
	"ports 192.0.2.7 port=587; ports 192.0.2.7 port=465; "},
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
	"login 203.0.113.9 login=selftest mech=PLAIN tls=TLSv1.3; "
	"login 203.0.113.9 login=selftest mech=LOGIN tls=TLSv1.3; "
	"login 203.0.113.9 login=selftest mech=CRAM-MD5 tls=TLSv1.3; "},
    /* A second rule is tried by a client that the first does not let in already. */
    {"rule office { client = 203.0.113.0/24 action = permit }\n"
     "rule login { auth = yes action = permit }",
	"office 203.0.113.1; office 203.0.113.254; "
	"login 198.51.100.9 login=selftest mech=PLAIN; "
	"login 198.51.100.9 login=selftest mech=LOGIN; "
	"login 198.51.100.9 login=selftest mech=CRAM-MD5; "},
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

/* A mail server need not know the IPv6 networks where it listens on IPv4. */
static void of_the_family_of_the_server(void **state)
{
	const struct way v4 = {.peer = address("192.0.2.25")},
			 v6 = {.peer = address("2001:db8::25")};
	struct place at[] = {
	    {.way = &v4, .name = "192.0.2.25:25", .full = true, .means = {.any_client = true}},
	    {.way = &v6, .name = "[2001:db8::25]:25", .full = true, .means = {.any_client = true}},
	};
	struct config *c =
	    load("rule office { client = { 127.0.0.0/8, 2001:db8:1::/64 } action = permit }");
	char got[2048];
	struct plan p;

	(void)state;
	assert_true(plan_make(&p, c, &names, at, 1, now));
	describe(&p, got, sizeof(got));
	assert_string_equal(got, "office 127.0.0.1; office 127.255.255.254; "
				 "note: the IPv6 networks of rule office (test.conf:5) are not "
				 "tried: no address of the server is of that family; ");
	plan_free(&p);
	assert_true(plan_make(&p, c, &names, at, 2, now));
	describe(&p, got, sizeof(got));
	assert_string_equal(got, "office 127.0.0.1; office 127.255.255.254; office 127.0.0.1; "
				 "office 2001:db8:1::1; office 2001:db8:1:0:ffff:ffff:ffff:ffff; ");
	plan_free(&p);
	/* Where strangers have an address of this host, friends have a place of their own. */
	at[1].full = false;
	at[1].friends_only = true;
	assert_true(plan_make(&p, c, &names, at, 2, now));
	describe(&p, got, sizeof(got));
	assert_non_null(strstr(got, "office 2001:db8:1::1; "));
	plan_free(&p);
	config_free(&c);
}

static void long_lists_are_sampled(void **state)
{
	struct strbuf rule = {0};
	size_t played = 0;
	struct config *c;
	struct plan p;

	(void)state;
	strbuf_puts(&rule, "rule many { client = {");
	for (unsigned i = 0; i < 100; i++)
		strbuf_printf(&rule, "%s 10.%u.1.0/24", i == 0 ? "" : ",", i);
	strbuf_puts(&rule, " } action = permit }");
	c = load(strbuf_text(&rule));
	strbuf_free(&rule);
	assert_non_null(c);
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	for (size_t i = 0; i < p.actor_count; i++)
		played += strcmp(p.actors[i].name, "many") == 0;
	assert_int_equal(played, 32);
	assert_non_null(strstr(p.notes[0], "100 networks"));
	plan_free(&p);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(friends_are_made_from_rules),
	    cmocka_unit_test(only_what_can_be_played),
	    cmocka_unit_test(of_the_family_of_the_server),
	    cmocka_unit_test(long_lists_are_sampled),
	};

	return cmocka_run_group_tests_name("friends", tests, NULL, NULL);
}
