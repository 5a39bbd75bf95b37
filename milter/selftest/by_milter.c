#include <stdio.h>
#include <string.h>

#include "selftest/channel.h"
#include "selftest/transport.h"
#include "wire/milter.h"

enum {
	VERSION_OFFERED = 6,
	ACTIONS_OFFERED = 0x1ff,
	STEPS_OFFERED = 0x1fffff,
	NR_CONN = 0x1000,
	NR_HELO = 0x2000,
	NR_MAIL = 0x4000,
	NO_HELO = 0x2,
};

struct milter_session {
	struct channel channel;
	uint32_t steps; /* what the guard chose */
};

/* Sends what is in `out`, and waits for the reply that ends the command. */
static bool exchange(
    struct milter_session *s, struct strbuf *out, struct milter_frame *frame, size_t *used)
{
	bool sent = !out->failed && channel_send(&s->channel, out->data, out->len);

	strbuf_reset(out);
	while (sent) {
		enum milter_read r =
		    milter_frame_read(strbuf_text(&s->channel.in), s->channel.in.len, frame, used);

		if (r == MILTER_READ_FRAME)
			return true;
		if (r == MILTER_READ_BAD) {
			snprintf(s->channel.error, sizeof(s->channel.error),
			    "it does not speak the milter protocol");
			return false;
		}
		if (!channel_read(&s->channel))
			return false;
	}
	return false;
}

/* A command; with `silent` no answer comes. */
static bool command(
    struct milter_session *s, struct strbuf *out, bool silent, struct milter_reply *reply)
{
	struct milter_frame frame;
	size_t used;

	*reply = (struct milter_reply){.command = 'c'};
	if (silent)
		return true;
	do {
		if (!exchange(s, out, &frame, &used))
			return false;
		if (!milter_read_reply(&frame, reply)) {
			snprintf(s->channel.error, sizeof(s->channel.error),
			    "it gives a malformed answer");
			return false;
		}
		channel_used(&s->channel, used);
	} while (!milter_reply_is_final(reply->command));
	return true;
}

static bool negotiate(struct milter_session *s, struct strbuf *out)
{
	struct milter_options o = {VERSION_OFFERED, ACTIONS_OFFERED, STEPS_OFFERED};
	struct milter_frame frame;
	size_t used;

	milter_write_negotiate(out, &o);
	if (!exchange(s, out, &frame, &used))
		return false;
	if (!milter_read_negotiate(&frame, &o, NULL, NULL)) {
		snprintf(s->channel.error, sizeof(s->channel.error), "it refuses to negotiate");
		return false;
	}
	channel_used(&s->channel, used);
	s->steps = o.protocol;
	return true;
}

static bool greet(struct milter_session *s, struct strbuf *out, const struct actor *a)
{
	static const char *const listener[] = {
	    "{daemon_name}", "selftest", "{daemon_port}", "25", NULL};
	struct milter_reply reply;

	milter_write_macros(out, MILTER_CONNECT, listener);
	milter_write_connect(out, "selftest.example.org", &a->addr, 40000);
	if (!command(s, out, (s->steps & NR_CONN) != 0, &reply))
		return false;
	if ((s->steps & NO_HELO) != 0)
		return true;
	milter_write_helo(out, "selftest.example.org");
	return command(s, out, (s->steps & NR_HELO) != 0, &reply);
}

static void set_outcome(struct outcome *o, const struct milter_reply *r)
{
	static const struct {
		char command;
		unsigned code;
		const char *text;
	} plain[] = {
	    {'c', 250, "permitted"},
	    {'a', 250, "permitted for the whole connection"},
	    {'d', 250, "accepted and dropped"},
	    {'r', 550, "refused"},
	    {'t', 451, "deferred"},
	    {'f', 421, "the connection is refused"},
	};

	if (r->command == 'y') {
		outcome_set(o, r->code, r->text);
		return;
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].command == r->command)
			outcome_set(o, plain[i].code, plain[i].text);
}

/* Plays an MTA that keeps what is ours and would send everything else to where it names. */
static bool try_one(
    struct milter_session *s, struct strbuf *out, const struct probe_names *n, struct trial *t)
{
	bool control = t->probe->kind == PROBE_CONTROL;
	char outside[PROBE_ADDRESS_MAX];
	const char *login[] = {"{auth_authen}", t->actor->user, "{auth_type}", "PLAIN",
	    "{tls_version}", "TLSv1.3", NULL};
	const char *none[] = {NULL};
	const char *view[] = {"{rcpt_mailer}", control ? "local" : "smtp", "{rcpt_host}",
	    control ? n->ours : n->outside, "{rcpt_addr}", control ? t->to : outside, NULL};
	struct milter_reply reply;

	snprintf(outside, sizeof(outside), "relaytest@%s", n->outside);
	milter_write_macros(out, MILTER_MAIL, t->actor->login ? login : none);
	milter_write_envelope(out, MILTER_MAIL, t->from, NULL);
	if (!command(s, out, (s->steps & NR_MAIL) != 0, &reply))
		return false;
	if (reply.command == 'c') {
		milter_write_macros(out, MILTER_RCPT, view);
		milter_write_envelope(out, MILTER_RCPT, t->to, NULL);
		if (!command(s, out, false, &reply))
			return false;
	}
	set_outcome(&t->got, &reply);
	milter_frame_write(out, MILTER_ABORT, "", 0);
	return true;
}

void transport_milter(const struct transport_options *o, struct trial *trials, size_t count)
{
	struct milter_session s;
	struct strbuf out = {0};
	char why[220];
	bool ok = channel_open(&s.channel, &o->to, NULL, o->timeout_ms) && negotiate(&s, &out) &&
	          greet(&s, &out, trials[0].actor);

	for (size_t i = 0; ok && i < count; i++)
		ok = try_one(&s, &out, &o->names, &trials[i]);
	if (ok) {
		milter_frame_write(&out, MILTER_QUIT, "", 0);
		channel_send(&s.channel, out.data, out.len);
	} else {
		snprintf(why, sizeof(why), "%s: %s", o->to.text, s.channel.error);
		transport_fail(trials, count, why);
	}
	channel_close(&s.channel);
	strbuf_free(&out);
}
