/* Who is played as a stranger: nobody, who looks trusted, and whom a rule does not let relay. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "../lib/plan_config.h"
#include "../lib/plan_row.h"
#include "base/strbuf.h"

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

static void others_only_look_trusted(void **state)
{
	static const struct {
		const char *networks, *want;
	} rows[] = {
	    {"192.0.2.0/24", "192.0.3.0 192.0.1.255 "},
	    {"192.0.2.0/25, 192.0.2.128/25", "192.0.3.0 192.0.1.255 "},
	    {"192.0.2.7", "192.0.2.8 192.0.2.6 "},
	    {"127.0.0.0/8", "128.0.0.0 126.255.255.255 "},
	    {"240.0.0.0/4", "239.255.255.255 "},
	    {"0.0.0.1", "0.0.0.2 "},
	    {"2001:db8:1::/48", "2001:db8:2:: 2001:db8:0:ffff:ffff:ffff:ffff:ffff "},
	    {"::1", "::2 "},
	    /* Each network has its own; what lies between two is one. */
	    {"192.0.2.7, 192.0.2.9", "192.0.2.8 192.0.2.6 192.0.2.10 "},
	    {"10.0.0.0/8, 2001:db8::/32",
		"11.0.0.0 9.255.255.255 2001:db9:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff "},
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
		assert_string_equal(plan_row(&p, "false-name", "plain")->actor->connect.client_name,
		    "mail.example.com");
		plan_free(&p);
		config_free(&c);
	}
	assert_int_equal(failed, 0);
}

/* A rule's clients who may not relay: its network is turned away, or has one destination only. */
static void others_are_confined(void **state)
{
	static const struct {
		const char *rules, *client; /* NULL: there is none */
		enum expectation control;
	} cases[] = {
	    {"rule bad { client = 192.0.2.0/24 action = reject }", "192.0.2.1", EXPECT_ACCEPTED},
	    {"rule bad { client = 192.0.2.0/24 action = defer }", "192.0.2.1", EXPECT_ACCEPTED},
	    {"rule bad { client = 192.0.2.7 to = partner.example action = permit }", "192.0.2.7",
		EXPECT_ACCEPTED},
	    {"rule bad { auth = yes to = partner.example action = permit }", "203.0.113.9",
		EXPECT_ACCEPTED},
	    /* A rule of its own lets them relay all the same. */
	    {"rule office { client = 192.0.2.0/24 action = permit }\n"
	     "rule bad { client = 192.0.2.0/24 action = reject }",
		NULL, EXPECT_EITHER},
	    {"rule bad { client = 192.0.2.0/24 action = permit }", NULL, EXPECT_EITHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config *c = load(cases[i].rules);
		const struct actor *a = NULL;
		char text[ADDR_TEXT_MAX];
		struct plan p;

		assert_non_null(c);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		for (size_t k = 0; k < p.actor_count; k++)
			if (p.actors[k].kind == ACTOR_STRANGER &&
			    strcmp(p.actors[k].name, "bad") == 0)
				a = &p.actors[k];
		assert_int_equal(a != NULL, cases[i].client != NULL);
		if (a != NULL) {
			addr_format(&a->connect.client_addr, text);
			assert_string_equal(text, cases[i].client);
			assert_int_equal(plan_row(&p, "bad", "plain")->expected, EXPECT_REFUSED);
			assert_int_equal(
			    plan_row(&p, "bad", "control-postmaster")->expected, cases[i].control);
		}
		plan_free(&p);
		config_free(&c);
	}
}

/* What `i-know` lets in is a stranger, with all that the rule asks for: his rows fail. */
static void anybody_is_a_stranger(void **state)
{
	static const struct {
		const char *criteria;
		bool stranger;
	} cases[] = {
	    {"listener = 10025", true},
	    {"tls = yes", true},
	    {"client = 0.0.0.0/0 listener = 10025", true},
	    {"listener = { \"127.0.0.1:10025\", \"192.0.2.1:10025\" }", true},
	    {"listener = { \"127.0.0.1:10025\", \"[::1]:10025\" }", false},
	    {"client = 192.0.2.0/24", false},
	    {"auth = yes", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct row *friend = NULL, *stranger = NULL;
		struct config *c;
		char rule[200];
		struct plan p;

		snprintf(rule, sizeof(rule), "rule some { %s action = permit i-know = yes }",
		    cases[i].criteria);
		c = load(rule);
		assert_non_null(c);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		for (size_t k = 0; k < p.row_count; k++) {
			const struct row *r = &p.rows[k];

			if (strcmp(r->actor->name, "some") != 0)
				continue;
			if (r->probe->kind == PROBE_FRIEND)
				friend = r;
			else if (strcmp(r->probe->name, "plain") == 0)
				stranger = r;
		}
		assert_int_equal(stranger != NULL, cases[i].stranger);
		assert_int_equal(friend != NULL, !cases[i].stranger);
		if (stranger != NULL)
			assert_int_equal(stranger->expected, EXPECT_REFUSED);
		plan_free(&p);
		config_free(&c);
	}
}

static void names_in_a_certificate_are_cheap(void **state)
{
	static const struct {
		const char *cert;
		bool played;
	} cases[] = {
	    {"cert = { \"subject:mx.a\", \"issuer:CA\" }", true},
	    {"cert = verified", true},
	    {"cert = \"md5:00112233445566778899aabbccddeeff\"", false},
	    {"cert = \"subject:mx.a\" expires = 2020-01-31", false},
	    {"auth = yes", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct actor *a = NULL;
		struct config *c;
		char rule[200];
		struct plan p;

		snprintf(rule, sizeof(rule), "rule some { %s action = permit i-know = yes }",
		    cases[i].cert);
		c = load(rule);
		assert_non_null(c);
		assert_true(plan_make(&p, c, &names, &any, 1, now));
		for (size_t k = 0; k < p.actor_count; k++)
			if (strcmp(p.actors[k].name, "false-cert") == 0)
				a = &p.actors[k];
		assert_int_equal(a != NULL, cases[i].played);
		if (a != NULL) {
			assert_string_equal(a->mail.verify, "FAIL");
			assert_int_equal(
			    plan_row(&p, "false-cert", "plain")->expected, EXPECT_REFUSED);
		}
		if (i == 0) {
			assert_string_equal(a->mail.cert_subject, "mx.a");
			assert_string_equal(a->mail.cert_issuer, "CA");
		}
		plan_free(&p);
		config_free(&c);
	}
}

static void turned_away_at_all(void **state)
{
	static const char text[] =
	    OURS "relay {\n"
		 "rule bad { client = 192.0.2.0/24 action = reject }\n" INBOUND OTHERS "}\n";
	struct diag *diag = diag_new();
	struct config *c = config_load_text("test.conf", text, strlen(text), now, diag);
	struct plan p;

	(void)state;
	assert_non_null(c);
	assert_true(plan_make(&p, c, &names, &any, 1, now));
	assert_int_equal(plan_row(&p, "bad", "plain")->expected, EXPECT_REFUSED);
	assert_int_equal(plan_row(&p, "bad", "control-postmaster")->expected, EXPECT_REFUSED);
	plan_free(&p);
	config_free(&c);
	diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strangers_are_nobodys),
	    cmocka_unit_test(others_only_look_trusted),
	    cmocka_unit_test(others_are_confined),
	    cmocka_unit_test(anybody_is_a_stranger),
	    cmocka_unit_test(names_in_a_certificate_are_cheap),
	    cmocka_unit_test(turned_away_at_all),
	};

	return cmocka_run_group_tests_name("strangers", tests, NULL, NULL);
}
