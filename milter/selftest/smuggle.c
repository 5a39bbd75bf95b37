/*
 * SMTP smuggling: a server that ends a message where there is no end of one lets a sender put
 * a second message, with a sender of his choice, behind the first.
 */
#include <pthread.h>
#include <string.h>

#include "selftest/dialogue.h"
#include "selftest/inspect.h"
#include "selftest/way.h"

/* A server that was not fooled says nothing: it waits for the end. */
#define SILENCE (1500 * USEC_PER_MSEC)

static const struct sequence {
	const char *name;
	const char *bytes;
	size_t len;
} sequences[] = {
    {"LF . LF", "\n.\n", 3},
    {"LF . CR", "\n.\r", 3},
    {"CR . LF", "\r.\n", 3},
    {"CR . CR", "\r.\r", 3},
    {"LF . CR LF", "\n.\r\n", 4},
    {"CR . CR LF", "\r.\r\n", 4},
    {"CR LF . CR CR LF", "\r\n.\r\r\n", 6},
    {"CR CR LF . CR CR LF", "\r\r\n.\r\r\n", 7},
    {"CR LF NUL . CR LF", "\r\n\0.\r\n", 6},
};

enum { SEQUENCES = sizeof(sequences) / sizeof(sequences[0]) };

enum answer { ANSWER_NONE, ANSWER_ENDED, ANSWER_REFUSED, ANSWER_ERROR };

struct attempt {
	pthread_t thread;
	const struct way *way;
	const struct sequence *sequence;
	const char *recipient, *sender;
	enum answer answer;
	bool started;
};

static bool begin(struct dialogue *d, const struct attempt *a)
{
	char text[ADDR_TEXT_MAX];

	if (!dialogue_open(d, a->way, NULL))
		return false;
	addr_format(&a->way->own, text);
	return dialogue_say(
		   d, a->way->own.family == ADDR_V6 ? "EHLO [IPv6:%s]" : "EHLO [%s]", text) &&
	       dialogue_is_positive(d) &&
	       (a->way->tls != WAY_STARTTLS || dialogue_start_tls(d, d->helo)) &&
	       dialogue_say(d, "MAIL FROM:%s", a->sender) && dialogue_is_positive(d) &&
	       dialogue_say(d, "RCPT TO:%s", a->recipient) && dialogue_is_positive(d) &&
	       dialogue_say(d, "DATA") && d->reply.code == 354;
}

/* The message has no right end: the connection is closed, and a server forgets it. */
static void *attempt(void *arg)
{
	struct attempt *a = arg;
	struct dialogue d;

	a->answer = ANSWER_ERROR;
	if (begin(&d, a)) {
		strbuf_printf(&d.out,
		    "From: %s\r\nTo: %s\r\nSubject: relay-guard self-test: smuggling\r\n\r\n"
		    "If you read this, the mail server ends a message at %s.",
		    a->sender, a->recipient, a->sequence->name);
		strbuf_add(&d.out, a->sequence->bytes, a->sequence->len);
		strbuf_puts(&d.out, "NOOP\r\n");
		d.channel.timeout = SILENCE;
		if (!dialogue_ask(&d))
			a->answer = ANSWER_NONE;
		else
			a->answer = dialogue_is_positive(&d) ? ANSWER_ENDED : ANSWER_REFUSED;
	}
	/* Not QUIT: inside a message it would be text. */
	channel_close(&d.channel);
	d.channel.fd = -1;
	dialogue_close(&d);
	return NULL;
}

void inspect_smuggling(
    struct side_findings *f, const struct place *place, const char *recipient, const char *sender)
{
	struct attempt all[SEQUENCES];
	struct strbuf ended = {0};
	size_t errors = 0;

	for (size_t i = 0; i < SEQUENCES; i++) {
		all[i] = (struct attempt){.way = place->way,
		    .sequence = &sequences[i],
		    .recipient = recipient,
		    .sender = sender};
		all[i].started = pthread_create(&all[i].thread, NULL, attempt, &all[i]) == 0;
		if (!all[i].started)
			(void)attempt(&all[i]);
	}
	for (size_t i = 0; i < SEQUENCES; i++) {
		if (all[i].started)
			(void)pthread_join(all[i].thread, NULL);
		errors += all[i].answer == ANSWER_ERROR;
		if (all[i].answer == ANSWER_ENDED)
			strbuf_printf(
			    &ended, "%s%s", ended.len == 0 ? "" : ", ", sequences[i].name);
	}
	if (ended.len > 0)
		side_add(f, SEVERITY_MEDIUM, place->name, "smuggling",
		    "A message ends at %s, where RFC 5321 has CR LF . CR LF alone: one message can "
		    "be "
		    "made two, the second with any sender. Set smtpd_forbid_bare_newline = yes "
		    "(Postfix), or the srv_features o and u (Sendmail).",
		    strbuf_text(&ended));
	else if (errors == SEQUENCES)
		side_add(f, SEVERITY_NOTE, place->name, "smuggling",
		    "Smuggling could not be tried: no message to %s is taken.", recipient);
	strbuf_free(&ended);
}
