/* Which finding of the audit explains which row. */
#include "../lib/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../lib/plan_row.h"
#include "audit/finding.h"
#include "selftest/blame.h"
#include "selftest/way.h"

static const struct probe_names names = {
    "example.com", "example.org", "mx.example.com", "192.0.2.1", NULL, NULL};

static struct way way;
static struct place place;
static struct plan plan;

static int make(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(25),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	way = (struct way){.kind = "smtp", .banner = "mx ESMTP nothing that is known"};
	memcpy(&way.to.addr, &to, sizeof(to));
	way.to.len = sizeof(to);
	addr_parse("127.0.0.1", 9, &way.peer);
	place = (struct place){
	    .way = &way, .name = "mx:25", .full = true, .means = {.any_client = true}};
	return plan_make(&plan, NULL, &names, &place, 1, 0) ? 0 : -1;
}

static int drop(void **state)
{
	(void)state;
	plan_free(&plan);
	return 0;
}

/* Each case: findings as "id severity listener", the row that passed, and what is named. */
static void the_one_that_fits_best(void **state)
{
	static const struct {
		struct {
			const char *id;
			enum severity severity;
			const char *listener;
		} found[3];
		const char *actor, *probe, *want;
	} cases[] = {
	    {{{"networks-world", SEVERITY_HIGH, ""}}, "stranger-v4", "plain", "networks-world"},
	    /* What does not let anybody relay is no reason. */
	    {{{"auth-plaintext", SEVERITY_MEDIUM, ""}, {"milter-none", SEVERITY_LOW, ""},
		 {"xclient-wide", SEVERITY_HIGH, ""}},
		"stranger-v4", "plain", NULL},
	    {{{"networks-wide", SEVERITY_LOW, ""}}, "stranger-v4", "plain", NULL},
	    /* A reason of its own comes before the others of the same severity. */
	    {{{"networks-wide", SEVERITY_MEDIUM, ""}, {"sender-permits", SEVERITY_MEDIUM, ""}},
		"stranger-v4", "sender-ours", "sender-permits"},
	    {{{"networks-wide", SEVERITY_MEDIUM, ""}, {"sender-permits", SEVERITY_MEDIUM, ""}},
		"stranger-v4", "plain", "networks-wide"},
	    {{{"client-name-permits", SEVERITY_MEDIUM, ""}, {"networks-wide", SEVERITY_MEDIUM, ""}},
		"false-name", "plain", "client-name-permits"},
	    {{{"untrusted-routing", SEVERITY_MEDIUM, ""}}, "stranger-v4", "percent-ours",
		"untrusted-routing"},
	    {{{"untrusted-routing", SEVERITY_MEDIUM, ""}}, "stranger-v4", "plain", NULL},
	    /* One that is high, where nothing else explains it. */
	    {{{"helo-permits", SEVERITY_HIGH, ""}}, "stranger-v4", "plain", "helo-permits"},
	    {{{"helo-permits", SEVERITY_HIGH, ""}, {"networks-wide", SEVERITY_MEDIUM, ""}},
		"stranger-v4", "plain", "networks-wide"},
	    /* Of another listener. */
	    {{{"networks-world", SEVERITY_HIGH, "submission, 10.0.0.1:2525"}}, "stranger-v4",
		"plain", NULL},
	    {{{"networks-world", SEVERITY_HIGH, "submission, smtp"}}, "stranger-v4", "plain",
		"networks-world"},
	    {{{"networks-world", SEVERITY_HIGH, "127.0.0.1:25"}}, "stranger-v4", "plain",
		"networks-world"},
	    {{{"networks-world", SEVERITY_HIGH, "smtpd (pass)"}}, "stranger-v4", "plain",
		"networks-world"},
	    {{{"networks-world", SEVERITY_HIGH, "125"}}, "stranger-v4", "plain", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct row *r = plan_row(&plan, cases[i].actor, cases[i].probe);
		struct findings l = {.count = 0};

		for (size_t k = 0; k < 3 && cases[i].found[k].id != NULL; k++)
			findings_add(&l, &(struct finding){.id = cases[i].found[k].id,
					     .severity = cases[i].found[k].severity,
					     .file = "/etc/postfix/main.cf",
					     .line = 7,
					     .listener = cases[i].found[k].listener,
					     .why = "",
					     .instead = "x = y"});
		for (size_t k = 0; k < plan.row_count; k++) {
			way_set(&plan.rows[k].result, OUTCOME_REFUSED, STAGE_RCPT, "");
			plan.rows[k].blame = NULL;
		}
		r->expected = EXPECT_REFUSED;
		way_set(&r->result, OUTCOME_ACCEPTED, STAGE_RCPT, "");
		assert_true(blame_rows_on(&plan, &way, &l));
		if ((r->blame == NULL) != (cases[i].want == NULL) ||
		    (r->blame != NULL && strcmp(r->blame->id, cases[i].want) != 0))
			fail_msg("case %zu: got %s, want %s", i,
			    r->blame == NULL ? "nothing" : r->blame->id,
			    cases[i].want == NULL ? "nothing" : cases[i].want);
		if (r->blame != NULL) {
			assert_string_equal(r->blame->where, "/etc/postfix/main.cf:7");
			assert_string_equal(r->blame->instead, "x = y");
		}
		way_set(&r->result, OUTCOME_REFUSED, STAGE_RCPT, "");
		for (size_t k = 0; k < plan.row_count; k++)
			if (&plan.rows[k] != r && plan.rows[k].blame != NULL)
				fail_msg("case %zu: %s is blamed too", i, plan.rows[k].probe->name);
		findings_free(&l);
	}
}

static void who_is_not_asked_is_a_matter_of_filters(void **state)
{
	struct row *r = plan_row(&plan, "stranger-v4", "guard-is-asked");
	struct findings l = {.count = 0};

	(void)state;
	findings_add(&l, &(struct finding){.id = "networks-world",
			     .severity = SEVERITY_HIGH,
			     .file = "f",
			     .line = 1,
			     .listener = "",
			     .why = "",
			     .instead = ""});
	findings_add(&l, &(struct finding){.id = "milter-absent",
			     .severity = SEVERITY_MEDIUM,
			     .file = "f",
			     .line = 2,
			     .listener = "smtp",
			     .why = "",
			     .instead = ""});
	r->expected = EXPECT_ASKED;
	way_set(&r->result, OUTCOME_NOT_ASKED, STAGE_RCPT, "");
	assert_true(blame_rows_on(&plan, NULL, &l));
	assert_non_null(r->blame);
	assert_string_equal(r->blame->id, "milter-absent");
	assert_string_equal(r->blame->where, "f:2");
	findings_free(&l);
}

static void nothing_is_read_of_a_server_that_is_not_known(void **state)
{
	struct row *r = plan_row(&plan, "stranger-v4", "plain");

	(void)state;
	way_set(&r->result, OUTCOME_ACCEPTED, STAGE_RCPT, "");
	r->blame = NULL;
	assert_true(blame_rows(&plan));
	assert_null(r->blame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_one_that_fits_best),
	    cmocka_unit_test(who_is_not_asked_is_a_matter_of_filters),
	    cmocka_unit_test(nothing_is_read_of_a_server_that_is_not_known),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
