/* The status as Prometheus reads it: the very text. */
#include "../lib/unit.h"

#include <string.h>

#include "base/exit.h"
#include "tool/status_metrics.h"

static void add(struct strbuf *b, const char *line)
{
	static struct control_line l;

	assert_null(control_parse(line, strlen(line), &l));
	status_metrics_line(b, &l);
}

static const char up[] = "# HELP relay_guard_up Whether the daemon has answered.\n"
			 "# TYPE relay_guard_up gauge\n";

static void writes(const char *line, const char *want)
{
	struct strbuf b = {0}, whole = {0};

	add(&b, line);
	status_metrics_end(&b, EXIT_OK);
	strbuf_printf(&whole, "%s%srelay_guard_up 1\n", want, up);
	assert_string_equal(strbuf_text(&b), strbuf_text(&whole));
	strbuf_free(&b);
	strbuf_free(&whole);
}

static void each_line(void **state)
{
	(void)state;
	writes("dns lookups=12 cached=3 errors=1 bogus=0 deadlines=4 refused=2 in_flight=5",
	    "# HELP relay_guard_dns_lookups_total Questions that the cache could not answer.\n"
	    "# TYPE relay_guard_dns_lookups_total counter\n"
	    "relay_guard_dns_lookups_total 12\n"
	    "# HELP relay_guard_dns_cached_total Questions that the cache answered.\n"
	    "# TYPE relay_guard_dns_cached_total counter\n"
	    "relay_guard_dns_cached_total 3\n"
	    "# HELP relay_guard_dns_failures_total Questions without an answer, by the reason.\n"
	    "# TYPE relay_guard_dns_failures_total counter\n"
	    "relay_guard_dns_failures_total{reason=\"error\"} 1\n"
	    "relay_guard_dns_failures_total{reason=\"bogus\"} 0\n"
	    "relay_guard_dns_failures_total{reason=\"deadline\"} 4\n"
	    "relay_guard_dns_failures_total{reason=\"refused\"} 2\n"
	    "# HELP relay_guard_dns_in_flight Questions that wait for their answer.\n"
	    "# TYPE relay_guard_dns_in_flight gauge\n"
	    "relay_guard_dns_in_flight 5\n");
	writes("events note=1 reject=22",
	    "# HELP relay_guard_events_total Events, by their verdict.\n"
	    "# TYPE relay_guard_events_total counter\n"
	    "relay_guard_events_total{verdict=\"note\"} 1\n"
	    "relay_guard_events_total{verdict=\"reject\"} 22\n");
	writes("reload at=1795478400123456 code=78 text=wrong",
	    "# HELP relay_guard_last_reload_success Whether the last reload went live.\n"
	    "# TYPE relay_guard_last_reload_success gauge\n"
	    "relay_guard_last_reload_success 0\n"
	    "# HELP relay_guard_last_reload_timestamp_seconds When the last reload ended.\n"
	    "# TYPE relay_guard_last_reload_timestamp_seconds gauge\n"
	    "relay_guard_last_reload_timestamp_seconds 1795478400\n");
	writes("daemon mode=monitor",
	    "# HELP relay_guard_enforcing Whether verdicts are enforced, and not only recorded.\n"
	    "# TYPE relay_guard_enforcing gauge\n"
	    "relay_guard_enforcing 0\n");
	writes("store shared=no%2C%20Redis%20is%20away",
	    "# HELP relay_guard_store_shared Whether other hosts share the limits at the moment.\n"
	    "# TYPE relay_guard_store_shared gauge\n"
	    "relay_guard_store_shared 0\n");
	writes("store bans=3 shared=yes",
	    "# HELP relay_guard_bans Bans and suspensions in effect.\n"
	    "# TYPE relay_guard_bans gauge\n"
	    "relay_guard_bans 3\n"
	    "# HELP relay_guard_store_shared Whether other hosts share the limits at the moment.\n"
	    "# TYPE relay_guard_store_shared gauge\n"
	    "relay_guard_store_shared 1\n");
	/* Nothing that a configuration says can add a line, or end a label. */
	writes("daemon version=a%22%7D%201%0Ab%5C",
	    "# HELP relay_guard_build_info Which version runs.\n"
	    "# TYPE relay_guard_build_info gauge\n"
	    "relay_guard_build_info{version=\"a\\\"} 1\\nb\\\\\"} 1\n");
	writes("worker number=1 sessions=4", "");
}

static void no_answer(void **state)
{
	struct strbuf b = {0}, whole = {0};

	(void)state;
	add(&b, "daemon sessions=4");
	status_metrics_end(&b, EXIT_UNAVAILABLE);
	strbuf_printf(&whole, "%srelay_guard_up 0\n", up);
	assert_string_equal(strbuf_text(&b), strbuf_text(&whole));
	strbuf_free(&b);
	strbuf_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_line),
	    cmocka_unit_test(no_answer),
	};

	return cmocka_run_group_tests_name("status_metrics", tests, NULL, NULL);
}
