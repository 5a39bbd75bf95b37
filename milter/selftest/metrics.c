#include "selftest/metrics.h"

#include "base/exit.h"

static void add_head(struct strbuf *b, const char *name, const char *help)
{
	strbuf_printf(b,
	    "# HELP relay_guard_selftest_%s %s\n# TYPE relay_guard_selftest_%s gauge\n", name, help,
	    name);
}

static void add_rows(struct strbuf *b, const struct tally *t)
{
	const struct {
		const char *result;
		size_t count;
	} all[] = {
	    {"right", t->right},
	    {"wrong", t->wrong - t->errors},
	    {"error", t->errors},
	};

	add_head(b, "rows", "What was tried, by what came out.");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		strbuf_printf(b, "relay_guard_selftest_rows{result=\"%s\"} %zu\n", all[i].result,
		    all[i].count);
	add_head(b, "relays", "What a stranger could send: accepted, or seen to come out.");
	strbuf_printf(b,
	    "relay_guard_selftest_relays{verdict=\"suspect\"} %zu\n"
	    "relay_guard_selftest_relays{verdict=\"confirmed\"} %zu\n",
	    t->suspect, t->confirmed);
}

static void add_findings(struct strbuf *b, const struct side_findings *f)
{
	add_head(b, "findings", "What was found on the way.");
	for (int s = SEVERITY_NOTE; s <= SEVERITY_HIGH; s++)
		strbuf_printf(b, "relay_guard_selftest_findings{severity=\"%s\"} %zu\n",
		    severity_name((enum severity)s), side_count(f, (enum severity)s));
}

void metrics_add(const struct report *r, int code, usec_t now, struct strbuf *b)
{
	add_head(b, "success", "Whether the last run found every row right.");
	strbuf_printf(b, "relay_guard_selftest_success %d\n", code == EXIT_OK ? 1 : 0);
	add_head(b, "timestamp_seconds", "When the last run began.");
	strbuf_printf(
	    b, "relay_guard_selftest_timestamp_seconds %lld\n", (long long)(now / USEC_PER_SEC));
	if (r != NULL) {
		struct tally t = report_tally(r);

		add_rows(b, &t);
		if (r->findings != NULL)
			add_findings(b, r->findings);
	}
}
