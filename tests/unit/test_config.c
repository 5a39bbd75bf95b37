/* The whole configuration: what is in effect, and the policy made from it. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "check/config.h"
#include "check/relay.h"
#include "check/table.h"

#define RULES "relay { rule in { to = @ours action = permit } rule others { action = reject } }\n"
#define OURS "domains ours { members = example.com }\n"

static struct config *must_load(const char *text)
{
	struct diag *d = diag_new();
	struct config *c = config_load_text("x", text, strlen(text), 0, d);

	if (c == NULL)
		diag_print(d, stderr);
	assert_non_null(c);
	diag_free(&d);
	return c;
}

static void defaults(void **state)
{
	struct config *c = must_load(OURS RULES);
	const struct settings *s = c->settings;

	(void)state;
	assert_int_equal(s->listen.count, 1);
	assert_string_equal(s->listen.items[0].path, "/run/relay-guard/milter.sock");
	assert_string_equal(s->control.path, "/run/relay-guard/control.sock");
	assert_string_equal(s->state, "/var/lib/relay-guard");
	assert_string_equal(s->user, "relay-guard");
	assert_null(s->group);
	assert_null(s->pid_file);
	assert_null(s->socket_group);
	assert_int_equal(s->socket_mode, 0660);
	assert_int_equal(s->workers, 2);
	assert_int_equal(s->sessions, 500);
	assert_int_equal(s->mode, MODE_ENFORCE);
	assert_string_equal(c->events->path, "/var/log/relay-guard/events.jsonl");
	assert_true(c->events->syslog);
	assert_false(c->events->permitted);
	assert_null(c->events->maillog);
	assert_null(c->events->notices);
	config_free(&c);
	assert_null(c);
}

static void all_settings(void **state)
{
	struct config *c = must_load(
	    "listen = { inet:127.0.0.1:0, inet:127.0.0.1:0 } control = unix:/c state = /s user = "
	    "u\n"
	    "group = g pid-file = /p socket-group = sg socket-mode = 0600 workers = 4\n"
	    "sessions = 1k mode = monitor\n"
	    "events { path = none syslog = no permitted = yes maillog = /m notices = \"unix:/n\" "
	    "}\n" OURS RULES);
	const struct settings *s = c->settings;

	(void)state;
	assert_int_equal(s->listen.count, 2);
	assert_string_equal(s->group, "g");
	assert_string_equal(s->pid_file, "/p");
	assert_string_equal(s->socket_group, "sg");
	assert_int_equal(s->socket_mode, 0600);
	assert_int_equal(s->workers, 4);
	assert_int_equal(s->sessions, 1000);
	assert_null(c->events->path);
	assert_false(c->events->syslog);
	assert_true(c->events->permitted);
	assert_string_equal(c->events->maillog, "/m");
	assert_string_equal(c->events->notices, "unix:/n");
	assert_int_equal(c->policy.entries[0].mode, MODE_MONITOR);
	config_free(&c);
}

static void policy(void **state)
{
	struct config *c = must_load(OURS RULES);

	(void)state;
	assert_int_equal(c->policy.count, 3);
	/* The last one sleeps while nothing is asked about a message's origin. */
	assert_int_equal(c->policy.entries[2].stages, 0);
	assert_int_equal(c->policy.rights, 0);
	assert_int_equal(c->policy.facts & FACT_RESOLVER, 0);
	assert_ptr_equal(c->policy.entries[1].check, &check_relay);
	assert_int_equal(c->policy.entries[1].mode, MODE_ENFORCE);
	assert_int_equal(c->policy.stages, c->policy.entries[0].stages);
	assert_true((c->policy.stages & STAGE_BIT(STAGE_RCPT)) != 0);
	assert_true((c->policy.facts & FACT_MTA_VIEW) != 0);
	assert_true((c->policy.facts & FACT_REFUSED_RECIPIENTS) != 0);
	assert_true(domset_contains(c->policy.reading.ours, "example.com"));
	assert_true(c->policy.reading.local_mailers.count > 0);
	assert_int_equal(check_table_size, 9);
	config_free(&c);
}

static void errors(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {OURS, "found no section `relay`; expected `relay { ... }`"},
	    {"events { notices = \"unix:n\" }" OURS RULES,
		"found \"unix:n\"; expected unix:/path, whose path has less than 108 bytes"},
	    {"events { notices = n }" OURS RULES, "found `n`; expected an absolute path"},
	    {"listen = { unix:/a, local:/a }" OURS RULES,
		"found \"local:/a\" again; expected another address"},
	    {"control = inet:127.0.0.1:25\n" OURS RULES,
		"found \"inet:127.0.0.1:25\" for `control`; expected unix:/path, which the "
		"system's "
		"permissions protect"},
	    {"listen = unix:/run/relay-guard/control.sock " OURS RULES,
		"found \"unix:/run/relay-guard/control.sock\" for `control` and for `listen`; "
		"expected two sockets"},
	    {"socket-mode = 999 " OURS RULES,
		"found `999`; expected a file mode in octal digits, such as 0660"},
	    {"quota a { }\n" OURS RULES,
		"found the unknown section `quota`; expected one of bans, relay, spf, dkim, arc, "
		"dmarc, sender, authentication, limit, store, resolver, events, networks, domains"},
	};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag *d = diag_new();
		struct config *c =
		    config_load_text("x", cases[i].text, strlen(cases[i].text), 0, d);

		if (c != NULL || diag_errors(d) != 1 ||
		    strcmp(diag_text(d, 0), cases[i].want) != 0) {
			failed++;
			print_error("%s: got %zu errors, the first %s; want %s\n", cases[i].text,
			    diag_errors(d), diag_text(d, 0), cases[i].want);
		}
		config_free(&c);
		diag_free(&d);
	}
	assert_int_equal(failed, 0);
}

/* Every row says what it is for: the manual and the completion are made of it. */
static void check_rows(const struct conf_row *rows, size_t *undescribed)
{
	for (; rows->key != NULL; rows++) {
		if (rows->include != NULL) {
			check_rows(rows->include, undescribed);
		} else if (rows->doc == NULL || rows->doc[0] == '\0') {
			print_error("%s has no description\n", rows->key);
			(*undescribed)++;
		}
	}
}

static void check_schema(const struct conf_schema *s, size_t *undescribed)
{
	check_rows(s->rows, undescribed);
	for (const struct conf_child *c = s->children; c != NULL && c->schema != NULL; c++)
		check_schema(c->schema, undescribed);
}

static void all_rows_are_described(void **state)
{
	size_t undescribed = 0;

	(void)state;
	check_schema(config_schema(), &undescribed);
	assert_int_equal(undescribed, 0);
}

static void dump_is_a_fixpoint(void **state)
{
	struct config *c = must_load(OURS RULES), *again;
	struct strbuf a = {0}, b = {0};

	(void)state;
	conf_dump(c->doc, &a);
	again = must_load(strbuf_text(&a));
	conf_dump(again->doc, &b);
	assert_string_equal(strbuf_text(&a), strbuf_text(&b));
	strbuf_free(&a);
	strbuf_free(&b);
	config_free(&c);
	config_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(defaults),
	    cmocka_unit_test(all_settings), cmocka_unit_test(policy), cmocka_unit_test(errors),
	    cmocka_unit_test(all_rows_are_described), cmocka_unit_test(dump_is_a_fixpoint)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
