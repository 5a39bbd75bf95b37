/*
 * Every distinct form that relay testers send, and those that Postfix and Sendmail are known
 * to read in their own way. The order is the order of the report.
 */
#include "selftest/probe.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"

/* Who the outside recipient is, in all templates. */
#define MAILBOX "relaytest"

#define OUTSIDER "<selftest@{outside}>"
#define LITERAL "<selftest@[{ip}]>"
#define VICTIM "<relaytest@{outside}>"

/* Each of these has a form for the probes that are tried everywhere. */
#define ODD(NAME, FORM, FROM, TO) ODD_WITH(NAME, FORM, FROM, TO, 0)
#define ODD_CORE(NAME, FORM, FROM, TO) ODD_WITH(NAME, FORM, FROM, TO, PROBE_CORE)
#define NAMED(NAME, FORM, TO, DOMAIN) NAMED_WITH(NAME, FORM, TO, DOMAIN, 0)
#define NAMED_CORE(NAME, FORM, TO, DOMAIN) NAMED_WITH(NAME, FORM, TO, DOMAIN, PROBE_CORE)
#define SENDER(NAME, FORM, FROM) SENDER_WITH(NAME, FORM, FROM, 0)
#define SENDER_CORE(NAME, FORM, FROM) SENDER_WITH(NAME, FORM, FROM, PROBE_CORE)
#define CONTROL(NAME, FORM, FROM, TO) CONTROL_WITH(NAME, FORM, FROM, TO, 0)
#define CONTROL_CORE(NAME, FORM, FROM, TO) CONTROL_WITH(NAME, FORM, FROM, TO, PROBE_CORE)

/* An odd recipient, which an MTA that takes everything reads as one outside. */
#define ODD_WITH(NAME, FORM, FROM, TO, FLAGS)                                                      \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = (FROM), .to = (TO), .flags = (FLAGS)       \
	}
/* The same, where one reading of it is an ordinary mailbox of ours. */
#define KEPT(NAME, FORM, TO)                                                                       \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = OUTSIDER, .to = (TO),                      \
		.flags = PROBE_MAY_BE_KEPT                                                         \
	}
/* A recipient whose domain is plain to see. */
#define NAMED_WITH(NAME, FORM, TO, DOMAIN, FLAGS)                                                  \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = OUTSIDER, .to = (TO), .domain = (DOMAIN),  \
		.way = WAY_WRITTEN, .flags = PROBE_NAMES_DOMAIN | (FLAGS)                          \
	}
#define SENDER_WITH(NAME, FORM, FROM, FLAGS)                                                       \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = (FROM), .to = VICTIM,                      \
		.domain = "{outside}", .way = WAY_WRITTEN, .flags = PROBE_NAMES_DOMAIN | (FLAGS)   \
	}
#define HELO(NAME, FORM, GREETING)                                                                 \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = OUTSIDER, .to = VICTIM,                    \
		.helo = (GREETING), .domain = "{outside}", .way = WAY_WRITTEN,                     \
		.flags = PROBE_NAMES_DOMAIN                                                        \
	}
#define HOP(NAME, FORM, TO)                                                                        \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = OUTSIDER, .to = (TO), .way = WAY_ONWARD    \
	}
#define CONTROL_WITH(NAME, FORM, FROM, TO, FLAGS)                                                  \
	{                                                                                          \
		.name = (NAME), .form = (FORM), .from = (FROM), .to = (TO), .kind = PROBE_CONTROL, \
		.way = WAY_HERE, .flags = (FLAGS)                                                  \
	}

const struct probe probe_table[] = {
    /* The plain recipient, with every kind of sender and greeting. */
    SENDER_CORE("plain", "an outside recipient", OUTSIDER),
    SENDER_CORE("sender-null", "the null sender", "<>"),
    SENDER_CORE("sender-ours", "a sender of ours", "<selftest@{ours}>"),
    SENDER("sender-host", "a sender at this host", "<selftest@{host}>"),
    SENDER("sender-literal", "a sender at our address", LITERAL),
    SENDER("sender-bare", "a sender without a domain", "<selftest>"),
    SENDER("sender-localhost", "a sender at localhost", "<selftest@localhost>"),
    SENDER("sender-root", "root as the sender", "<root@localhost>"),
    SENDER("sender-postmaster", "our postmaster as the sender", "<postmaster@{ours}>"),
    SENDER("sender-hostmaster", "postmaster at this host as the sender", "<postmaster@{host}>"),
    SENDER("sender-daemon", "our mailer-daemon as the sender", "<mailer-daemon@{ours}>"),
    SENDER("sender-subdomain", "a sender below an outside domain",
	"<selftest@no-such-host.{outside}>"),
    SENDER("sender-recipient", "the recipient as the sender", VICTIM),
    SENDER("sender-upper-case", "a sender of ours in upper case", "<SELFTEST@{OURS}>"),
    SENDER("sender-dot", "a sender of ours with a dot behind", "<selftest@{ours}.>"),
    SENDER("sender-quoted", "a quoted sender of ours", "<\"self test\"@{ours}>"),
    SENDER("sender-loopback", "a sender at loopback", "<selftest@[127.0.0.1]>"),
    SENDER("sender-double-at", "two @ in the sender", "<selftest@{outside}@{ours}>"),
    SENDER("sender-route", "a route in the sender", "<@{outside}:selftest@{ours}>"),
    {.name = "sender-idn",
	.form = "a sender at a domain in UTF-8",
	.from = "<selftest@b\xc3\xbc"
		"cher.{outside}>",
	.to = VICTIM,
	.parameters = "SMTPUTF8",
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN},
    SENDER("sender-percent", "a percent sign in the sender", "<selftest%{outside}@{ours}>"),
    SENDER("sender-no-brackets", "a sender without brackets", "selftest@{ours}"),
    {.name = "sender-auth",
	.form = "AUTH= that names one of ours",
	.from = OUTSIDER,
	.to = VICTIM,
	.parameters = "AUTH=postmaster@{ours}",
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN},
    HELO("helo-host", "the greeting of this host", "{host}"),
    HELO("helo-ours", "the greeting of our domain", "{ours}"),
    HELO("helo-localhost", "the greeting localhost", "localhost"),
    HELO("helo-localdomain", "the greeting localhost.localdomain", "localhost.localdomain"),
    HELO("helo-loopback", "the greeting of loopback", "[127.0.0.1]"),
    HELO("helo-literal", "the greeting of our address", "[{ip}]"),
    {.name = "second-recipient",
	.form = "after a recipient of ours",
	.from = OUTSIDER,
	.to = VICTIM,
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN | PROBE_SECOND},

    {.name = "data-after-refusal",
	.form = "the message all the same, after its recipient was refused",
	.from = OUTSIDER,
	.to = VICTIM,
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN | PROBE_DATA},
    {.name = "bdat-after-refusal",
	.form = "the same by BDAT",
	.from = OUTSIDER,
	.to = VICTIM,
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN | PROBE_DATA | PROBE_BDAT},

    /* The outside domain in other spellings, and names that only look like ours. */
    NAMED("upper-case", "upper case", "<RELAYTEST@{OUTSIDE}>", "{outside}"),
    NAMED_CORE("trailing-dot", "a dot behind the domain", "<relaytest@{outside}.>", "{outside}"),
    NAMED("no-brackets", "no brackets", "relaytest@{outside}", "{outside}"),
    NAMED("postmaster-outside", "the postmaster of an outside domain", "<postmaster@{outside}>",
	"{outside}"),
    NAMED("subdomain", "a name below our domain", "<relaytest@no-such-host.{ours}>",
	"no-such-host.{ours}"),
    NAMED("lookalike", "our domain as the end of a name", "<relaytest@evil{ours}>", "evil{ours}"),
    NAMED("lookalike-front", "our domain as the start of a name", "<relaytest@{ours}.{outside}>",
	"{ours}.{outside}"),
    NAMED("host-joined", "a host name glued to the domain", "<relaytest@{outside}{host}>",
	"{outside}{host}"),
    {.name = "idn",
	.form = "a domain in UTF-8",
	.from = OUTSIDER,
	.to = "<relaytest@b\xc3\xbc"
	      "cher.{outside}>",
	.parameters = "SMTPUTF8",
	.domain = "b\xc3\xbc"
		  "cher.{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN},
    NAMED("idn-ascii", "a domain in Punycode", "<relaytest@xn--bcher-kva.{outside}>",
	"xn--bcher-kva.{outside}"),
    {.name = "idn-dot",
	.form = "an ideographic full stop behind our domain",
	.from = OUTSIDER,
	.to = "<relaytest@{ours}\xe3\x80\x82{outside}>",
	.parameters = "SMTPUTF8",
	.domain = "{ours}.{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN},
    {.name = "utf8-local",
	.form = "a local part in UTF-8",
	.from = OUTSIDER,
	.to = "<rel\xc3\xa4ytest@{outside}>",
	.parameters = "SMTPUTF8",
	.domain = "{outside}",
	.way = WAY_WRITTEN,
	.flags = PROBE_NAMES_DOMAIN},
    NAMED("utf8-undeclared", "a local part in UTF-8 without SMTPUTF8",
	"<rel\xc3\xa4ytest@{outside}>", "{outside}"),
    {.name = "literal-outside",
	.form = "an address literal of another host",
	.from = OUTSIDER,
	.to = "<relaytest@[192.0.2.77]>",
	.way = WAY_WRITTEN},
    {.name = "literal-outside-6",
	.form = "an IPv6 literal of another host",
	.from = OUTSIDER,
	.to = "<relaytest@[IPv6:2001:db8::77]>",
	.way = WAY_WRITTEN},
    ODD("literal-name", "a name in a literal", OUTSIDER, "<relaytest@[{outside}]>"),

    /* Percent signs. */
    ODD_CORE(
	"percent-ours", "a percent sign at our domain", OUTSIDER, "<relaytest%{outside}@{ours}>"),
    ODD("percent-host", "a percent sign at this host", LITERAL, "<relaytest%{outside}@{host}>"),
    ODD("percent-literal", "a percent sign at our address", LITERAL,
	"<relaytest%{outside}@[{ip}]>"),
    ODD("percent-bare-ip", "a percent sign at our address without brackets", OUTSIDER,
	"<relaytest%{outside}@{ip}>"),
    ODD("percent-localhost", "a percent sign at localhost", OUTSIDER,
	"<relaytest%{outside}@localhost>"),
    ODD("percent-loopback", "a percent sign at loopback", OUTSIDER,
	"<relaytest%{outside}@[127.0.0.1]>"),
    ODD("percent-loopback-6", "a percent sign at IPv6 loopback", OUTSIDER,
	"<relaytest%{outside}@[IPv6:::1]>"),
    ODD("percent-no-domain", "a percent sign and no domain", OUTSIDER, "<relaytest%{outside}>"),
    ODD("percent-at-end", "a percent sign and an empty domain", OUTSIDER, "<relaytest%{outside}@>"),
    ODD("percent-literal-at", "a percent literal and an empty domain", OUTSIDER,
	"<relaytest%[{outside}]@>"),
    {.name = "percent-joined",
	.form = "a percent sign and no @ before this host",
	.from = OUTSIDER,
	.to = "<relaytest%{outside}{host}>",
	.domain = "{outside}{host}",
	.flags = PROBE_NAMES_DOMAIN},
    ODD("percent-chain", "two percent signs", OUTSIDER, "<relaytest%{outside}%{ours}@{ours}>"),
    ODD("percent-double", "a doubled percent sign", OUTSIDER, "<relaytest%%{outside}@{ours}>"),
    ODD("percent-port", "a percent sign and a port", OUTSIDER, "<relaytest%{outside}:25@{ours}>"),
    ODD("percent-dot", "a percent sign and a trailing dot", OUTSIDER,
	"<relaytest%{outside}.@{ours}>"),
    ODD("percent-outside", "our domain behind a percent sign", OUTSIDER,
	"<relaytest%{ours}@{outside}>"),
    ODD("percent-bare", "a percent sign without brackets", OUTSIDER, "relaytest%{outside}@{ours}"),

    /* Bangs. */
    ODD("bang", "a bang and no domain", LITERAL, "<{outside}!relaytest>"),
    ODD_CORE("bang-ours", "a bang at our domain", OUTSIDER, "<{outside}!relaytest@{ours}>"),
    ODD("bang-host", "a bang at this host", LITERAL, "<{outside}!relaytest@{host}>"),
    ODD("bang-literal", "a bang at our address", LITERAL, "<{outside}!relaytest@[{ip}]>"),
    ODD("bang-chain", "two bangs", OUTSIDER, "<{ours}!{outside}!relaytest>"),
    ODD("bang-chain-ours", "two bangs at our domain", OUTSIDER,
	"<{ours}!{outside}!relaytest@{ours}>"),
    ODD("bang-joined", "a bang and no @ before this host", OUTSIDER, "<{outside}!relaytest{host}>"),
    ODD("bang-percent", "a bang and a percent sign", OUTSIDER,
	"<{ours}!relaytest%{outside}@{ours}>"),

    /* Source routes. */
    ODD_CORE("route-ours", "a route over our domain", OUTSIDER, "<@{ours}:relaytest@{outside}>"),
    ODD("route-host", "a route over this host", LITERAL, "<@{host}:relaytest@{outside}>"),
    ODD("route-literal", "a route over our address", LITERAL, "<@[{ip}]:relaytest@{outside}>"),
    ODD("route-two", "a route over two hosts", OUTSIDER, "<@{ours},@{host}:relaytest@{outside}>"),
    ODD("route-percent", "a route and a percent sign", OUTSIDER,
	"<@{host}:relaytest%{outside}@{ours}>"),
    ODD("route-bang", "a route and a bang", OUTSIDER, "<@{ours}:{outside}!relaytest>"),
    ODD("route-no-at", "a route without its @", OUTSIDER, "<{host}:relaytest@{outside}>"),
    KEPT("route-back", "a route over an outside host to us", "<@{outside}:relaytest@{ours}>"),

    /* Quotes and backslashes. */
    ODD("quoted-address", "a quoted address", LITERAL, "<\"relaytest@{outside}\">"),
    ODD("quoted-percent", "a quoted percent sign", LITERAL, "<\"relaytest%{outside}\">"),
    ODD_CORE("quoted-ours", "a quoted address at our domain", OUTSIDER,
	"<\"relaytest@{outside}\"@{ours}>"),
    ODD("quoted-host", "a quoted address at this host", OUTSIDER,
	"<\"relaytest@{outside}\"@{host}>"),
    ODD("quoted-literal", "a quoted address at our address", LITERAL,
	"<\"relaytest@{outside}\"@[{ip}]>"),
    ODD("quoted-percent-ours", "a quoted percent sign at our domain", OUTSIDER,
	"<\"relaytest%{outside}\"@{ours}>"),
    ODD("quoted-bang-ours", "a quoted bang at our domain", OUTSIDER,
	"<\"{outside}!relaytest\"@{ours}>"),
    ODD("quoted-route-ours", "a quoted route at our domain", OUTSIDER,
	"<\"@{ours}:relaytest@{outside}\"@{ours}>"),
    ODD("quoted-escaped-at", "an escaped @ in quotes", OUTSIDER,
	"<\"relaytest\\@{outside}\"@{ours}>"),
    ODD("quoted-outside", "a quoted local part outside", OUTSIDER, "<\"relaytest\"@{outside}>"),
    ODD("quoted-blank", "a blank in quotes", OUTSIDER, "<\"relay test\"@{outside}>"),
    ODD("backslash-at", "a backslash before the @", OUTSIDER, "<relaytest\\@{outside}@{ours}>"),
    ODD("backslash-percent", "a backslash before the percent sign", OUTSIDER,
	"<relaytest\\%{outside}@{ours}>"),

    /* More than one @. */
    ODD_CORE("double-at-ours", "two @, ours last", OUTSIDER, "<relaytest@{outside}@{ours}>"),
    ODD("double-at-host", "two @, this host last", LITERAL, "<relaytest@{outside}@{host}>"),
    ODD("double-at-literal", "two @, our address last", LITERAL, "<relaytest@{outside}@[{ip}]>"),
    ODD("double-at-outside", "two @, ours first", OUTSIDER, "<relaytest@{ours}@{outside}>"),
    ODD("at-end", "an @ at the end", OUTSIDER, "<relaytest@{outside}@>"),
    ODD("at-end-literal", "a literal and an @ at the end", OUTSIDER, "<relaytest@[{outside}]@>"),

    /* What is no address at all by RFC 5321. */
    {.name = "no-domain",
	.form = "no domain",
	.from = OUTSIDER,
	.to = "<relaytest>",
	.way = WAY_HERE,
	.flags = PROBE_MAY_BE_KEPT},
    ODD("port", "a port behind the domain", OUTSIDER, "<relaytest@{outside}:25>"),
    ODD("two-dots", "two dots between two domains", OUTSIDER, "<relaytest@{outside}..{ours}>"),
    ODD("leading-dot", "a dot before the domain", OUTSIDER, "<relaytest@.{outside}>"),
    ODD("comment", "a comment between two domains", OUTSIDER, "<relaytest@{outside}(x)@{ours}>"),
    ODD("comment-domain", "our domain in a comment", OUTSIDER, "<relaytest@{outside}({ours})>"),
    ODD("comment-behind", "our address in a comment behind it", OUTSIDER,
	"<relaytest@{outside}> (<postmaster@{ours}>)"),
    ODD("display-name", "a display name", OUTSIDER, "postmaster <relaytest@{outside}>"),
    ODD("brackets-twice", "brackets twice", OUTSIDER, "<<relaytest@{outside}>>"),
    ODD("two-paths", "two paths", OUTSIDER, "<postmaster@{ours}><relaytest@{outside}>"),
    ODD("list-comma", "a list with a comma", OUTSIDER, "<postmaster@{ours},relaytest@{outside}>"),
    ODD("list-semicolon", "a list with a semicolon", OUTSIDER,
	"<postmaster@{ours};relaytest@{outside}>"),
    ODD("group", "a group", OUTSIDER, "<x:relaytest@{outside};>"),
    ODD("colon", "an outside host and a colon", OUTSIDER, "<{outside}:relaytest@{ours}>"),
    ODD("decnet", "an outside host and two colons", OUTSIDER, "<{outside}::relaytest@{ours}>"),
    ODD("blank", "a blank before the @", OUTSIDER, "<relaytest @{outside}>"),
    ODD("blank-domains", "a blank between two domains", OUTSIDER, "<relaytest@{outside} @{ours}>"),
    ODD("tab", "a tab before the @", OUTSIDER, "<relaytest\t@{outside}>"),
    ODD("carriage-return", "a bare carriage return", OUTSIDER, "<relaytest@{outside}\r@{ours}>"),
    ODD("bracket-open", "a bracket that is not closed", OUTSIDER, "<relaytest@{outside}"),
    ODD("control", "a control character", OUTSIDER, "<relaytest\a@{outside}>"),
    ODD("delete", "a DEL", OUTSIDER, "<relaytest\x7f@{outside}>"),
    ODD("bad-utf8", "a byte that is no UTF-8", OUTSIDER, "<relaytest\xff@{outside}>"),

    /* What only some program would decode. */
    {.name = "fullwidth-at",
	.form = "a full-width @",
	.from = OUTSIDER,
	.to = "<relaytest\xef\xbc\xa0{outside}@{ours}>",
	.parameters = "SMTPUTF8",
	.flags = PROBE_MAY_BE_KEPT},
    {.name = "fullwidth-percent",
	.form = "a full-width percent sign",
	.from = OUTSIDER,
	.to = "<relaytest\xef\xbc\x85{outside}@{ours}>",
	.parameters = "SMTPUTF8",
	.flags = PROBE_MAY_BE_KEPT},
    KEPT("encoded-word", "an encoded word", "<=?utf-8?q?relaytest=40{outside}?=@{ours}>"),
    KEPT("xtext", "an @ in xtext", "<relaytest+40{outside}@{ours}>"),

    /* Routes for the server behind us: a backup MX must not pass them on. */
    HOP("hop-percent", "a percent sign for the second hop", "<hoptest%{outside}@{ours}>"),
    HOP("hop-percent-port", "a percent sign and a port for the second hop",
	"<hoptest%{outside}:25@{ours}>"),
    HOP("hop-bang", "a bang for the second hop", "<{outside}!hoptest@{ours}>"),
    HOP("hop-route", "a route for the second hop", "<@{ours}:hoptest%{outside}@{ours}>"),
    HOP("hop-quoted", "a quoted address for the second hop", "<\"hoptest@{outside}\"@{ours}>"),

    /* Mail for us, from outside: must come in. */
    CONTROL_CORE("control-postmaster", "mail for our postmaster", OUTSIDER, "<postmaster@{ours}>"),
    CONTROL("control-bounce", "a bounce to our postmaster", "<>", "<postmaster@{ours}>"),
    CONTROL("control-bare", "the postmaster without a domain", OUTSIDER, "<postmaster>"),
    CONTROL("control-upper-case", "our domain in upper case", OUTSIDER, "<POSTMASTER@{OURS}>"),
    CONTROL("control-dot", "a dot behind our domain", OUTSIDER, "<postmaster@{ours}.>"),

    /* Whether the guard is asked: a recipient of ours that mail servers take, and it does not. */
    {.name = "guard-is-asked",
	.form = "a recipient that only the guard refuses",
	.from = OUTSIDER,
	.to = "<@{outside}:postmaster@{ours}>",
	.kind = PROBE_GUARD,
	.way = WAY_HERE},

    /* Mail for others, from those who may. */
    {.name = "relay",
	.form = "an outside recipient, by one who may",
	.from = "<postmaster@{ours}>",
	.to = VICTIM,
	.domain = "{outside}",
	.kind = PROBE_FRIEND,
	.way = WAY_WRITTEN},
};

const size_t probe_table_size = sizeof(probe_table) / sizeof(probe_table[0]);

static void add_upper(struct strbuf *b, const char *s)
{
	for (; *s != '\0'; s++)
		strbuf_putc(b, (char)toupper((unsigned char)*s));
}

/* Adds what the placeholder at `s` stands for. Its length; 0: none is there. */
static size_t add_name(struct strbuf *b, const char *s, const struct probe_names *names)
{
	const struct {
		const char *placeholder, *value;
		bool upper;
	} all[] = {
	    {"{ours}", names->ours, false},
	    {"{outside}", names->outside, false},
	    {"{host}", names->host, false},
	    {"{ip}", names->ip, false},
	    {"{OURS}", names->ours, true},
	    {"{OUTSIDE}", names->outside, true},
	};

	if (names->mailbox != NULL && strncmp(s, MAILBOX, sizeof(MAILBOX) - 1) == 0) {
		strbuf_puts(b, names->mailbox);
		return sizeof(MAILBOX) - 1;
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t len = strlen(all[i].placeholder);

		if (strncmp(s, all[i].placeholder, len) != 0)
			continue;
		if (all[i].upper)
			add_upper(b, all[i].value);
		else
			strbuf_puts(b, all[i].value);
		return len;
	}
	return 0;
}

const char *probe_expand(struct arena *a, const char *template, const struct probe_names *names)
{
	struct strbuf b = {0};
	const char *text;

	if (template == NULL)
		return NULL;
	for (const char *s = template; *s != '\0';) {
		size_t len = add_name(&b, s, names);

		if (len == 0)
			strbuf_putc(&b, *s);
		s += len == 0 ? 1 : len;
	}
	text = b.failed ? NULL : arena_strdup(a, strbuf_text(&b));
	strbuf_free(&b);
	return text;
}

const char *probe_bare(struct arena *a, const char *path)
{
	size_t len = strlen(path);

	if (len >= 2 && path[0] == '<' && path[len - 1] == '>')
		return arena_strndup(a, path + 1, len - 2);
	return path;
}
