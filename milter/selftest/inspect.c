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
	bool trusted; /* this host may relay there */
	bool local;   /* it is the server itself */
	usec_t now;
};

static bool open_session(struct inspection *i, struct dialogue *d)
{
	return dialogue_open(d, i->way, NULL) && dialogue_greet(d, i->helo) &&
	       dialogue_is_positive(d);
}

/* --- what the server says of itself ----------------------------------------- */

static void inspect_auth(struct inspection *i, const struct dialogue *d)
{
	const char *where = i->place->name, *rest;
	size_t len;

	if (i->way->tls != WAY_PLAIN || !smtp_ehlo_offers(&d->reply, "AUTH", &rest, &len))
		return;
	if (smtp_has_word(rest, len, "PLAIN") || smtp_has_word(rest, len, "LOGIN") ||
	    smtp_has_word(rest, len, "XOAUTH2") || smtp_has_word(rest, len, "OAUTHBEARER"))
		side_add(i->f, SEVERITY_MEDIUM, where, "auth-in-the-clear",
		    "AUTH is offered without TLS: passwords can be read on the way. Set "
		    "smtpd_tls_auth_only = yes (Postfix), or the p in confAUTH_OPTIONS "
		    "(Sendmail).");
	else
		side_add(i->f, SEVERITY_LOW, where, "auth-in-the-clear",
		    "AUTH is offered without TLS, with %.*s alone: no password is sent, but "
		    "whoever "
		    "listens can guess it from what is, and take the session over. Set "
		    "smtpd_tls_auth_only = yes (Postfix).",
		    (int)(len < 80 ? len : 80), rest);
}

/*
 * An address of this host that was given as a stranger's is none, so that what is offered to it may
 * be meant for this host.
 */
static void inspect_xclient(struct inspection *i)
{
	char text[ADDR_TEXT_MAX];

	addr_format(&i->way->own, text);
	if (!i->trusted)
		side_add(i->f, i->local ? SEVERITY_MEDIUM : SEVERITY_HIGH, i->place->name,
		    "xclient",
		    "XCLIENT is offered to strangers, such as %s: whoever connects can be any "
		    "client. Narrow smtpd_authorized_xclient_hosts.",
		    text);
}

static void inspect_offers(struct inspection *i, const struct dialogue *d)
{
	const struct way *w = i->way;
	const char *where = i->place->name;
	bool plain = w->tls == WAY_PLAIN;

	if (smtp_has_version(w->banner))
		side_add(i->f, SEVERITY_LOW, where, "banner-version",
		    "The banner tells the version of the software: \"%.120s\". Set smtpd_banner "
		    "(Postfix) or confSMTP_LOGIN_MSG (Sendmail).",
		    w->banner);
	if (plain && !w->starttls)
		side_add(i->f, SEVERITY_MEDIUM, where, "starttls",
		    "STARTTLS is not offered: mail and passwords come in the clear. Set "
		    "smtpd_tls_security_level = may (Postfix) or confSERVER_CERT (Sendmail), with "
		    "a "
		    "certificate.");
	inspect_auth(i, d);
	if (w->xclient)
		inspect_xclient(i);
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
	/* 252 is no answer; 502 and its like neither. */
	if (known / 100 == 2 && (unknown == 550 || unknown == 551 || unknown == 553))
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
	char until[CLOCK_TEXT_MAX], since[CLOCK_TEXT_MAX];

	clock_format(p->not_after, until);
	clock_format(p->not_before, since);
	if (i->now > p->not_after)
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate-expired",
		    "The certificate of %.100s expired %lld day%s ago, on %.10s: renew it, and "
		    "have "
		    "the server read it.",
		    p->subject, -days, days == -1 ? "" : "s", until);
	else if (i->now < p->not_before)
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate-not-yet",
		    "The certificate of %.100s is not valid yet, but from %.10s on: is the clock "
		    "right?",
		    p->subject, since);
	else if (days < SOON_DAYS)
		side_add(i->f, SEVERITY_LOW, where, "certificate-expires",
		    "The certificate of %.100s expires in %lld day%s, on %.10s: renew it.",
		    p->subject, days, days == 1 ? "" : "s", until);
}

/* What others call the server: as it was asked for, where that is a name, or as it says itself. */
static const char *public_name(const struct way *w)
{
	struct addr a;

	if (strchr(w->name, '.') != NULL && !addr_parse(w->name, strlen(w->name), &a))
		return w->name;
	return *w->host != '\0' ? w->host : w->name;
}

/* Who submits mail checks the certificate; between servers few do. */
static void inspect_trust(struct inspection *i, const struct tls_peer *p)
{
	const char *where = i->place->name;

	if (p->distrust != NULL)
		side_add(i->f, i->place->submission ? SEVERITY_MEDIUM : SEVERITY_NOTE, where,
		    "certificate-trust",
		    "The certificate of %.100s is not vouched for here: %s. Does the server send "
		    "the certificates between its own and one of a known authority?",
		    p->subject, p->distrust);
	if (strcmp(p->version, "TLSv1.2") != 0 && strcmp(p->version, "TLSv1.3") != 0)
		side_add(i->f, SEVERITY_LOW, where, "tls-version",
		    "The best that is offered is %s: TLSv1.2 at least is expected.", p->version);
}

static void inspect_certificate(struct inspection *i, const struct dialogue *d)
{
	const char *where = i->place->name, *host = public_name(i->way);
	struct tls_peer p, by_address;
	char text[ADDR_TEXT_MAX];

	addr_format(&i->way->peer, text);
	if (!tls_peer(d->channel.tls, host, &p) || !tls_peer(d->channel.tls, text, &by_address)) {
		side_add(i->f, SEVERITY_MEDIUM, where, "certificate",
		    "The server shows no certificate: whoever is on the way can read along.");
		return;
	}
	inspect_dates(i, &p);
	/* Whoever has an address only may have it in the certificate. */
	if (!p.names_host && !(host != i->way->name && by_address.names_host) && *host != '\0')
		side_add(i->f, SEVERITY_LOW, where, "certificate-name",
		    "The certificate is for %.300s, not for %.100s: get one that has this name.",
		    *p.names == '\0' ? "nobody" : p.names, host);
	else if (p.common_name_only)
		side_add(i->f, SEVERITY_NOTE, where, "certificate-common-name",
		    "The certificate has %.100s as its common name alone, which many heed no more "
		    "(RFC 9525): get one with subjectAltName.",
		    p.subject);
	inspect_trust(i, &p);
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
			side_add(i->f,
			    i->trusted ? SEVERITY_NOTE
			    : i->local ? SEVERITY_MEDIUM
				       : SEVERITY_HIGH,
			    i->place->name, "proxy",
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

	i.local = addr_is_loopback(&i.way->own) || addr_equal(&i.way->own, &i.way->peer);
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
