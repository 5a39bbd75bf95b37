/* What a relay section may say. What it decides: tests/cases. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/config.h"
#include "check/relay.h"

#define LISTS                                                                                      \
	"domains ours { members = { example.com } }\n"                                             \
	"networks friends { members = { 192.0.2.0/24 } }\n"                                        \
	"networks world { i-know = yes members = { 0.0.0.0/0, ::/0 } }\n"                          \
	"networks halves { i-know = yes members = { 0.0.0.0/1, 128.0.0.0/1 } }\n"
#define END "rule others { action = reject }"

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static struct config *load(const char *relay, struct diag *diag)
{
	char text[4096];

	snprintf(text, sizeof(text), "%srelay {\n%s\n}\n", LISTS, relay);
	return config_load_text("test.conf", text, strlen(text), now, diag);
}

static void print_messages(struct diag *diag)
{
	for (size_t i = 0; i < diag_errors(diag) + diag_warnings(diag); i++)
		print_error("    %s\n", diag_text(diag, i));
}

/* `says` is part of the first message; "" for none at all. */
struct row {
	const char *relay, *says;
};

static unsigned run_rows(const struct row *rows, size_t count, bool loads)
{
	unsigned failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct diag *diag = diag_new();
		struct config *c = load(rows[i].relay, diag);
		bool silent = diag_errors(diag) + diag_warnings(diag) == 0;
		bool said = *rows[i].says == '\0'
		                ? silent
		                : strstr(diag_text(diag, 0), rows[i].says) != NULL;

		if ((c != NULL) != loads || !said) {
			print_error("%s: got %s, want %s and \"%s\"\n", rows[i].relay,
			    c == NULL ? "an error" : "a configuration",
			    loads ? "a configuration" : "an error", rows[i].says);
			print_messages(diag);
			failed++;
		}
		config_free(&c);
		diag_free(&diag);
	}
	return failed;
}

static const struct row refused[] = {
    /* open relays */
    {"rule a { action = permit }", "rule `a` permits strangers"},
    {"rule a { helo = x.example action = permit }" END, "rule `a` permits strangers"},
    {"rule a { from = example.com action = permit }" END, "rule `a` permits strangers"},
    {"rule a { tls = yes action = permit }" END, "rule `a` permits strangers"},
    {"rule a { tls = TLSv1.3 listener = 587 action = permit }" END, "permits strangers"},
    {"rule a { auth = no action = permit }" END, "rule `a` permits strangers"},
    {"rule a { local = no action = permit }" END, "rule `a` permits strangers"},
    {"rule a { reading = relay action = permit }" END, "rule `a` permits strangers"},
    {"rule a { reading = ambiguous action = permit }" END, "rule `a` permits strangers"},
    {"rule a { client = @world action = permit }" END, "permits all clients of 0.0.0.0/0"},
    {"rule a { client = @halves action = permit }" END, "permits all clients of"},
    {"rule a { client = { 192.0.2.0/24, ::/0 } action = permit }" END, "permits all clients of"},
    {"rule a { client = @world tls = yes from = example.com action = permit }" END,
	"permits all clients of"},
    {"rule a { client = @world i-know = no action = permit }" END, "permits all clients of"},
    {"rule a { action = hold }", "rule `a` permits strangers"},
    {"rule a { client = @world action = tag }", "permits all clients of"},
    {"rule a { to = .com action = hold }" END, "permits mail to all of"},
    /* no end */
    {"", "found no rule"},
    {"rule a { to = @ours action = permit }", "rule `a`, the last one"},
    {"rule a { client = 0.0.0.0/0 action = reject }", "rule `a`, the last one"},
    {"rule a { action = reject expires = 2030-01-01 }", "rule `a`, the last one"},
    /* replies */
    {"rule a { action = reject reply = \"450 4.7.1 no\" }", "found a 450 reply"},
    {"rule a { action = defer reply = \"550 5.7.1 no\" }", "found a 550 reply"},
    {"rule a { action = reject reply = \"no\" }", "found the reply \"no\""},
    {"rule a { action = reject reply = \"550 4.7.1 no\" }", "expected an enhanced status code"},
    /* values */
    {"rule a { action = accept }", "accept"},
    {"rule a { to = @ours }" END, "action"},
    {"rule a { tls = 1.2 action = reject }" END, "expected yes, no, or the least version"},
    {"rule a { cert = \"sha256:ab12\" action = permit }" END, "expected a fingerprint"},
    {"rule a { cert = \"subject:\" action = permit }" END, "expected a fingerprint"},
    {"rule a { to = \"u%x@example.com\" action = permit }" END, "an address with one reading"},
    {"rule a { forwarded = yes client = 192.0.2.1 action = permit }" END,
	"`forwarded` without `to`"},
    {"rule a { to = com forwarded = yes action = permit }" END, "permits mail to all of `com`"},
    {"rule a { to = \"<>\" action = permit }" END, "found <> for `to`"},
    {"rule a { to = @friends action = permit }" END, "friends"},
    {"rule a { to = @nobody action = permit }" END, "nobody"},
    {"rule a { to = com action = permit }" END, "com"},
    {"rule a { client = @ours action = permit }" END, "ours"},
    {"rule a { mech = @ours action = permit }" END, "no named list fits here"},
    {"rule a { login = {} action = permit }" END, "login"},
    {"local-mailers = { local, smtp } " END, "found `smtp` in local-mailers"},
    {"local-mailers = UUCP-dom " END, "found `UUCP-dom` in local-mailers"},
    {"local-mailers = error " END, "found `error` in local-mailers"},
};

static const struct row accepted[] = {
    {END, ""},
    {"rule a { to = @ours action = permit }" END, ""},
    {"rule a { client = @friends action = permit }" END, ""},
    {"rule a { local = yes action = permit }" END, ""},
    {"rule a { auth = yes action = permit }" END, ""},
    {"rule a { login = \"*@example.com\" action = permit }" END, ""},
    {"rule a { client = @world auth = yes action = permit }" END, ""},
    {"rule a { client = @world to = @ours action = permit }" END, ""},
    {"rule a { cert = \"SHA256:" /* 64 digits */
     "00112233445566778899AABBCCDDEEFF00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\" "
     "action = permit }" END,
	""},
    {"rule a { to = { bob@example.org, example.net, @ours, \"[192.0.2.1]\" } action = permit }" END,
	""},
    {"rule a { client = 0.0.0.0/0 action = reject }" END, ""},
    {"rule a { action = defer }", ""},
    /* said twice */
    {"rule a { action = permit i-know = yes }", ""},
    {"rule a { client = @world action = permit i-know = yes }" END, ""},
    {"rule a { to = @ours action = permit i-know = yes }", ""},
    {"rule a { tls = yes action = permit i-know = yes }" END, ""},
    /* warnings */
    {"rule a { client = @friends action = permit expires = 2026-11-23 }" END,
	"rule `a` matches nothing any more: its last day was 2026-11-23"},
    {"rule a { client = @friends action = permit expires = 2026-12-20 owner = o reason = r }" END,
	"rule `a` expires soon: its last day is 2026-12-20; owner o; r"},
    {"rule a { client = @friends action = permit expires = 2026-12-31 }" END, ""},
    {END "rule b { client = @friends action = permit }", "rule `b` never matches"},
    {"rule a { client = @friends action = permit reply = \"550 5.7.1 x\" }" END,
	"its reply is never given"},
    {"rule a { cert = verified action = permit }" END, "trusts every certificate"},
};

static void what_is_refused(void **state)
{
	(void)state;
	assert_int_equal(run_rows(refused, sizeof(refused) / sizeof(refused[0]), false), 0);
}

static void what_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(run_rows(accepted, sizeof(accepted) / sizeof(accepted[0]), true), 0);
}

static struct policy_entry entry_of(const char *text)
{
	struct diag *diag = diag_new();
	struct config *c = config_load_text("test.conf", text, strlen(text), now, diag);
	struct policy_entry e;

	assert_non_null(c);
	e = c->policy.entries[1];
	e.self = NULL;
	config_free(&c);
	diag_free(&diag);
	return e;
}

static void facts_and_modes(void **state)
{
	struct policy_entry e = entry_of("relay { " END " }");

	(void)state;
	assert_int_equal(e.mode, MODE_ENFORCE);
	assert_int_equal(e.stages, STAGE_BIT(STAGE_RCPT));
	assert_true((e.facts & FACT_MTA_VIEW) != 0 && (e.facts & FACT_REFUSED_RECIPIENTS) != 0);
	assert_true((e.facts & (FACT_HELO | FACT_CERT | FACT_LISTENER | FACT_TLS)) == 0);
	e = entry_of("relay { mode = monitor rule a { helo = x.example listener = 25 tls = yes "
		     "cert = verified action = reject } " END " }");
	assert_int_equal(e.mode, MODE_MONITOR);
	assert_int_equal(e.facts & (FACT_HELO | FACT_CERT | FACT_LISTENER | FACT_TLS),
	    FACT_HELO | FACT_CERT | FACT_LISTENER | FACT_TLS);
	assert_int_equal(entry_of("mode = monitor relay { " END " }").mode, MODE_MONITOR);
	/* A file that refuses nothing refuses nothing. */
	assert_int_equal(
	    entry_of("mode = monitor relay { mode = enforce " END " }").mode, MODE_MONITOR);
}

/* A file that happens to be empty must not turn its criterion off. */
static void empty_files_match_nothing(void **state)
{
	static const char *const keys[] = {
	    "client", "login", "mech", "listener", "helo", "from", "to", "cert"};
	char path[] = "/tmp/relay-guard-test-XXXXXX", text[512];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct diag *diag = diag_new();
		const struct relay_rule *rule;
		struct config *c;

		snprintf(text, sizeof(text),
		    "relay { rule a { %s = file:%s action = reject } " END " }", keys[i], path);
		c = config_load_text("test.conf", text, strlen(text), now, diag);
		if (c != NULL) {
			struct session_env env = {.host = "mx"};
			struct session s;

			rule = (const struct relay_rule *)(const void
				*)((const struct relay_settings *)(const void *)c->settings->relay)
			           ->rules;
			session_open(&s, &c->policy, &env, 1, now);
			s.client.addr = (struct addr){{203, 0, 113, 9}, ADDR_V4};
			s.cred.login = "alice";
			s.cred.mech = "PLAIN";
			if (criteria_match(&rule->criteria, &s, NULL) != MATCH_NO)
				fail_msg("%s: got a match, want none", keys[i]);
			session_close(&s);
		}
		config_free(&c);
		diag_free(&diag);
	}
	close(fd);
	unlink(path);
}

static void without_a_relay_section(void **state)
{
	struct diag *diag = diag_new();

	(void)state;
	assert_null(config_load_text("test.conf", LISTS, strlen(LISTS), now, diag));
	assert_true(diag_errors(diag) > 0);
	diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(what_is_accepted),
	    cmocka_unit_test(facts_and_modes),
	    cmocka_unit_test(empty_files_match_nothing),
	    cmocka_unit_test(without_a_relay_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
