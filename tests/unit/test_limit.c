/* What a limit may say. What it does: tests/cases/limits.case. */
#include "../lib/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/bans.h"
#include "check/config.h"
#include "check/limit.h"
#include "limit/store.h"

#define REST                                                                                       \
	"domains ours { members = { example.com } }\n"                                             \
	"relay { rule all { to = @ours action = permit } rule others { action = reject } }\n"

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static struct config *load(const char *body, struct diag *diag)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", body, REST);
	return config_load_text("test.conf", text, strlen(text), now, diag);
}

static void errors(void **state)
{
	static const struct {
		const char *body, *want; /* part of the first message; "": none */
	} cases[] = {
	    {"limit a { key = login count = recipients rate = 1/1h }", ""},
	    {"limit a { key = login + client count = refused recipients rate = 1/1h }", ""},
	    {"limit a { key = \"login + client\" count = \"relay refusals\" rate = 1/1h }", ""},
	    {"limit a { key = { login, client } count = failed-checks rate = { 1/1h, 5/1d } }", ""},
	    {"limit a { key = client count = sessions max = 5 }", ""},
	    {"limit a { key = login count = messages rate = 1/1h on-exceed = ban for 1h }", ""},
	    {"limit a { key = login count = messages rate = 1/1h on-exceed = suspend }", ""},
	    {"limit a { key = login count = messages rate = 1/1h on-exceed = \"suspend 8h\" }", ""},
	    {"limit a { count = messages rate = 1/1h }", "found no `key`"},
	    {"limit a { key = login rate = 1/1h }", "found no `count`"},
	    {"limit a { key = login count = messages }", "found no `rate` in limit `a`"},
	    {"limit a { key = logn count = messages rate = 1/1h }", "did you mean `login`"},
	    {"limit a { key = login count = mails rate = 1/1h }", "found `mails` for `count`"},
	    {"limit a { key = login count = distinct moon rate = 1/1h }", "expected connections"},
	    {"limit a { key = login count = distinct rate = 1/1h }", "expected connections"},
	    {"limit a { key = login count = distinct client-prefix rate = 1/1h }",
		"expected distinct client or client-net"},
	    {"limit a { key = login count = connections rate = 1/1h }",
		"found a key that is not known when a client connects"},
	    {"limit a { key = recipient count = bytes rate = 1/1h }", "found a key of recipients"},
	    {"limit a { key = login count = messages rate = { 1/1h, 2/60m } }",
		"found two rates over the same time"},
	    {"limit a { key = login count = messages rate = { 1/1h, 2/2h, 3/3h, 4/4h, 5/5h } }",
		"found 5 rates in limit `a`; expected at most 4"},
	    {"limit a { key = login count = messages rate = 100M/1s }",
		"expected at most ten million a second"},
	    {"limit a { key = login count = messages rate = 1/1w burst = 1M }",
		"expected at most ten million a second"},
	    {"limit a { key = client count = sessions }", "found no `max`"},
	    {"limit a { key = client count = sessions max = 3 rate = 1/1h }", "found `rate`"},
	    {"limit a { key = client count = messages max = 3 }", "found `max`"},
	    {"limit a { key = login count = messages rate = 1/1h on-exceed = ban }",
		"found `ban` for `on-exceed`"},
	    {"limit a { key = login count = messages rate = 1/1h on-exceed = \"ban soon\" }",
		"for `on-exceed`"},
	    {"limit a { key = sender count = messages rate = 1/1h on-exceed = \"ban 1h\" }",
		"found a ban in limit `a`"},
	    {"limit a { key = client count = messages rate = 1/1h on-exceed = suspend }",
		"accounts are suspended"},
	    {"limit a { key = client count = connections rate = 1/1h on-exceed = hold }",
		"found a message to hold or tag"},
	    {"limit a { key = login count = messages rate = 1/1h for = { to = @ours } }",
		"found a criterion of recipients"},
	    {"limit a { key = login count = recipients rate = 1/1h for = { to = @ours } }", ""},
	    {"limit a { key = login count = messages rate = 1/1h reply = \"550 5.7.1 No\" }",
		"found a 550 reply in limit `a`; expected a 4xx"},
	    {"limit a { key = login count = messages rate = 1/1h reply = \"hello\" }",
		"found the reply \"hello\""},
	    {"limit a { key = login count = messages rate = 1/1h overrides = { \"bob 5/1h\" } }",
		""},
	    {"limit a { key = login count = messages rate = 1/1h overrides = { \"bob none\" } }",
		""},
	    {"limit a { key = login count = messages rate = 1/1h overrides = { bob } }",
		"found the override \"bob\""},
	    {"limit a { key = login count = messages rate = 1/1h overrides = { \"bob x\" } }",
		"found the override \"bob x\""},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob 1/1h\", \"Bob 2/1h\" } }",
		"expected one override for each key"},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob 100M/1s\" } }",
		"found the override \"bob 100M/1s\""},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob 1/1h 2/1d 3/1w 4/2d 5/3d\" } }",
		"up to four rates"},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob 1/1h none\" } }",
		"found the override \"bob 1/1h none\""},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob none 1/1h\" } }",
		"found the override \"bob none 1/1h\""},
	    {"limit a { key = login count = messages rate = 1/1h "
	     "overrides = { \"bob 1/1h 2/60m\" } }",
		"expected one rate over the same time"},
	    {"limit a { key = client-prefix count = messages rate = 1/1h "
	     "overrides = { \"192.0.2.0/25 5/1h\" } }",
		"expected an address, an IPv4 /24"},
	    {"limit a { key = client-prefix count = messages rate = 1/1h "
	     "overrides = { \"192.0.2.7/24 5/1h\" } }",
		"expected an address, an IPv4 /24"},
	    {"limit a { key = client-net count = messages rate = 1/1h "
	     "overrides = { \"192.0.2.7 5/1h\" } }",
		"expected an IPv4 /24"},
	    {"limit a { key = client count = messages rate = 1/1h "
	     "overrides = { \"192.0.2.0/24 5/1h\" } }",
		"expected a client's address"},
	    {"limit a { key = login + client count = messages rate = 1/1h "
	     "overrides = { \"bob 5/1h\" } }",
		"expected a key with all its parts"},
	    {"limit a { key = login + client count = messages rate = 1/1h "
	     "overrides = { \"login:bob 5/1h\" } }",
		"expected a key with all its parts"},
	    {"limit a { key = login + client count = messages rate = 1/1h "
	     "overrides = { \"login:bob client:2001:db8:0::1 5/1h\" } }",
		"expected a client's address"},
	    {"limit a { key = login + client count = messages rate = 1/1h "
	     "overrides = { \"login:bob client:2001:db8::1 5/1h\" } }",
		""},
	    {"limit a { key = login count = messages rate = 1/1h burst = 0 }", "found `0` for"},
	    {"store { type = local slots = 4M }", ""},
	    {"store { type = sql }", "expected one of local, redis"},
	    {"store { slots = 5 }", "slots"},
	    {"store { type = redis server = \"unix:/r\" hosts = 3 }", ""},
	    {"store { type = redis server = { \"inet:a.example:6379\", \"inet6:[::1]:1\" } hosts = "
	     "1 "
	     "database = 3 tls = yes timeout = 20ms prefix = a.b:c }",
		""},
	    {"store { type = redis hosts = 3 }", "no `server`"},
	    {"store { type = redis server = \"unix:/r\" }", "no `hosts`"},
	    {"store { server = \"unix:/r\" }", "expected `type = redis`"},
	    {"store { type = redis server = \"inet:a:0\" hosts = 1 }", "port 0"},
	    {"store { type = redis server = \"unix:/r\" hosts = 1 user = a }", "password-file"},
	    {"store { type = redis server = \"unix:/r\" hosts = 1 tls = yes }", "tls-name"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 tls-name = a }", "tls = yes"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 tls = yes tls-cert = /c }",
		"`tls-cert` and `tls-key`"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 prefix = \"a}b\" }", "`prefix`"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 password-file = /no/such }",
		"/no/such"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 password-file = a }",
		"an absolute path"},
	    {"store { type = redis server = \"inet:a:1\" hosts = 1 timeout = 3s }", "timeout"},
	    {"bans { reply = \"hello\" }", "found the reply"},
	};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag *diag = diag_new();
		struct config *c = load(cases[i].body, diag);
		bool loads = *cases[i].want == '\0';

		if ((c != NULL) != loads ||
		    (!loads && strstr(diag_text(diag, 0), cases[i].want) == NULL)) {
			print_error("%s: got \"%s\", want \"%s\"\n", cases[i].body,
			    diag_text(diag, 0), cases[i].want);
			failed++;
		}
		config_free(&c);
		diag_free(&diag);
	}
	assert_int_equal(failed, 0);
}

static const struct limit_settings *limit_of(const struct config *c)
{
	return (const struct limit_settings *)(const void *)c->settings->limit;
}

static struct config *must_load(const char *body)
{
	struct diag *diag = diag_new();
	struct config *c = load(body, diag);

	if (c == NULL)
		fail_msg("%s: %s", body, diag_text(diag, 0));
	diag_free(&diag);
	return c;
}

/* What an override says for a key; 0: none. */
static uint64_t overridden(const struct limit_settings *l, const char *key, size_t window)
{
	struct limit_subject subject = {.text = key, .len = strlen(key)};
	const struct limit_override *o = limit_override_of(l, &subject);

	return o == NULL || window >= o->windows ? 0 : o->window[window].count;
}

static void overrides(void **state)
{
	char path[] = "/tmp/overrides.XXXXXX", body[400];
	static const char lines[] = "# who may send more\n"
				    "Alice@Example.com 1000/1h 5000/1d   # a newsletter\n"
				    "bob\t7/1h\n"
				    "\n"
				    "two words 9/1h\n"
				    "login:carol none\n";
	int fd = mkstemp(path);
	struct config *c;

	(void)state;
	assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
	close(fd);
	snprintf(body, sizeof(body),
	    "limit a { key = login count = messages rate = 1/1h overrides = file:%s }\n", path);
	c = must_load(body);
	assert_int_equal(limit_of(c)->override_count, 4);
	assert_int_equal(overridden(limit_of(c), "login:alice@example.com", 0), 1000);
	assert_int_equal(overridden(limit_of(c), "login:alice@example.com", 1), 5000);
	assert_int_equal(overridden(limit_of(c), "login:bob", 0), 7);
	assert_int_equal(overridden(limit_of(c), "login:two words", 0), 9);
	assert_int_equal(overridden(limit_of(c), "login:carol", 0), 0);
	assert_int_equal(overridden(limit_of(c), "login:dave", 0), 0);
	config_free(&c);
	unlink(path);
	c = must_load("limit a { key = client-prefix count = messages rate = 1/1h "
		      "overrides = { \"192.0.2.0/24 9/1h\", \"2001:DB8::1 8/1h\", "
		      "\"client:2001:DB8:0:0::2 7/1h\", \"::ffff:192.0.2.3 6/1h\", "
		      "\"192.0.2.4/32 5/1h\" } }\n");
	assert_int_equal(overridden(limit_of(c), "client:192.0.2.0/24", 0), 9);
	assert_int_equal(overridden(limit_of(c), "client:2001:db8::1", 0), 8);
	assert_int_equal(overridden(limit_of(c), "client:2001:db8::2", 0), 7);
	assert_int_equal(overridden(limit_of(c), "client:192.0.2.3", 0), 6);
	assert_int_equal(overridden(limit_of(c), "client:192.0.2.4", 0), 5);
	/* As it is written: no wider prefix has more. */
	for (size_t i = 0; i < limit_of(c)->override_count; i++)
		for (unsigned steps = 0; steps < LIMIT_SUBJECTS; steps++)
			assert_int_equal(
			    gcra_burst(&limit_of(c)->overrides[i].window[0].rates[steps]),
			    limit_of(c)->overrides[i].window[0].count);
	config_free(&c);
}

/* All that is wrong is told, each where it stands: the lines, 0 ends them. */
static void wrong_overrides(void **state)
{
	static const struct {
		const char *lines;
		unsigned want[4];
	} cases[] = {
	    {"alice 1/1h\n# bob\n  bob soon\ncarol none none\ndave 1/1h\n", {3, 4}},
	    {"alice 1/1h\n\nbob 1/1h\nBOB 2/1h\n", {4}},
	    {"alice\n", {1}},
	};
	char path[] = "/tmp/overrides.XXXXXX", body[400];
	int fd = mkstemp(path);

	(void)state;
	snprintf(body, sizeof(body),
	    "limit a { key = login count = messages rate = 1/1h overrides = file:%s }\n", path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag *diag = diag_new();
		size_t len = strlen(cases[i].lines), n = 0;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].lines, len, 0), len);
		assert_null(load(body, diag));
		for (; cases[i].want[n] != 0; n++) {
			const struct diag_message *m = diag_get(diag, n);

			assert_non_null(m);
			assert_string_equal(m->where.file, path);
			assert_int_equal(m->where.line, cases[i].want[n]);
		}
		assert_int_equal(diag_errors(diag), n);
		diag_free(&diag);
	}
	close(fd);
	unlink(path);
}

static void modes(void **state)
{
	struct config *c = must_load("limit a { key = login count = messages rate = 1/1h }\n");

	(void)state;
	assert_false(limit_of(c)->soft);
	config_free(&c);
	c = must_load("limit a { key = login count = messages rate = 1/1h mode = monitor }\n");
	assert_true(limit_of(c)->soft);
	config_free(&c);
	c = must_load("mode = monitor\nlimit a { key = login count = messages rate = 1/1h }\n");
	assert_true(limit_of(c)->soft);
	config_free(&c);
}

/* Each step wider has `widen` times as much. */
static void widths(void **state)
{
	struct config *c = must_load(
	    "limit a { key = client-prefix count = messages rate = 10/1h burst = 5 widen = 3 }\n");
	static const uint64_t want[] = {5, 15, 45, 135};

	(void)state;
	for (unsigned i = 0; i < LIMIT_SUBJECTS; i++)
		assert_int_equal(gcra_burst(&limit_of(c)->window[0].rates[i]), want[i]);
	config_free(&c);
}

static struct prefix network(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, strlen(text), &p) != PREFIX_OK)
		fail_msg("%s is no prefix", text);
	return p;
}

static void never_banned(void **state)
{
	static const struct {
		const char *prefix;
		bool want;
	} cases[] = {
	    {"203.0.113.0/24", true},
	    {"192.0.2.0/24", false},
	    {"192.0.2.7", false},
	    {"192.0.0.0/16", false},
	    {"192.0.3.0/24", true},
	    {"127.0.0.1", false},
	    {"127.1.0.0/16", false},
	    {"0.0.0.0/0", false},
	    {"::1", false},
	    {"::/0", false},
	    {"2001:db8:7::/48", false},
	    {"2001:db8::/32", false},
	    {"2001:db8:8::/48", true},
	};
	struct config *c =
	    must_load("networks never-ban { members = { 192.0.2.0/24, 2001:db8:7::/56 } }\n");
	const struct bans_settings *bans =
	    (const struct bans_settings *)(const void *)c->settings->bans;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p = network(cases[i].prefix);

		if (bans_may(&bans->never, &p) != cases[i].want)
			fail_msg("%s: want %d", cases[i].prefix, cases[i].want);
	}
	config_free(&c);
}

/* --- many at once --- */

struct crowd {
	struct config *config;
	struct session_env env;
	atomic_uint accepted;
};

static void *send_mail(void *arg)
{
	struct crowd *crowd = arg;
	struct session s;
	struct decision d;

	session_open(&s, &crowd->config->policy, &crowd->env, 1, now);
	session_event(&s,
	    &(struct stage_args){.stage = STAGE_CONNECT,
		.client_name = "x",
		.client_addr = {{203, 0, 113, 9}, ADDR_V4},
		.client_port = 4025,
		.client_by_socket = true},
	    now, &d);
	for (unsigned i = 0; i < 200; i++) {
		session_event(&s,
		    &(struct stage_args){
			.stage = STAGE_MAIL, .address = "<a@example.com>", .auth_login = "alice"},
		    now, &d);
		session_event(&s,
		    &(struct stage_args){.stage = STAGE_RCPT,
			.address = "<b@example.com>",
			.mta = {"local", "", "b"}},
		    now, &d);
		if (d.verdict.kind == VERDICT_PERMIT && i % 3 != 0) {
			session_event(&s, &(struct stage_args){.stage = STAGE_EOM}, now, &d);
			atomic_fetch_add(&crowd->accepted, 1);
		} else {
			session_event(&s, &(struct stage_args){.stage = STAGE_ABORT}, now, &d);
		}
	}
	session_close(&s);
	return NULL;
}

/* Threads that give a third of their messages up: never more than the limit, and no less. */
static void in_threads(void **state)
{
	struct store_options o = {.slots = STORE_SLOTS_MIN};
	char error[STORE_ERROR_MAX];
	struct crowd crowd = {
	    .config =
		must_load("events { path = none syslog = no }\n"
			  "limit a { key = login count = recipients rate = { 300/1d, 400/1w } }\n"
			  "limit b { key = client count = messages rate = 350/1d }\n")};
	pthread_t all[4];

	(void)state;
	crowd.env = (struct session_env){.host = "mx", .store = store_open(&o, error)};
	assert_non_null(crowd.env.store);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&all[i], NULL, send_mail, &crowd);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(all[i], NULL);
	assert_true(crowd.accepted <= 300);
	/* What others held for a moment may have cost some. */
	assert_true(crowd.accepted >= 295);
	store_close(&crowd.env.store);
	config_free(&crowd.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors),
	    cmocka_unit_test(overrides),
	    cmocka_unit_test(wrong_overrides),
	    cmocka_unit_test(modes),
	    cmocka_unit_test(widths),
	    cmocka_unit_test(never_banned),
	    cmocka_unit_test(in_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
