#include "../lib/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/units.h"

#define BAD UINT64_MAX

struct number_case {
	const char *text;
	uint64_t want; /* BAD: refused */
};

typedef const char *number_reader(const char *text, uint64_t *out);

static void check_numbers(
    const char *name, number_reader *read, const struct number_case *cases, size_t count)
{
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t got = BAD;
		const char *words = read(cases[i].text, &got);

		if (got == cases[i].want && (words == NULL) == (cases[i].want != BAD))
			continue;
		failed++;
		print_error("%s(\"%s\"): got %" PRIu64 " (%s), want %" PRIu64 "\n", name,
		    cases[i].text, got, words == NULL ? "accepted" : words, cases[i].want);
	}
	assert_int_equal(failed, 0);
}

#define CHECK(read, cases) check_numbers(#read, read, cases, sizeof(cases) / sizeof(cases[0]))

static void counts(void **state)
{
	static const struct number_case cases[] = {{"0", 0}, {"20", 20}, {"5k", 5000}, {"5K", 5000},
	    {"10M", 10000000}, {"2G", 2000000000}, {"18446744073709551614", UINT64_MAX - 1},
	    {"18446744073709551616", BAD}, {"18446744073709551615G", BAD}, {"", BAD}, {"k", BAD},
	    {"-1", BAD}, {"+1", BAD}, {" 1", BAD}, {"1 ", BAD}, {"10m", BAD}, {"10kk", BAD},
	    {"1.5M", BAD}, {"0x10", BAD}, {"1T", BAD}};

	(void)state;
	CHECK(unit_count, cases);
}

static void sizes(void **state)
{
	static const struct number_case cases[] = {{"4096", 4096}, {"64k", 65536},
	    {"10M", 10485760}, {"1G", 1073741824}, {"17179869184G", BAD}, {"64kB", BAD}, {"", BAD}};

	(void)state;
	CHECK(unit_size, cases);
}

static const char *duration(const char *text, uint64_t *out)
{
	usec_t t = (usec_t)*out;
	const char *words = unit_duration(text, &t);

	*out = (uint64_t)t;
	return words;
}

static void durations(void **state)
{
	static const struct number_case cases[] = {{"500ms", 500000}, {"5s", 5000000},
	    {"10m", 600000000}, {"2h", 7200000000}, {"1d", 86400000000}, {"1w", 604800000000},
	    {"1h30m", 5400000000}, {"1d1ms", 86400001000}, {"0", 0}, {"0s", 0}, {"5", BAD},
	    {"", BAD}, {"s", BAD}, {"5x", BAD}, {"5S", BAD}, {"30m1h", BAD}, {"1h1h", BAD},
	    {"1h 30m", BAD}, {"-5s", BAD}, {"36525d", 3155760000000000}, {"36526d", BAD},
	    {"99999999999999999999w", BAD}, {"5sec", BAD}, {"1hm", BAD}};

	(void)state;
	CHECK(duration, cases);
}

static const char *date(const char *text, uint64_t *out)
{
	usec_t t = (usec_t)*out;
	const char *words = unit_date(text, &t);

	*out = words == NULL ? (uint64_t)t / 1000000 : *out;
	return words;
}

static void dates(void **state)
{
	/* Seconds as `date -u -d '2027-01-31 + 1 day' +%s` has them. */
	static const struct number_case cases[] = {{"1970-01-01", 86400},
	    {"2027-01-31", 1801440000}, {"2024-02-29", 1709251200}, {"2000-02-29", 951868800},
	    {"2026-12-31", 1798761600}, {"9999-12-31", 253402300800}, {"2023-02-29", BAD},
	    {"2100-02-29", BAD}, {"2027-13-01", BAD}, {"2027-00-10", BAD}, {"2027-01-00", BAD},
	    {"2027-04-31", BAD}, {"1969-12-31", BAD}, {"2027-1-31", BAD}, {"27-01-31", BAD},
	    {"2027/01/31", BAD}, {"2027-01-31T", BAD}, {"", BAD}};

	(void)state;
	CHECK(date, cases);
}

static void modes(void **state)
{
	static const struct number_case cases[] = {{"0660", 0660}, {"660", 0660}, {"0", 0},
	    {"777", 0777}, {"1777", BAD}, {"08", BAD}, {"", BAD}, {"rw", BAD}, {"00660", BAD}};

	(void)state;
	CHECK(unit_mode, cases);
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t count;
		usec_t period; /* 0: refused */
	} cases[] = {{"100/1h", 100, 3600000000}, {"5k/1d", 5000, 86400000000},
	    {"1/500ms", 1, 500000}, {"0/1h", 0, 0}, {"1/0", 0, 0}, {"100", 0, 0}, {"100/", 0, 0},
	    {"/1h", 0, 0}, {"100/h", 0, 0}, {"100/1h/2", 0, 0}, {"", 0, 0},
	    {"10000000000000000000000000000000000000000/1h", 0, 0}};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_rate got = {0};
		const char *words = unit_rate(cases[i].text, &got);

		if (got.count == cases[i].count && got.period == cases[i].period &&
		    (words == NULL) == (cases[i].period != 0))
			continue;
		failed++;
		print_error("unit_rate(\"%s\"): got %" PRIu64 "/%" PRId64 ", want %" PRIu64
			    "/%" PRId64 "\n",
		    cases[i].text, got.count, got.period, cases[i].count, cases[i].period);
	}
	assert_int_equal(failed, 0);
}

static const char *port(const char *text, uint64_t *out)
{
	uint16_t n = 0;
	const char *words = unit_port(text, &n);

	*out = words == NULL ? n : *out;
	return words;
}

static void ports(void **state)
{
	static const struct number_case cases[] = {{"0", 0}, {"25", 25}, {"65535", 65535},
	    {"65536", BAD}, {"", BAD}, {"smtp", BAD}, {"25 ", BAD}, {"-1", BAD}};

	(void)state;
	CHECK(port, cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts), cmocka_unit_test(sizes),
	    cmocka_unit_test(durations), cmocka_unit_test(dates), cmocka_unit_test(modes),
	    cmocka_unit_test(rates), cmocka_unit_test(ports)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
