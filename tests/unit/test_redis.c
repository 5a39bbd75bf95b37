/* What is read of a Redis server's replies, when it is taken for away, and what a share is. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "limit/breaker.h"
#include "limit/gcra.h"
#include "limit/redis_reply.h"
#include "limit/redis_script.h"
#include "limit/resp.h"
#include "limit/shared.h"
#include "limit/shared_bans.h"
#include "limit/store.h"

#define HOUR (3600 * NSEC_PER_SEC)

/* --- replies ------------------------------------------------------------------ */

enum { MOST = 300 };

/* Feeds it whole, or byte by byte. */
static enum resp_status feed(
    struct resp *r, const char *text, size_t len, bool slowly, const struct redis_reply **out)
{
	enum resp_status status = RESP_MORE;

	resp_expect(r, MOST);
	for (size_t i = 0; slowly && i < len && status == RESP_MORE; i++)
		status = resp_feed(r, text + i, 1, out);
	return slowly ? status : resp_feed(r, text, len, out);
}

static void verdicts(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		bool want, all;
	} cases[] = {
	    {"*3\r\n:1\r\n:1\r\n:3600000000\r\n", 1, true, true},
	    {"*5\r\n:0\r\n:1\r\n:5\r\n:0\r\n:77\r\n", 2, true, false},
	    {"*1\r\n:1\r\n", 0, true, true},
	    {"*3\r\n:1\r\n:1\r\n:5\r\n", 2, false, false},
	    {"*3\r\n:1\r\n:1\r\n:5\r\n", 0, false, false},
	    {"*3\r\n:2\r\n:1\r\n:5\r\n", 1, false, false},
	    {"*3\r\n:1\r\n:-1\r\n:5\r\n", 1, false, false},
	    {"*3\r\n:1\r\n:1\r\n:-5\r\n", 1, false, false},
	    {"*3\r\n:1\r\n:1\r\n:9223372036854775807\r\n", 1, false, false},
	    {"*3\r\n:1\r\n$1\r\n1\r\n:5\r\n", 1, false, false},
	    {"*3\r\n$-1\r\n:1\r\n:5\r\n", 1, false, false},
	    {"*3\r\n*0\r\n:1\r\n:5\r\n", 1, false, false},
	    {"*-1\r\n", 1, false, false},
	    {"*0\r\n", 0, false, false},
	    {"+OK\r\n", 0, false, false},
	    {":1\r\n", 0, false, false},
	    {"-OOM command not allowed\r\n", 1, false, false},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct redis_reply *reply = NULL;
		struct redis_verdict out[4];
		struct resp *r = resp_new();
		const char *text = cases[i / 2].text;
		bool all = false, got;

		assert_non_null(r);
		assert_int_equal(feed(r, text, strlen(text), i % 2, &reply), RESP_REPLY);
		assert_false(resp_has_more(r));
		got = redis_reply_verdicts(reply, cases[i / 2].count, &all, out);
		if (got != cases[i / 2].want || (got && all != cases[i / 2].all))
			fail_msg("%s: got %d, want %d", text, got, cases[i / 2].want);
		resp_free(&r);
	}
}

static void broken_replies(void **state)
{
	static const struct {
		const char *text;
		enum resp_status want;
	} cases[] = {
	    {"*3\r\n:1\r\n:1\r\n", RESP_MORE},
	    {"$100\r\nabc", RESP_MORE},
	    {"HTTP/1.1 400 Bad Request\r\n\r\n", RESP_BROKEN},
	    {"\x15\x03\x01", RESP_BROKEN},
	    {"*2000000000\r\n", RESP_BROKEN},
	    {"*76\r\n", RESP_BROKEN},
	    {"*75\r\n", RESP_MORE},
	    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", RESP_BROKEN},
	    {":99999999999999999999999\r\n", RESP_BROKEN},
	    {"%1\r\n+a\r\n+b\r\n", RESP_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct redis_reply *reply = NULL;
		struct resp *r = resp_new();
		enum resp_status got = feed(r, cases[i].text, strlen(cases[i].text), false, &reply);

		/* What is read of a number that is too large, is read strictly. */
		if (got == RESP_REPLY && reply->kind == REDIS_INTEGER && reply->integer < 0)
			got = RESP_BROKEN;
		if (got != cases[i].want)
			fail_msg(
			    "%s: got %d, want %d", cases[i].text, (int)got, (int)cases[i].want);
		if (got == RESP_BROKEN && i != 8) {
			assert_string_not_equal(resp_error(r), "");
			assert_int_equal(resp_feed(r, "+OK\r\n", 5, &reply), RESP_BROKEN);
		}
		resp_free(&r);
	}
}

static void too_long(void **state)
{
	static char bytes[MOST + 1];
	const struct redis_reply *reply = NULL;
	struct resp *r = resp_new();

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = '+';
	resp_expect(r, MOST);
	assert_int_equal(resp_feed(r, bytes, MOST, &reply), RESP_MORE);
	assert_int_equal(resp_feed(r, bytes, 1, &reply), RESP_BROKEN);
	resp_free(&r);
}

static void one_answer_only(void **state)
{
	const struct redis_reply *reply = NULL;
	struct resp *r = resp_new();

	(void)state;
	resp_expect(r, MOST);
	assert_int_equal(resp_feed(r, "+OK\r\n+OK\r\n", 10, &reply), RESP_REPLY);
	assert_true(redis_reply_is_status(reply, "OK"));
	assert_false(redis_reply_is_status(reply, "O"));
	assert_true(resp_has_more(r));
	resp_free(&r);
}

static void moved(void **state)
{
	static const struct {
		const char *text;
		bool want;
		const char *host;
		unsigned port;
	} cases[] = {
	    {"-MOVED 3999 127.0.0.1:6381\r\n", true, "127.0.0.1", 6381},
	    {"-MOVED 0 2001:db8::1:6381\r\n", true, "2001:db8::1", 6381},
	    {"-MOVED 16384 127.0.0.1:6381\r\n", false, "", 0},
	    {"-MOVED 1 127.0.0.1:0\r\n", false, "", 0},
	    {"-MOVED 1 127.0.0.1:65536\r\n", false, "", 0},
	    {"-MOVED 1 127.0.0.1\r\n", false, "", 0},
	    {"-MOVED 1 :6381\r\n", false, "", 0},
	    {"-MOVED 1\r\n", false, "", 0},
	    {"-MOVED\r\n", false, "", 0},
	    {"-MOVED  \r\n", false, "", 0},
	    {"-MOVEDX 1 127.0.0.1:1\r\n", false, "", 0},
	    {"-ASK 3999 127.0.0.1:6381\r\n", false, "", 0},
	    {"+MOVED 3999 127.0.0.1:6381\r\n", false, "", 0},
	    {"-MOVED 1 a.name.that.is.longer.than.fits:1\r\n", false, "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct redis_reply *reply = NULL;
		struct resp *r = resp_new();
		char host[20];
		uint16_t port = 0;
		bool got;

		assert_int_equal(
		    feed(r, cases[i].text, strlen(cases[i].text), false, &reply), RESP_REPLY);
		got = redis_reply_moved(reply, host, sizeof(host), &port);
		if (got != cases[i].want)
			fail_msg("%s: got %d, want %d", cases[i].text, got, cases[i].want);
		if (got) {
			assert_string_equal(host, cases[i].host);
			assert_int_equal(port, cases[i].port);
		}
		resp_free(&r);
	}
}

static void commands(void **state)
{
	static const char want[] = "*4\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$2\r\n-5\r\n$0\r\n\r\n";
	struct resp_command c = {.count = 0};
	size_t len = 0;
	char *bytes;

	(void)state;
	resp_puts(&c, "SET");
	resp_add(&c, "a\0b", 3);
	resp_number(&c, -5);
	resp_puts(&c, "");
	bytes = resp_bytes(&c, &len);
	assert_int_equal(len, sizeof(want) - 1);
	assert_memory_equal(bytes, want, len);
	resp_bytes_free(bytes);
	resp_forget(&c);
	for (int i = 0; i < 1000; i++)
		resp_number(&c, i);
	bytes = resp_bytes(&c, &len);
	assert_memory_equal(bytes, "*1000\r\n$1\r\n0\r\n", 14);
	assert_memory_equal(bytes + len - 9, "$3\r\n999\r\n", 9);
	resp_bytes_free(bytes);
	resp_forget(&c);
}

/* --- the breaker ------------------------------------------------------------- */

static void opens_and_closes(void **state)
{
	const usec_t second = USEC_PER_SEC;
	struct breaker b = {0};

	(void)state;
	assert_false(breaker_failed(&b, second, 100 * second));
	assert_false(breaker_failed(&b, second, 100 * second));
	assert_false(breaker_succeeded(&b, 105 * second));
	/* In a row, they must be. */
	assert_false(breaker_failed(&b, second, 100 * second));
	assert_false(breaker_failed(&b, second, 100 * second));
	assert_false(breaker_is_open(&b));
	assert_false(breaker_take_probe(&b, second, 200 * second));
	assert_true(breaker_failed(&b, second, 100 * second));
	assert_true(breaker_is_open(&b));
	/* Said once; what was still on its way changes nothing. */
	assert_false(breaker_failed(&b, second, 100 * second));
	/* One probe a second, whoever asks, and whatever becomes of it. */
	assert_false(breaker_take_probe(&b, second, 101 * second - 1));
	assert_true(breaker_take_probe(&b, second, 101 * second));
	assert_false(breaker_take_probe(&b, second, 101 * second));
	assert_false(breaker_failed(&b, second, 101 * second));
	assert_false(breaker_take_probe(&b, second, 102 * second - 1));
	assert_true(breaker_take_probe(&b, second, 105 * second));
	assert_true(breaker_is_open(&b));
	assert_true(breaker_succeeded(&b, 105 * second));
	assert_false(breaker_is_open(&b));
	assert_false(breaker_succeeded(&b, 105 * second));
	assert_false(breaker_take_probe(&b, second, 200 * second));
}

static void opens_longer_each_time(void **state)
{
	static const usec_t want[] = {1, 2, 4, 8, 8, 8};
	const usec_t second = USEC_PER_SEC;
	struct breaker b = {0};
	usec_t now = 100 * second;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		for (unsigned k = 0; k < BREAKER_FAILURES; k++)
			assert_int_equal(
			    breaker_failed(&b, second, now), k + 1 == BREAKER_FAILURES);
		assert_false(breaker_take_probe(&b, second, now + want[i] * second - 1));
		now += want[i] * second;
		assert_true(breaker_take_probe(&b, second, now));
		assert_true(breaker_succeeded(&b, now));
		now += 20 * second;
	}
	/* It was steady for long enough. */
	now += 11 * second;
	for (unsigned k = 0; k < BREAKER_FAILURES; k++)
		(void)breaker_failed(&b, second, now);
	assert_true(breaker_take_probe(&b, second, now + second));
}

/* --- shares ------------------------------------------------------------------- */

/* How much passes within `t`, of what is asked for all the time; alone, or of `hosts`. */
static uint64_t passes(const struct gcra *g, nsec_t t)
{
	nsec_t tat = 0, now = HOUR, end = now + t;
	uint64_t n = 0;

	while (now <= end) {
		if (gcra_charge(g, tat, 1, now, &tat))
			n++;
		else
			now += gcra_wait(g, tat, 1, now);
	}
	return n;
}

static void shares(void **state)
{
	static const struct {
		uint64_t count, burst;
		unsigned hosts;
		uint64_t want_burst;
	} cases[] = {
	    {1000, 500, 1, 500},
	    {1000, 500, 3, 166},
	    {100, 100, 2, 50},
	    {100, 100, 100, 1},
	    {10, 3, 5, 1},
	    {1, 1, 10000, 1},
	    {1000000, 1000000, 7, 142857},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gcra g, s;
		uint64_t together, most;

		assert_true(gcra_make(cases[i].count, 3600 * USEC_PER_SEC, cases[i].burst, &g));
		s = gcra_share(&g, cases[i].hosts);
		if (gcra_burst(&s) != cases[i].want_burst)
			fail_msg("row %zu: a burst of %llu, want %llu", i,
			    (unsigned long long)gcra_burst(&s),
			    (unsigned long long)cases[i].want_burst);
		/* All of them let through what one would alone, but for one each. */
		together = passes(&s, 10 * HOUR) * cases[i].hosts;
		most = cases[i].burst + 10 * cases[i].count + 1;
		if (together > most + cases[i].hosts)
			fail_msg("row %zu: %llu pass, at most %llu", i,
			    (unsigned long long)together,
			    (unsigned long long)(most + cases[i].hosts));
	}
}

/* Whatever the order of calls that are answered and not: no host has more than the whole limit. */
static void share_and_whole_mix(void **state)
{
	struct gcra g, s;
	nsec_t now = HOUR, start = now;
	uint64_t n = 0;

	(void)state;
	assert_true(gcra_make(100, 3600 * USEC_PER_SEC, 7, &g));
	s = gcra_share(&g, 3);
	srand(7);
	for (nsec_t tat = 0; now < 20 * HOUR; now += NSEC_PER_SEC * (rand() % 20)) {
		n += gcra_charge(rand() % 3 == 0 ? &s : &g, tat, 1, now, &tat);
		assert_true(n <= 7 + (uint64_t)((now - start) / g.interval) + 1);
	}
	assert_true(n > 500);
}

static void far_away(void **state)
{
	struct gcra g, s;

	(void)state;
	assert_true(gcra_make(1, 86400 * 366 * USEC_PER_SEC, 10, &g));
	s = gcra_share(&g, 10000);
	assert_int_equal(s.interval, GCRA_HORIZON);
	assert_int_equal(gcra_burst(&s), 1);
}

/* --- names ---------------------------------------------------------------------- */

static void names(void **state)
{
	unsigned char a[SHARED_NAME_SIZE], b[SHARED_NAME_SIZE];
	char sha[REDIS_SHA_SIZE];

	(void)state;
	shared_name(5, "alice", 5, a);
	shared_name(5, "alice", 5, b);
	assert_memory_equal(a, b, sizeof(a));
	shared_name(6, "alice", 5, b);
	assert_memory_not_equal(a, b, sizeof(a));
	shared_name(5, "alicf", 5, b);
	assert_memory_not_equal(a, b, sizeof(a));
	shared_name(5, "alice\0", 6, b);
	assert_memory_not_equal(a, b, sizeof(a));
	redis_script_sha(sha);
	assert_int_equal(strspn(sha, "0123456789abcdef"), 40);
}

/* --- bans -------------------------------------------------------------------------- */

static void bans_as_text(void **state)
{
	static const struct {
		const char *text;
		bool want, released;
		enum ban_action action;
		const char *by, *reason;
	} cases[] = {
	    {"1795600000000000 1795500000000000 refuse\nlimit x\nmuch", true, false, BAN_REFUSE,
		"limit x", "much"},
	    {"5 4 hold\nme\n", true, false, BAN_HOLD, "me", ""},
	    {"5 0 defer\n\nwhy\nand more", true, false, BAN_DEFER, "", "why and more"},
	    {"5 4 release\n\n", true, true, BAN_REFUSE, "", ""},
	    {"5 4 release\n", true, true, BAN_REFUSE, "", ""},
	    {"5 4 release", false, false, BAN_REFUSE, "", ""},
	    {"5 4 refuse", false, false, BAN_REFUSE, "", ""},
	    {"5 4 refused\n\n", false, false, BAN_REFUSE, "", ""},
	    {"5 4 \n\n", false, false, BAN_REFUSE, "", ""},
	    {"5 4\n\n", false, false, BAN_REFUSE, "", ""},
	    {"5  4 refuse\n\n", false, false, BAN_REFUSE, "", ""},
	    {"-5 4 refuse\n\n", false, false, BAN_REFUSE, "", ""},
	    {"123456789012345678 4 refuse\n\n", false, false, BAN_REFUSE, "", ""},
	    {"x 4 refuse\n\n", false, false, BAN_REFUSE, "", ""},
	    {"", false, false, BAN_REFUSE, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shared_ban b, again;
		char text[SHARED_BAN_TEXT_MAX];
		bool got = shared_ban_read(cases[i].text, strlen(cases[i].text), &b);

		if (got != cases[i].want)
			fail_msg("%s: got %d, want %d", cases[i].text, got, cases[i].want);
		if (!got)
			continue;
		assert_int_equal(b.released, cases[i].released);
		assert_int_equal(b.action, cases[i].action);
		assert_string_equal(b.by, cases[i].by);
		assert_string_equal(b.reason, cases[i].reason);
		assert_true(shared_ban_read(text, shared_ban_format(&b, text), &again));
		assert_memory_equal(&b, &again, sizeof(b));
	}
	assert_false(shared_ban_read("5 4 refuse\n\0\n", 13, &(struct shared_ban){0}));
}

static void bans_as_long_as_they_can_be(void **state)
{
	struct shared_ban b = {.until = 99999999999999999, .since = 99999999999999999}, again;
	char text[SHARED_BAN_TEXT_MAX];
	size_t len;

	(void)state;
	memset(b.by, 'b', sizeof(b.by) - 1);
	memset(b.reason, 'r', sizeof(b.reason) - 1);
	len = shared_ban_format(&b, text);
	assert_true(len < sizeof(text) - 1);
	assert_true(shared_ban_read(text, len, &again));
	assert_memory_equal(&b, &again, sizeof(b));
}

static unsigned to_tell;

static void count_to_tell(void *arg, const struct ban *b)
{
	(void)arg;
	(void)b;
	to_tell++;
}

static unsigned told_now(const struct store *s)
{
	to_tell = 0;
	bans_each_to_tell(s, store_now(s), count_to_tell, NULL);
	return to_tell;
}

static void bans_that_others_know(void **state)
{
	struct store_options o = {.slots = STORE_SLOTS_MIN};
	struct ban b = {.key = "login:alice", .action = BAN_REFUSE}, got;
	char error[STORE_ERROR_MAX];
	struct store *s = store_open(&o, error);

	(void)state;
	/* Of one that nobody else knows, nothing is left. */
	assert_int_equal(bans_set(s, &b, HOUR, false, 0, store_now(s)), BAN_SET);
	assert_int_equal(told_now(s), 1);
	assert_true(bans_release(s, b.key, store_now(s)));
	assert_false(bans_get(s, b.key, &got));
	assert_int_equal(told_now(s), 0);
	/* Of one that others know, its release is told. */
	assert_int_equal(bans_set(s, &b, HOUR, false, 0, store_now(s)), BAN_SET);
	b.wall_since = 7;
	assert_false(bans_put(s, &b, b.since + 1, store_now(s)));
	assert_true(bans_put(s, &b, b.since, store_now(s)));
	assert_true(bans_release(s, b.key, store_now(s)));
	assert_false(bans_release(s, b.key, store_now(s)));
	assert_false(bans_find(s, b.key, store_now(s), NULL));
	assert_true(bans_get(s, b.key, &got));
	assert_int_equal(got.released, 1);
	assert_int_equal(told_now(s), 1);
	/* Banned anew before that was told, it is a new one. */
	b = (struct ban){.key = "login:alice", .action = BAN_REFUSE};
	assert_int_equal(bans_set(s, &b, HOUR, true, HOUR, store_now(s)), BAN_SET);
	assert_int_equal(b.strikes, 1);
	assert_true(bans_get(s, b.key, &got));
	assert_int_equal(got.released, 0);
	assert_int_equal(told_now(s), 1);
	/* An end that is past forgets it. */
	b.until = 0;
	assert_true(bans_put(s, &b, b.since, store_now(s)));
	assert_false(bans_get(s, b.key, &got));
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verdicts),
	    cmocka_unit_test(broken_replies),
	    cmocka_unit_test(too_long),
	    cmocka_unit_test(one_answer_only),
	    cmocka_unit_test(moved),
	    cmocka_unit_test(commands),
	    cmocka_unit_test(opens_and_closes),
	    cmocka_unit_test(opens_longer_each_time),
	    cmocka_unit_test(shares),
	    cmocka_unit_test(share_and_whole_mix),
	    cmocka_unit_test(far_away),
	    cmocka_unit_test(names),
	    cmocka_unit_test(bans_as_text),
	    cmocka_unit_test(bans_as_long_as_they_can_be),
	    cmocka_unit_test(bans_that_others_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
