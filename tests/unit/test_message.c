/* The way of a message's content, and what is done to it in the end. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "core/event.h"
#include "core/message.h"
#include "core/policy.h"

/* --- a check that does at each stage what the test tells it --------------------- */

struct order {
	struct verdict say[STAGE_ABORT + 1];
	bool add, insert, delete, skip; /* at EOM; skip at the first BODY */
	unsigned ran[STAGE_ABORT + 1];
	struct strbuf seen;
	unsigned ended, ended_well; /* of what it attached to messages */
	unsigned session_ended;
};

static void message_ended(void *value, bool accepted)
{
	struct order *o = value;

	o->ended++;
	o->ended_well += accepted;
}

static void session_ended(void *value, bool accepted)
{
	struct order *o = value;

	assert_false(accepted);
	o->session_ended++;
}

static void obey_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	struct order *o = (struct order *)(uintptr_t)self;
	const char *name = out->check;

	(void)now;
	o->ran[stage]++;
	*out = o->say[stage];
	out->check = name;
	if (stage == STAGE_CONNECT)
		assert_true(session_attach(s, o, o, session_ended));
	if (stage == STAGE_MAIL)
		assert_true(message_attach(s, o, o, message_ended));
	if (stage == STAGE_RCPT)
		assert_ptr_equal(message_attached(s, o), o);
	if (stage == STAGE_HEADER)
		strbuf_printf(&o->seen, "%s:%s|", s->args->field_name, s->args->field_value);
	if (stage == STAGE_BODY) {
		strbuf_add(&o->seen, s->args->body, s->args->body_len);
		if (o->skip)
			message_skip_body(s);
	}
	if (stage != STAGE_EOM)
		return;
	session_progress(s);
	if (o->add)
		assert_true(message_add_field(s, "X-Added", "yes"));
	if (o->insert)
		assert_true(message_insert_field(s, 0, "X-Inserted", "yes"));
	if (o->delete)
		assert_true(message_delete_field(s, "X-Old", 2));
}

static const struct check first_check = {"first", obey_run}, second_check = {"second", obey_run};

enum { ALL_STAGES = (1 << STAGE_ABORT) - 1 };

struct bed {
	struct order orders[2];
	struct policy_entry entries[2];
	struct policy policy;
	struct session_env env;
	struct session s;
	struct decision d;
	struct strbuf events;
	unsigned progress;
};

static void on_event(void *arg, const struct event *e)
{
	struct bed *bed = arg;

	strbuf_printf(&bed->events, "%s %s %s %u\n", e->stage, e->check, e->verdict, e->code);
}

static void on_progress(void *arg)
{
	((struct bed *)arg)->progress++;
}

static void open_session(struct bed *bed)
{
	session_open(&bed->s, &bed->policy, &bed->env, 1, 0);
	bed->s.progress = on_progress;
	bed->s.progress_arg = bed;
}

static void reopen(struct bed *bed)
{
	session_close(&bed->s);
	open_session(bed);
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	for (size_t i = 0; i < 2; i++)
		bed->entries[i] =
		    (struct policy_entry){.check = i == 0 ? &first_check : &second_check,
			.self = &bed->orders[i],
			.stages = ALL_STAGES};
	bed->policy = (struct policy){.count = 2, .entries = bed->entries};
	bed->env = (struct session_env){.host = "mx", .emit = on_event, .arg = bed};
	open_session(bed);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	session_close(&bed->s);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bed->orders[i].ended, bed->orders[i].ran[STAGE_MAIL]);
		assert_int_equal(bed->orders[i].session_ended, bed->orders[i].ran[STAGE_CONNECT]);
		strbuf_free(&bed->orders[i].seen);
	}
	strbuf_free(&bed->events);
	free(bed);
	return 0;
}

static enum verdict_kind stage(struct bed *bed, const struct stage_args *args)
{
	session_event(&bed->s, args, 0, &bed->d);
	return bed->d.verdict.kind;
}

static enum verdict_kind plain(struct bed *bed, enum stage which)
{
	return stage(bed, &(struct stage_args){.stage = which,
			      .helo = "h",
			      .address = which == STAGE_MAIL ? "<a@x.example>" : "<b@x.example>",
			      .client_addr = {{203, 0, 113, 9}, ADDR_V4},
			      .client_by_socket = true,
			      .field_name = "Subject",
			      .field_value = " x",
			      .body = (const unsigned char *)"body\r\n",
			      .body_len = 6});
}

/* All stages from `from` to the one before `to`, each of which is let through. */
static void go(struct bed *bed, enum stage from, enum stage to)
{
	for (enum stage at = from; at < to; at++)
		if (plain(bed, at) < VERDICT_PERMIT || bed->d.verdict.kind > VERDICT_HOLD)
			fail_msg("%s is not let through", stage_name(at));
}

static const char *done(const struct bed *bed, struct strbuf *b)
{
	strbuf_reset(b);
	for (const struct change *c = bed->d.changes; c != NULL; c = c->next)
		strbuf_printf(b, "%s %s%s%s\n",
		    c->kind == CHANGE_DELETE ? "delete"
		    : c->kind == CHANGE_ADD  ? "add"
					     : "insert",
		    c->name, c->value == NULL ? "" : ": ", c->value == NULL ? "" : c->value);
	if (bed->d.hold != NULL)
		strbuf_printf(b, "hold %s\n", bed->d.hold);
	return strbuf_text(b);
}

/* --- the content ------------------------------------------------------------------ */

static void content_is_shown(void **state)
{
	struct bed *bed = *state;

	bed->orders[1].skip = true;
	go(bed, STAGE_CONNECT, STAGE_BODY);
	plain(bed, STAGE_BODY);
	assert_false(bed->d.enough_body);
	bed->orders[0].skip = true;
	plain(bed, STAGE_BODY);
	assert_true(bed->d.enough_body);
	plain(bed, STAGE_BODY);
	plain(bed, STAGE_EOM);
	assert_string_equal(bed->orders[0].seen.data, "Subject: x|body\r\nbody\r\n");
	assert_string_equal(bed->orders[1].seen.data, "Subject: x|body\r\n");
	assert_int_equal(bed->progress, 2);
	/* The next message has a body of its own. */
	go(bed, STAGE_MAIL, STAGE_BODY);
	bed->orders[0].skip = false;
	plain(bed, STAGE_BODY);
	assert_false(bed->d.enough_body);
	assert_int_equal(bed->orders[1].ran[STAGE_BODY], 2);
}

static void only_what_is_wanted(void **state)
{
	struct bed *bed = *state;

	bed->entries[0].stages = STAGE_BIT(STAGE_CONNECT) | STAGE_BIT(STAGE_MAIL);
	bed->entries[1].stages = ALL_STAGES & ~STAGE_BIT(STAGE_HEADER);
	bed->orders[1].skip = true;
	go(bed, STAGE_CONNECT, STAGE_EOM);
	assert_true(plain(bed, STAGE_BODY) == VERDICT_PERMIT && bed->d.enough_body);
	assert_int_equal(bed->orders[0].ran[STAGE_BODY] + bed->orders[0].ran[STAGE_HEADER], 0);
	assert_string_equal(bed->orders[1].seen.data, "body\r\n");
}

static void content_outside_of_a_message_is_deferred(void **state)
{
	static const enum stage stages[] = {
	    STAGE_DATA, STAGE_HEADER, STAGE_EOH, STAGE_BODY, STAGE_EOM};
	struct bed *bed = *state;

	go(bed, STAGE_CONNECT, STAGE_MAIL);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		assert_int_equal(plain(bed, stages[i]), VERDICT_DEFER);
	assert_int_equal(bed->orders[0].ran[STAGE_HEADER], 0);
}

/* --- changes ------------------------------------------------------------------------ */

static void asked_at_the_end(void **state)
{
	struct bed *bed = *state;
	struct strbuf b = {0};

	bed->orders[0].add = bed->orders[1].insert = bed->orders[1].delete = true;
	go(bed, STAGE_CONNECT, STAGE_ABORT);
	assert_string_equal(
	    done(bed, &b), "delete X-Old\nadd X-Added: yes\ninsert X-Inserted: yes\n");
	assert_int_equal(bed->orders[0].ended_well, 1);
	/* Not of what is monitored, and not of what is refused. */
	bed->entries[0].mode = MODE_MONITOR;
	go(bed, STAGE_MAIL, STAGE_ABORT);
	assert_string_equal(done(bed, &b), "delete X-Old\ninsert X-Inserted: yes\n");
	bed->orders[0].say[STAGE_EOM].kind = VERDICT_REJECT;
	go(bed, STAGE_MAIL, STAGE_ABORT);
	assert_string_equal(done(bed, &b), "delete X-Old\ninsert X-Inserted: yes\n");
	bed->orders[1].say[STAGE_EOM].kind = VERDICT_REJECT;
	go(bed, STAGE_MAIL, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_REJECT);
	assert_string_equal(done(bed, &b), "");
	assert_int_equal(bed->orders[0].ended_well, 3);
	assert_int_equal(bed->orders[0].ended, 4);
	strbuf_free(&b);
}

/* --- marks -------------------------------------------------------------------------- */

static void marks_wait_for_the_end(void **state)
{
	struct bed *bed = *state;
	struct strbuf b = {0};

	for (enum stage at = STAGE_CONNECT; at <= STAGE_EOM; at++) {
		struct verdict *say = &bed->orders[0].say[at];

		reopen(bed);
		*say = (struct verdict){.kind = VERDICT_HOLD, .rule = {"odd", "c", 1}};
		go(bed, STAGE_CONNECT, STAGE_EOM);
		assert_null(bed->d.hold);
		assert_int_equal(plain(bed, STAGE_EOM), VERDICT_HOLD);
		assert_non_null(strstr(done(bed, &b), "hold relay-guard: first rule odd ["));
		say->kind = VERDICT_TAG;
		say->rule.name = NULL;
		reopen(bed);
		go(bed, STAGE_CONNECT, STAGE_EOM);
		assert_int_equal(plain(bed, STAGE_EOM), VERDICT_TAG);
		assert_non_null(strstr(done(bed, &b), "add X-Relay-Guard: tag; check=first; id="));
		assert_null(bed->d.hold);
		*say = (struct verdict){.kind = VERDICT_NONE};
	}
	/* What was said of the connection or the message is forgotten with it. */
	reopen(bed);
	go(bed, STAGE_CONNECT, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_PERMIT);
	assert_string_equal(done(bed, &b), "");
	strbuf_free(&b);
}

static void marks_of_the_session(void **state)
{
	struct bed *bed = *state;
	struct strbuf b = {0};

	bed->orders[0].say[STAGE_CONNECT] =
	    (struct verdict){.kind = VERDICT_TAG, .tag = "from there\r\nX: y"};
	bed->orders[1].say[STAGE_HELO] =
	    (struct verdict){.kind = VERDICT_HOLD, .reason = "such a name"};
	go(bed, STAGE_CONNECT, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_HOLD);
	assert_non_null(strstr(done(bed, &b), "add X-Relay-Guard: from there??X: y\n"));
	assert_non_null(strstr(done(bed, &b), "hold relay-guard: second: such a name ["));
	go(bed, STAGE_MAIL, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_HOLD);
	/* Another HELO, another judgement; the connection is the same. */
	bed->orders[1].say[STAGE_HELO].kind = VERDICT_NONE;
	go(bed, STAGE_HELO, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_TAG);
	strbuf_free(&b);
}

static void a_refused_recipient_leaves_no_mark(void **state)
{
	struct bed *bed = *state;
	struct strbuf b = {0};

	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_HOLD;
	bed->orders[1].say[STAGE_RCPT].kind = VERDICT_REJECT;
	go(bed, STAGE_CONNECT, STAGE_RCPT);
	assert_int_equal(plain(bed, STAGE_RCPT), VERDICT_REJECT);
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_TAG;
	assert_int_equal(plain(bed, STAGE_RCPT), VERDICT_REJECT);
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_NONE;
	bed->orders[1].say[STAGE_RCPT].kind = VERDICT_PERMIT;
	go(bed, STAGE_RCPT, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_PERMIT);
	assert_string_equal(done(bed, &b), "");
	/* The same tag a thousand times is one field. */
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_TAG;
	go(bed, STAGE_MAIL, STAGE_RCPT);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(plain(bed, STAGE_RCPT), VERDICT_TAG);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_TAG);
	assert_null(bed->d.changes->next);
	strbuf_free(&b);
}

static void monitored_marks_do_nothing(void **state)
{
	struct bed *bed = *state;
	struct strbuf b = {0};

	bed->entries[0].mode = MODE_MONITOR;
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_HOLD;
	bed->orders[0].say[STAGE_EOM].kind = VERDICT_TAG;
	go(bed, STAGE_CONNECT, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_PERMIT);
	assert_string_equal(done(bed, &b), "");
	assert_non_null(strstr(strbuf_text(&bed->events), "rcpt first hold 0\n"));
	strbuf_free(&b);
}

static void the_mta_must_allow_it(void **state)
{
	struct bed *bed = *state;

	bed->s.rights = RIGHT_ADD_FIELDS;
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_TAG;
	go(bed, STAGE_CONNECT, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_TAG);
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_HOLD;
	go(bed, STAGE_MAIL, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_DEFER);
	assert_string_equal(bed->d.verdict.reply.enhanced, "4.3.5");
	assert_null(bed->d.hold);
	assert_non_null(strstr(strbuf_text(&bed->events), "eom session defer 451\n"));
	/* What nobody asks for needs no right. */
	bed->s.rights = 0;
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_NONE;
	go(bed, STAGE_MAIL, STAGE_EOM);
	assert_int_equal(plain(bed, STAGE_EOM), VERDICT_PERMIT);
}

/* --- refusals for which nobody waited -------------------------------------------------- */

static void a_refusal_comes_at_the_end_at_last(void **state)
{
	static const enum stage stages[] = {STAGE_DATA, STAGE_HEADER, STAGE_EOH, STAGE_BODY};
	struct bed *bed = *state;

	go(bed, STAGE_CONNECT, STAGE_MAIL);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		bed->orders[1].say[stages[i]] =
		    (struct verdict){.kind = VERDICT_REJECT, .reply = {550, "5.7.1", "Not this"}};
		bed->orders[0].say[STAGE_RCPT].kind = VERDICT_HOLD;
		go(bed, STAGE_MAIL, stages[i]);
		assert_int_equal(plain(bed, stages[i]), VERDICT_REJECT);
		bed->orders[1].say[stages[i]].kind = VERDICT_NONE;
		go(bed, stages[i] + 1, STAGE_EOM);
		assert_int_equal(plain(bed, STAGE_EOM), VERDICT_REJECT);
		assert_ptr_equal(
		    strstr(bed->d.verdict.reply.text, "Not this ["), bed->d.verdict.reply.text);
		assert_null(bed->d.hold);
	}
	assert_int_equal(bed->orders[0].ended_well, 0);
	bed->orders[0].say[STAGE_RCPT].kind = VERDICT_NONE;
	go(bed, STAGE_MAIL, STAGE_ABORT);
	assert_int_equal(bed->orders[0].ended_well, 1);
}

static void every_end_is_told(void **state)
{
	static const enum stage ends[] = {STAGE_ABORT, STAGE_HELO, STAGE_MAIL};
	struct bed *bed = *state;

	go(bed, STAGE_CONNECT, STAGE_MAIL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		plain(bed, STAGE_MAIL);
		assert_int_equal(bed->orders[0].ended, i);
		plain(bed, ends[i]);
		assert_int_equal(bed->orders[0].ended, i + 1);
	}
	bed->orders[1].say[STAGE_MAIL].kind = VERDICT_REJECT;
	plain(bed, STAGE_MAIL);
	assert_int_equal(bed->orders[0].ended, 5);
	assert_int_equal(bed->orders[0].ended_well, 0);
	assert_false(message_attach(&bed->s, bed, bed, message_ended));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(content_is_shown),
	    TEST(only_what_is_wanted),
	    TEST(content_outside_of_a_message_is_deferred),
	    TEST(asked_at_the_end),
	    TEST(marks_wait_for_the_end),
	    TEST(marks_of_the_session),
	    TEST(a_refused_recipient_leaves_no_mark),
	    TEST(monitored_marks_do_nothing),
	    TEST(the_mta_must_allow_it),
	    TEST(a_refusal_comes_at_the_end_at_last),
	    TEST(every_end_is_told),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
