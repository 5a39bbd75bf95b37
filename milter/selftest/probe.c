#include "selftest/probe.h"

#include <stdio.h>
#include <string.h>

#define OUT "relaytest@{outside}"
#define STRANGER "<spamtest@{outside}>"
#define OURS "<postmaster@{ours}>"

const struct probe probe_table[] = {
    /* Who says what of himself makes no difference. */
    {"plain", PROBE_RELAY, STRANGER, "<" OUT ">", "from outside to outside"},
    {"null-sender", PROBE_RELAY, "<>", "<" OUT ">", "the null sender"},
    {"sender-ours", PROBE_RELAY, OURS, "<" OUT ">", "a sender that claims to be ours"},
    {"sender-host", PROBE_RELAY, "<spamtest@{host}>", "<" OUT ">", "a sender at the server's name"},
    {"sender-localhost", PROBE_RELAY, "<spamtest@localhost>", "<" OUT ">", "a sender at localhost"},
    {"sender-literal", PROBE_RELAY, "<spamtest@[{ip}]>", "<" OUT ">",
	"a sender at the server's address"},
    {"sender-loopback", PROBE_RELAY, "<spamtest@[127.0.0.1]>", "<" OUT ">",
	"a sender at 127.0.0.1"},
    {"sender-bare", PROBE_RELAY, "<spamtest>", "<" OUT ">", "a sender without a domain"},
    {"sender-recipient", PROBE_RELAY, "<" OUT ">", "<" OUT ">", "the recipient as the sender"},
    /* Plain forms. */
    {"no-brackets", PROBE_RELAY, STRANGER, OUT, "no angle brackets"},
    {"upper-case", PROBE_RELAY, STRANGER, "<RELAYTEST@{OUTSIDE}>", "upper case"},
    {"trailing-dot", PROBE_RELAY, STRANGER, "<" OUT ".>", "a dot behind the domain"},
    {"literal", PROBE_RELAY, STRANGER, "<relaytest@[203.0.113.25]>", "a foreign address literal"},
    {"literal-v6", PROBE_RELAY, STRANGER, "<relaytest@[IPv6:2001:db8::25]>",
	"a foreign IPv6 literal"},
    {"subdomain", PROBE_RELAY, STRANGER, "<relaytest@{ours}.{outside}>",
	"our domain below another"},
    {"lookalike", PROBE_RELAY, STRANGER, "<relaytest@x{ours}>", "a domain that ends like ours"},
    {"parameters-like", PROBE_RELAY, STRANGER, "<relaytest+{ours}@{outside}>",
	"our domain as a detail"},
    /* Percent. */
    {"percent", PROBE_RELAY, STRANGER, "<relaytest%{outside}@{ours}>", "percent, at our domain"},
    {"percent-host", PROBE_RELAY, STRANGER, "<relaytest%{outside}@{host}>",
	"percent, at the server's name"},
    {"percent-literal", PROBE_RELAY, STRANGER, "<relaytest%{outside}@[{ip}]>",
	"percent, at the server's address"},
    {"percent-bare", PROBE_RELAY, STRANGER, "<relaytest%{outside}>", "percent, no domain"},
    {"percent-double", PROBE_RELAY, STRANGER, "<relaytest%{outside}%{ours}@{ours}>",
	"two percent signs"},
    {"percent-chain", PROBE_RELAY, STRANGER, "<relaytest%{outside}%{ours}>",
	"two percent signs, no at"},
    {"percent-port", PROBE_RELAY, STRANGER, "<relaytest%{outside}:25@{ours}>",
	"percent with a port"},
    {"percent-at-outside", PROBE_RELAY, STRANGER, "<relaytest%{ours}@{outside}>",
	"percent, at outside"},
    {"percent-null", PROBE_RELAY, "<>", "<relaytest%{outside}@{ours}>", "percent, null sender"},
    {"percent-localhost", PROBE_RELAY, STRANGER, "<relaytest%{outside}@localhost>",
	"percent, at localhost"},
    {"percent-quoted", PROBE_RELAY, STRANGER, "<\"relaytest%{outside}\"@{ours}>",
	"percent in quotes"},
    {"percent-quoted-bare", PROBE_RELAY, STRANGER, "<\"relaytest%{outside}\">",
	"percent in quotes, no domain"},
    {"percent-literal-in", PROBE_RELAY, STRANGER, "<relaytest%[203.0.113.25]@{ours}>",
	"percent with a literal"},
    /* Bang. */
    {"bang", PROBE_RELAY, STRANGER, "<{outside}!relaytest@{ours}>", "UUCP path, at our domain"},
    {"bang-host", PROBE_RELAY, STRANGER, "<{outside}!relaytest@{host}>",
	"UUCP path, at the server's name"},
    {"bang-literal", PROBE_RELAY, STRANGER, "<{outside}!relaytest@[{ip}]>",
	"UUCP path, at the server's address"},
    {"bang-bare", PROBE_RELAY, STRANGER, "<{outside}!relaytest>", "UUCP path, no domain"},
    {"bang-chain", PROBE_RELAY, STRANGER, "<{ours}!{outside}!relaytest>", "a UUCP path through us"},
    {"bang-percent", PROBE_RELAY, STRANGER, "<{outside}!relaytest%{ours}@{ours}>",
	"UUCP path and percent"},
    {"bang-quoted", PROBE_RELAY, STRANGER, "<\"{outside}!relaytest\"@{ours}>",
	"UUCP path in quotes"},
    /* Source routes. */
    {"route", PROBE_RELAY, STRANGER, "<@{ours}:" OUT ">", "a source route through us"},
    {"route-host", PROBE_RELAY, STRANGER, "<@{host}:" OUT ">",
	"a source route through the server's name"},
    {"route-literal", PROBE_RELAY, STRANGER, "<@[{ip}]:" OUT ">",
	"a source route through the server's address"},
    {"route-two", PROBE_RELAY, STRANGER, "<@{ours},@{host}:" OUT ">", "a source route of two hops"},
    {"route-outside", PROBE_RELAY, STRANGER, "<@{outside}:postmaster@{ours}>",
	"a source route through outside"},
    {"route-inner", PROBE_RELAY, STRANGER, "<@{ours}:relaytest%{outside}@{ours}>",
	"a route and percent"},
    {"route-no-brackets", PROBE_RELAY, STRANGER, "@{ours}:" OUT, "a route without brackets"},
    {"route-percent", PROBE_RELAY, STRANGER, "<%{ours}:" OUT ">", "a route with a percent sign"},
    /* Quotes and escapes. */
    {"quoted", PROBE_RELAY, STRANGER, "<\"" OUT "\">", "a whole address in quotes"},
    {"quoted-at-ours", PROBE_RELAY, STRANGER, "<\"" OUT "\"@{ours}>",
	"a quoted address, at our domain"},
    {"quoted-at-host", PROBE_RELAY, STRANGER, "<\"" OUT "\"@{host}>",
	"a quoted address, at the server's name"},
    {"quoted-at-literal", PROBE_RELAY, STRANGER, "<\"" OUT "\"@[{ip}]>",
	"a quoted address, at the server's address"},
    {"quoted-no-brackets", PROBE_RELAY, STRANGER, "\"" OUT "\"", "a quoted address, no brackets"},
    {"quoted-plain", PROBE_RELAY, STRANGER, "<\"relaytest\"@{outside}>", "a quoted local part"},
    {"backslash", PROBE_RELAY, STRANGER, "<relaytest\\@{outside}@{ours}>", "an escaped at sign"},
    {"backslash-percent", PROBE_RELAY, STRANGER, "<relaytest\\%{outside}@{ours}>",
	"an escaped percent sign"},
    {"backslash-quoted", PROBE_RELAY, STRANGER, "<\"relaytest\\@{outside}\"@{ours}>",
	"an escaped at sign in quotes"},
    {"comment", PROBE_RELAY, STRANGER, "<relaytest(x)@{outside}>", "a comment"},
    {"comment-domain", PROBE_RELAY, STRANGER, "<relaytest@{outside}(@{ours})>",
	"a comment behind the domain"},
    {"comment-before", PROBE_RELAY, STRANGER, "(x)<" OUT ">", "a comment before the address"},
    {"name-before", PROBE_RELAY, STRANGER, "Relay <" OUT ">", "a display name"},
    {"double-brackets", PROBE_RELAY, STRANGER, "<<" OUT ">>", "double brackets"},
    /* More than one at sign. */
    {"double-at", PROBE_RELAY, STRANGER, "<" OUT "@{ours}>", "two at signs, ours last"},
    {"double-at-host", PROBE_RELAY, STRANGER, "<" OUT "@{host}>", "two at signs, the server last"},
    {"double-at-literal", PROBE_RELAY, STRANGER, "<" OUT "@[{ip}]>",
	"two at signs, the address last"},
    {"double-at-outside", PROBE_RELAY, STRANGER, "<relaytest@{ours}@{outside}>",
	"two at signs, outside last"},
    {"trailing-at", PROBE_RELAY, STRANGER, "<" OUT "@>", "nothing behind the last at sign"},
    {"trailing-at-literal", PROBE_RELAY, STRANGER, "<relaytest@[203.0.113.25]@>",
	"a literal and a last at sign"},
    {"percent-trailing-at", PROBE_RELAY, STRANGER, "<relaytest%{outside}@>",
	"percent, nothing behind the at sign"},
    /* Odd characters. */
    {"colon", PROBE_RELAY, STRANGER, "<{ours}:" OUT ">", "a colon"},
    {"semicolon", PROBE_RELAY, STRANGER, "<relaytest@{outside};@{ours}>", "a semicolon"},
    {"comma", PROBE_RELAY, STRANGER, "<" OUT ",postmaster@{ours}>", "a comma"},
    {"blank", PROBE_RELAY, STRANGER, "<" OUT " @{ours}>", "a blank"},
    {"port", PROBE_RELAY, STRANGER, "<relaytest@{outside}:25>", "a port"},
    {"empty-label", PROBE_RELAY, STRANGER, "<relaytest@{outside}..>", "two dots behind the domain"},
    {"utf8-local", PROBE_RELAY, STRANGER, "<r\xc3\xa9laytest@{outside}>",
	"UTF-8 before the at sign"},
    {"eight-bit", PROBE_RELAY, STRANGER, "<relay\xe9test@{outside}>", "a byte that is no UTF-8"},
    {"encoded-at", PROBE_RELAY, STRANGER, "<relaytest=40{outside}@{outside}>",
	"an encoded at sign"},
    {"mailto", PROBE_RELAY, STRANGER, "<mailto:" OUT ">", "a mailto address"},
    {"x400", PROBE_RELAY, STRANGER, "</S=relaytest/PRMD={outside}/@{outside}>", "an X.400 address"},
    {"batv", PROBE_RELAY, STRANGER, "<prvs=1234567890=" OUT ">", "a signed return path"},
    {"srs", PROBE_RELAY, STRANGER, "<SRS0=abcd=ab={ours}=x@{outside}>", "a rewritten return path"},
    /* Controls: without them, a server that refuses everything would look well. */
    {"ours", PROBE_CONTROL, STRANGER, OURS, "our own domain, from outside"},
    {"ours-null-sender", PROBE_CONTROL, "<>", OURS, "our own domain, a bounce"},
    {"ours-upper", PROBE_CONTROL, STRANGER, "<POSTMASTER@{OURS}>", "our own domain, upper case"},
    {"ours-dot", PROBE_CONTROL, STRANGER, "<postmaster@{ours}.>", "our own domain, with a dot"},
    {"ours-no-brackets", PROBE_CONTROL, STRANGER, "postmaster@{ours}",
	"our own domain, no brackets"},
    {"postmaster", PROBE_CONTROL, STRANGER, "<postmaster>", "the postmaster (RFC 5321, 4.5.1)"},
};

const size_t probe_count = sizeof(probe_table) / sizeof(probe_table[0]);

/* The value of the placeholder at the start of `s`, and its length; *upper where it is in capitals.
 */
static const char *placeholder(const char *s, const struct probe_names *n, size_t *len, bool *upper)
{
	const struct {
		const char *text, *value;
		bool upper;
	} all[] = {
	    {"{ours}", n->ours, false},
	    {"{OURS}", n->ours, true},
	    {"{outside}", n->outside, false},
	    {"{OUTSIDE}", n->outside, true},
	    {"{host}", n->host, false},
	    {"{ip}", n->ip, false},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*len = strlen(all[i].text);
		*upper = all[i].upper;
		if (strncmp(s, all[i].text, *len) == 0)
			return all[i].value;
	}
	return NULL;
}

void probe_expand(const char *template, const struct probe_names *n, char *out, size_t size)
{
	size_t at = 0;

	while (*template != '\0' && at + 1 < size) {
		size_t len;
		bool upper;
		const char *value = placeholder(template, n, &len, &upper);

		if (value == NULL) {
			out[at++] = *template ++;
			continue;
		}
		template += len;
		for (; *value != '\0' && at + 1 < size; value++) {
			bool lower = *value >= 'a' && *value <= 'z';

			out[at++] = (char)(upper && lower ? *value - 'a' + 'A' : *value);
		}
	}
	out[at] = '\0';
}
