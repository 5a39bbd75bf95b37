/* What is counted beside rates: distinct values, what lasts, and bans. */
#include "../lib/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/random.h"
#include "base/log.h"
#include "limit/bans.h"
#include "limit/distinct.h"
#include "limit/gauge.h"
#include "limit/top.h"

#define HOUR (3600 * NSEC_PER_SEC)

static struct boot host = {{1}, 1000 * USEC_PER_SEC, 1795489200 * USEC_PER_SEC};

static void read_host(struct boot *out)
{
	*out = host;
}

static void pass(nsec_t time)
{
	host.uptime += time / NSEC_PER_USEC;
	host.wall += time / NSEC_PER_USEC;
}

static struct store *open_store(uint64_t slots)
{
	struct store_options o = {.slots = slots, .read_boot = read_host};
	char error[STORE_ERROR_MAX];
	struct store *s = store_open(&o, error);

	if (s == NULL)
		fail_msg("%s", error);
	return s;
}

/* --- distinct values --- */

static bool see(struct store *s, uint64_t max, const char *key, unsigned value, uint64_t *count)
{
	struct distinct d = {store_limit_id("d", 1), max, HOUR};
	char text[24];

	snprintf(text, sizeof(text), "v%u", value);
	return distinct_admits(
	    s, &d, key, strlen(key), text, strlen(text), true, store_now(s), count);
}

static void distinct_is_exact(void **state)
{
	static const uint64_t sizes[] = {1, 2, 5, 16, 64};
	struct store *s = open_store(65536);
	uint64_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t max = sizes[i];
		char key[16];

		snprintf(key, sizeof(key), "k%zu", i);
		for (unsigned v = 0; v < max; v++) {
			assert_true(see(s, max, key, v, &count));
			assert_int_equal(count, v + 1);
			assert_true(see(s, max, key, v / 2, &count));
			assert_int_equal(count, v + 1);
		}
		for (unsigned v = 0; v < 10; v++) {
			assert_false(see(s, max, key, 1000 + v, &count));
			assert_int_equal(count, max + 1);
		}
		assert_true(see(s, max, key, 0, &count));
		assert_true(see(s, max, "another", 7, &count));
	}
	store_close(&s);
}

/* A value counts for a window since it was last seen. */
static void distinct_forgets(void **state)
{
	struct store *s = open_store(65536);
	uint64_t count;

	(void)state;
	assert_true(see(s, 2, "k", 1, &count));
	pass(HOUR / 2);
	assert_true(see(s, 2, "k", 2, &count));
	assert_false(see(s, 2, "k", 3, &count));
	pass(HOUR / 4);
	assert_true(see(s, 2, "k", 1, &count));
	pass(HOUR / 2);
	assert_false(see(s, 2, "k", 3, &count));
	pass(HOUR / 4 + 2 * NSEC_PER_SEC);
	assert_true(see(s, 2, "k", 3, &count));
	assert_int_equal(count, 2);
	assert_false(see(s, 2, "k", 2, &count));
	store_close(&s);
}

static void distinct_only_looks(void **state)
{
	struct distinct d = {store_limit_id("d", 1), 2, HOUR};
	struct store *s = open_store(65536);
	uint64_t count;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		char v = (char)('a' + i);

		assert_true(distinct_admits(s, &d, "k", 1, &v, 1, false, store_now(s), &count));
		assert_int_equal(count, 1);
	}
	store_close(&s);
}

/* Above the seats: an estimate, within four standard errors. */
static void distinct_estimates(void **state)
{
	struct store *s = open_store(65536);
	uint64_t max = 1000, count;
	unsigned v = 0;

	(void)state;
	for (unsigned key = 0; key < 10; key++) {
		char text[16];

		snprintf(text, sizeof(text), "key%u", key);
		for (v = 0; v < 3000 && see(s, max, text, key * 10000 + v, &count); v++)
			;
		if (v < 500 || v > 1500)
			fail_msg("%s: %u values of 1000 were allowed", text, v);
		assert_true(count > max);
	}
	store_close(&s);
}

struct crowd {
	struct store *s;
	atomic_uint admitted;
};

static void *see_all(void *arg)
{
	struct crowd *c = arg;
	uint64_t count;

	for (unsigned i = 0; i < 300; i++)
		for (unsigned v = 0; v < 8; v++)
			atomic_fetch_add(&c->admitted, see(c->s, 8, "k", v, &count));
	return NULL;
}

/* Threads that see the same values take no second seat. */
static void distinct_in_threads(void **state)
{
	struct crowd c = {.s = open_store(65536)};
	pthread_t all[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&all[i], NULL, see_all, &c);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(all[i], NULL);
	assert_int_equal(c.admitted, 4 * 300 * 8);
	store_close(&c.s);
}

/* No flood of other keys frees a seat. */
static void distinct_in_a_flood(void **state)
{
	struct store *s = open_store(16384);
	uint64_t count;
	char key[40];

	(void)state;
	for (unsigned v = 0; v < 5; v++)
		assert_true(see(s, 5, "victim", v, &count));
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "f%u", i);
		see(s, 5, key, i, &count);
		if (i % 1000 == 0)
			assert_false(see(s, 5, "victim", 100 + i, &count));
	}
	store_close(&s);
}

/* --- gauges --- */

static void gauges_count(void **state)
{
	struct gauges *g = gauges_new(100);
	uint64_t count;

	(void)state;
	assert_true(gauge_enter(g, 1, 2, &count));
	assert_true(gauge_enter(g, 1, 2, &count));
	assert_int_equal(count, 2);
	assert_false(gauge_enter(g, 1, 2, &count));
	assert_int_equal(count, 3);
	assert_true(gauge_enter(g, 2, 2, &count));
	gauge_leave(g, 1);
	assert_true(gauge_enter(g, 1, 2, &count));
	gauge_leave(g, 1);
	gauge_leave(g, 1);
	gauge_leave(g, 1);
	assert_int_equal(gauge_count(g, 1), 0);
	assert_int_equal(gauge_count(g, 2), 1);
	/* Tags come and go: there is always room. */
	for (uint64_t tag = 10; tag < 100000; tag++) {
		assert_true(gauge_enter(g, tag * 7919, 1, &count));
		gauge_leave(g, tag * 7919);
	}
	assert_int_equal(gauge_count(g, 2), 1);
	gauges_free(&g);
}

/* Two processes count as one, and what a killed one held is given back. */
static void gauges_and_death(void **state)
{
	struct gauges *g = gauges_new(100);
	uint64_t count;
	pid_t pid;
	int ends[2];
	char c;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(gauge_enter(g, 1, 10, &count));
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 9; i++)
			gauge_enter(g, 1, 10, &count);
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(gauge_count(g, 1), 10);
	assert_false(gauge_enter(g, 1, 10, &count));
	gauges_sweep(g);
	assert_int_equal(gauge_count(g, 1), 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	gauges_sweep(g);
	assert_int_equal(gauge_count(g, 1), 1);
	assert_true(gauge_enter(g, 1, 10, &count));
	close(ends[0]);
	close(ends[1]);
	gauges_free(&g);
}

struct doors {
	struct gauges *g;
	atomic_int inside, most;
};

static void *go_in_and_out(void *arg)
{
	struct doors *d = arg;
	uint64_t count;

	for (unsigned i = 0; i < 20000; i++) {
		int now;

		if (!gauge_enter(d->g, 5, 3, &count))
			continue;
		now = atomic_fetch_add(&d->inside, 1) + 1;
		if (now > atomic_load(&d->most))
			atomic_store(&d->most, now);
		atomic_fetch_sub(&d->inside, 1);
		gauge_leave(d->g, 5);
	}
	return NULL;
}

static void gauges_in_threads(void **state)
{
	struct doors d = {.g = gauges_new(100)};
	pthread_t all[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		pthread_create(&all[i], NULL, go_in_and_out, &d);
	for (unsigned i = 0; i < 6; i++)
		pthread_join(all[i], NULL);
	assert_true(d.most >= 1 && d.most <= 3);
	assert_int_equal(gauge_count(d.g, 5), 0);
	gauges_free(&d.g);
}

/* --- bans --- */

static void ban_keys(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} cases[] = {
	    {"192.0.2.7", "client:192.0.2.7/32"},
	    {"client:192.0.2.7", "client:192.0.2.7/32"},
	    {"192.0.2.7/24", "client:192.0.2.0/24"},
	    {"2001:DB8::1/64", "client:2001:db8::/64"},
	    {"::ffff:192.0.2.7", "client:192.0.2.7/32"},
	    {"login:alice", "login:alice"},
	    {"login:alice@example.com", "login:alice@example.com"},
	    {"login:", NULL},
	    {"alice", NULL},
	    {"192.0.2.7/33", NULL},
	    {"client:", NULL},
	    {"", NULL},
	};
	char got[BAN_KEY_MAX], big[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong = ban_key_parse(cases[i].text, got);

		if ((wrong == NULL) != (cases[i].want != NULL) ||
		    strcmp(got, cases[i].want == NULL ? "" : cases[i].want) != 0)
			fail_msg(
			    "%s: got \"%s\" (%s)", cases[i].text, got, wrong == NULL ? "" : wrong);
	}
	/* Long logins that differ at their end have different keys. */
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ban_key_of_login(big, got);
	big[sizeof(big) - 2] = 'b';
	{
		char other[BAN_KEY_MAX];

		ban_key_of_login(big, other);
		assert_string_not_equal(got, other);
		assert_true(strlen(got) < BAN_KEY_MAX);
	}
}

static bool ban(struct store *s, const char *text, nsec_t lasting, bool grow, struct ban *b)
{
	*b = (struct ban){.reason = "for a test", .by = "limit x", .action = BAN_REFUSE};
	assert_null(ban_key_parse(text, b->key));
	return bans_set(s, b, lasting, grow, 24 * HOUR, store_now(s)) != BAN_BUSY;
}

static bool is_banned(const struct store *s, const char *address, struct ban *out)
{
	struct addr a;

	assert_true(addr_parse(address, strlen(address), &a));
	return bans_find_client(s, &a, store_now(s), out);
}

static void bans_hold(void **state)
{
	struct store *s = open_store(1024);
	struct ban b;

	(void)state;
	assert_false(is_banned(s, "192.0.2.7", NULL));
	assert_true(ban(s, "192.0.2.0/24", HOUR, false, &b));
	assert_true(ban(s, "2001:db8:1:2::/64", 2 * HOUR, false, &b));
	assert_true(is_banned(s, "192.0.2.7", &b));
	assert_string_equal(b.key, "client:192.0.2.0/24");
	assert_string_equal(b.reason, "for a test");
	assert_int_equal(b.until - store_now(s), HOUR);
	assert_true(is_banned(s, "2001:db8:1:2:ffff::1", NULL));
	assert_false(is_banned(s, "2001:db8:1:3::1", NULL));
	assert_false(is_banned(s, "192.0.3.7", NULL));
	assert_true(ban(s, "192.0.2.7", HOUR / 2, false, &b));
	assert_true(is_banned(s, "192.0.2.7", &b));
	assert_string_equal(b.key, "client:192.0.2.7/32");
	assert_true(bans_release(s, "client:192.0.2.0/24", store_now(s)));
	assert_false(bans_release(s, "client:192.0.2.0/24", store_now(s)));
	assert_false(is_banned(s, "192.0.2.8", NULL));
	assert_true(is_banned(s, "192.0.2.7", NULL));
	pass(HOUR / 2);
	assert_false(is_banned(s, "192.0.2.7", NULL));
	assert_true(is_banned(s, "2001:db8:1:2::1", NULL));
	assert_true(ban(s, "login:alice", HOUR, false, &b));
	assert_true(bans_find(s, "login:alice", store_now(s), NULL));
	assert_false(bans_find(s, "login:bob", store_now(s), NULL));
	store_close(&s);
}

static void bans_grow(void **state)
{
	static const int hours[] = {1, 2, 4, 8, 16, 24, 24};
	struct store *s = open_store(1024);
	struct ban b;

	(void)state;
	for (unsigned i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
		assert_true(ban(s, "login:alice", HOUR, true, &b));
		assert_int_equal(b.until - store_now(s), hours[i] * HOUR);
		assert_int_equal(b.strikes, i + 1);
		/* While it holds it does not grow. */
		pass(HOUR / 2);
		assert_true(ban(s, "login:alice", HOUR, true, &b));
		assert_int_equal(b.strikes, i + 1);
		assert_int_equal(b.until - store_now(s), hours[i] * HOUR - HOUR / 2);
		pass(hours[i] * HOUR);
		assert_false(bans_find(s, "login:alice", store_now(s), NULL));
	}
	/* Whoever behaves for a week begins anew, and whoever is released. */
	pass(BAN_MEMORY);
	assert_true(ban(s, "login:alice", HOUR, true, &b));
	assert_int_equal(b.strikes, 1);
	assert_true(bans_release(s, "login:alice", store_now(s)));
	assert_true(ban(s, "login:alice", HOUR, true, &b));
	assert_int_equal(b.strikes, 1);
	store_close(&s);
}

static void count_one(void *arg, const struct ban *b)
{
	assert_true(strncmp(b->key, "login:", 6) == 0);
	++*(unsigned *)arg;
}

static void many_bans(void **state)
{
	struct store *s = open_store(1024);
	unsigned held = 0, listed = 0;
	char key[40];
	struct ban b;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "login:u%u", i);
		assert_true(ban(s, key, HOUR + i, false, &b));
	}
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "login:u%u", i);
		held += bans_find(s, key, store_now(s), NULL);
	}
	bans_each(s, store_now(s), count_one, &listed);
	assert_int_equal(held, listed);
	assert_true(held > 2900);
	store_close(&s);
}

/* Whatever stands in the area, nothing but a ban that was set is found. */
static void damaged_bans(void **state)
{
	struct store *s = open_store(1024);
	uint64_t r = 9, *words = store_bans_area(s);
	unsigned listed;
	struct ban b;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		assert_true(ban(s, "login:alice", HOUR, false, &b));
		for (unsigned i = 0; i < 5000; i++)
			words[8 + random_below(&r, 4096 * 64 - 8)] = random_next(&r);
		if (bans_find(s, "login:alice", store_now(s), &b))
			assert_string_equal(b.key, "login:alice");
		assert_false(bans_find(s, "login:bob", store_now(s), &b));
	}
	listed = 0;
	memset(words, 0xff, (size_t)4096 * 512);
	words[0] = 0;
	bans_each(s, store_now(s), count_one, &listed);
	assert_int_equal(listed, 0);
	assert_true(ban(s, "login:alice", HOUR, false, &b));
	assert_true(bans_find(s, "login:alice", store_now(s), &b));
	store_close(&s);
}

/* --- who is active --- */

struct shown {
	unsigned count, busy;
	uint64_t limit;
};

static void show(void *arg, uint64_t limit, const char *key, nsec_t until)
{
	struct shown *shown = arg;

	shown->count++;
	shown->busy += strcmp(key, "login:busy") == 0 && limit == shown->limit && until > 0;
}

static void charge(struct store *s, uint64_t limit, const char *key, uint64_t units)
{
	struct store_item it = {.limit = limit, .key = key, .key_len = strlen(key), .units = units};

	assert_true(gcra_make(100, 3600 * USEC_PER_SEC, 0, &it.rate));
	store_charge(s, &it, 1, store_now(s));
	top_note(s, &it, store_now(s));
}

/* Who owes much stays in sight in a crowd that owes little; who owes nothing is not shown. */
static void the_busy_are_shown(void **state)
{
	struct store *s = open_store(65536);
	struct shown shown = {.limit = store_limit_id("a", 1)};
	char key[300];

	(void)state;
	charge(s, shown.limit, "login:busy", 90);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "login:u%u", i);
		charge(s, shown.limit, key, 1);
	}
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	charge(s, shown.limit, key, 5);
	top_each(s, store_now(s), show, &shown);
	assert_int_equal(shown.busy, 1);
	assert_true(shown.count > 3000 && shown.count <= 4096);
	pass(HOUR / 2);
	shown = (struct shown){.limit = shown.limit};
	top_each(s, store_now(s), show, &shown);
	assert_int_equal(shown.busy, 1);
	assert_int_equal(shown.count, 1);
	pass(HOUR);
	shown = (struct shown){.limit = shown.limit};
	top_each(s, store_now(s), show, &shown);
	assert_int_equal(shown.count, 0);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(distinct_is_exact),
	    cmocka_unit_test(distinct_forgets),
	    cmocka_unit_test(distinct_only_looks),
	    cmocka_unit_test(distinct_estimates),
	    cmocka_unit_test(distinct_in_threads),
	    cmocka_unit_test(distinct_in_a_flood),
	    cmocka_unit_test(gauges_count),
	    cmocka_unit_test(gauges_and_death),
	    cmocka_unit_test(gauges_in_threads),
	    cmocka_unit_test(ban_keys),
	    cmocka_unit_test(bans_hold),
	    cmocka_unit_test(bans_grow),
	    cmocka_unit_test(many_bans),
	    cmocka_unit_test(damaged_bans),
	    cmocka_unit_test(the_busy_are_shown),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
