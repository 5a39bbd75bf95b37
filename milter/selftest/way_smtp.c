/* SMTP to the MTA, up to RCPT and never further: no message is ever sent. */
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "selftest/way.h"
#include "wire/smtp.h"

/* How long the end of a session is waited for: politeness has an end too. */
#define QUIT_TIMEOUT USEC_PER_SEC

struct dialogue {
	struct channel channel;
	struct strbuf out, lines;
	struct smtp_reply reply; /* the last; its text is in `lines` */
	char helo[512];          /* as last sent */
};

/* --- commands and replies -------------------------------------------------- */

static bool receive(struct dialogue *d)
{
	struct channel *c = &d->channel;
	usec_t deadline = channel_deadline(c);
	size_t used = 0;

	for (;;) {
		switch (
		    smtp_reply_read(strbuf_text(&c->in), c->in.len, &d->lines, &d->reply, &used)) {
		case SMTP_READ_REPLY:
			channel_take(c, used);
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

/* Sends what is in d->out and waits for the reply. */
static bool ask(struct dialogue *d)
{
	bool ok = !d->out.failed && channel_send(&d->channel, d->out.data, d->out.len);

	if (d->out.failed)
		snprintf(d->channel.error, sizeof(d->channel.error), "out of memory");
	strbuf_reset(&d->out);
	return ok && receive(d);
}

static bool is_positive(const struct dialogue *d)
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

/* False: no answer, or one that ends the session. *r has the outcome of the reply in any case. */
static bool settle(struct dialogue *d, bool answered, enum stage stage, struct result *r)
{
	if (!answered) {
		way_set(r, OUTCOME_ERROR, stage, d->channel.error);
		return false;
	}
	way_judge(r, d->reply.code, d->reply.enhanced, stage, d->reply.text);
	return way_goes_on(r);
}

static bool say_ehlo(struct dialogue *d, const char *helo)
{
	strbuf_printf(&d->out, "EHLO %s\r\n", helo);
	if (!ask(d))
		return false;
	if (d->reply.code / 100 == 5 && d->reply.code != 554) {
		strbuf_printf(&d->out, "HELO %s\r\n", helo);
		if (!ask(d))
			return false;
	}
	if (is_positive(d))
		snprintf(d->helo, sizeof(d->helo), "%s", helo);
	return true;
}

/* --- opening --------------------------------------------------------------- */

static bool open_dialogue(struct dialogue *d, const struct way *w)
{
	*d = (struct dialogue){.reply = {.text = ""}};
	return channel_open(&d->channel, &w->to, &w->source, w->timeout) && receive(d) &&
	       (is_positive(d) || fail_with_reply(d, "no welcome"));
}

static void close_dialogue(struct dialogue *d)
{
	if (d->channel.fd >= 0) {
		d->channel.timeout = QUIT_TIMEOUT;
		strbuf_reset(&d->out);
		strbuf_puts(&d->out, "QUIT\r\n");
		(void)ask(d);
	}
	channel_close(&d->channel);
	strbuf_free(&d->out);
	strbuf_free(&d->lines);
}

static bool greet(struct dialogue *d, const char *helo)
{
	return say_ehlo(d, helo) && (is_positive(d) || fail_with_reply(d, "EHLO was refused"));
}

/* Becomes the actor by XCLIENT; the server then welcomes it anew. */
static bool be_client(struct dialogue *d, const struct way *w, const struct actor *a)
{
	const char *login = w->xclient_login && w->login == NULL ? a->mail.auth_login : NULL;

	if (!w->xclient)
		return true;
	smtp_write_xclient(&d->out, &a->connect.client_addr, "[UNAVAILABLE]", NULL, login);
	if (!ask(d))
		return false;
	if (!is_positive(d))
		return fail_with_reply(d, "XCLIENT was refused");
	return greet(d, a->helo);
}

static bool log_in(struct dialogue *d, const struct way *w, const struct actor *a)
{
	struct addr own, peer;

	if (a->mail.auth_login == NULL || w->login == NULL)
		return true;
	channel_addresses(&d->channel, &own, &peer);
	if (!addr_is_loopback(&peer)) {
		snprintf(d->channel.error, sizeof(d->channel.error),
		    "the password is not sent to another host without TLS");
		return false;
	}
	smtp_write_auth_plain(&d->out, w->login, w->password);
	if (!ask(d))
		return false;
	return is_positive(d) || fail_with_reply(d, "the login was refused");
}

static bool open_as(struct dialogue *d, const struct way *w, const struct actor *a)
{
	return open_dialogue(d, w) && greet(d, a->helo) && be_client(d, w, a) && log_in(d, w, a);
}

/* --- rows ------------------------------------------------------------------ */

static bool say_row_helo(struct dialogue *d, const struct row *row, struct result *r)
{
	if (strcmp(d->helo, row->helo) == 0)
		return true;
	if (!settle(d, say_ehlo(d, row->helo), STAGE_HELO, r))
		return false;
	return r->outcome == OUTCOME_ACCEPTED;
}

static bool say_mail(struct dialogue *d, const struct row *row, struct result *r)
{
	strbuf_printf(&d->out, "MAIL FROM:%s%s%s\r\n", row->from,
	    row->parameters == NULL ? "" : " ", row->parameters == NULL ? "" : row->parameters);
	return settle(d, ask(d), STAGE_MAIL, r) && r->outcome == OUTCOME_ACCEPTED;
}

static bool say_rcpt(struct dialogue *d, const char *to, struct result *r)
{
	strbuf_printf(&d->out, "RCPT TO:%s\r\n", to);
	return settle(d, ask(d), STAGE_RCPT, r);
}

/* One message, ended before it has a text. False: the session is of no use any more. */
static bool try_row(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result, ignored = {0};

	if (say_row_helo(d, row, r) && say_mail(d, row, r)) {
		if (row->first != NULL && !say_rcpt(d, row->first, &ignored))
			*r = ignored;
		else
			(void)say_rcpt(d, row->to, r);
	}
	if (!way_goes_on(r))
		return false;
	strbuf_puts(&d->out, "RSET\r\n");
	return ask(d) && is_positive(d);
}

/* The first rows of one session, as many as it can take. How many were tried: at least one. */
static size_t run_session(const struct way *w, struct row *const *rows, size_t count)
{
	struct dialogue d;
	size_t i = 0;
	bool alive = open_as(&d, w, rows[0]->actor);

	if (!alive) {
		way_set(&rows[0]->result, OUTCOME_ERROR, STAGE_CONNECT, d.channel.error);
		i = 1;
	}
	while (alive && i < count) {
		usec_t start = clock_monotonic();

		alive = try_row(&d, rows[i]);
		rows[i++]->result.took = clock_monotonic() - start;
	}
	close_dialogue(&d);
	return i;
}

static void run(const struct way *w, struct row *const *rows, size_t count)
{
	unsigned failures = 0;

	for (size_t done = 0; done < count && failures < 2;) {
		done += run_session(w, rows + done, count - done);
		failures += rows[done - 1]->result.outcome == OUTCOME_ERROR;
	}
}

/* --- the first session ----------------------------------------------------- */

/* The first word of the welcome, where it is a host's name. */
static void learn_name(struct way *w, const struct dialogue *d)
{
	size_t len = strcspn(d->reply.text, " \n");
	char name[NAME_SIZE];

	if (name_canonical(d->reply.text, len, name) == NAME_OK && strchr(name, '.') != NULL)
		snprintf(w->host, sizeof(w->host), "%s", name);
}

static bool learn(struct way *w, struct dialogue *d)
{
	char text[ADDR_TEXT_MAX], helo[ADDR_TEXT_MAX + 8];
	const char *rest;
	size_t len;

	learn_name(w, d);
	channel_addresses(&d->channel, &w->own, &w->peer);
	addr_format(&w->own, text);
	snprintf(helo, sizeof(helo), w->own.family == ADDR_V6 ? "[IPv6:%s]" : "[%s]", text);
	if (!greet(d, helo))
		return false;
	w->xclient =
	    smtp_ehlo_offers(&d->reply, "XCLIENT", &rest, &len) && smtp_has_word(rest, len, "ADDR");
	w->xclient_login = w->xclient && smtp_has_word(rest, len, "LOGIN");
	return true;
}

bool way_smtp_open(struct way *w, const char *host, uint16_t port, const struct addr *source,
    usec_t timeout, char error[WAY_TEXT_SIZE])
{
	struct endpoint all[ENDPOINTS_MAX];
	char reason[CHANNEL_ERROR_SIZE] = "";
	struct dialogue d;
	size_t count;
	bool ok = false;

	/* Fewer than Postfix lets pass before it slows down, as each refusal counts. */
	*w = (struct way){
	    .name = "smtp", .source = *source, .timeout = timeout, .per_session = 8, .run = run};
	snprintf(w->target, sizeof(w->target), strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u",
	    host, (unsigned)port);
	count = endpoint_resolve(host, port, source->family, all, reason);
	for (size_t i = 0; i < count && !ok; i++) {
		w->to = all[i];
		ok = open_dialogue(&d, w) && learn(w, &d);
		snprintf(reason, sizeof(reason), "%s", d.channel.error);
		close_dialogue(&d);
	}
	if (!ok)
		snprintf(error, WAY_TEXT_SIZE, "%s", reason);
	return ok;
}
