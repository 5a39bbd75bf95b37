#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "limit/gcra.h"
#include "limit/tabletime.h"

#define HOUR (3600 * NSEC_PER_SEC)
#define START (1795489200 * NSEC_PER_SEC)

static struct gcra rate(uint64_t count, usec_t period, uint64_t burst)
{
	struct gcra g = {0, 0};

	if (!gcra_make(count, period, burst, &g))
		fail_msg("no rate: %llu/%llds burst %llu", (unsigned long long)count,
		    (long long)(period / USEC_PER_SEC), (unsigned long long)burst);
	return g;
}

static void rates(void **state)
{
	static const struct {
		uint64_t count;
		usec_t period;
		uint64_t burst;
		bool want;
		nsec_t interval;
		uint64_t units;
	} cases[] = {
	    {100, 3600 * USEC_PER_SEC, 0, true, 36 * NSEC_PER_SEC, 100},
	    {60, 60 * USEC_PER_SEC, 20, true, NSEC_PER_SEC, 20},
	    {3, USEC_PER_SEC, 0, true, 333333334, 3},
	    {1, 1, 0, true, 1000, 1},
	    {10000000, USEC_PER_SEC, 0, true, 100, 10000000},
	    {10000001, USEC_PER_SEC, 0, true, 100, 10000001},
	    {10101011, USEC_PER_SEC, 0, false, 0, 0},
	    {0, USEC_PER_SEC, 0, false, 0, 0},
	    {1, 0, 0, false, 0, 0},
	    {1, -1, 0, false, 0, 0},
	    {1, INT64_MAX, 0, false, 0, 0},
	    {1, 86400 * USEC_PER_SEC, 3660, true, 86400 * NSEC_PER_SEC, 3660},
	    {1, 86400 * USEC_PER_SEC, 3661, false, 0, 0},
	    {1, USEC_PER_SEC, UINT64_MAX, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gcra g;
		bool got = gcra_make(cases[i].count, cases[i].period, cases[i].burst, &g);

		if (got != cases[i].want)
			fail_msg("row %zu: got %d, want %d", i, got, cases[i].want);
		if (!got)
			continue;
		assert_int_equal(g.interval, cases[i].interval);
		assert_int_equal(gcra_burst(&g), cases[i].units);
	}
}

/* What comes at once, what comes after it, and what is told of it. */
static void burst_then_rate(void **state)
{
	struct gcra g = rate(100, 3600 * USEC_PER_SEC, 20);
	nsec_t tat = 0, next;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(gcra_charge(&g, tat, 1, START, &tat));
		assert_int_equal(gcra_owed(&g, tat, START), i + 1);
	}
	assert_false(gcra_charge(&g, tat, 1, START, &next));
	assert_int_equal(next, tat);
	assert_int_equal(gcra_wait(&g, tat, 1, START), 36 * NSEC_PER_SEC);
	assert_false(gcra_charge(&g, tat, 1, START + 36 * NSEC_PER_SEC - 1, &next));
	assert_int_equal(gcra_wait(&g, tat, 1, START + 36 * NSEC_PER_SEC), 0);
	/* Asking takes nothing. */
	assert_true(gcra_charge(&g, tat, 0, START + 36 * NSEC_PER_SEC, &next));
	assert_int_equal(next, tat);
	assert_true(gcra_charge(&g, tat, 1, START + 36 * NSEC_PER_SEC, &tat));
	assert_false(gcra_charge(&g, tat, 1, START + 36 * NSEC_PER_SEC, &next));
	/* All or none of several; more than the burst never. */
	assert_false(gcra_charge(&g, 0, 21, START, &next));
	assert_int_equal(next, 0);
	assert_true(gcra_charge(&g, 0, 20, START, &next));
	assert_false(gcra_charge(&g, 0, UINT64_MAX, START, &next));
	assert_int_equal(gcra_wait(&g, tat, 20, START + HOUR), 0);
}

enum { EVENTS = 400 };

struct admitted {
	nsec_t at;
	uint64_t units;
};

/* In every interval between two events: at most burst + rate x t. */
static void check_bound(const struct gcra *g, const struct admitted *a, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = 0;

		for (size_t j = i; j < n; j++) {
			uint64_t allowed =
			    gcra_burst(g) + (uint64_t)((a[j].at - a[i].at) / g->interval);

			sum += a[j].units;
			if (sum > allowed)
				fail_msg("seed %llu: %llu units from event %zu to %zu, at most "
					 "%llu",
				    (unsigned long long)seed, (unsigned long long)sum, i, j,
				    (unsigned long long)allowed);
		}
	}
}

static struct gcra random_rate(uint64_t *r)
{
	return rate(1 + random_below(r, 500), (1 + random_below(r, 3600)) * USEC_PER_SEC,
	    random_below(r, 3) == 0 ? 0 : 1 + random_below(r, 50));
}

/* Mostly waits of about an interval, some of none, some long ones. */
static nsec_t random_pause(uint64_t *r, const struct gcra *g)
{
	switch (random_below(r, 4)) {
	case 0:
		return 0;
	case 1:
		return g->interval / (1 + random_below(r, 8));
	case 2:
		return (nsec_t)(random_next(r) % (uint64_t)(2 * g->interval));
	default:
		return random_below(r, 20) == 0 ? g->tolerance : g->interval;
	}
}

static void the_bound_holds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t r = seed;
		struct gcra g = random_rate(&r);
		struct admitted all[EVENTS];
		nsec_t now = START, tat = 0;
		size_t n = 0;

		for (unsigned i = 0; i < EVENTS; i++) {
			uint64_t units = 1 + (random_below(&r, 5) == 0 ? random_below(&r, 9) : 0);

			now += random_pause(&r, &g);
			if (gcra_charge(&g, tat, units, now, &tat))
				all[n++] = (struct admitted){now, units};
		}
		check_bound(&g, all, n, seed);
	}
}

/* Who asks all the time gets burst + rate x t, to the unit. */
static void it_is_exact(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint64_t r = seed, got = 0, want;
		struct gcra g = random_rate(&r);
		nsec_t tat = 0, step = g.interval / 7 + 1, t;

		for (t = 0; t <= 50 * g.interval; t += step)
			while (gcra_charge(&g, tat, 1, START + t, &tat))
				got++;
		want = gcra_burst(&g) + (uint64_t)((t - step) / g.interval);
		if (got != want)
			fail_msg("seed %llu: got %llu, want %llu", (unsigned long long)seed,
			    (unsigned long long)got, (unsigned long long)want);
	}
}

/*
 * Charges and refunds in any order: what was not given back keeps to the bound, as if
 * what was given back had never been.
 */
static void refunds_keep_the_bound(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 600; seed++) {
		uint64_t r = seed;
		struct gcra g = random_rate(&r);
		struct admitted kept[EVENTS];
		struct {
			struct gcra_credit credit;
			uint64_t units;
			size_t at;
		} open[6] = {0};
		nsec_t now = START, tat = 0, amount, before;
		size_t n = 0;

		for (unsigned i = 0; i < EVENTS; i++) {
			unsigned k = random_below(&r, 6);

			now += random_pause(&r, &g);
			if (open[k].units != 0 && random_below(&r, 2) == 0) {
				amount = gcra_credit_take_all(&open[k].credit, now);
				assert_true(amount <= (nsec_t)open[k].units * g.interval);
				before = tat;
				tat = gcra_refund(tat, amount, now);
				assert_true(tat <= before);
				kept[open[k].at].units = 0;
				open[k].units = 0;
			} else if (gcra_charge(&g, tat, 1, now, &tat)) {
				kept[n] = (struct admitted){now, 1};
				open[k].credit = (struct gcra_credit){0, 0};
				gcra_credit_add(&open[k].credit, &g, 1, now);
				open[k].units = 1;
				open[k].at = n++;
			}
		}
		check_bound(&g, kept, n, seed);
	}
}

/* At once, a refund undoes the charge. */
static void a_refund_is_whole(void **state)
{
	struct gcra g = rate(100, 3600 * USEC_PER_SEC, 0);
	struct gcra_credit c = {0, 0};
	nsec_t tat = 0, next;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_true(gcra_charge(&g, tat, 1, START, &tat));
		gcra_credit_add(&c, &g, 1, START);
	}
	tat = gcra_refund(tat, gcra_credit_take(&c, &g, 60, START), START);
	assert_int_equal(gcra_owed(&g, tat, START), 40);
	/* Not twice: of the credit, 40 are left. */
	tat = gcra_refund(tat, gcra_credit_take(&c, &g, 60, START), START);
	assert_int_equal(tat, START);
	assert_int_equal(gcra_credit_take_all(&c, START), 0);
	/* What time has paid is not given back. */
	assert_true(gcra_charge(&g, tat, 2, START, &next));
	gcra_credit_add(&c, &g, 2, START);
	assert_int_equal(gcra_credit_take_all(&c, START + 50 * NSEC_PER_SEC), 22 * NSEC_PER_SEC);
}

/* A step of the clock: whoever owed all owes all afterwards, and is served in his turn. */
static void clock_steps_back(void **state)
{
	struct gcra g = rate(100, 3600 * USEC_PER_SEC, 10);
	nsec_t tat = 0, back = START - 30 * 24 * HOUR;

	(void)state;
	while (gcra_charge(&g, tat, 1, START, &tat))
		;
	assert_false(gcra_charge(&g, tat, 1, back, &tat));
	assert_int_equal(gcra_owed(&g, tat, back), 10);
	assert_int_equal(gcra_wait(&g, tat, 1, back), 36 * NSEC_PER_SEC);
	assert_true(gcra_charge(&g, tat, 1, back + 36 * NSEC_PER_SEC, &tat));
	assert_false(gcra_charge(&g, tat, 1, back + 36 * NSEC_PER_SEC, &tat));
}

/* A rate that was made smaller takes over what is owed, up to its own burst. */
static void another_rate(void **state)
{
	struct gcra large = rate(100, 3600 * USEC_PER_SEC, 100);
	struct gcra small = rate(100, 3600 * USEC_PER_SEC, 5);
	nsec_t tat = 0, next;

	(void)state;
	while (gcra_charge(&large, tat, 1, START, &tat))
		;
	assert_false(gcra_charge(&small, tat, 1, START, &next));
	assert_int_equal(gcra_owed(&small, tat, START), 5);
	assert_int_equal(gcra_wait(&small, next, 1, START), 36 * NSEC_PER_SEC);
}

/* --- the table's time --- */

static const struct boot first_boot = {{1}, 1000 * USEC_PER_SEC, 1795489200 * USEC_PER_SEC};

static nsec_t table_at(const struct tabletime *last, const struct boot *b)
{
	return b->uptime * NSEC_PER_USEC + tabletime_offset(last, b);
}

static void time_goes_on(void **state)
{
	const usec_t hour = 3600 * USEC_PER_SEC;
	const struct {
		const char *what;
		uint8_t boot;
		usec_t uptime, wall; /* since first_boot's; uptime of another boot as it is */
		usec_t want;
	} cases[] = {
	    {"a second later", 1, USEC_PER_SEC, USEC_PER_SEC, USEC_PER_SEC},
	    {"the wall clock steps forward", 1, USEC_PER_SEC, 1000 * hour, USEC_PER_SEC},
	    {"the wall clock steps back", 1, USEC_PER_SEC, -1000 * hour, USEC_PER_SEC},
	    {"rebooted in two minutes", 2, 60 * USEC_PER_SEC, 120 * USEC_PER_SEC,
		120 * USEC_PER_SEC},
	    {"down for a day", 2, 0, 24 * hour, 24 * hour},
	    {"rebooted, and the wall clock went back", 2, 5 * USEC_PER_SEC, -1000 * hour, 0},
	    {"boot id unknown", 0, 60 * USEC_PER_SEC, 120 * USEC_PER_SEC, 120 * USEC_PER_SEC},
	    {"same id, less uptime: a copied file", 1, -5 * USEC_PER_SEC, 7 * USEC_PER_SEC,
		7 * USEC_PER_SEC},
	};
	struct tabletime last = {.boot = first_boot};

	(void)state;
	last.table = table_at(NULL, &first_boot);
	assert_int_equal(last.table, first_boot.wall * NSEC_PER_USEC);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct boot b = first_boot;
		nsec_t got;

		b.id[0] = cases[i].boot;
		b.uptime = cases[i].boot == 1 ? b.uptime + cases[i].uptime : cases[i].uptime;
		b.wall += cases[i].wall;
		got = table_at(&last, &b) - last.table;
		if (got != cases[i].want * NSEC_PER_USEC)
			fail_msg("%s: got %lld, want %lld", cases[i].what, (long long)got,
			    (long long)(cases[i].want * NSEC_PER_USEC));
	}
}

/* Any number of reboots, with whatever the wall clock does: never back. */
static void time_never_goes_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct tabletime last = {.boot = first_boot};
		uint64_t r = seed;
		nsec_t t;

		last.table = table_at(NULL, &first_boot);
		for (unsigned i = 0; i < 50; i++) {
			struct boot b = last.boot;

			if (random_below(&r, 3) == 0) {
				b.id[0] = (uint8_t)(1 + random_below(&r, 250));
				b.uptime = random_below(&r, 1000);
			} else {
				b.uptime += random_below(&r, 1000000);
			}
			b.wall += (usec_t)random_below(&r, 2000000000) - 1000000000;
			t = table_at(&last, &b);
			assert_true(t >= last.table);
			last = (struct tabletime){t, b};
		}
	}
}

static void the_host_has_a_boot(void **state)
{
	static const uint8_t none[BOOT_ID_SIZE];
	struct boot a, b;

	(void)state;
	boot_read(&a);
	boot_read(&b);
	assert_memory_not_equal(a.id, none, BOOT_ID_SIZE);
	assert_memory_equal(a.id, b.id, BOOT_ID_SIZE);
	assert_true(a.uptime > 0 && b.uptime >= a.uptime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates),
	    cmocka_unit_test(burst_then_rate),
	    cmocka_unit_test(the_bound_holds),
	    cmocka_unit_test(it_is_exact),
	    cmocka_unit_test(refunds_keep_the_bound),
	    cmocka_unit_test(a_refund_is_whole),
	    cmocka_unit_test(clock_steps_back),
	    cmocka_unit_test(another_rate),
	    cmocka_unit_test(time_goes_on),
	    cmocka_unit_test(time_never_goes_back),
	    cmocka_unit_test(the_host_has_a_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
