/*
 * SMTP smuggling: a server that ends a message where there is no end of one lets a sender put
 * a second message, with a sender of his choice, behind the first.
 */
#include <pthread.h>
#include <stdio.h>
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
	char word[64]; /* of the second message, where one is sent; "": none is */
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

static void write_first(struct dialogue *d, const struct attempt *a)
{
	strbuf_printf(&d->out,
	    "From: %s\r\nTo: %s\r\nSubject: relay-guard self-test: smuggling\r\n\r\n"
	    "If you read this, the mail server ends a message at %s.",
	    a->sender, a->recipient, a->sequence->name);
	strbuf_add(&d->out, a->sequence->bytes, a->sequence->len);
}

/*
 * A second message behind the first, and a right end. Whoever is not fooled takes one message with
 * all of it, or none; only what comes out tells. The replies are read as they come.
 */
static void send_two(struct dialogue *d, const struct attempt *a)
{
	write_first(d, a);
	strbuf_printf(&d->out,
	    "MAIL FROM:%s\r\nRCPT TO:%s\r\nDATA\r\n"
	    "From: %s\r\nTo: %s\r\nSubject: relay-guard self-test: smuggled\r\n"
	    "X-Relay-Guard-Selftest: %s\r\n\r\n"
	    "If you read this alone, the mail server was fooled.\r\n.\r\n",
	    a->sender, a->recipient, a->sender, a->recipient, a->word);
	d->channel.timeout = SILENCE;
	for (bool more = dialogue_ask(d); more; more = dialogue_read(d))
		;
}

/* The message has no right end: the connection is closed, and a server forgets it. */
static void *attempt(void *arg)
{
	struct attempt *a = arg;
	struct dialogue d;

	a->answer = ANSWER_ERROR;
	if (!begin(&d, a)) {
		/* As it was. */
	} else if (*a->word != '\0') {
		send_two(&d, a);
		a->answer = ANSWER_NONE;
	} else {
		write_first(&d, a);
		strbuf_puts(&d.out, "NOOP\r\n");
		d.channel.timeout = SILENCE;
		if (!dialogue_ask(&d))
			a->answer = ANSWER_NONE;
		/* A message that ended may be refused for its content: then NOOP is answered too.
		 */
		else if (dialogue_is_positive(&d) ||
			 (dialogue_read(&d) && dialogue_is_positive(&d)))
			a->answer = ANSWER_ENDED;
		else
			a->answer = ANSWER_REFUSED;
	}
	/* Not QUIT: inside a message it would be text. */
	channel_close(&d.channel);
	d.channel.fd = -1;
	dialogue_close(&d);
	return NULL;
}

static void start(struct attempt *a)
{
	a->started = pthread_create(&a->thread, NULL, attempt, a) == 0;
	if (!a->started)
		(void)attempt(a);
}

/* A second message that came out as one of its own. */
static void look_for(struct attempt *all, const struct smuggling *s)
{
	usec_t deadline = clock_monotonic() + s->wait;

	for (size_t i = 0; i < SEQUENCES; i++)
		if (all[i].answer == ANSWER_NONE && sink_has_first(s->sink, all[i].word, deadline))
			all[i].answer = ANSWER_ENDED;
}

static void tell(struct side_findings *f, const struct place *place, const struct attempt *all,
    const struct smuggling *s)
{
	struct strbuf ended = {0};
	size_t errors = 0;

	for (size_t i = 0; i < SEQUENCES; i++) {
		errors += all[i].answer == ANSWER_ERROR;
		if (all[i].answer == ANSWER_ENDED)
			strbuf_printf(
			    &ended, "%s%s", ended.len == 0 ? "" : ", ", sequences[i].name);
	}
	if (ended.len > 0)
		side_add(f, SEVERITY_MEDIUM, place->name, "smuggling",
		    "A message ends at %s, where RFC 5321 has CR LF . CR LF alone: %s. Set "
		    "smtpd_forbid_bare_newline = yes (Postfix), or take O, U and G out of the "
		    "srv_features (Sendmail 8.18).",
		    strbuf_text(&ended),
		    s->sink == NULL ? "one message can be made two, the second with any sender"
				    : "one message came out as two, the second with any sender");
	else if (errors > 0)
		side_add(f, SEVERITY_NOTE, place->name, "smuggling",
		    "Smuggling could not be tried with %zu of the %d sequences: no message to %s "
		    "is "
		    "taken. Greylisting, or a limit? Try again with an address that takes mail.",
		    errors, (int)SEQUENCES, s->recipient);
	strbuf_free(&ended);
}

void inspect_smuggling(
    struct side_findings *f, const struct place *place, const struct smuggling *s)
{
	struct attempt all[SEQUENCES];

	for (size_t i = 0; i < SEQUENCES; i++) {
		all[i] = (struct attempt){.way = place->way,
		    .sequence = &sequences[i],
		    .recipient = s->recipient,
		    .sender = s->sender};
		if (s->sink != NULL)
			snprintf(all[i].word, sizeof(all[i].word), "smuggled-%s-%zu-%zu.", s->nonce,
			    f->count, i);
		start(&all[i]);
	}
	for (size_t i = 0; i < SEQUENCES; i++)
		if (all[i].started)
			(void)pthread_join(all[i].thread, NULL);
	if (s->sink != NULL)
		look_for(all, s);
	tell(f, place, all, s);
}
