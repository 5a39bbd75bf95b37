/* SMTP to the MTA, up to RCPT and never further: no message is ever sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "selftest/dialogue.h"
#include "selftest/login.h"
#include "selftest/way.h"

/* RFC 3207 4: it wants STARTTLS before anything else. */
enum { STARTTLS_FIRST = 530 };

/* RFC 3207 4: TLS is not available for now. */
enum { TLS_PUT_OFF = 454 };

enum { GUARD_FORMS = 5 };

/* --- rows ------------------------------------------------------------------- */

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

static void write_mail(struct dialogue *d, const struct row *row)
{
	strbuf_printf(&d->out, "MAIL FROM:%s%s%s\r\n", row->from,
	    row->parameters == NULL ? "" : " ", row->parameters == NULL ? "" : row->parameters);
}

static bool say_row_helo(struct dialogue *d, const struct row *row, struct result *r)
{
	if (strcmp(d->helo, row->helo) == 0)
		return true;
	return settle(d, dialogue_greet(d, row->helo), STAGE_HELO, r) &&
	       r->outcome == OUTCOME_ACCEPTED;
}

static bool say_mail(struct dialogue *d, const struct row *row, struct result *r)
{
	write_mail(d, row);
	return settle(d, dialogue_ask(d), STAGE_MAIL, r) && r->outcome == OUTCOME_ACCEPTED;
}

static bool say_rcpt(struct dialogue *d, const char *to, struct result *r)
{
	strbuf_printf(&d->out, "RCPT TO:%s\r\n", to);
	return settle(d, dialogue_ask(d), STAGE_RCPT, r);
}

/* One step after the other. */
static void try_steps(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result, ignored = {0};

	if (!say_mail(d, row, r))
		return;
	if (row->first != NULL && !say_rcpt(d, row->first, &ignored))
		*r = ignored;
	else
		(void)say_rcpt(d, row->to, r);
}

/* All at once; a server may then hear what it has not yet refused. */
static void try_pipelined(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result, ignored = {0};
	bool first = row->first != NULL, taken;

	write_mail(d, row);
	if (first)
		strbuf_printf(&d->out, "RCPT TO:%s\r\n", row->first);
	strbuf_printf(&d->out, "RCPT TO:%s\r\n", row->to);
	if (!settle(d, dialogue_ask(d), STAGE_MAIL, r))
		return;
	taken = r->outcome == OUTCOME_ACCEPTED;
	if ((first && !settle(d, dialogue_read(d), STAGE_RCPT, &ignored)) ||
	    (!settle(d, dialogue_read(d), STAGE_RCPT, taken ? r : &ignored) && !taken))
		*r = ignored;
}

/* Of nobody's message: that it is taken is the fault. */
static const char message[] = "Subject: relay-guard self-test\r\n\r\n";

static bool say_chunk(struct dialogue *d)
{
	strbuf_printf(&d->out, "BDAT %zu LAST\r\n%s", sizeof(message) - 1, message);
	return dialogue_ask(d);
}

/* Some say nothing until DATA: what they refuse there is refused. */
static void try_data(struct dialogue *d, struct row *row)
{
	bool chunk = (row->probe->flags & PROBE_BDAT) != 0;
	struct result *r = &row->result;

	/* Who refuses it before its time may not read the text behind it. */
	if (chunk && (!d->way->chunking || r->stage != STAGE_RCPT))
		return;
	if (!(chunk ? say_chunk(d) : dialogue_say(d, "DATA"))) {
		way_set(r, OUTCOME_ERROR, STAGE_DATA, d->channel.error);
		return;
	}
	if (!chunk && (d->reply.code != 354 || !dialogue_say(d, "%s.", message)))
		return;
	if (dialogue_is_positive(d))
		way_set(r, OUTCOME_ACCEPTED, STAGE_DATA,
		    "it takes a message whose only recipient it refused");
}

/* How a recipient of ours is written that only the guard refuses, one form after another. */
static void write_guard_form(char *to, size_t size, const struct row *row, size_t form)
{
	static const char *const prefixes[GUARD_FORMS] = {
	    NULL, "(x)", "@selftest.invalid:", "\"x\".", NULL};
	const char *at = strrchr(row->to, ':'), *outside = strchr(row->from, '@');

	if (form == GUARD_FORMS - 1 && outside != NULL)
		/* Refused by most servers; Postfix shows it to the guard, whose event has it. */
		snprintf(to, size, "<relaytest%s", outside);
	else if (prefixes[form] == NULL)
		snprintf(to, size, "%s", row->to);
	else
		snprintf(to, size, "<%s%s", prefixes[form], at == NULL ? "" : at + 1);
}

/*
 * Forms of a recipient of ours that mail servers take and the guard does not, as they have more
 * than one reading: a refusal with its mark proves that it was asked. The last is one outside.
 */
static void try_guard(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result;
	char to[600];
	bool taken = false;

	if (!say_mail(d, row, r)) {
		if (way_goes_on(r))
			r->outcome = r->by == BY_GUARD ? OUTCOME_ASKED : OUTCOME_UNTOLD;
		return;
	}
	for (size_t i = 0; i < GUARD_FORMS && way_goes_on(r); i++) {
		write_guard_form(to, sizeof(to), row, i);
		(void)say_rcpt(d, to, r);
		taken = taken || r->outcome == OUTCOME_ACCEPTED;
		if (r->by == BY_GUARD) {
			r->outcome = OUTCOME_ASKED;
			return;
		}
	}
	if (way_goes_on(r))
		r->outcome = taken ? OUTCOME_NOT_ASKED : OUTCOME_UNTOLD;
}

/* What is no fault of the server, though it is not what the plan hoped for. */
static void excuse(const struct dialogue *d, struct row *row)
{
	const struct result *r = &row->result;
	const char *why = NULL;

	bool asks_for_tls = r->by == BY_MTA && r->code == STARTTLS_FIRST &&
	                    d->channel.tls == NULL && d->way->starttls;

	/* While the guard is down nothing else is. */
	if (r->outcome == OUTCOME_ACCEPTED ||
	    (row->expected != EXPECT_ACCEPTED &&
		(row->expected != EXPECT_DEFERRED || !asks_for_tls)))
		return;
	if (way_is_off_point(r))
		why = "it is refused for the sake of the outside domain: see --outside";
	else if (way_is_about_greeting(r))
		why = "it is refused for the sake of the greeting, which is an address literal";
	else if (row->probe->kind == PROBE_CONTROL && way_is_about_client(r))
		why = "it is refused for the sake of the client's address, which is played";
	else if (asks_for_tls)
		why = "it asks for STARTTLS first";
	else if (r->outcome == OUTCOME_DEFERRED && way_is_for_now(r))
		why = "greylisting or a rate limit: it asks to come again";
	if (why == NULL)
		return;
	row->why = why;
	row->expected = EXPECT_EITHER;
}

/* One message, ended before it has a text. False: the session is of no use any more. */
static bool try_row(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result;

	if (say_row_helo(d, row, r)) {
		if (row->probe->kind == PROBE_GUARD)
			try_guard(d, row);
		else if (d->way->pipelined)
			try_pipelined(d, row);
		else
			try_steps(d, row);
		if ((row->probe->flags & PROBE_DATA) != 0 && way_goes_on(r) &&
		    r->outcome != OUTCOME_ACCEPTED)
			try_data(d, row);
	}
	excuse(d, row);
	/* The server has ended the session as it was too much for it. */
	if (r->outcome == OUTCOME_ERROR && way_is_rate_limit(r)) {
		r->outcome = OUTCOME_LIMITED;
		r->by = BY_MTA;
	}
	if (!way_goes_on(r))
		return false;
	return dialogue_say(d, "RSET") && dialogue_is_positive(d);
}

/* --- sessions --------------------------------------------------------------- */

/* Keeps what was said in the row: how the session began, and what is its own. */
static void keep_transcript(struct dialogue *d, struct row *row, size_t opening)
{
	if (d->keeps && !row_is_right(row))
		row->transcript = strdup(strbuf_text(&d->transcript));
	if (!d->keeps || d->transcript.len <= opening)
		return;
	d->transcript.len = opening;
	d->transcript.data[opening] = '\0';
	d->transcript.failed = false;
}

/* A session that did not get to its first probe. */
static void set_failure(const struct dialogue *d, struct result *r)
{
	way_judge(r, d->reply.code, d->reply.enhanced, STAGE_CONNECT, d->reply.text);
	if (way_is_rate_limit(r)) {
		r->outcome = OUTCOME_LIMITED;
		r->by = BY_MTA;
		return;
	}
	*r = (struct result){.outcome = OUTCOME_ERROR};
	way_set(r, OUTCOME_ERROR, STAGE_CONNECT, d->channel.error);
}

/* For now, whatever it was that it refused; for good before anything was said. */
static bool is_turned_away(const struct dialogue *d)
{
	return d->reply.code / 100 == 4 || (d->reply.code / 100 == 5 && *d->helo == '\0');
}

/* The first rows of one session, as many as it can take. How many were tried: at least one. */
static size_t run_session(const struct way *w, struct row *const *rows, size_t count)
{
	struct dialogue d;
	size_t i = 0, opening;
	bool alive = dialogue_open_as(&d, w, rows[0]->actor, rows[0]->helo);

	opening = d.transcript.len;
	if (!alive && rows[0]->actor->place->unguarded && is_turned_away(&d)) {
		/* Without its filter a server may turn everybody away at the door. */
		for (; i < count; i++) {
			way_set(&rows[i]->result,
			    d.reply.code / 100 == 4 ? OUTCOME_DEFERRED : OUTCOME_REFUSED,
			    STAGE_CONNECT, d.reply.text);
			rows[i]->result.code = d.reply.code;
			rows[i]->result.by = BY_MTA;
		}
	} else if (!alive && d.reply.code == STARTTLS_FIRST && w->tls == WAY_PLAIN) {
		/* The login was refused for that; it is no failure of the session. */
		way_judge(
		    &rows[0]->result, d.reply.code, d.reply.enhanced, STAGE_MAIL, d.reply.text);
		excuse(&d, rows[0]);
		i = 1;
	} else if (!alive) {
		set_failure(&d, &rows[0]->result);
		keep_transcript(&d, rows[0], opening);
		i = 1;
	}
	while (alive && i < count) {
		usec_t start = clock_monotonic();

		alive = try_row(&d, rows[i]);
		rows[i]->result.took = clock_monotonic() - start;
		keep_transcript(&d, rows[i++], opening);
		way_wait(w);
	}
	dialogue_close(&d);
	return i;
}

/* --- the first session ------------------------------------------------------ */

/* The first word of the welcome, where it is a host's name. */
static void learn_name(struct way *w, const struct dialogue *d)
{
	size_t len = strcspn(d->reply.text, " \n");
	char name[NAME_SIZE];

	snprintf(w->banner, sizeof(w->banner), "%.*s", (int)(sizeof(w->banner) - 1), d->reply.text);
	w->banner[strcspn(w->banner, "\n")] = '\0';
	if (name_canonical(d->reply.text, len, name) == NAME_OK && strchr(name, '.') != NULL)
		snprintf(w->host, sizeof(w->host), "%s", name);
}

static void learn_offers(struct way *w, const struct smtp_reply *ehlo)
{
	const char *rest;
	size_t len;

	w->xclient =
	    smtp_ehlo_offers(ehlo, "XCLIENT", &rest, &len) && smtp_has_word(rest, len, "ADDR");
	w->xclient_login = w->xclient && smtp_has_word(rest, len, "LOGIN");
	w->xclient_name = w->xclient && smtp_has_word(rest, len, "NAME");
	w->starttls = w->starttls || smtp_ehlo_offers(ehlo, "STARTTLS", NULL, NULL);
	w->pipelining = smtp_ehlo_offers(ehlo, "PIPELINING", NULL, NULL);
	w->chunking = smtp_ehlo_offers(ehlo, "CHUNKING", NULL, NULL);
	w->utf8 = smtp_ehlo_offers(ehlo, "SMTPUTF8", NULL, NULL);
	w->logins = login_offered(ehlo, &w->auth_offered);
	w->auth = w->logins != 0;
	w->anonymous = login_is_for_anybody(ehlo);
}

static bool learn(struct way *w, struct dialogue *d)
{
	char text[ADDR_TEXT_MAX], helo[ADDR_TEXT_MAX + 8];

	learn_name(w, d);
	channel_addresses(&d->channel, &w->own, &w->peer);
	addr_format(&w->own, text);
	snprintf(helo, sizeof(helo), w->own.family == ADDR_V6 ? "[IPv6:%s]" : "[%s]", text);
	/* XCLIENT is offered to EHLO alone; whoever has it may say HELO afterwards. */
	if (!dialogue_say(d, "EHLO %s", helo) ||
	    (!dialogue_is_positive(d) && !dialogue_greet(d, helo)))
		return false;
	if (!dialogue_is_positive(d)) {
		snprintf(d->channel.error, sizeof(d->channel.error), "the greeting was refused: %u",
		    d->reply.code);
		return false;
	}
	learn_offers(w, &d->reply);
	if (w->tls == WAY_STARTTLS && w->starttls) {
		if (!dialogue_start_tls(d, helo)) {
			w->tls_put_off = d->reply.code == TLS_PUT_OFF;
			return false;
		}
		learn_offers(w, &d->reply);
	}
	w->auth = w->auth && !w->helo;
	return true;
}

bool way_smtp_learn(struct way *w, char error[WAY_TEXT_SIZE])
{
	struct dialogue d;
	bool ok;

	w->kind = "smtp";
	w->run_session = run_session;
	/* Fewer than Postfix lets pass before it slows down, as each refusal counts. */
	w->per_session = 8;
	ok = dialogue_open(&d, w, NULL);
	w->turned_away = !ok && d.reply.code >= 400;
	if (w->turned_away)
		channel_addresses(&d.channel, &w->own, &w->peer);
	ok = ok && learn(w, &d);
	if (!ok)
		snprintf(error, WAY_TEXT_SIZE, "%s", d.channel.error);
	dialogue_close(&d);
	return ok;
}
