#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static const struct {
	const char *zone;
	usec_t t;
	const char *want;
} times[] = {
    {"UTC0", 0, "1970-01-01T00:00:00.000+00:00"},
    {"UTC0", 1795489200123456, "2026-11-24T03:00:00.123+00:00"},
    {"CET-1CEST,M3.5.0,M10.5.0/3", 1795489200123999, "2026-11-24T04:00:00.123+01:00"},
    {"CET-1CEST,M3.5.0,M10.5.0/3", 1782864000000000, "2026-07-01T02:00:00.000+02:00"},
    {"IST-5:30", 1795489200000000, "2026-11-24T08:30:00.000+05:30"},
    {"EST5", 1795489200999999, "2026-11-23T22:00:00.999-05:00"},
    {"UTC0", -1, "1969-12-31T23:59:59.999+00:00"},
    {"UTC0", -1000000, "1969-12-31T23:59:59.000+00:00"},
    {"UTC0", INT64_MAX, "294247-01-10T04:00:54.775+00:00"},
    {"UTC0", INT64_MIN, "-290308-12-21T19:59:05.224+00:00"},
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char got[CLOCK_TEXT_MAX];

		setenv("TZ", times[i].zone, 1);
		tzset();
		clock_format(times[i].t, got);
		if (strcmp(got, times[i].want) != 0)
			fail_msg("%lld in %s: got %s, want %s", (long long)times[i].t,
			    times[i].zone, got, times[i].want);
	}
}

static void test_now(void **state)
{
	usec_t before = (usec_t)time(NULL) * USEC_PER_SEC, now = clock_now(), last = 0;

	(void)state;
	/* time() may be read from a tick that is some milliseconds old. */
	assert_true(now >= before - USEC_PER_SEC && now < before + 60 * USEC_PER_SEC);
	for (unsigned i = 0; i < 1000; i++) {
		usec_t t = clock_monotonic();

		assert_true(t >= last);
		last = t;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
