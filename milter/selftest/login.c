#include "selftest/login.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "selftest/dialogue.h"

enum { CHALLENGE_MAX = 1024, MD5_SIZE = 16, GO_ON = 334 };

static const char *const names[LOGINS] = {
    [LOGIN_PLAIN] = "PLAIN",
    [LOGIN_LOGIN] = "LOGIN",
    [LOGIN_CRAM_MD5] = "CRAM-MD5",
};

const char *login_name(enum login l)
{
	return l < LOGINS ? names[l] : "";
}

unsigned login_offered(const struct smtp_reply *ehlo, bool *any)
{
	const char *rest;
	size_t len;
	bool offered = smtp_ehlo_offers(ehlo, "AUTH", &rest, &len);
	unsigned bits = 0;

	for (unsigned i = 0; offered && i < LOGINS; i++)
		if (smtp_has_word(rest, len, names[i]))
			bits |= LOGIN_BIT(i);
	if (any != NULL)
		*any = offered;
	return bits;
}

bool login_is_for_anybody(const struct smtp_reply *ehlo)
{
	const char *rest;
	size_t len;

	return smtp_ehlo_offers(ehlo, "AUTH", &rest, &len) && smtp_has_word(rest, len, "ANONYMOUS");
}

enum login login_find(unsigned offered, const char *name)
{
	unsigned i = 0;

	while (i < LOGINS &&
	       ((offered & LOGIN_BIT(i)) == 0 || (name != NULL && strcasecmp(names[i], name) != 0)))
		i++;
	return (enum login)i;
}

static bool say_base64(struct dialogue *d, const char *s, size_t len)
{
	bool ok;

	smtp_write_base64(&d->out, s, len);
	strbuf_puts(&d->out, "\r\n");
	d->secret = true;
	ok = dialogue_ask(d);
	d->secret = false;
	return ok;
}

/* User and password are asked for one after the other, in words that differ. */
static bool try_login(struct dialogue *d, const char *user, const char *password)
{
	return dialogue_say(d, "AUTH LOGIN") &&
	       (d->reply.code != GO_ON ||
		   (say_base64(d, user, strlen(user)) &&
		       (d->reply.code != GO_ON || say_base64(d, password, strlen(password)))));
}

static bool try_cram_md5(struct dialogue *d, const char *user, const char *password)
{
	unsigned char challenge[CHALLENGE_MAX], digest[EVP_MAX_MD_SIZE];
	struct strbuf answer = {0};
	unsigned size = 0;
	size_t len;
	bool ok;

	if (!dialogue_say(d, "AUTH CRAM-MD5"))
		return false;
	if (d->reply.code != GO_ON)
		return true;
	len = smtp_read_base64(d->reply.text, challenge, sizeof(challenge));
	if (len == 0 ||
	    HMAC(EVP_md5(), password, (int)strlen(password), challenge, len, digest, &size) ==
		NULL ||
	    size != MD5_SIZE)
		return dialogue_say(d, "*");
	strbuf_printf(&answer, "%s ", user);
	for (unsigned i = 0; i < size; i++)
		strbuf_printf(&answer, "%02x", (unsigned)digest[i]);
	ok = !answer.failed && say_base64(d, answer.data, answer.len);
	strbuf_free(&answer);
	return ok;
}

bool login_try(struct dialogue *d, enum login l, const char *user, const char *password)
{
	switch (l) {
	case LOGIN_PLAIN:
		smtp_write_auth_plain(&d->out, user, password);
		return dialogue_ask(d);
	case LOGIN_LOGIN:
		return try_login(d, user, password);
	case LOGIN_CRAM_MD5:
		return try_cram_md5(d, user, password);
	case LOGINS:
		break;
	}
	snprintf(d->channel.error, sizeof(d->channel.error), "the server offers no such login");
	return false;
}

bool login_try_anonymous(struct dialogue *d)
{
	static const char trace[] = "selftest";

	strbuf_puts(&d->out, "AUTH ANONYMOUS ");
	smtp_write_base64(&d->out, trace, sizeof(trace) - 1);
	strbuf_puts(&d->out, "\r\n");
	return dialogue_ask(d);
}
