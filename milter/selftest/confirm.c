#include "selftest/confirm.h"

#include <stdio.h>
#include <string.h>

#include "selftest/dialogue.h"
#include "selftest/way.h"

/* To nobody else: the forms of other domains could reach a stranger's mailbox. */
static bool leads_to_user(const struct row *r)
{
	const char *domain = r->probe->domain;

	if (domain != NULL)
		return strcmp(domain, "{outside}") == 0;
	return r->probe->way != WAY_WRITTEN;
}

/* A word that stands in the message of this row alone. */
static void word_of(const struct plan *p, size_t row, char out[64])
{
	snprintf(out, 64, "relay-guard-%s-%zu.", p->names.nonce, row);
}

static bool say_envelope(struct dialogue *d, const struct row *r)
{
	const char *parameters = r->parameters == NULL ? "" : r->parameters;

	return dialogue_say(
		   d, "MAIL FROM:%s%s%s", r->from, *parameters == '\0' ? "" : " ", parameters) &&
	       dialogue_is_positive(d) &&
	       (r->first == NULL || dialogue_say(d, "RCPT TO:%s", r->first)) &&
	       dialogue_say(d, "RCPT TO:%s", r->to) && dialogue_is_positive(d);
}

/* False: there was no answer, or none that takes it. */
static bool send_message(struct dialogue *d, const struct row *r, const char *word)
{
	if (!say_envelope(d, r) || !dialogue_say(d, "DATA") || d->reply.code != 354)
		return false;
	strbuf_printf(&d->out,
	    "From: relay-guard self-test %s\r\nTo: undisclosed-recipients:;\r\n"
	    "Subject: relay-guard self-test: %s\r\nX-Relay-Guard-Selftest: %s\r\n\r\n"
	    "If you read this, the mail server lets strangers relay: %s\r\n.\r\n",
	    *r->from == '<' && r->from[1] != '>' ? r->from : "<postmaster@localhost>",
	    r->probe->name, word, r->probe->form);
	return dialogue_ask(d) && dialogue_is_positive(d);
}

/* A session for each: few rows get here. */
static bool follow(struct row *r, const char *word)
{
	const struct way *w = r->actor->place->way;
	struct dialogue d;
	bool sent = dialogue_open_as(&d, w, r->actor, r->helo);

	if (sent) {
		sent = send_message(&d, r, word);
		if (!sent && d.reply.code >= 400)
			way_judge(
			    &r->result, d.reply.code, d.reply.enhanced, STAGE_EOM, d.reply.text);
	}
	dialogue_close(&d);
	way_wait(w);
	return sent;
}

/* What was seen of all messages. */
struct sight {
	size_t sent, returned;
	size_t missing; /* of those that can't be kept here */
};

static void look(struct plan *p, size_t i, struct sink *sink, usec_t deadline, struct sight *seen)
{
	struct row *r = &p->rows[i];
	char word[64];

	word_of(p, i, word);
	if (sink_has_relayed(sink, word, p->names.ours, deadline)) {
		r->confirmed = true;
		r->expected = EXPECT_REFUSED;
	} else if (sink_has_return(sink, word)) {
		r->why = "it was sent back to its sender";
		seen->returned++;
	} else if (!r->doubtful) {
		seen->missing++;
	}
}

/* Where what must come out has come, what has not is kept. */
static void settle_doubts(struct plan *p, const struct sight *seen)
{
	for (size_t i = 0; i < p->row_count; i++) {
		struct row *r = &p->rows[i];

		if (!r->followed || !r->doubtful || r->confirmed)
			continue;
		r->doubtful = seen->missing > 0;
		r->why = seen->missing > 0
		             ? "it may be kept here, or be on its way still: a longer "
		               "--wait tells"
		             : "it did not come out: it is kept here";
	}
}

static bool look_for_all(struct plan *p, struct sink *sink, usec_t wait, struct sight *seen)
{
	usec_t deadline = clock_monotonic() + wait;

	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].followed)
			look(p, i, sink, deadline, seen);
	settle_doubts(p, seen);
	return seen->returned == 0 ||
	       plan_note(p,
		   "%zu messages were sent back to their senders, with the null sender: whether "
		   "this server or the next one did not want them, the notification tells",
		   seen->returned);
}

bool confirm_run(struct plan *p, struct sink *sink, const char *address, usec_t wait)
{
	struct sight seen = {0};
	char word[64];

	for (size_t i = 0; i < p->row_count; i++) {
		struct row *r = &p->rows[i];

		word_of(p, i, word);
		r->followed = row_is_suspect(r) && leads_to_user(r) && follow(r, word);
		seen.sent += r->followed;
	}
	if (sink != NULL)
		return look_for_all(p, sink, wait, &seen);
	if (seen.sent == 0)
		return true;
	return plan_note(p,
	    "%zu messages were sent to %s: those that arrive, with relay-guard-%s- and the number "
	    "of the row in the header X-Relay-Guard-Selftest, were relayed",
	    seen.sent, address, p->names.nonce);
}
