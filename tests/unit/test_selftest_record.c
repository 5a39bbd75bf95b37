/* What is written for auditors, and what is found on the way. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "selftest/metrics.h"
#include "selftest/record.h"
#include "selftest/report.h"

static char folder[] = "/tmp/relay-guard-test-XXXXXX";
static char conf[64], list[64];

static const char configuration[] =
    "domains ours { members = { file:domains.list } }\n"
    "relay { rule inbound { to = @ours action = permit } rule others { action = reject } }\n";

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(conf, sizeof(conf), "%s/relay-guard.conf", folder);
	snprintf(list, sizeof(list), "%s/domains.list", folder);
	put(conf, configuration);
	put(list, "example.com\n");
	return 0;
}

static int drop(void **state)
{
	(void)state;
	unlink(conf);
	unlink(list);
	return rmdir(folder);
}

static void hashes_all_files(void **state)
{
	struct diag *diag = diag_new();
	struct config *c = config_load(conf, 0, diag);
	struct arena a = {0};
	struct record r;

	(void)state;
	assert_non_null(c);
	assert_true(record_make(&r, &a, c, (usec_t)1795478400 * USEC_PER_SEC));
	assert_int_equal(r.file_count, 2);
	assert_non_null(strstr(r.files[1].path, "domains.list"));
	/* printf 'example.com\n' | sha256sum */
	assert_string_equal(r.files[1].hash,
	    "sha256:391196688aa55d3321deffa736f8d103b4813470952b748e9c2c9deb17fa60f5");
	assert_int_equal(strlen(r.files[0].hash), RECORD_HASH_SIZE - 1);
	assert_non_null(strchr(r.time, 'T'));
	unlink(list);
	assert_true(record_make(&r, &a, c, 0));
	assert_string_equal(r.files[1].hash, "");
	arena_free(&a);
	assert_true(record_make(&r, &a, NULL, 0));
	assert_int_equal(r.file_count, 0);
	arena_free(&a);
	config_free(&c);
	diag_free(&diag);
}

/* A plan of one row, and a finding of each severity. */
static void tells_what_was_found(void **state)
{
	static const struct way way = {.kind = "smtp"};
	static const struct place place = {.way = &way, .name = "192.0.2.25:25"};
	static const struct actor actor = {
	    .name = "stranger-v4", .where = "", .helo = "x", .place = &place};
	struct side_findings f = {.count = 0};
	struct row row = {.actor = &actor,
	    .probe = &probe_table[0],
	    .from = "<a@example.org>",
	    .to = "<b@example.org>",
	    .helo = "x",
	    .why = "",
	    .by_rule = "",
	    .result = {.outcome = OUTCOME_REFUSED}};
	struct plan p = {.rows = &row,
	    .row_count = 1,
	    .names = {"example.com", "example.org", "mx.example.com", "192.0.2.1", NULL, NULL}};
	struct report r = {.plan = &p, .findings = &f};
	struct strbuf b = {0};

	(void)state;
	side_add(&f, SEVERITY_NOTE, "192.0.2.25:25", "one", "n%s", "ote");
	side_add(&f, SEVERITY_HIGH, "192.0.2.25:25", "two",
	    "A text that is so long that it does not fit into one line of a terminal of eighty "
	    "columns, <with> \x1b what is not safe.");
	assert_int_equal(report_tally(&r).high, 1);
	report_text(&r, &b);
	/* The worst is first. */
	assert_non_null(strstr(strbuf_text(&b),
	    "\nFound on the way:\n"
	    "high   192.0.2.25:25 two\n"
	    "       A text that is so long that it does not fit into one line of a terminal\n"
	    "       of eighty columns, <with> \\x1b what is not safe.\n"
	    "note   192.0.2.25:25 one\n"
	    "       note\n"));
	assert_non_null(strstr(strbuf_text(&b), "1 finding of severity high\n"));
	strbuf_reset(&b);
	report_json(&r, &b);
	assert_non_null(strstr(strbuf_text(&b),
	    "\"findings\":[\n{\"severity\":\"note\",\"where\":\"192.0.2.25:25\",\"name\":\"one\","
	    "\"text\":\"note\"},\n{\"severity\":\"high\""));
	strbuf_reset(&b);
	report_tap(&r, &b);
	assert_non_null(strstr(strbuf_text(&b), "TAP version 13\n1..3\nok 1 - 192.0.2.25:25: "));
	assert_non_null(strstr(strbuf_text(&b), "\nok 2 - 192.0.2.25:25 one (note)\n# note\n"));
	assert_non_null(strstr(strbuf_text(&b), "\nnot ok 3 - 192.0.2.25:25 two (high)\n# A text"));
	strbuf_reset(&b);
	report_junit(&r, &b);
	assert_non_null(
	    strstr(strbuf_text(&b), "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\">"));
	assert_non_null(
	    strstr(strbuf_text(&b), "<failure message=\"finding\" type=\"two\">high: A text"));
	assert_non_null(strstr(strbuf_text(&b), "&lt;with&gt; \\x1b"));
	strbuf_reset(&b);
	metrics_add(&r, EXIT_FINDING, (usec_t)1795478400 * USEC_PER_SEC, &b);
	assert_non_null(strstr(strbuf_text(&b), "\nrelay_guard_selftest_success 0\n"));
	assert_non_null(
	    strstr(strbuf_text(&b), "\nrelay_guard_selftest_timestamp_seconds 1795478400\n"));
	assert_non_null(
	    strstr(strbuf_text(&b), "\nrelay_guard_selftest_rows{result=\"right\"} 1\n"));
	assert_non_null(
	    strstr(strbuf_text(&b), "\nrelay_guard_selftest_findings{severity=\"high\"} 1\n"));
	strbuf_reset(&b);
	metrics_add(NULL, EXIT_OK, 0, &b);
	assert_non_null(strstr(strbuf_text(&b), "\nrelay_guard_selftest_success 1\n"));
	assert_null(strstr(strbuf_text(&b), "rows"));
	strbuf_free(&b);
	for (unsigned i = 0; i < SIDE_FINDINGS_MAX + 10; i++)
		side_add(&f, SEVERITY_LOW, "x", "x", "x");
	assert_int_equal(f.count, SIDE_FINDINGS_MAX);
	side_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_all_files),
	    cmocka_unit_test(tells_what_was_found),
	};

	return cmocka_run_group_tests_name("record", tests, make, drop);
}
