/* Logging in to a mail server (RFC 4954), by each mechanism that needs no more than a password. */
#ifndef SELFTEST_LOGIN_H
#define SELFTEST_LOGIN_H

#include <stdbool.h>

struct dialogue;
struct smtp_reply;

enum login {
	LOGIN_PLAIN,    /* RFC 4616 */
	LOGIN_LOGIN,    /* draft-murchison-sasl-login */
	LOGIN_CRAM_MD5, /* RFC 2195 */
	LOGINS,
};

#define LOGIN_BIT(login) (1U << (login))

/* "PLAIN", "LOGIN", "CRAM-MD5"; "" for LOGINS. */
const char *login_name(enum login l);

/* LOGIN_BIT of those that an EHLO reply offers; *any (may be NULL): it offers AUTH at all. */
unsigned login_offered(const struct smtp_reply *ehlo, bool *any);

/* Does an EHLO reply offer AUTH ANONYMOUS (RFC 4505), by which nobody in particular logs in? */
bool login_is_for_anybody(const struct smtp_reply *ehlo);

/*
 * The mechanism of that name, if it is among `offered`, or for NULL the first of them. LOGINS:
 * there is none.
 */
enum login login_find(unsigned offered, const char *name);

/*
 * Logs in; what is secret stays out of the transcript. True: the server's answer, good or bad, is
 * in d->reply.
 */
bool login_try(struct dialogue *d, enum login l, const char *user, const char *password);

/* Logs in as nobody in particular; otherwise as login_try(). */
bool login_try_anonymous(struct dialogue *d);

#endif
