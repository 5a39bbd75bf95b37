#include "selftest/inspect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "selftest/dialogue.h"
#include "selftest/way.h"

/* How long a reply is waited for that should not come. */
#define SILENCE (400 * USEC_PER_MSEC)

#define DAY ((usec_t)24 * 3600 * USEC_PER_SEC)
enum { SOON_DAYS = 14 };

struct inspection {
	struct side_findings *f;
	const struct place *place;
	const struct way *way;
	char helo[ADDR_TEXT_MAX + 8];
	bool trusted;
	usec_t now;
};

static bool open_session(struct inspection *i, struct dialogue *d)
{
	return dialogue_open(d, i->way, NULL) && dialogue_greet(d, i->helo) &&
	       dialogue_is_positive(d);
}

/* --- what the server says of itself ----------------------------------------- */

/* A word with a number, a dot and a number in it, that is no address: a version. */
static bool has_version(const char *banner)
{
	for (const char *s = banner + strcspn(banner, " "); *s != '\0'; s++) {
		size_t len = strcspn(s, " ;/()"), dots = 0, digits = 0;

		for (size_t k = 0; k < len; k++) {
			dots += s[k] == '.' && k > 0 && isdigit((unsigned char)s[k - 1]) != 0 &&
			        isdigit((unsigned char)s[k + 1]) != 0;
			digits += isdigit((unsigned char)s[k]) != 0;
		}
		if (dots > 0 && digits + dots + 2 >= len)
			return true;
		s += len;
		if (*s == '\0')
			break;
	}
	return false;
}

static void inspect_offers(struct inspection *i, const struct dialogue *d)
{
	const struct way *w = i->way;
	const char *where = i->place->name;
	bool plain = w->tls == WAY_PLAIN;

	if (has_version(w->banner))
		side_add(i->f, SEVERITY_LOW, where, "banner-version",
		    "The banner tells the version of the software: \"%.120s\". Set smtpd_banner "
		    "(Postfix) or confSMTP_LOGIN_MSG (Sendmail).",
		    w->banner);
	if (plain && !w->starttls)
		side_add(i->f, SEVERITY_MEDIUM, where, "starttls",
		    "STARTTLS is not offered: mail and passwords come in the clear.");
	if (plain && smtp_ehlo_offers(&d->reply, "AUTH", NULL, NULL))
		side_add(i->f, SEVERITY_MEDIUM, where, "auth-in-the-clear",
		    "AUTH is offered without TLS: passwords can be read on the way. Set "
		    "smtpd_tls_auth_only = yes (Postfix), or the p in confAUTH_OPTIONS "
		    "(Sendmail).");
	if (w->xclient && !i->trusted)
		side_add(i->f, SEVERITY_HIGH, where, "xclient",
		    "XCLIENT is offered to strangers: whoever connects can be any client. Narrow "
		    "smtpd_authorized_xclient_hosts.");
}

/* --- VRFY and EXPN ---------------------------------------------------------- */

static void inspect_names(struct inspection *i, struct dialogue *d, const char *nonce)
{
	unsigned known, unknown;

	if (!dialogue_say(d, "VRFY postmaster"))
		return;
	known = d->reply.code;
	if (!dialogue_say(d, "VRFY selftest-%s", nonce))
		return;
	unknown = d->reply.code;
	if (known / 100 == 2 && unknown / 100 == 5)
		side_add(i->f, SEVERITY_LOW, i->place->name, "vrfy",
		    "VRFY tells strangers which recipients there are (%u for one that is, %u for "
		    "one that is not). Set disable_vrfy_command = yes (Postfix), or novrfy in "
		    "confPRIVACY_FLAGS (Sendmail).",
		    known, unknown);
	if (dialogue_say(d, "EXPN postmaster") && d->reply.code == 250)
		side_add(i->f, SEVERITY_LOW, i->place->name, "expn",
		    "EXPN tells strangers who is behind a name. Put noexpn in confPRIVACY_FLAGS "
		    "(Sendmail).");
}

/* --- TLS -------------------------------------------------------------------- */

static void inspect_dates(struct inspection *i, const struct tls_peer *p)
{
	const char *where = i->place->name;
	long long days = (long long)((p->not_after - i->now) / DAY);

	if (i->now > p->not_after)
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate-expired",
		    "The certificate of %.80s expired %lld days ago.", p->subject, -days);
	else if (i->now < p->not_before)
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate-not-yet",
		    "The certificate of %.80s is not valid yet.", p->subject);
	else if (days < SOON_DAYS)
		side_add(i->f, SEVERITY_LOW, where, "certificate-expires",
		    "The certificate of %.80s expires in %lld days.", p->subject, days);
}

static void inspect_certificate(struct inspection *i, const struct dialogue *d)
{
	const struct way *w = i->way;
	const char *where = i->place->name;
	const char *host = *w->host != '\0' ? w->host : w->name;
	struct tls_peer p;

	if (!tls_peer(d->channel.tls, host, &p)) {
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate",
		    "The server shows no certificate.");
		return;
	}
	inspect_dates(i, &p);
	if (!p.names_host && *host != '\0')
		side_add(i->f, SEVERITY_LOW, where, "certificate-name",
		    "The certificate is for %.80s, not for %.80s.", p.subject, host);
	/* Who submits mail checks the certificate; between servers few do. */
	if (p.distrust != NULL)
		side_add(i->f, i->place->submission ? SEVERITY_MEDIUM : SEVERITY_NOTE, where,
		    "certificate-trust", "The certificate of %.80s is not vouched for here: %s.",
		    p.subject, p.distrust);
	if (strcmp(p.version, "TLSv1.2") != 0 && strcmp(p.version, "TLSv1.3") != 0)
		side_add(i->f, SEVERITY_LOW, where, "tls-version",
		    "The best that is offered is %s.", p.version);
}

/* What came in the clear together with STARTTLS must not be obeyed under TLS (CVE-2011-0411). */
static void inspect_injection(struct inspection *i)
{
	struct dialogue d;

	if (open_session(i, &d)) {
		strbuf_puts(&d.out, "STARTTLS\r\nNOOP\r\n");
		if (dialogue_ask(&d) && dialogue_is_positive(&d) &&
		    channel_start_tls(&d.channel, NULL)) {
			d.channel.timeout = SILENCE;
			if (dialogue_read(&d))
				side_add(i->f, SEVERITY_HIGH, i->place->name, "starttls-injection",
				    "Commands sent in the clear behind STARTTLS are obeyed under "
				    "TLS: whoever is on the way can put words into a session.");
		}
	}
	dialogue_close(&d);
}

static void inspect_tls(struct inspection *i)
{
	struct dialogue d;

	if (i->way->tls == WAY_PLAIN && !i->way->starttls)
		return;
	if (open_session(i, &d) && (i->way->tls == WAY_TLS || dialogue_start_tls(&d, i->helo)))
		inspect_certificate(i, &d);
	else
		side_add(i->f, SEVERITY_MEDIUM, i->place->name, "starttls",
		    "TLS is offered and fails: %.200s", d.channel.error);
	dialogue_close(&d);
	if (i->way->tls == WAY_PLAIN)
		inspect_injection(i);
}

/* --- PROXY ------------------------------------------------------------------ */

/* A server that takes a header of the PROXY protocol believes any address in it. */
static void inspect_proxy(struct inspection *i)
{
	struct way w = *i->way;
	struct dialogue d = {.way = &w, .reply = {.text = ""}};
	bool ok;

	if (w.tls != WAY_PLAIN)
		return;
	ok = channel_open(&d.channel, &w.to, &w.source, w.timeout);
	if (ok) {
		strbuf_puts(&d.out, "PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n");
		ok = dialogue_ask(&d) && dialogue_is_positive(&d);
	}
	/* A server that knows nothing of it answers to the header, and then to this. */
	if (ok && dialogue_say(&d, "NOOP") && dialogue_is_positive(&d)) {
		d.channel.timeout = SILENCE;
		if (!dialogue_read(&d))
			side_add(i->f, i->trusted ? SEVERITY_NOTE : SEVERITY_HIGH, i->place->name,
			    "proxy",
			    "The PROXY protocol is taken from this host: whoever can connect from "
			    "here can be any client. Only a load balancer should be able to.");
	}
	dialogue_close(&d);
}

/* --- all of it -------------------------------------------------------------- */

void inspect_server(
    struct side_findings *f, const struct place *place, bool trusted, const char *nonce, usec_t now)
{
	struct inspection i = {
	    .f = f, .place = place, .way = place->way, .trusted = trusted, .now = now};
	char text[ADDR_TEXT_MAX];
	struct dialogue d;

	addr_format(&i.way->own, text);
	snprintf(i.helo, sizeof(i.helo), i.way->own.family == ADDR_V6 ? "[IPv6:%s]" : "[%s]", text);
	if (open_session(&i, &d)) {
		inspect_offers(&i, &d);
		inspect_names(&i, &d, nonce);
	}
	dialogue_close(&d);
	inspect_tls(&i);
	inspect_proxy(&i);
}
