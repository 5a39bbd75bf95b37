/*
 * Any sequence of stages with any strings, under the rules of the manual's example. What a stranger
 * may send to is asked again, of a few lines that know nothing of the program's own reading.
 *
 * Input: a byte for the stage, then as many strings, each ended by a newline, as it takes. A check
 * of the test's own asks for changes with what the header and the body say.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "check/config.h"
#include "core/event.h"
#include "core/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char configuration[] =
    "networks friends { members = { 127.0.0.0/8, 192.0.2.0/24 } }\n"
    "domains ours { members = { example.com, [192.0.2.1] } }\n"
    "events { path = none syslog = no permitted = yes }\n"
    "relay {\n"
    "  rule watched { to = trap@example.com action = hold }\n"
    "  rule odd { to = @ours helo = odd.example action = tag }\n"
    "  rule inbound { to = @ours action = permit }\n"
    "  rule office { client = @friends action = permit }\n"
    "  rule login { auth = yes tls = yes action = permit }\n"
    "  rule partner { cert = \"md5:00112233445566778899aabbccddeeff\" to = partner.example\n"
    "                 action = permit }\n"
    "  rule others { action = reject }\n"
    "}\n";

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* --- the oracle ------------------------------------------------------------ */

/* Our domain after one @, after nothing but plain characters; or the postmaster alone. */
static bool is_plainly_ours(const char *raw)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "#$&'*+-/=?^_`{|}~.";
	static const char *const tails[] = {"@example.com", "@example.com.", "@[192.0.2.1]"};
	char text[2048];
	size_t len = strlen(raw), local = 0;

	if (len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", raw);
	if (len > 1 && raw[0] == '<' && raw[len - 1] == '>') {
		memmove(text, raw + 1, len - 2);
		text[len - 2] = '\0';
	}
	while (text[local] != '\0' &&
	       (strchr(plain, text[local]) != NULL || (unsigned char)text[local] >= 0x80))
		local++;
	if (strcasecmp(text, "postmaster") == 0)
		return true;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (local > 0 && strcasecmp(text + local, tails[i]) == 0)
			return true;
	return false;
}

static bool stays_here(const struct stage_args *rcpt)
{
	static const char *const local[] = {"local", "virtual", "discard", "maildrop", "mailman",
	    "dovecot", "cyrus", "cyrusv2", "cyrusbb"};
	const char *at = rcpt->mta.addr == NULL ? NULL : strrchr(rcpt->mta.addr, '@');

	for (size_t i = 0; rcpt->mta.mailer != NULL && i < sizeof(local) / sizeof(local[0]); i++)
		if (strcasecmp(rcpt->mta.mailer, local[i]) == 0)
			return true;
	return at != NULL &&
	       (strncasecmp(at, "@example.com", 12) == 0 || strncmp(at, "@[192.0.2.1]", 12) == 0 ||
		   strncasecmp(at, "@[IPv6:::ffff:", 14) == 0);
}

static bool is_stranger(const struct session *s)
{
	const uint8_t *b = s->client.addr.bytes;
	bool friend = s->client.addr.family == ADDR_V4 &&
	              (b[0] == 127 || (b[0] == 192 && b[1] == 0 && b[2] == 2));

	return !friend && !s->client.local && *s->cred.login == '\0' &&
	       *s->cred.cert_fingerprint == '\0';
}

static void check_permitted(const struct session *s, const struct stage_args *args)
{
	if (s->rcpt.refused_by_mta) {
		require(
		    strcasecmp(args->mta.mailer, "error") == 0, "a refusal is the mailer error");
		require(strlen(args->mta.host) <= 9, "a refusal's host is a code");
		return;
	}
	if (!is_stranger(s))
		return;
	require(s->rcpt.reading == READING_OURS, "a stranger's recipient is read as ours");
	require(is_plainly_ours(args->address), "a stranger's recipient is ours on its face");
	require(stays_here(args), "a stranger's recipient stays with us");
}

/* --- a check that asks for changes ------------------------------------------------- */

/* What is attached and not yet ended. */
static long attached;

static void on_end(void *value, bool accepted)
{
	(void)accepted;
	free(value);
	attached--;
}

static void changes_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	static const char nothing[] = "";
	const char *name =
	    stage == STAGE_HEADER && s->args->field_name != NULL ? s->args->field_name : nothing;
	const char *value =
	    stage == STAGE_HEADER && s->args->field_value != NULL ? s->args->field_value : nothing;
	void *memory;

	(void)self;
	(void)now;
	if (stage == STAGE_MAIL && (memory = malloc(8)) != NULL) {
		attached++;
		if (!message_attach(s, &attached, memory, on_end))
			on_end(memory, false);
	}
	if (stage == STAGE_BODY) {
		message_skip_body(s);
		out->kind = VERDICT_TAG;
		out->tag =
		    arena_strndup(&s->msg.arena, (const char *)s->args->body, s->args->body_len);
	}
	if (stage != STAGE_HEADER)
		return;
	if (name[0] == 'd')
		message_delete_field(s, name, (unsigned)strlen(value));
	else if (name[0] == 'i')
		message_insert_field(s, (unsigned)strlen(value) % 8, name, value);
	else if (name[0] == 'r')
		out->kind = VERDICT_REJECT;
	else
		message_add_field(s, name, value);
	if (name[0] == 'h') {
		out->kind = VERDICT_HOLD;
		out->reason = arena_strdup(&s->msg.arena, value);
	}
}

static bool is_clean(const char *s, bool with_tab)
{
	for (; *s != '\0'; s++)
		if ((*s < ' ' || *s > '~') && !(with_tab && *s == '\t'))
			return false;
	return true;
}

static void check_changes(const struct decision *d)
{
	const struct change *last = NULL;
	struct strbuf folded = {0};

	for (const struct change *c = d->changes; c != NULL; last = c, c = c->next) {
		require(is_clean(c->name, false) && *c->name != '\0', "a name is clean");
		require(c->kind == CHANGE_DELETE || is_clean(c->value, true), "a value is clean");
		if (last != NULL && c->kind == CHANGE_DELETE)
			require(
			    last->kind == CHANGE_DELETE &&
				(strcasecmp(last->name, c->name) != 0 || last->index > c->index),
			    "no deletion moves another");
		if (c->kind == CHANGE_DELETE)
			continue;
		strbuf_reset(&folded);
		change_fold(&folded, c);
		for (const char *s = strbuf_text(&folded); (s = strchr(s, '\n')) != NULL; s++)
			require(s[1] == ' ' || s[1] == '\t', "a fold is followed by a blank");
	}
	strbuf_free(&folded);
	require(d->hold == NULL || is_clean(d->hold, false), "a reason is clean");
}

static void check_decision(
    const struct session *s, const struct stage_args *args, const struct decision *d)
{
	bool refused = d->verdict.kind >= VERDICT_DEFER;

	require(args->stage == STAGE_EOM || (d->changes == NULL && d->hold == NULL),
	    "only a message that is over is changed");
	require(
	    !refused || (d->changes == NULL && d->hold == NULL), "what is refused is not changed");
	require(!refused || args->stage != STAGE_BODY || !d->enough_body, "a refusal is given");
	require(s->msg.open || attached == 0, "what is over is ended");
	check_changes(d);
}

/* --- the input ------------------------------------------------------------- */

struct input {
	const uint8_t *data;
	size_t size;
	struct arena arena;
};

/* The next string; NULL when it is empty, as when the MTA says nothing. */
static const char *next(struct input *in)
{
	const uint8_t *end = in->size == 0 ? NULL : memchr(in->data, '\n', in->size);
	size_t len = end == NULL ? in->size : (size_t)(end - in->data);
	char *s = len == 0 ? NULL : arena_strndup(&in->arena, (const char *)in->data, len);
	size_t used = len + (end != NULL);

	in->data += used;
	in->size -= used;
	return s;
}

static void fill_connect(struct input *in, struct stage_args *args)
{
	const char *address = next(in), *port = next(in);

	args->client_name = next(in);
	args->client_by_socket =
	    address != NULL && addr_parse(address, strlen(address), &args->client_addr);
	args->client_port = port == NULL ? 0 : (uint16_t)port[0];
	args->daemon_port = next(in);
}

static void fill(struct input *in, struct stage_args *args)
{
	if (args->stage == STAGE_CONNECT) {
		fill_connect(in, args);
	} else if (args->stage == STAGE_HELO) {
		args->helo = next(in);
	} else if (args->stage == STAGE_MAIL) {
		args->address = next(in);
		args->auth_login = next(in);
		args->auth_mech = next(in);
		args->tls_version = next(in);
		args->cert_fingerprint = next(in);
	} else if (args->stage == STAGE_HEADER) {
		args->field_name = next(in);
		args->field_value = next(in);
	} else if (args->stage == STAGE_BODY) {
		args->body = (const unsigned char *)next(in);
		args->body_len = args->body == NULL ? 0 : strlen((const char *)args->body);
	} else if (args->stage == STAGE_RCPT) {
		args->address = next(in);
		args->mta.mailer = next(in);
		args->mta.host = next(in);
		args->mta.addr = next(in);
		args->queue_id = next(in);
		if (args->address == NULL)
			args->address = "";
	}
}

static unsigned events;

static void on_event(void *arg, const struct event *e)
{
	(void)arg;
	require(e->verdict != NULL && *e->verdict != '\0', "an event has a verdict");
	events++;
}

static const struct config *configured(void)
{
	static struct config *c;
	struct diag *diag;

	if (c != NULL)
		return c;
	diag = diag_new();
	c = config_load_text("fuzz.conf", configuration, strlen(configuration), USEC_PER_SEC, diag);
	require(c != NULL, "the configuration loads");
	diag_free(&diag);
	return c;
}

/* The rules, and behind them the check above. */
static const struct policy *all_checks(void)
{
	static const struct check changes = {"changes", changes_run};
	static struct policy_entry entries[16];
	static struct policy policy;

	if (policy.count == 0) {
		policy = configured()->policy;
		require(policy.count >= 1, "the rules come first");
		require(policy.count < sizeof(entries) / sizeof(entries[0]), "there is room");
		memcpy(entries, policy.entries, policy.count * sizeof(entries[0]));
		entries[policy.count] = (struct policy_entry){.check = &changes,
		    .stages =
			STAGE_BIT(STAGE_MAIL) | STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_BODY)};
		policy.entries = entries;
		policy.count++;
	}
	return &policy;
}

/* In this order, so that what is kept of earlier inputs stays what it was. */
static const enum stage stages[] = {STAGE_CONNECT, STAGE_HELO, STAGE_MAIL, STAGE_RCPT, STAGE_DATA,
    STAGE_EOH, STAGE_EOM, STAGE_ABORT, STAGE_HEADER, STAGE_BODY};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct session_env env = {.host = "mx", .emit = on_event, .permitted = true};
	struct input in = {data, size, {0}};
	struct session s;

	session_open(&s, all_checks(), &env, 1, 0);
	while (in.size > 0) {
		struct stage_args args = {
		    .stage = stages[in.data[0] % (sizeof(stages) / sizeof(stages[0]))]};
		struct decision d;

		in.data++;
		in.size--;
		fill(&in, &args);
		events = 0;
		session_event(&s, &args, 0, &d);
		require(d.verdict.kind >= VERDICT_PERMIT, "a decision is made");
		require(d.verdict.kind != VERDICT_UNDECIDED, "a decision is final");
		if (args.stage == STAGE_RCPT) {
			require(events == 1, "each recipient has one event");
			if (d.verdict.kind <= VERDICT_HOLD)
				check_permitted(&s, &args);
		}
		check_decision(&s, &args, &d);
	}
	session_close(&s);
	require(attached == 0, "everything is ended");
	arena_free(&in.arena);
	return 0;
}
