/* What a client has to show: a login, TLS, a certificate. */
#include <string.h>
#include <strings.h>

#include "selftest/actors.h"
#include "selftest/certificate.h"
#include "selftest/login.h"

/* --- logins ------------------------------------------------------------------ */

static bool asks_for_login(const struct criteria *k)
{
	return k->auth == CRITERION_YES || k->login.given || k->mech.given;
}

static bool names_mech(const struct criteria *k, const char *mech)
{
	for (size_t i = 0; i < k->mech.texts.count; i++)
		if (strcasecmp(k->mech.texts.items[i], mech) == 0)
			return true;
	return !k->mech.given;
}

/* The ways to log in that can be tried, one after the other. NULL: there are not so many. */
static const char *mech_at(const struct casting *c, const struct criteria *k, size_t n)
{
	const struct means *m = c->means;
	bool real = m->login != NULL && !m->everything; /* with its password */

	if (!real && k->mech.given)
		return n < k->mech.texts.count ? k->mech.texts.items[n] : NULL;
	/* XCLIENT names the login alone. */
	if (!real && !m->everything)
		return n == 0 ? login_name(LOGIN_PLAIN) : NULL;
	for (unsigned i = 0; i < LOGINS; i++) {
		const char *name = login_name((enum login)i);

		if ((!real || (m->logins & LOGIN_BIT(i)) != 0) && names_mech(k, name) && n-- == 0)
			return name;
	}
	return NULL;
}

/* A login that a pattern such as `*@example.com` matches. */
static const char *login_like(struct casting *c, const char *pattern)
{
	const char *star = strchr(pattern, '*');

	if (star == NULL)
		return pattern;
	return casting_keep(
	    c, arena_printf(&c->plan->arena, "%.*sselftest%s", (int)(star - pattern), pattern,
		   star + 1 + strspn(star + 1, "*")));
}

static const char *set_login(
    struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a)
{
	const struct means *m = c->means;
	const char *mech = mech_at(c, k, picks->number[PICK_MECH]);

	if (!asks_for_login(k))
		return NULL;
	if (m->login == NULL && !m->any_login)
		return "it asks for a login: give --auth-user, where the server offers AUTH";
	if (mech == NULL)
		return "it asks for a way to log in that is not tried here";
	if (m->login != NULL)
		a->mail.auth_login = m->login;
	else if (k->login.given && k->login.texts.count > 0)
		a->mail.auth_login = login_like(c, k->login.texts.items[picks->number[PICK_LOGIN]]);
	else
		a->mail.auth_login = "selftest";
	a->mail.auth_mech = mech;
	return NULL;
}

/* --- TLS and certificates ----------------------------------------------------- */

static const char *set_tls(const struct casting *c, const struct criteria *k, struct actor *a)
{
	if (k->tls == CRITERION_ANY || k->tls == CRITERION_NO)
		return NULL;
	if (!c->means->everything && !c->means->tls)
		return "it asks for TLS, which the server does not offer here";
	a->mail.tls_version = "TLSv1.3";
	return NULL;
}

/* The one that is at hand, where it is what the rule asks for. */
static const char *show_cert(const struct casting *c, const struct criteria *k, struct actor *a)
{
	const struct certificate *cert = c->means->cert;

	if (cert == NULL)
		return "it asks for a certificate: give --cert and --key, where the server has TLS";
	for (size_t i = 0; i < k->cert.texts.count; i++) {
		const char *wanted = k->cert.texts.items[i];
		bool whole = strstr(wanted, ":/") != NULL;

		if (!certificate_is(cert, wanted))
			continue;
		if (!c->means->tls)
			return "it asks for a certificate, which is shown under TLS alone";
		a->shows_cert = true;
		a->mail.tls_version = "TLSv1.3";
		/* Sendmail tells the whole name: /CN=... */
		a->mail.cert_subject = whole ? cert->subject_line : cert->subject;
		a->mail.cert_issuer = whole ? cert->issuer_line : cert->issuer;
		a->mail.cert_fingerprint = cert->sha256;
		a->mail.verify = "OK";
		return NULL;
	}
	return "it asks for another certificate than that of --cert";
}

static const char *set_cert(
    const struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a)
{
	const char *cert;

	if (!k->cert.given)
		return NULL;
	if (k->cert.texts.count == 0)
		return "its list of certificates is empty";
	if (!c->means->everything)
		return show_cert(c, k, a);
	cert = k->cert.texts.items[picks->number[PICK_CERT]];
	a->mail.tls_version = "TLSv1.3";
	if (strncmp(cert, "subject:", 8) == 0)
		a->mail.cert_subject = cert + 8;
	else if (strncmp(cert, "issuer:", 7) == 0)
		a->mail.cert_issuer = cert + 7;
	else if (strcmp(cert, "verified") != 0)
		a->mail.cert_fingerprint = strchr(cert, ':') == NULL ? cert : strchr(cert, ':') + 1;
	if (a->mail.cert_fingerprint == NULL)
		a->mail.verify = "OK";
	return NULL;
}

/* --- both --------------------------------------------------------------------- */

size_t credentials_count(const struct casting *c, const struct criteria *k, enum pick pick)
{
	size_t count = 0;

	if (pick == PICK_MECH)
		while (asks_for_login(k) && mech_at(c, k, count) != NULL)
			count++;
	else if (pick == PICK_LOGIN && c->means->login == NULL && c->means->any_login)
		count = k->login.texts.count;
	else if (pick == PICK_CERT && c->means->everything)
		count = k->cert.texts.count;
	return count == 0 ? 1 : count;
}

const char *credentials_set(
    struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a)
{
	const char *why = set_login(c, k, picks, a);

	if (why == NULL)
		why = set_tls(c, k, a);
	return why == NULL ? set_cert(c, k, picks, a) : why;
}
