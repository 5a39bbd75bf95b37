/* Look-ups: fixed data, the limits of a message, deadlines, the cache, records. */
#include "../lib/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/fixed.h"
#include "auth/resolver.h"
#include "auth/resolver_impl.h"

static const char zone[] = "# a comment\n"
			   "example.com. 300 IN TXT \"v=spf1 \" \"-all\"\n"
			   "example.com MX 10 mail.example.com\n"
			   "mail.example.com A 192.0.2.1\n"
			   "mail.example.com A 192.0.2.2\n"
			   "mail.example.com AAAA 2001:db8::1\n"
			   "www.example.com CNAME mail.example.com\n"
			   "loop.example.com CNAME loop.example.com\n"
			   "dangling.example.com CNAME nowhere.example.com\n"
			   "bad.example.com SERVFAIL\n"
			   "forged.example.com BOGUS\n"
			   "slow.example.com A 192.0.2.9\n"
			   "slow.example.com TXT TIMEOUT\n"
			   "esc.example.com TXT \"a\\\"b\\\\c\\007\"\n"
			   "1.2.0.192.in-addr.arpa PTR mail.example.com.\n"
			   "a.b.example.com A 192.0.2.3\n";

static struct resolver *open_zone(const char *text)
{
	unsigned line;
	struct resolver *r = fixed_open(text, strlen(text), &line);

	if (r == NULL)
		fail_msg("line %u is wrong", line);
	return r;
}

static void fixed_data_answers(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		enum dns_status status;
		size_t count;
	} cases[] = {
	    {"example.com", DNS_TYPE_TXT, DNS_OK, 1},
	    {"EXAMPLE.com.", DNS_TYPE_TXT, DNS_OK, 1},
	    {"example.com", DNS_TYPE_A, DNS_NODATA, 0},
	    {"example.com", DNS_TYPE_MX, DNS_OK, 1},
	    {"mail.example.com", DNS_TYPE_A, DNS_OK, 2},
	    {"mail.example.com", DNS_TYPE_AAAA, DNS_OK, 1},
	    {"www.example.com", DNS_TYPE_A, DNS_OK, 2},
	    {"www.example.com", DNS_TYPE_TXT, DNS_NODATA, 0},
	    {"loop.example.com", DNS_TYPE_A, DNS_TEMPERROR, 0},
	    {"dangling.example.com", DNS_TYPE_A, DNS_NXDOMAIN, 0},
	    {"nowhere.example.com", DNS_TYPE_A, DNS_NXDOMAIN, 0},
	    {"b.example.com", DNS_TYPE_A, DNS_NODATA, 0},
	    {"bad.example.com", DNS_TYPE_A, DNS_TEMPERROR, 0},
	    {"forged.example.com", DNS_TYPE_TXT, DNS_BOGUS, 0},
	    {"slow.example.com", DNS_TYPE_TXT, DNS_DEADLINE, 0},
	    {"slow.example.com", DNS_TYPE_A, DNS_OK, 1},
	    {"1.2.0.192.in-addr.arpa", DNS_TYPE_PTR, DNS_OK, 1},
	    {"a..example.com", DNS_TYPE_A, DNS_NXDOMAIN, 0},
	    {"", DNS_TYPE_A, DNS_NXDOMAIN, 0},
	    {".", DNS_TYPE_A, DNS_NXDOMAIN, 0},
	};
	struct resolver *r = open_zone(zone);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 1);
		const struct dns_answer *a = dns_query(r, &b, cases[i].name, cases[i].type);

		if (a->status != cases[i].status || a->count != cases[i].count)
			fail_msg("%s %d: got %s with %zu, want %s with %zu", cases[i].name,
			    (int)cases[i].type, dns_status_name(a->status), a->count,
			    dns_status_name(cases[i].status), cases[i].count);
		dns_answer_unref(&a);
		assert_null(a);
	}
	resolver_close(&r);
	assert_null(r);
}

static void fixed_data_is_checked(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
	    {"example.com", 1},
	    {"\n\nexample.com FOO x", 3},
	    {"example.com A 1.2.3", 1},
	    {"example.com A 2001:db8::1", 1},
	    {"example.com AAAA 1.2.3.4", 1},
	    {"example.com A 1.2.3.4 5", 1},
	    {"example.com MX x mail", 1},
	    {"example.com MX 10", 1},
	    {"example.com TXT", 1},
	    {"example.com TXT \"open", 1},
	    {"example.com TXT bare", 1},
	    {"example.com PTR a..b", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned line = 0;
		struct resolver *r = fixed_open(cases[i].text, strlen(cases[i].text), &line);

		if (r != NULL || line != cases[i].line)
			fail_msg("`%s`: got line %u, want %u", cases[i].text, line, cases[i].line);
	}
}

static void records_are_read(void **state)
{
	static const struct {
		const char *data;
		size_t len, offset;
		const char *want; /* NULL: refused */
	} names[] = {
	    {"\003abc\003com", 9, 0, "abc.com"},
	    {"\000", 1, 0, ""},
	    {"\000\012\001a", 5, 2, "a"},
	    {"\003abc", 4, 0, NULL},    /* no end */
	    {"\004abc", 5, 0, NULL},    /* label longer than the rest */
	    {"\003a.c", 5, 0, NULL},    /* a dot inside of a label */
	    {"\003a\000c", 5, 0, NULL}, /* a NUL */
	    {"\001a\000x", 4, 0, NULL}, /* something behind the end */
	    {"\300\014", 2, 0, NULL},   /* a compression pointer */
	    {"", 0, 0, NULL},
	    {"\001a", 3, 9, NULL},
	};
	static const struct {
		const char *data;
		size_t len;
		const char *want;
	} texts[] = {
	    {"\003abc\002de", 7, "abcde"},
	    {"\000", 1, ""},
	    {"\000\001x", 3, "x"},
	    {"\004abc", 4, NULL},
	    {"", 0, NULL},
	};
	char name[DNS_NAME_SIZE], *text;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dns_rdata r = {(const uint8_t *)names[i].data, names[i].len};
		bool ok = dns_rdata_name(&r, names[i].offset, name);

		if (ok != (names[i].want != NULL) || (ok && strcmp(name, names[i].want) != 0))
			fail_msg("name %zu: got %d `%s`, want `%s`", i, ok, name, names[i].want);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dns_rdata r = {(const uint8_t *)texts[i].data, texts[i].len};
		bool ok = dns_rdata_txt(&r, &text, &len);

		if (ok != (texts[i].want != NULL) || (ok && strcmp(text, texts[i].want) != 0))
			fail_msg("text %zu: got %d, want `%s`", i, ok, texts[i].want);
		free(text);
	}
}

static void a_budget_ends(void **state)
{
	struct resolver *r = open_zone(zone);
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 2);
	const struct dns_answer *a;

	(void)state;
	for (int i = 0; i < 4; i++) {
		a = dns_query(r, &b, "mail.example.com", DNS_TYPE_A);
		assert_int_equal(a->status, i < 2 ? DNS_OK : DNS_TEMPERROR);
		dns_answer_unref(&a);
	}
	assert_int_equal(fixed_asked(r), 2);
	assert_int_equal(resolver_counters(r).refused, 2);
	b = dns_budget_make(0, USEC_PER_SEC, 9);
	a = dns_query(r, &b, "mail.example.com", DNS_TYPE_A);
	assert_int_equal(a->status, DNS_DEADLINE);
	dns_answer_unref(&a);
	resolver_close(&r);
}

/* --- an implementation that answers when told to ---------------------------- */

struct manual {
	struct resolver base;
	struct dns_lookup *held[4];
	unsigned started, cancelled;
	bool cancel_loses; /* as when the answer is on its way already */
};

static void manual_start(struct resolver *r, struct dns_lookup *l)
{
	struct manual *m = (struct manual *)(void *)r;

	m->held[m->started++] = l;
}

static void manual_cancel(struct resolver *r, struct dns_lookup *l)
{
	struct manual *m = (struct manual *)(void *)r;

	m->cancelled++;
	if (!m->cancel_loses)
		dns_lookup_unref(l);
}

static void manual_close(struct resolver *r)
{
	resolver_fini(r);
}

static const struct resolver_ops manual_ops = {manual_start, manual_cancel, manual_close};

static const struct dns_answer *one_record(uint32_t ttl)
{
	static const uint8_t data[] = {192, 0, 2, 7};
	struct dns_rdata r = {data, sizeof(data)};

	return dns_answer_make(DNS_OK, true, ttl, &r, 1);
}

static void nobody_waits_longer_than_the_deadline(void **state)
{
	struct manual m = {.started = 0};
	struct resolver *r = &m.base;
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, 30 * USEC_PER_MSEC, 10);
	const struct dns_answer *a;
	usec_t begin = clock_monotonic(), took;

	(void)state;
	assert_true(resolver_init(r, &manual_ops, 10, 0));
	a = dns_query(r, &b, "dead.example", DNS_TYPE_A);
	took = clock_monotonic() - begin;
	assert_int_equal(a->status, DNS_DEADLINE);
	assert_in_range(took, 29 * USEC_PER_MSEC, 500 * USEC_PER_MSEC);
	assert_int_equal(m.cancelled, 1);
	assert_int_equal(m.base.in_flight, 0);
	dns_answer_unref(&a);

	/* The cancel comes too late: the answer is still delivered, to nobody. */
	m.cancel_loses = true;
	a = dns_query(r, &b, "late.example", DNS_TYPE_A);
	assert_int_equal(a->status, DNS_DEADLINE);
	assert_int_equal(m.base.in_flight, 1);
	dns_finish(m.held[1], one_record(0));
	assert_int_equal(m.base.in_flight, 0);
	assert_int_equal(resolver_counters(r).deadlines, 2);
	resolver_close(&r);
}

static void answers_are_kept_for_their_time(void **state)
{
	struct manual m = {.started = 0};
	struct resolver *r = &m.base;
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 10);
	const struct dns_answer *a;

	(void)state;
	assert_true(resolver_init(r, &manual_ops, 10, 64));
	dns_prefetch(r, &b, "a.example", DNS_TYPE_A);
	dns_finish(m.held[0], one_record(60));
	a = dns_query(r, &b, "A.example", DNS_TYPE_A);
	assert_int_equal(a->status, DNS_OK);
	assert_true(a->secure);
	assert_memory_equal(a->records[0].data, "\xc0\x00\x02\x07", 4);
	dns_answer_unref(&a);
	assert_int_equal(m.started, 1);
	assert_int_equal(resolver_counters(r).cached, 1);
	assert_int_equal(b.lookups, 9);

	/* Another type is another question, errors and a ttl of 0 are not kept. */
	dns_prefetch(r, &b, "a.example", DNS_TYPE_AAAA);
	dns_finish(m.held[1], NULL);
	dns_prefetch(r, &b, "a.example", DNS_TYPE_AAAA);
	dns_finish(m.held[2], one_record(0));
	dns_prefetch(r, &b, "a.example", DNS_TYPE_AAAA);
	dns_finish(m.held[3], one_record(1));
	assert_int_equal(m.started, 4);
	assert_int_equal(resolver_counters(r).errors, 1);
	resolver_close(&r);
}

static void too_many_at_once_are_refused(void **state)
{
	struct manual m = {.started = 0};
	struct resolver *r = &m.base;
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 10);
	struct dns_lookup *first, *second;
	const struct dns_answer *a;

	(void)state;
	assert_true(resolver_init(r, &manual_ops, 1, 0));
	first = dns_start(r, &b, "a.example", DNS_TYPE_A);
	second = dns_start(r, &b, "b.example", DNS_TYPE_A);
	a = dns_collect(&second);
	assert_int_equal(a->status, DNS_TEMPERROR);
	dns_answer_unref(&a);
	dns_abandon(&first);
	assert_null(first);
	assert_int_equal(m.cancelled, 1);
	assert_int_equal(m.base.in_flight, 0);
	a = dns_collect(&first);
	assert_int_equal(a->status, DNS_TEMPERROR);
	dns_answer_unref(&a);
	resolver_close(&r);
}

/* --- threads ----------------------------------------------------------------- */

static void every_end_is_counted(void **state)
{
	struct resolver *r = open_zone(zone);
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 4);
	struct dns_counters c;

	(void)state;
	dns_prefetch(r, &b, "example.com", DNS_TYPE_TXT);
	dns_prefetch(r, &b, "bad.example.com", DNS_TYPE_TXT);
	dns_prefetch(r, &b, "forged.example.com", DNS_TYPE_TXT);
	dns_prefetch(r, &b, "slow.example.com", DNS_TYPE_TXT);
	dns_prefetch(r, &b, "mail.example.com", DNS_TYPE_A);
	c = resolver_counters(r);
	assert_int_equal(c.lookups, 4);
	assert_int_equal(c.errors, 1);
	assert_int_equal(c.bogus, 1);
	assert_int_equal(c.deadlines, 1);
	assert_int_equal(c.refused, 1);
	assert_int_equal(c.in_flight, 0);
	resolver_close(&r);
}

static void *ask_often(void *arg)
{
	struct resolver *r = arg;
	uintptr_t wrong = 0;

	for (int i = 0; i < 500; i++) {
		struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 1);
		const struct dns_answer *a = dns_query(r, &b, "mail.example.com", DNS_TYPE_A);

		wrong += a->count != 2;
		dns_answer_unref(&a);
	}
	return (void *)wrong;
}

static void threads_share_a_resolver(void **state)
{
	struct resolver *r = open_zone(zone);
	pthread_t threads[4];
	void *wrong;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, r), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	resolver_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fixed_data_answers),
	    cmocka_unit_test(fixed_data_is_checked),
	    cmocka_unit_test(records_are_read),
	    cmocka_unit_test(a_budget_ends),
	    cmocka_unit_test(nobody_waits_longer_than_the_deadline),
	    cmocka_unit_test(answers_are_kept_for_their_time),
	    cmocka_unit_test(too_many_at_once_are_refused),
	    cmocka_unit_test(every_end_is_counted),
	    cmocka_unit_test(threads_share_a_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
