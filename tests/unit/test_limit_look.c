#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "check/config.h"
#include "check/limit_look.h"
#include "limit/distinct.h"
#include "limit/gauge.h"
#include "limit/top.h"

static const char text[] =
    "relay { rule all { action = reject } }\n"
    "limit account { key = login  count = recipients  rate = { 100/1h, 500/1d }\n"
    "                on-exceed = suspend  overrides = { \"bob 7/1h\", \"carol none\" } }\n"
    "limit client { key = client-prefix  count = messages  rate = 60/1m  burst = 20 }\n"
    "limit one { key = client  count = connections  rate = 5/1m }\n"
    "limit net { key = client-net  count = connections  rate = 50/1m }\n"
    "limit pair { key = login + client  count = messages  rate = 9/1h }\n"
    "limit spread { key = login  count = distinct client-net  rate = 5/1h  on-exceed = \"ban 1h\" "
    "}\n"
    "limit crowd { key = client  count = sessions  max = 8 }\n"
    "limit to { key = recipient-domain  count = recipients  rate = 30/1h }\n";

static struct config *config;
static struct store *store;

static int open_all(void **state)
{
	struct diag *d = diag_new();
	struct store_options o = {.slots = STORE_SLOTS_MIN, .gauge_keys = 100};
	char error[STORE_ERROR_MAX];

	(void)state;
	config = config_load_text("x", text, strlen(text), 0, d);
	diag_print(d, stderr);
	diag_free(&d);
	store = store_open(&o, error);
	return config == NULL || store == NULL;
}

static int close_all(void **state)
{
	(void)state;
	config_free(&config);
	store_close(&store);
	return 0;
}

static const struct limits *all(void)
{
	return limits_of(config->settings);
}

static void print(void *arg, const struct limit_view *v)
{
	struct strbuf *b = arg;

	strbuf_printf(b, "%s %s %llu/%llu %lld%s\n", v->limit->head.name, v->key,
	    (unsigned long long)v->count, (unsigned long long)v->max,
	    v->window == NULL ? 0LL : (long long)(v->window->period / NSEC_PER_SEC),
	    v->wait > 0 ? " wait" : "");
}

static void expect(const char *key, const char *want)
{
	struct strbuf b = {0};
	bool found = limits_look(all(), store, key, store_now(store), print, &b);

	if (strcmp(strbuf_text(&b), want) != 0 || found != (*want != '\0'))
		fail_msg("%s: got\n%swant\n%s", key, strbuf_text(&b), want);
	strbuf_free(&b);
}

static const struct limit_settings *limit_named(const char *name)
{
	for (size_t i = 0; i < all()->count; i++)
		if (strcmp(all()->items[i]->head.name, name) == 0)
			return all()->items[i];
	fail_msg("no limit %s", name);
	return NULL;
}

static void charge(const char *name, unsigned window, unsigned steps, const char *key, unsigned n)
{
	const struct limit_window *w = &limit_named(name)->window[window];
	struct store_item it = {.limit = w->id,
	    .rate = w->rates[steps],
	    .key = key,
	    .key_len = strlen(key),
	    .units = n};

	store_charge(store, &it, 1, store_now(store));
	top_note(store, &it, store_now(store));
}

static void which_keys(void **state)
{
	(void)state;
	expect("login:alice", "account login:alice 0/100 3600\naccount login:alice 0/500 86400\n"
			      "spread login:alice 0/5 3600\n");
	expect("login:Alice", "account login:alice 0/100 3600\naccount login:alice 0/500 86400\n"
			      "spread login:alice 0/5 3600\n");
	expect("login:bob", "account login:bob 0/7 3600\nspread login:bob 0/5 3600\n");
	expect("login:carol", "spread login:carol 0/5 3600\n");
	expect("login:alice client:192.0.2.7", "pair login:alice client:192.0.2.7 0/9 3600\n");
	expect("client:192.0.2.7 login:alice", "");
	expect("recipient-domain:a.example", "to recipient-domain:a.example 0/30 3600\n");
	expect("helo:a.example", "");
	expect("", "account login: 0/100 3600\naccount login: 0/500 86400\nspread login: 0/5 3600\n"
		   "to recipient-domain: 0/30 3600\n");
}

static void which_prefixes(void **state)
{
	static const char v4[] =
	    "client client:192.0.2.7 0/20 60\nclient client:192.0.2.0/24 0/320 60\n"
	    "one client:192.0.2.7 0/5 60\nnet client:192.0.2.0/24 0/50 60\n"
	    "crowd client:192.0.2.7 0/8 0\n";

	(void)state;
	expect("client:192.0.2.7", v4);
	expect("client:192.0.2.0/24",
	    "client client:192.0.2.0/24 0/320 60\nnet client:192.0.2.0/24 0/50 60\n");
	expect("client:192.0.2.0/25", "");
	expect("client:2001:db8::7",
	    "client client:2001:db8::7 0/20 60\nclient client:2001:db8::/64 0/80 60\n"
	    "client client:2001:db8::/56 0/320 60\nclient client:2001:db8::/48 0/1280 60\n"
	    "one client:2001:db8::7 0/5 60\nnet client:2001:db8::/48 0/50 60\n"
	    "crowd client:2001:db8::7 0/8 0\n");
}

static void what_was_counted(void **state)
{
	struct distinct d;
	uint64_t count, tag;

	(void)state;
	charge("account", 0, 0, "login:dave", 100);
	charge("account", 1, 0, "login:dave", 100);
	d = (struct distinct){limit_named("spread")->window[0].id, 5, 3600 * NSEC_PER_SEC};
	for (unsigned i = 0; i < 5; i++)
		distinct_admits(store, &d, "login:dave", 10, &(char){(char)('a' + i)}, 1, true,
		    store_now(store), &count);
	expect("login:dave",
	    "account login:dave 100/100 3600 wait\naccount login:dave 100/500 86400\n"
	    "spread login:dave 5/5 3600 wait\n");
	/* Looking has charged nothing. */
	expect("login:dave",
	    "account login:dave 100/100 3600 wait\naccount login:dave 100/500 86400\n"
	    "spread login:dave 5/5 3600 wait\n");
	charge("client", 0, 2, "client:198.51.100.0/24", 33);
	tag = store_tag(store, store_limit_id("crowd", 0), "client:198.51.100.9", 19);
	assert_true(gauge_enter(store_gauges(store), tag, 8, &count));
	expect("client:198.51.100.9",
	    "client client:198.51.100.9 0/20 60\nclient client:198.51.100.0/24 33/320 60\n"
	    "one client:198.51.100.9 0/5 60\nnet client:198.51.100.0/24 0/50 60\n"
	    "crowd client:198.51.100.9 1/8 0\n");
}

/* Only what bans or suspends begins anew, and only for this key. */
static void forgiven(void **state)
{
	(void)state;
	charge("account", 0, 0, "login:erin", 50);
	charge("account", 0, 0, "login:frank", 50);
	charge("pair", 0, 0, "login:erin client:192.0.2.7", 5);
	assert_int_equal(limits_forgive(all(), store, "login:erin", store_now(store)), 1);
	assert_int_equal(limits_forgive(all(), store, "login:erin", store_now(store)), 0);
	expect("login:erin", "account login:erin 0/100 3600\naccount login:erin 0/500 86400\n"
			     "spread login:erin 0/5 3600\n");
	expect("login:frank", "account login:frank 50/100 3600\naccount login:frank 0/500 86400\n"
			      "spread login:frank 0/5 3600\n");
	expect("login:erin client:192.0.2.7", "pair login:erin client:192.0.2.7 5/9 3600\n");
	assert_int_equal(limits_forgive(all(), store, "login:dave", store_now(store)), 3);
	expect("login:dave", "account login:dave 0/100 3600\naccount login:dave 0/500 86400\n"
			     "spread login:dave 0/5 3600\n");
}

static void look_at(void *arg, uint64_t limit, const char *key, nsec_t until)
{
	struct limit_view v;

	(void)until;
	if (limits_look_at(all(), store, limit, key, store_now(store), &v) && v.count > 0)
		print(arg, &v);
}

static void found_by_window(void **state)
{
	struct strbuf b = {0};
	struct limit_view v;

	(void)state;
	charge("to", 0, 0, "recipient-domain:b.example", 12);
	top_each(store, store_now(store), look_at, &b);
	assert_non_null(strstr(strbuf_text(&b), "to recipient-domain:b.example 12/30 3600\n"));
	assert_non_null(strstr(strbuf_text(&b), "client client:198.51.100.0/24 33/320 60\n"));
	assert_null(strstr(strbuf_text(&b), "login:erin 0"));
	assert_false(limits_look_at(all(), store, 1, "login:erin", store_now(store), &v));
	strbuf_free(&b);
}

static void names(void **state)
{
	char name[LIMIT_COUNT_NAME_MAX];

	(void)state;
	limit_count_name(limit_named("spread"), name);
	assert_string_equal(name, "distinct client-net");
	limit_count_name(limit_named("crowd"), name);
	assert_string_equal(name, "sessions");
	assert_string_equal(limit_action_name(limit_named("account")), "suspend");
	assert_string_equal(limit_action_name(limit_named("spread")), "ban");
	assert_string_equal(limit_action_name(limit_named("client")), "defer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which_keys),
	    cmocka_unit_test(which_prefixes),
	    cmocka_unit_test(what_was_counted),
	    cmocka_unit_test(forgiven),
	    cmocka_unit_test(found_by_window),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
