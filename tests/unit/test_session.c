#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/session.h"

/* --- a policy of its own: who is logged in, or whose recipient is ours, may --- */

static void gate_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	(void)self;
	(void)now;
	if (stage == STAGE_MAIL) {
		if (strcmp(s->msg.sender_raw, "<refused@x.example>") == 0)
			out->kind = VERDICT_REJECT;
		return;
	}
	out->rule = (struct rule_ref){"gate", "test.conf", 7};
	out->reason = s->rcpt.reading_why;
	if (*s->cred.login != '\0' || s->rcpt.reading == READING_OURS) {
		out->kind = VERDICT_PERMIT;
	} else if (s->rcpt.reading == READING_UNKNOWN) {
		out->kind = VERDICT_UNDECIDED;
	} else {
		out->kind = VERDICT_REJECT;
		out->reply = (struct reply){550, "5.7.1", "Relay access denied"};
	}
}

static const struct check gate = {"gate", gate_run};
static const char *const local_names[] = {"local"};

struct bed {
	struct policy_entry entry;
	struct policy policy;
	struct domset *ours;
	struct session_env env;
	struct session s;
	struct strbuf events; /* as text, one a line */
	unsigned count;
};

static void on_event(void *arg, const struct event *e)
{
	struct bed *bed = arg;

	event_text(e, &bed->events);
	strbuf_putc(&bed->events, '\n');
	bed->count++;
}

static int bed_setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct domset_builder *b = domset_builder_new();

	assert_non_null(bed);
	domset_builder_add(b, "example.com", 11, NULL);
	bed->ours = domset_build(&b);
	bed->entry = (struct policy_entry){
	    .check = &gate, .stages = STAGE_BIT(STAGE_RCPT) | STAGE_BIT(STAGE_MAIL)};
	bed->policy = (struct policy){
	    .reading = {bed->ours, {1, local_names}}, .count = 1, .entries = &bed->entry};
	bed->env = (struct session_env){.host = "mx", .emit = on_event, .arg = bed};
	session_open(&bed->s, &bed->policy, &bed->env, 1, 0);
	*state = bed;
	return 0;
}

static int bed_teardown(void **state)
{
	struct bed *bed = *state;

	session_close(&bed->s);
	strbuf_free(&bed->events);
	domset_free(&bed->ours);
	free(bed);
	return 0;
}

static enum verdict_kind stage(struct bed *bed, const struct stage_args *args)
{
	struct decision d;

	session_event(&bed->s, args, 0, &d);
	assert_int_not_equal(d.verdict.kind, VERDICT_NONE);
	return d.verdict.kind;
}

static enum verdict_kind plain(struct bed *bed, enum stage which)
{
	return stage(bed, &(struct stage_args){.stage = which, .helo = "h"});
}

static enum verdict_kind stranger_connects(struct bed *bed)
{
	return stage(bed, &(struct stage_args){.stage = STAGE_CONNECT,
			      .client_name = "[203.0.113.9]",
			      .client_addr = {{203, 0, 113, 9}, ADDR_V4},
			      .client_port = 4025,
			      .client_by_socket = true,
			      .daemon_addr = "192.0.2.1",
			      .daemon_port = "25"});
}

static enum verdict_kind mail(struct bed *bed, const char *login, const char *mech)
{
	return stage(bed, &(struct stage_args){.stage = STAGE_MAIL,
			      .address = "<eve@evil.example>",
			      .auth_login = login,
			      .auth_mech = mech});
}

static enum verdict_kind rcpt(
    struct bed *bed, const char *to, const char *mailer, const char *host, const char *addr)
{
	return stage(bed,
	    &(struct stage_args){.stage = STAGE_RCPT, .address = to, .mta = {mailer, host, addr}});
}

static enum verdict_kind rcpt_outside(struct bed *bed)
{
	return rcpt(bed, "<v@evil.example>", "smtp", "evil.example", "v@evil.example");
}

/* --- the order of stages --- */

static void out_of_order_is_deferred(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(plain(bed, STAGE_HELO), VERDICT_DEFER);
	assert_int_equal(mail(bed, "alice", "PLAIN"), VERDICT_DEFER);
	assert_int_equal(rcpt_outside(bed), VERDICT_DEFER);
	assert_int_equal(plain(bed, STAGE_ABORT), VERDICT_PERMIT);
	assert_int_equal(stranger_connects(bed), VERDICT_PERMIT);
	assert_int_equal(stranger_connects(bed), VERDICT_DEFER);
	assert_int_equal(plain(bed, STAGE_DATA), VERDICT_DEFER);
	assert_int_equal(plain(bed, STAGE_EOH), VERDICT_DEFER);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_DEFER);
	assert_int_equal(rcpt(bed, "<bob@example.com>", "local", "", "bob"), VERDICT_DEFER);
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "recipient=<bob@example.com> check=session verdict=defer by=guard code=451"));
	/* HELO is not needed before MAIL: Sendmail does not ask for it. */
	assert_int_equal(mail(bed, NULL, NULL), VERDICT_PERMIT);
	assert_int_equal(rcpt(bed, "<bob@example.com>", "local", "", "bob"), VERDICT_PERMIT);
}

static void a_message_ends(void **state)
{
	static const enum stage ends[] = {STAGE_EOM, STAGE_ABORT, STAGE_HELO};
	struct bed *bed = *state;

	stranger_connects(bed);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_int_equal(mail(bed, "alice", "PLAIN"), VERDICT_PERMIT);
		assert_int_equal(rcpt_outside(bed), VERDICT_PERMIT);
		assert_int_equal(bed->s.msg.accepted, 1);
		assert_int_equal(plain(bed, ends[i]), VERDICT_PERMIT);
		assert_int_equal(rcpt_outside(bed), VERDICT_DEFER);
		assert_string_equal(bed->s.cred.login, "");
	}
	/* The next MAIL ends one as well, and what was proven before is gone. */
	assert_int_equal(mail(bed, "alice", "PLAIN"), VERDICT_PERMIT);
	assert_int_equal(mail(bed, NULL, NULL), VERDICT_PERMIT);
	assert_int_equal(rcpt_outside(bed), VERDICT_REJECT);
	assert_int_equal(bed->s.msg.accepted, 0);
	assert_int_equal(bed->s.msg.refused, 1);
}

static void a_refused_mail_opens_nothing(void **state)
{
	struct bed *bed = *state;

	stranger_connects(bed);
	assert_int_equal(stage(bed, &(struct stage_args){.stage = STAGE_MAIL,
					.address = "<refused@x.example>",
					.auth_login = "alice",
					.auth_mech = "PLAIN"}),
	    VERDICT_REJECT);
	assert_int_equal(rcpt_outside(bed), VERDICT_DEFER);
}

/* --- credentials --- */

static void logins(void **state)
{
	static const struct {
		const char *login, *mech;
		bool want;
	} cases[] = {
	    {"alice", "PLAIN", true},
	    {"alice", NULL, true},
	    {"alice@example.com", "XCLIENT", true},
	    {"anonymous", "PLAIN", true},
	    {"alice", "ANONYMOUS", false},
	    {"alice", "Anonymous", false},
	    {"anonymous", NULL, false},
	    {"Anonymous", "", false},
	    {"", "PLAIN", false},
	    {NULL, "PLAIN", false},
	    {NULL, NULL, false},
	};
	struct bed *bed = *state;

	stranger_connects(bed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mail(bed, cases[i].login, cases[i].mech);
		if ((*bed->s.cred.login != '\0') != cases[i].want)
			fail_msg("%s %s: want %d", cases[i].login, cases[i].mech, cases[i].want);
		if (!cases[i].want)
			assert_string_equal(bed->s.cred.mech, "");
		assert_int_equal(
		    rcpt_outside(bed), cases[i].want ? VERDICT_PERMIT : VERDICT_REJECT);
	}
}

static void certificates(void **state)
{
	static const struct {
		const char *subject, *verify;
		bool want;
	} cases[] = {
	    {"/CN=x/O=y", "OK", true},
	    {"/CN=x/O=y", "NO", false},
	    {"/CN=x/O=y", "FAIL", false},
	    {"/CN=x/O=y", "", false},
	    {"/CN=x/O=y", NULL, false}, /* Sendmail that was not asked for {verify} */
	    {"x", NULL, true},          /* Postfix */
	    {"", NULL, false},
	    {NULL, NULL, false},
	    {NULL, "OK", true},
	};
	struct bed *bed = *state;

	stranger_connects(bed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stage(bed, &(struct stage_args){.stage = STAGE_MAIL,
			       .address = "<>",
			       .cert_subject = cases[i].subject,
			       .verify = cases[i].verify});
		if (bed->s.cred.cert_verified != cases[i].want)
			fail_msg(
			    "%s %s: want %d", cases[i].subject, cases[i].verify, cases[i].want);
	}
}

static void fingerprints(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"md5:00112233445566778899aabbccddeeff", "md5:00112233445566778899aabbccddeeff"},
	    {"MD5:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"md5:00112233445566778899aabbccddeeff"},
	    {"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"md5:00112233445566778899aabbccddeeff"},
	    {"0123456789012345678901234567890123456789",
		"sha1:0123456789012345678901234567890123456789"},
	    {"md5:00", ""},
	    {"sha256:00112233445566778899aabbccddeeff", ""},
	    {"00112233445566778899aabbccddeefg", ""},
	    {"sha256:", ""},
	    {"", ""},
	    {":", ""},
	    {"md4:00112233445566778899aabbccddeeff", ""},
	};
	char out[FINGERPRINT_SIZE], big[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(fingerprint_canonical(cases[i].text, out), *cases[i].want != '\0');
		assert_string_equal(out, cases[i].want);
	}
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	assert_false(fingerprint_canonical(big, out));
	big[128] = '\0';
	assert_true(fingerprint_canonical(big, out));
	assert_memory_equal(out, "sha512:aaa", 10);
}

/* --- who is local --- */

static void local_clients(void **state)
{
	static const struct {
		const char *name;
		struct addr addr;
		uint16_t port;
		bool by_socket, want;
	} cases[] = {
	    {"localhost", {.family = ADDR_NONE}, 0, false, true},        /* sendmail -bs */
	    {"localhost", {{127, 0, 0, 1}, ADDR_V4}, 0, true, true},     /* Postfix cleanup */
	    {"localhost", {{127, 0, 0, 1}, ADDR_V4}, 2525, true, false}, /* over TCP */
	    {"unknown", {.family = ADDR_NONE}, 0, false, false},         /* Postfix, gone */
	    {NULL, {.family = ADDR_NONE}, 0, false, false},
	    {"", {.family = ADDR_NONE}, 0, false, false},
	    {"localhost", {{203, 0, 113, 9}, ADDR_V4}, 0, true, false}, /* a PTR that lies */
	    {"localhost", {{203, 0, 113, 9}, ADDR_V4}, 0, false, false},
	    {"unknown", {{127, 0, 0, 1}, ADDR_V4}, 0, true, false},
	    {"localhost", {.family = ADDR_NONE}, 0, true, false},
	    {"localhost.evil.example", {{127, 0, 0, 1}, ADDR_V4}, 0, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stage_args args = {.client_name = cases[i].name,
		    .client_addr = cases[i].addr,
		    .client_port = cases[i].port,
		    .client_by_socket = cases[i].by_socket};

		if (client_is_local(&args) != cases[i].want)
			fail_msg("row %zu: want %d", i, cases[i].want);
	}
}

/* --- events and replies --- */

static void refusals_are_marked_and_told(void **state)
{
	struct bed *bed = *state;
	struct decision d;
	char want[64];

	stranger_connects(bed);
	mail(bed, NULL, NULL);
	assert_int_equal(bed->count, 0);
	session_event(&bed->s,
	    &(struct stage_args){.stage = STAGE_RCPT,
		.address = "<v@evil.example>",
		.queue_id = "Q7",
		.mta = {"smtp", "evil.example", "v@evil.example"}},
	    0, &d);
	snprintf(want, sizeof(want), "Relay access denied [%s]", bed->s.id);
	assert_string_equal(d.verdict.reply.text, want);
	assert_int_equal(bed->count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events), want));
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "message=Q7 stage=rcpt client=203.0.113.9 client_port=4025 listener=192.0.2.1:25 "
	    "sender=<eve@evil.example> recipient=<v@evil.example> reading=relay mta_mailer=smtp "
	    "mta_host=evil.example mta_addr=v@evil.example check=gate rule=gate where=test.conf:7 "
	    "verdict=reject by=guard code=550 enhanced=5.7.1"));
}

static void what_the_mta_refuses_is_told_once(void **state)
{
	struct bed *bed = *state;

	bed->env.permitted = true;
	stranger_connects(bed);
	mail(bed, NULL, NULL);
	assert_int_equal(
	    rcpt(bed, "<v@evil.example>", "error", "5.7.1", "Relay access denied"), VERDICT_PERMIT);
	assert_int_equal(bed->count, 1);
	assert_int_equal(bed->s.msg.refused, 1);
	assert_int_equal(bed->s.msg.accepted, 0);
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "verdict=reject by=mta enhanced=5.7.1 reply=\"Relay access denied\" mode=enforce"));
	rcpt(bed, "<bob@example.com>", "error", "4.2.0", "Greylisted");
	assert_non_null(strstr(strbuf_text(&bed->events), "verdict=defer by=mta enhanced=4.2.0"));
	assert_int_equal(bed->s.rcpt.reading, READING_UNKNOWN);
}

static void permitted_ones_on_request(void **state)
{
	struct bed *bed = *state;

	stranger_connects(bed);
	mail(bed, NULL, NULL);
	assert_int_equal(rcpt(bed, "<bob@example.com>", "local", "", "bob"), VERDICT_PERMIT);
	assert_int_equal(bed->count, 0);
	bed->env.permitted = true;
	assert_int_equal(rcpt(bed, "<bob@example.com>", "local", "", "bob"), VERDICT_PERMIT);
	assert_int_equal(bed->count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "reading=ours mta_mailer=local mta_addr=bob check=gate rule=gate where=test.conf:7 "
	    "verdict=permit by=guard reason=\"the MTA delivers it here\" mode=enforce"));
}

static usec_t next_reading;

/* Each reading is 7 us after the one before; from 0, time stands still. */
static usec_t watch(void)
{
	usec_t now = next_reading;

	next_reading += now == 0 ? 0 : 7;
	return now;
}

static void how_long_it_took(void **state)
{
	struct bed *bed = *state;

	bed->env.stopwatch = watch;
	next_reading = 100;
	stranger_connects(bed);
	mail(bed, NULL, NULL);
	rcpt_outside(bed);
	assert_int_equal(bed->count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events), " took_us=7\n"));
	strbuf_free(&bed->events);
	next_reading = 0;
	rcpt_outside(bed);
	assert_non_null(strstr(strbuf_text(&bed->events), " took_us=1\n"));
}

static unsigned settled_count;

static void count_settled(
    const void *self, struct session *s, enum stage stage, const struct verdict *v, usec_t now)
{
	(void)self;
	(void)s;
	(void)stage;
	(void)v;
	(void)now;
	settled_count++;
}

/* At the end of a drain: told like any other refusal; what the MTA refuses stays its own. */
static void turned_away(void **state)
{
	static const struct reply later = {421, "4.3.2", "Try again later"};
	const struct stage_args to = {.stage = STAGE_RCPT,
	    .address = "<bob@example.com>",
	    .mta = {"local", "", "bob@example.com"}};
	const struct stage_args refused = {.stage = STAGE_RCPT,
	    .address = "<v@evil.example>",
	    .mta = {"error", "5.7.1", "Relay access denied"}};
	const struct stage_args next = {.stage = STAGE_MAIL, .address = "<eve@evil.example>"};
	struct bed *bed = *state;
	struct decision d;

	bed->entry.mode = MODE_MONITOR;
	stranger_connects(bed);
	mail(bed, NULL, NULL);
	bed->entry.settled = count_settled;
	settled_count = 0;
	session_turn_away(&bed->s, &to, 0, &later, "it restarts", &d);
	assert_int_equal(settled_count, 0);
	assert_int_equal(d.verdict.kind, VERDICT_DEFER);
	assert_int_equal(d.verdict.reply.code, 421);
	assert_non_null(strstr(d.verdict.reply.text, "Try again later ["));
	assert_int_equal(bed->count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events), " stage=rcpt "));
	assert_non_null(
	    strstr(strbuf_text(&bed->events), "recipient=<bob@example.com> reading=ours"));
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "check=session verdict=defer by=guard code=421 enhanced=4.3.2"));
	assert_non_null(strstr(strbuf_text(&bed->events), "mode=enforce"));
	assert_non_null(strstr(strbuf_text(&bed->events), "reason=\"it restarts\""));
	assert_int_equal(bed->s.msg.accepted, 0);
	assert_int_equal(bed->s.msg.refused, 1);
	session_turn_away(&bed->s, &refused, 0, &later, "it restarts", &d);
	assert_int_equal(d.verdict.kind, VERDICT_PERMIT);
	assert_int_equal(bed->count, 2);
	assert_int_equal(settled_count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events), "by=mta"));
	session_turn_away(&bed->s, &next, 0, &later, "it restarts", &d);
	assert_int_equal(d.verdict.kind, VERDICT_DEFER);
	assert_false(bed->s.msg.open);
}

static void a_monitored_refusal_is_only_told(void **state)
{
	struct bed *bed = *state;

	bed->entry.mode = MODE_MONITOR;
	stranger_connects(bed);
	mail(bed, NULL, NULL);
	assert_int_equal(rcpt_outside(bed), VERDICT_PERMIT);
	assert_int_equal(bed->count, 1);
	assert_non_null(strstr(strbuf_text(&bed->events),
	    "reply=\"Relay access denied\" reason=\"the domain is not in our list\" mode=monitor"));
	assert_int_equal(bed->s.msg.accepted, 1);
}

static void a_missing_view_is_temporary(void **state)
{
	struct bed *bed = *state;

	stranger_connects(bed);
	mail(bed, NULL, NULL);
	assert_int_equal(rcpt(bed, "<bob@example.com>", NULL, NULL, NULL), VERDICT_DEFER);
	assert_int_equal(rcpt(bed, "<v@evil.example>", NULL, NULL, NULL), VERDICT_REJECT);
}

static void memory_has_a_cap(void **state)
{
	const size_t len = MESSAGE_ARENA_MAX + 1;
	struct bed *bed = *state;
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'a', len);
	text[len] = '\0';
	stranger_connects(bed);
	assert_int_equal(
	    stage(bed, &(struct stage_args){.stage = STAGE_MAIL, .address = text}), VERDICT_DEFER);
	assert_int_equal(rcpt_outside(bed), VERDICT_DEFER);
	mail(bed, "alice", "PLAIN");
	assert_int_equal(rcpt(bed, text, "local", "", "a"), VERDICT_DEFER);
	assert_int_equal(rcpt(bed, "<bob@example.com>", "local", "", text), VERDICT_DEFER);
	/* Many recipients need no more than one. */
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(rcpt_outside(bed), VERDICT_PERMIT);
	assert_true(bed->s.msg.arena.used < 4096);
	/* Nor does HELO again and again; it is cut. */
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(
		    stage(bed, &(struct stage_args){.stage = STAGE_HELO, .helo = text}),
		    VERDICT_PERMIT);
	assert_int_equal(strlen(bed->s.helo), SESSION_HELO_SIZE - 1);
	free(text);
}

static void ids_differ(void **state)
{
	struct bed *bed = *state;
	struct session other;

	session_open(&other, &bed->policy, &bed->env, 2, 0);
	assert_string_not_equal(other.id, bed->s.id);
	assert_int_equal(strlen(other.id), SESSION_ID_SIZE - 1);
	session_close(&other);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(out_of_order_is_deferred),
	    ROW(a_message_ends),
	    ROW(a_refused_mail_opens_nothing),
	    ROW(logins),
	    ROW(certificates),
	    ROW(fingerprints),
	    ROW(local_clients),
	    ROW(refusals_are_marked_and_told),
	    ROW(what_the_mta_refuses_is_told_once),
	    ROW(permitted_ones_on_request),
	    ROW(how_long_it_took),
	    ROW(turned_away),
	    ROW(a_monitored_refusal_is_only_told),
	    ROW(a_missing_view_is_temporary),
	    ROW(memory_has_a_cap),
	    ROW(ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
