/* Says what came out: on standard output, in the report's file, as metrics. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/command.h"
#include "base/escape.h"
#include "base/replace.h"
#include "selftest/alert.h"
#include "selftest/metrics.h"
#include "selftest/report.h"
#include "selftest/selftest.h"

/* Numbers are for the node exporter, which is of a user of its own; addresses are in a report only.
 */
enum { REPORT_MODE = 0640, METRICS_MODE = 0644 };

int selftest_fail(int code, const char *what, const char *detail)
{
	struct strbuf b = {0};

	escape_text(&b, detail, strlen(detail));
	fprintf(stderr, "relay-guard selftest: %s%s%s\n", what, *detail == '\0' ? "" : ": ",
	    strbuf_text(&b));
	strbuf_free(&b);
	return code;
}

int selftest_print(struct strbuf *b)
{
	int code = EXIT_OK;

	if (b->failed)
		code = selftest_fail(EXIT_INTERNAL, "out of memory", "");
	else if (fputs(strbuf_text(b), stdout) == EOF || fflush(stdout) != 0)
		code = selftest_fail(EXIT_INTERNAL, "can't write", strerror(errno));
	strbuf_free(b);
	return code;
}

static int tell_unwritten(const char *what, const char *path)
{
	struct strbuf b = {0};
	int code;

	strbuf_printf(&b, "%s: %s", path, strerror(errno));
	code = selftest_fail(EXIT_INTERNAL, what, strbuf_text(&b));
	strbuf_free(&b);
	return code;
}

/* In full, whatever was asked for on the terminal. */
static int write_report(const struct selftest *t, const struct report *shown)
{
	struct report r = *shown;
	struct strbuf b = {0};
	int code = EXIT_OK;

	r.record = &t->record;
	r.colour = false;
	r.quiet = false;
	r.verbose = true;
	report_text(&r, &b);
	if (b.failed)
		code = selftest_fail(EXIT_INTERNAL, "out of memory", "");
	else if (!replace_file(t->o.report, REPORT_MODE, b.data, b.len))
		code = tell_unwritten("can't write the report", t->o.report);
	strbuf_free(&b);
	return code;
}

/* Numbers of any run, so that one that could not be is seen too. */
void selftest_write_metrics(const struct selftest *t, int code)
{
	const struct report r = {.plan = &t->plan, .findings = &t->findings};
	struct strbuf b = {0};

	metrics_add(t->plan.row_count == 0 ? NULL : &r, code, t->now, &b);
	if (b.failed || !replace_file(t->o.metrics, METRICS_MODE, b.data, b.len))
		(void)tell_unwritten("can't write the metrics", t->o.metrics);
	strbuf_free(&b);
}

int selftest_report(const struct selftest *t)
{
	static void (*const formats[])(const struct report *, struct strbuf *) = {
	    [REPORT_TEXT] = report_text,
	    [REPORT_JSON] = report_json,
	    [REPORT_TAP] = report_tap,
	    [REPORT_JUNIT] = report_junit,
	};
	const char *no_color = getenv("NO_COLOR");
	struct report r = {.plan = &t->plan,
	    .findings = &t->findings,
	    .config = t->config_path,
	    .colour = isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0'),
	    .quiet = t->o.quiet,
	    .verbose = t->o.verbose,
	    .confirming = t->o.confirm != NULL};
	struct tally tally = report_tally(&r);
	struct strbuf b = {0};
	int code;

	if (t->o.format == REPORT_JSON || t->o.format == REPORT_JUNIT)
		r.record = &t->record;
	formats[t->o.format](&r, &b);
	code = selftest_print(&b);
	if (code == EXIT_OK && t->o.report != NULL)
		code = write_report(t, &r);
	if (code != EXIT_OK)
		return code;
	if (tally.errors >= tally.rows)
		return EXIT_UNAVAILABLE;
	if (tally.limited > 0 && tally.errors + tally.limited >= tally.rows)
		return EXIT_AGAIN;
	return tally.wrong + tally.high == 0 ? EXIT_OK : EXIT_FINDING;
}

void selftest_alert(const struct selftest *t, int code)
{
	const struct report r = {.plan = &t->plan, .findings = &t->findings};
	struct alert_error error = {"", "there is no configuration that says where events go"};
	struct strbuf b = {0};

	if (t->config != NULL &&
	    alert_write(t->config, t->plan.row_count == 0 ? NULL : &r, code, t->now, &error))
		return;
	strbuf_printf(&b, "%s%s%s", error.where, *error.where == '\0' ? "" : ": ", error.why);
	(void)selftest_fail(EXIT_INTERNAL, "the failure is not told as an event", strbuf_text(&b));
	strbuf_free(&b);
}
