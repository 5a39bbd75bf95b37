#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "selftest/channel.h"
#include "selftest/transport.h"
#include "wire/smtp.h"

struct smtp_session {
	struct channel channel;
	struct strbuf lines;
	struct smtp_reply reply;
};

static bool read_reply(struct smtp_session *s)
{
	size_t used;

	for (;;) {
		enum smtp_read r = smtp_reply_read(
		    strbuf_text(&s->channel.in), s->channel.in.len, &s->lines, &s->reply, &used);

		if (r == SMTP_READ_REPLY) {
			channel_used(&s->channel, used);
			return true;
		}
		if (r == SMTP_READ_BAD) {
			snprintf(
			    s->channel.error, sizeof(s->channel.error), "it does not speak SMTP");
			return false;
		}
		if (!channel_read(&s->channel))
			return false;
	}
}

static bool say(struct smtp_session *s, const char *verb, const char *argument)
{
	struct strbuf line = {0};
	bool ok;

	strbuf_printf(&line, "%s%s\r\n", verb, argument);
	ok = !line.failed && channel_send(&s->channel, line.data, line.len) && read_reply(s);
	strbuf_free(&line);
	return ok;
}

/* Says EHLO, and expects a positive reply to it. */
static bool greet(struct smtp_session *s)
{
	if (!say(s, "EHLO ", "selftest.example.org"))
		return false;
	if (s->reply.code < 300)
		return true;
	snprintf(
	    s->channel.error, sizeof(s->channel.error), "it refuses EHLO with %u", s->reply.code);
	return false;
}

static bool failed(struct smtp_session *s, const char *why)
{
	snprintf(s->channel.error, sizeof(s->channel.error), "%s", why);
	return false;
}

/* Becomes the actor's address, when the connection does not come from there already. */
static bool play(struct smtp_session *s, const struct transport_options *o, const struct actor *a)
{
	struct strbuf line = {0};
	bool ok;

	if (addr_equal(&s->channel.own, &a->addr))
		return true;
	if (smtp_ehlo_offers(&s->reply, "XCLIENT", NULL, NULL)) {
		smtp_write_xclient(&line, &a->addr, "[UNAVAILABLE]", NULL, NULL);
		ok = channel_send(&s->channel, line.data, line.len) && read_reply(s);
		strbuf_free(&line);
		if (!ok)
			return false;
		return s->reply.code < 300 ? greet(s) : failed(s, "XCLIENT is refused");
	}
	if (!a->trusted || a->login) {
		/* Any address that is not a friend's plays a stranger. */
		if (o->source.family != ADDR_NONE && o->source.family == a->addr.family)
			return true;
		if (!addr_is_loopback(&s->channel.own))
			return true;
		return failed(s, "a stranger can't be played from here; give --source ADDRESS");
	}
	return failed(s, "this client can't be played from here");
}

static bool authenticate(struct smtp_session *s, const struct actor *a)
{
	unsigned char token[512];
	char plain[300];
	int len;

	if (!a->login)
		return true;
	len = snprintf(plain, sizeof(plain), "%c%s%c%s", 0, a->user, 0,
	    a->password == NULL ? "" : a->password);
	if (len < 0 || (size_t)len >= sizeof(plain))
		return failed(s, "the login is too long");
	EVP_EncodeBlock(token, (const unsigned char *)plain, len);
	if (!say(s, "AUTH PLAIN ", (const char *)token))
		return false;
	return s->reply.code == 235 ? true : failed(s, "the login is refused");
}

static bool try_one(struct smtp_session *s, struct trial *t)
{
	if (!say(s, "MAIL FROM:", t->from))
		return false;
	if (s->reply.code < 300 && !say(s, "RCPT TO:", t->to))
		return false;
	if (s->reply.code != 421) {
		outcome_set(&t->got, s->reply.code, s->reply.text);
		return say(s, "RSET", "");
	}
	/* The guard hangs up after some recipients on purpose; anybody else's 421 judges nothing.
	 */
	outcome_set(&t->got, s->reply.code, s->reply.text);
	if (!t->got.by_guard)
		t->got = (struct outcome){.kind = OUTCOME_NONE};
	return failed(s, "it closed the session with 421");
}

/* One connection; returns how many trials, from the first on, have their outcome. */
static size_t run_session(
    const struct transport_options *o, struct trial *trials, size_t count, char *why, size_t size)
{
	const struct actor *a = trials[0].actor;
	struct smtp_session s = {0};
	struct addr source = {.family = ADDR_NONE};
	size_t done = 0;
	bool ok;

	/* A friend's address may be one of this host's own. */
	if (!a->trusted || a->login)
		source = o->source;
	else if (addr_is_loopback(&a->addr))
		source = a->addr;
	ok = channel_open(&s.channel, &o->to, &source, o->timeout_ms) && read_reply(&s);
	if (ok && s.reply.code >= 300)
		ok = failed(&s, "it refuses the connection");
	ok = ok && greet(&s) && play(&s, o, a) && authenticate(&s, a);
	while (ok && done < count) {
		ok = try_one(&s, &trials[done]);
		done += trials[done].got.kind != OUTCOME_NONE;
	}
	if (ok)
		say(&s, "QUIT", "");
	snprintf(why, size, "%s: %s", o->to.text, s.channel.error);
	channel_close(&s.channel);
	strbuf_free(&s.lines);
	return done;
}

void transport_smtp(const struct transport_options *o, struct trial *trials, size_t count)
{
	char why[220];

	/* Each further session has at least one more outcome, so it comes to an end. */
	for (size_t done = 0, n; done < count; done += n) {
		n = run_session(o, trials + done, count - done, why, sizeof(why));
		if (n == 0) {
			transport_fail(trials + done, count - done, why);
			return;
		}
	}
}
