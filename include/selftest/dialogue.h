/* A client's conversation with an SMTP server, command by command. */
#ifndef SELFTEST_DIALOGUE_H
#define SELFTEST_DIALOGUE_H

#include <stdbool.h>

#include "selftest/channel.h"
#include "selftest/plan.h"
#include "wire/smtp.h"

struct way;

struct dialogue {
	const struct way *way;
	struct channel channel;  /* its `error` says what went wrong */
	struct strbuf out;       /* what is sent next */
	struct strbuf lines;     /* the text of `reply` */
	struct smtp_reply reply; /* the last */
	char helo[512];          /* as last sent */
	bool secret;             /* what is sent next stays out of the transcript */
	bool keeps;              /* a transcript */
	struct strbuf transcript;
};

/*
 * Connects and reads the welcome, with TLS first where the way says so. `a` is who comes, by the
 * PROXY protocol and with a certificate; NULL: this host itself.
 */
bool dialogue_open(struct dialogue *d, const struct way *w, const struct actor *a);

/*
 * Opens, greets, goes under TLS, becomes the actor and logs in, as the way and the actor have it.
 */
bool dialogue_open_as(
    struct dialogue *d, const struct way *w, const struct actor *a, const char *helo);

/* Sends what is in d->out and reads one reply. False: told in d->channel.error. */
bool dialogue_ask(struct dialogue *d);
bool dialogue_read(struct dialogue *d);
/* Sends a line and reads its reply. */
bool dialogue_say(struct dialogue *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* EHLO, or HELO where the way has it or EHLO is not known. The reply may be negative. */
bool dialogue_greet(struct dialogue *d, const char *helo);

/* STARTTLS and another greeting. False: refused, or told. */
bool dialogue_start_tls(struct dialogue *d, const char *helo);

bool dialogue_is_positive(const struct dialogue *d);

/* QUIT, for which it does not wait long. */
void dialogue_close(struct dialogue *d);

#endif
