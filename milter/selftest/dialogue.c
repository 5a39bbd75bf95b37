#include "selftest/dialogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "selftest/login.h"
#include "selftest/way.h"

/* How long the end of a session is waited for: politeness has an end too. */
#define QUIT_TIMEOUT USEC_PER_SEC

/* Of one row; what is longer is cut. */
enum { TRANSCRIPT_MAX = 16384 };

/* --- the transcript --------------------------------------------------------- */

/* What was sent: the secret of a login is left out. */
static void note_sent(struct dialogue *d)
{
	const char *s = strbuf_text(&d->out);

	for (size_t left = d->out.len, len; d->keeps && left > 0; s += len, left -= len) {
		const char *lf = memchr(s, '\n', left);
		size_t shown;

		len = lf == NULL ? left : (size_t)(lf - s) + 1;
		shown = len;
		while (shown > 0 && (s[shown - 1] == '\n' || s[shown - 1] == '\r'))
			shown--;
		strbuf_puts(&d->transcript, "C: ");
		if (d->secret)
			strbuf_puts(&d->transcript, "...");
		else if (len > 11 && memcmp(s, "AUTH PLAIN ", 11) == 0)
			strbuf_puts(&d->transcript, "AUTH PLAIN ...");
		else
			escape_text(&d->transcript, s, shown);
		strbuf_putc(&d->transcript, '\n');
	}
}

static void note_received(struct dialogue *d)
{
	const char *s = d->reply.text;

	unsigned line = 0;

	for (bool more = d->keeps; more; line++) {
		size_t len = strcspn(s, "\n");

		more = s[len] == '\n';
		/* What EHLO offers is long, and seldom what matters. */
		if (d->reply.lines > 4 && line > 0 && more) {
			if (line == 1)
				strbuf_puts(&d->transcript, "S: ...\n");
			s += len + 1;
			continue;
		}
		strbuf_printf(&d->transcript, "S: %u%c", d->reply.code, more ? '-' : ' ');
		if (*d->reply.enhanced != '\0')
			strbuf_printf(&d->transcript, "%s ", d->reply.enhanced);
		escape_text(&d->transcript, s, len);
		strbuf_putc(&d->transcript, '\n');
		s += len + more;
	}
}

/* --- commands and replies --------------------------------------------------- */

bool dialogue_read(struct dialogue *d)
{
	struct channel *c = &d->channel;
	usec_t deadline = channel_deadline(c);
	size_t used = 0;

	for (;;) {
		switch (
		    smtp_reply_read(strbuf_text(&c->in), c->in.len, &d->lines, &d->reply, &used)) {
		case SMTP_READ_REPLY:
			channel_take(c, used);
			note_received(d);
			return true;
		case SMTP_READ_BAD:
			snprintf(c->error, sizeof(c->error), "what answers does not speak SMTP");
			return false;
		case SMTP_READ_MORE:
			break;
		}
		if (!channel_read(c, deadline))
			return false;
	}
}

bool dialogue_ask(struct dialogue *d)
{
	bool ok;

	note_sent(d);
	ok = !d->out.failed && channel_send(&d->channel, d->out.data, d->out.len);
	if (d->out.failed)
		snprintf(d->channel.error, sizeof(d->channel.error), "out of memory");
	strbuf_reset(&d->out);
	return ok && dialogue_read(d);
}

bool dialogue_say(struct dialogue *d, const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	strbuf_puts(&d->out, line);
	strbuf_puts(&d->out, "\r\n");
	return dialogue_ask(d);
}

bool dialogue_is_positive(const struct dialogue *d)
{
	return d->reply.code / 100 == 2;
}

/* The reply as an error of the session. Always false. */
static bool fail_with_reply(struct dialogue *d, const char *what)
{
	snprintf(d->channel.error, sizeof(d->channel.error), "%s: %u %s%s%.120s", what,
	    d->reply.code, d->reply.enhanced, *d->reply.enhanced == '\0' ? "" : " ", d->reply.text);
	return false;
}

/* --- a session -------------------------------------------------------------- */

/* What a certificate should name, and the server is told: NULL when only an address is known. */
static const char *host_of(const struct way *w)
{
	return *w->name == '\0' ? NULL : w->name;
}

/* Says by the PROXY protocol who comes; to an address of his family. */
static bool be_proxied(struct dialogue *d, const struct actor *a)
{
	static const struct addr loopback[] = {{{127, 0, 0, 1}, ADDR_V4}, {{[15] = 1}, ADDR_V6}};
	const struct way *w = d->way;
	struct addr own, peer, client;
	uint16_t port = 0;

	if (w->proxy == 0)
		return true;
	channel_addresses(&d->channel, &own, &peer);
	(void)addr_from_sockaddr((const struct sockaddr *)&w->to.addr, &peer, &port);
	client = a == NULL ? own : a->connect.client_addr;
	if (peer.family != client.family)
		peer = loopback[client.family == ADDR_V6];
	smtp_write_proxy(
	    &d->out, w->proxy, &client, a == NULL ? port : a->connect.client_port, &peer, port);
	if (!d->out.failed && channel_send(&d->channel, d->out.data, d->out.len)) {
		strbuf_reset(&d->out);
		return true;
	}
	return false;
}

bool dialogue_open(struct dialogue *d, const struct way *w, const struct actor *a)
{
	*d = (struct dialogue){.way = w,
	    .reply = {.text = ""},
	    .keeps = w->transcripts,
	    .transcript = {.max = TRANSCRIPT_MAX}};
	if (!channel_open(&d->channel, &w->to, &w->source, w->timeout) || !be_proxied(d, a))
		return false;
	if (a != NULL && a->shows_cert) {
		d->channel.cert = w->cert;
		d->channel.key = w->key;
	}
	if ((w->tls == WAY_TLS && !channel_start_tls(&d->channel, host_of(w))))
		return false;
	return dialogue_read(d) && (dialogue_is_positive(d) || fail_with_reply(d, "no welcome"));
}

bool dialogue_greet(struct dialogue *d, const char *helo)
{
	if (!dialogue_say(d, "%s %s", d->way->helo ? "HELO" : "EHLO", helo))
		return false;
	if (!d->way->helo && d->reply.code / 100 == 5 && d->reply.code != 554 &&
	    !dialogue_say(d, "HELO %s", helo))
		return false;
	if (dialogue_is_positive(d))
		snprintf(d->helo, sizeof(d->helo), "%s", helo);
	return true;
}

static bool must_greet(struct dialogue *d, const char *helo)
{
	return dialogue_greet(d, helo) &&
	       (dialogue_is_positive(d) || fail_with_reply(d, "the greeting was refused"));
}

bool dialogue_start_tls(struct dialogue *d, const char *helo)
{
	if (!dialogue_say(d, "STARTTLS"))
		return false;
	if (!dialogue_is_positive(d))
		return fail_with_reply(d, "STARTTLS was refused");
	return channel_start_tls(&d->channel, host_of(d->way)) && must_greet(d, helo);
}

/* Becomes the actor by XCLIENT; the server then welcomes it anew. */
static bool be_client(struct dialogue *d, const struct actor *a, const char *helo)
{
	const struct way *w = d->way;
	const char *login = w->xclient_login && w->login == NULL ? a->mail.auth_login : NULL;
	const char *name = a->connect.client_name;

	if (!w->xclient || w->proxy != 0)
		return true;
	smtp_write_xclient(&d->out, &a->connect.client_addr,
	    w->xclient_name && name[0] != '[' ? name : "[UNAVAILABLE]", NULL, login);
	if (!dialogue_ask(d))
		return false;
	if (!dialogue_is_positive(d))
		return fail_with_reply(d, "XCLIENT was refused");
	return must_greet(d, helo);
}

/* A login that nobody has; that it fails is not what is tested. */
static bool try_wrong_login(struct dialogue *d)
{
	if (!login_try(
		d, login_find(d->way->logins, NULL), "postmaster", "selftest: not the password"))
		return false;
	if (dialogue_is_positive(d))
		return fail_with_reply(d, "a wrong password was taken");
	return true;
}

static bool log_in(struct dialogue *d, const struct actor *a)
{
	const struct way *w = d->way;

	if (a->wrong_login)
		return try_wrong_login(d);
	/* Taken or not: what matters is whether it may relay then. */
	if (a->anonymous)
		return login_try_anonymous(d);
	if (a->mail.auth_login == NULL || w->login == NULL)
		return true;
	if (d->channel.tls == NULL && !addr_is_loopback(&w->peer)) {
		snprintf(d->channel.error, sizeof(d->channel.error),
		    "the password is not sent to another host without TLS");
		return false;
	}
	if (!login_try(d, login_find(w->logins, a->mail.auth_mech), w->login, w->password))
		return false;
	return dialogue_is_positive(d) || fail_with_reply(d, "the login was refused");
}

bool dialogue_open_as(
    struct dialogue *d, const struct way *w, const struct actor *a, const char *helo)
{
	return dialogue_open(d, w, a) && must_greet(d, helo) &&
	       (w->tls != WAY_STARTTLS || dialogue_start_tls(d, helo)) && be_client(d, a, helo) &&
	       log_in(d, a);
}

void dialogue_close(struct dialogue *d)
{
	if (d->channel.fd >= 0) {
		d->channel.timeout = QUIT_TIMEOUT;
		strbuf_reset(&d->out);
		(void)dialogue_say(d, "QUIT");
	}
	channel_close(&d->channel);
	strbuf_free(&d->out);
	strbuf_free(&d->lines);
	strbuf_free(&d->transcript);
}
