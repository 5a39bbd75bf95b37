/* The report: every form tells the same rows, and nothing from outside breaks it. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "../lib/plan_row.h"
#include "check/config.h"
#include "selftest/columns.h"
#include "selftest/report.h"

static const char configuration[] = "domains ours { members = { example.com } }\n"
				    "relay {\n"
				    "  rule inbound { to = @ours action = permit }\n"
				    "  rule office { client = 192.0.2.0/24 action = permit }\n"
				    "  rule others { action = reject }\n"
				    "}\n";

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static struct config *config;
static struct plan plan;
static struct way way;
static struct place place;

/* All as it should be. */
static int make(void **state)
{
	static const struct probe_names names = {
	    "example.com", "example.org", "mx.example.com", "192.0.2.1", NULL, NULL};
	struct diag *diag = diag_new();

	(void)state;
	way = (struct way){.kind = "milter", .target = "unix:/run/x.sock"};
	place = (struct place){.way = &way,
	    .name = "",
	    .full = true,
	    .means = {.any_client = true, .any_login = true, .everything = true}};
	config = config_load_text("test.conf", configuration, strlen(configuration), now, diag);
	diag_free(&diag);
	if (config == NULL || !plan_make(&plan, config, &names, &place, 1, now))
		return -1;
	for (size_t i = 0; i < plan.row_count; i++) {
		struct result *r = &plan.rows[i].result;

		way_set(r, OUTCOME_ACCEPTED, STAGE_RCPT, "");
		if (plan.rows[i].expected == EXPECT_ACCEPTED)
			continue;
		way_judge(r, 550, "5.7.1", STAGE_RCPT, "Relay access denied [0123456789abcdef012]");
		r->by = BY_GUARD;
		r->took = 1500;
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	plan_free(&plan);
	config_free(&config);
	return 0;
}

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *s = strstr(text, what); s != NULL; s = strstr(s + 1, what))
		n++;
	return n;
}

static void has(const struct strbuf *b, const char *what)
{
	if (strstr(strbuf_text(b), what) == NULL)
		fail_msg("\"%s\" is not in:\n%s", what, strbuf_text(b));
}

static void has_not(const struct strbuf *b, const char *what)
{
	if (strstr(strbuf_text(b), what) != NULL)
		fail_msg("\"%s\" is in:\n%s", what, strbuf_text(b));
}

/* Columns: what follows the first byte of a character takes none, and Chinese takes two. */
static void fits(const struct strbuf *b, size_t columns)
{
	for (const char *s = strbuf_text(b); *s != '\0';) {
		size_t len = strcspn(s, "\n"), width = 0;

		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)s[i];

			width += (c & 0xc0) == 0x80 ? 0 : c >= 0xe3 && c <= 0xe9 ? 2 : 1;
		}
		if (width > columns)
			fail_msg("%zu columns: %.*s", width, (int)len, s);
		s += len + (s[len] == '\n');
	}
}

static void text_when_all_is_right(void **state)
{
	struct report r = {.plan = &plan, .config = "test.conf"};
	struct strbuf b = {0}, quiet = {0};

	(void)state;
	report_text(&r, &b);
	fits(&b, 80);
	has(&b, "ours is example.com, out is example.org\n");
	has(&b, "\nmilter unix:/run/x.sock\n");
	has(&b, "8 clients x 136 probes x 1 place\n");
	has(&b,
	    "ok   stranger-v4 percent-ours        <u%out@ours>        refused  refused  guard\n");
	has(&b, "ok   office      relay               <u@out>             accepted accepted\n");
	has(&b, " right, 0 wrong\n");
	has_not(&b, "FAIL");
	has_not(&b, "\033");
	assert_int_equal(count_of(strbuf_text(&b), "\nok   "), plan.row_count);
	r.quiet = true;
	report_text(&r, &quiet);
	/* Two strangers: refused, accepted, either; four that look trusted: two each; the office
	   from both ends. */
	assert_int_equal(count_of(strbuf_text(&quiet), "\nok   "), 16);
	has(&quiet, "ok   stranger-v4 129 probes");
	strbuf_free(&b);
	strbuf_free(&quiet);
}

static void text_when_something_is_wrong(void **state)
{
	struct report r = {.plan = &plan};
	struct strbuf b = {0};

	(void)state;
	plan_row(&plan, "stranger-v4", "bang-ours")->result =
	    (struct result){.outcome = OUTCOME_ACCEPTED};
	way_judge(&plan_row(&plan, "office", "relay")->result, 450, "4.7.1", STAGE_RCPT,
	    "later\x1b[31m\nsay");
	way_set(&plan_row(&plan, "stranger-v6", "control-bare")->result, OUTCOME_ERROR, STAGE_RCPT,
	    "the connection was closed");
	report_text(&r, &b);
	has(&b, "FAIL stranger-v4 bang-ours           <out!u@ours>        refused  accepted\n");
	has(&b, "FAIL office      relay               <u@out>             accepted deferred MTA\n");
	has(&b, "FAIL stranger-v6 control-bare        <postmaster>        accepted error\n");
	has(&b, "3 wrong (1 of them error)\n");
	has(&b, "stranger-v4 (203.0.113.9) could relay, and must not:\n"
		"  bang-ours: <selftest@example.org> to <example.org!relaytest@example.com>\n"
		"    accepted\n");
	has(&b, "relay-guard explain --client 203.0.113.9");
	has(&b, "office (192.0.2.1) could not relay, and may:\n");
	has(&b, "450 4.7.1 later\\x1b[31m / say\n");
	has(&b, "Rule office (test.conf:4) permits it.\n");
	has(&b, "stranger-v6 (2001:db8::9) could not be tried:\n");
	way.kind = "smtp";
	strbuf_reset(&b);
	report_text(&r, &b);
	has(&b, "This is an open relay.");
	has(&b, "smtpd_milters");
	r.colour = true;
	strbuf_reset(&b);
	report_text(&r, &b);
	has(&b, "\033[1;31mFAIL\033[0m");
	strbuf_free(&b);
}

static void text_in_full(void **state)
{
	struct report r = {.plan = &plan, .verbose = true};
	struct strbuf b = {0};

	(void)state;
	report_text(&r, &b);
	has(&b, "       helo [203.0.113.9]  from <selftest@example.org>\n"
		"       to <relaytest@example.org>\n"
		"       at rcpt, 1 ms: 550 5.7.1 Relay access denied [");
	has(&b, "to <relaytest\\xff@example.org>\n");
	has(&b, "either is right: a server that delivers it here does no wrong\n");
	strbuf_free(&b);
}

#define LONG "a-name-that-is-long.and-longer.and-the-longest-of-all-that-were-seen-so-far.example"
#define TEN "1234567890"
#define CHINESE_CUT "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87"
#define CHINESE                                                                                    \
	"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"

static void make_wide(struct side_findings *f)
{
	for (size_t i = 0; i < plan.actor_count; i++) {
		plan.actors[i].name = i % 2 == 0 ? CHINESE : LONG;
		plan.actors[i].where = "/etc/relay-guard/conf.d/" LONG ".conf:1234";
		plan.actors[i].mail.auth_login = CHINESE "@" LONG;
		plan.actors[i].mail.auth_mech = "SCRAM-SHA-256-PLUS";
	}
	for (size_t i = 0; i < plan.row_count; i++) {
		plan.rows[i].by_rule = LONG;
		plan.rows[i].transcript = strdup("C: " LONG LONG "\nS: 250 " CHINESE " " LONG);
		way_set(&plan.rows[i].result, OUTCOME_ACCEPTED, STAGE_RCPT,
		    LONG " " CHINESE CHINESE CHINESE " \n" LONG LONG LONG);
	}
	plan.names.ours = plan.names.outside = LONG "." LONG;
	assert_true(plan_note(&plan, "%s", "rule " LONG " is not tried: " CHINESE CHINESE CHINESE));
	side_add(f, SEVERITY_HIGH, "zone." LONG, "dnsbl", "%s",
	    "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff is on " LONG "." LONG "." LONG);
	snprintf(way.target, sizeof(way.target), "unix:/run/%s/%s.sock", LONG, LONG);
}

static void nothing_is_too_wide(void **state)
{
	struct side_findings f = {.count = 0};
	struct report r = {.plan = &plan, .config = "/etc/" LONG "/" LONG ".conf", .findings = &f};
	struct strbuf b = {0};

	(void)state;
	make_wide(&f);
	for (unsigned i = 0; i < 8; i++) {
		r.quiet = (i & 1) != 0;
		r.verbose = (i & 2) != 0;
		way.kind = (i & 4) != 0 ? "smtp" : "milter";
		strbuf_reset(&b);
		report_text(&r, &b);
		fits(&b, 80);
	}
	/* In colour a row is as wide as without. */
	r.colour = true;
	strbuf_reset(&b);
	report_text(&r, &b);
	has(&b, "\033[1;31mFAIL\033[0m " CHINESE_CUT "..  plain ");
	strbuf_free(&b);
	side_free(&f);
}

static void folds_lines(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"", ""},
	    {"short\n", "short\n"},
	    {"no end", "no end"},
	    {TEN TEN TEN TEN TEN TEN TEN TEN "\n", TEN TEN TEN TEN TEN TEN TEN TEN "\n"},
	    {TEN TEN TEN TEN TEN TEN TEN TEN "a\n", TEN TEN TEN TEN TEN TEN TEN TEN "\n  a\n"},
	    {"    a " TEN TEN TEN TEN TEN TEN TEN TEN "b c\n",
		"    a\n    " TEN TEN TEN TEN TEN TEN TEN "123456\n    7890b c\n"},
	    {"  " TEN TEN TEN TEN "  " TEN TEN TEN TEN "\nx",
		"  " TEN TEN TEN TEN "\n  " TEN TEN TEN TEN "\nx"},
	    {"  " TEN TEN TEN TEN TEN TEN TEN "      \n",
		"  " TEN TEN TEN TEN TEN TEN TEN "      \n"},
	    {"  " TEN TEN TEN TEN TEN TEN TEN TEN TEN "   ",
		"  " TEN TEN TEN TEN TEN TEN TEN "12345678\n  90" TEN},
	    {TEN TEN TEN TEN TEN TEN TEN "123456789" CHINESE,
		TEN TEN TEN TEN TEN TEN TEN "123456789\n  " CHINESE},
	    {"\033[1;31mFAIL\033[0m " TEN TEN TEN TEN TEN TEN TEN "12345",
		"\033[1;31mFAIL\033[0m " TEN TEN TEN TEN TEN TEN TEN "12345"},
	};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strbuf b = {0};

		columns_fold(&b, cases[i].text);
		if (strcmp(strbuf_text(&b), cases[i].want) != 0) {
			print_error("got\n%s\nwant\n%s\n", strbuf_text(&b), cases[i].want);
			failed++;
		}
		strbuf_free(&b);
	}
	assert_int_equal(failed, 0);
}

static void json(void **state)
{
	struct report r = {.plan = &plan, .config = "test.conf"};
	struct strbuf b = {0};

	(void)state;
	way_set(&plan_row(&plan, "stranger-v4", "tab")->result, OUTCOME_ERROR, STAGE_RCPT,
	    "a \"b\"\n\xff");
	report_json(&r, &b);
	has(&b, "{\"way\":\"milter\",\"target\":\"unix:/run/x.sock\","
		"\"configuration\":\"test.conf\",\"ours\":\"example.com\","
		"\"outside\":\"example.org\",\n\"rows\":[\n{\"actor\":\"stranger-v4\"");
	has(&b, "\"probe\":\"percent-ours\",\"form\":\"a percent sign at our domain\","
		"\"from\":\"<selftest@example.org>\","
		"\"to\":\"<relaytest%example.org@example.com>\",\"expected\":\"refused\","
		"\"got\":\"refused\",\"right\":true,\"verdict\":\"right\",\"stage\":\"rcpt\","
		"\"by\":\"guard\","
		"\"code\":550,\"enhanced\":\"5.7.1\",\"reply\":\"Relay access denied [");
	has(&b, "\"error\":\"a \\\"b\\\"\\u000a\\udcff\"");
	has(&b, "\"rule\":\"test.conf:4\",\"client\":\"192.0.2.1\"");
	has(&b,
	    "\"wrong\":1,\"errors\":1,\"suspect\":0,\"confirmed\":0,\"limited\":0,\"deferred\":0,"
	    "\"high\":0,"
	    "\"off_point\":0,"
	    "\"clients\":8,\"probes\":136,\"places\":1}}\n");
	assert_int_equal(count_of(strbuf_text(&b), "\n{\"actor\":"), plan.row_count);
	strbuf_free(&b);
}

static void tap(void **state)
{
	struct report r = {.plan = &plan};
	struct strbuf b = {0};
	char head[64];

	(void)state;
	way_set(&plan_row(&plan, "stranger-v4", "plain")->result, OUTCOME_ACCEPTED, STAGE_RCPT,
	    "ok # skip");
	plan_row(&plan, "stranger-v4", "plain")->result.by = BY_NOBODY;
	report_tap(&r, &b);
	snprintf(head, sizeof(head), "TAP version 13\n1..%zu\n", plan.row_count);
	assert_true(strncmp(strbuf_text(&b), head, strlen(head)) == 0);
	has(&b, "not ok 1 - stranger-v4 plain accepted\n"
		"# expected refused; from <selftest@example.org> to <relaytest@example.org>: ");
	has(&b, "ok 2 - stranger-v4 sender-null refused by guard\n");
	assert_int_equal(count_of(strbuf_text(&b), "ok "), plan.row_count + 1);
	strbuf_free(&b);
}

static void junit(void **state)
{
	struct report r = {.plan = &plan};
	struct strbuf b = {0};

	(void)state;
	way_set(&plan_row(&plan, "stranger-v4", "plain")->result, OUTCOME_ACCEPTED, STAGE_RCPT,
	    "<&\"\x01");
	way_set(
	    &plan_row(&plan, "stranger-v6", "plain")->result, OUTCOME_ERROR, STAGE_RCPT, "gone");
	report_junit(&r, &b);
	has(&b,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"relay-guard selftest\"");
	has(&b, "failures=\"1\" errors=\"1\" skipped=\"0\">");
	has(&b,
	    "<failure message=\"expected refused, got accepted by guard\" type=\"accepted\">from "
	    "&lt;selftest@example.org&gt; to &lt;relaytest@example.org&gt;: 550 "
	    "&lt;&amp;&quot;\\x01</failure>");
	has(&b, "name=\"sender-null\" time=\"0.001500\"/>");
	assert_int_equal(count_of(strbuf_text(&b), "<testcase "), plan.row_count);
	strbuf_free(&b);
}

static void lists(void **state)
{
	static const struct probe_names names = {
	    "example.com", "example.org", "mx.example.com", "192.0.2.1", NULL, NULL};
	struct strbuf b = {0};
	struct plan p;

	(void)state;
	assert_true(plan_list(&p, &names));
	report_list_text(&p, &b);
	assert_int_equal(count_of(strbuf_text(&b), "\n"), probe_table_size);
	has(&b, "\nsender-null          <> ");
	has(&b, "  <relaytest%example.org@example.com>\n");
	strbuf_reset(&b);
	report_list_json(&p, &b);
	assert_int_equal(count_of(strbuf_text(&b), "\n{\"name\":"), probe_table_size);
	has(&b, "{\"name\":\"sender-null\",\"form\":\"the null sender\",\"from\":\"<>\",");
	plan_free(&p);
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(text_when_all_is_right, make, drop),
	    cmocka_unit_test_setup_teardown(text_when_something_is_wrong, make, drop),
	    cmocka_unit_test_setup_teardown(text_in_full, make, drop),
	    cmocka_unit_test_setup_teardown(nothing_is_too_wide, make, drop),
	    cmocka_unit_test(folds_lines),
	    cmocka_unit_test_setup_teardown(json, make, drop),
	    cmocka_unit_test_setup_teardown(tap, make, drop),
	    cmocka_unit_test_setup_teardown(junit, make, drop),
	    cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
