/* How criteria are read from the configuration. */
#include <string.h>

#include "check/criteria.h"
#include "conf/load.h"

/* --- what the schema's own types can read ---------------------------------- */

static bool read_client(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct networks_criterion *c = field;

	c->given = true;
	return conf_read_value(r, CONF_NETWORKS, "client", v, &c->set);
}

static bool read_helo(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct names_criterion *c = field;

	c->given = true;
	return conf_read_value(r, CONF_DOMAINS, "helo", v, &c->set);
}

static bool read_texts(
    struct conf_reader *r, const char *key, const struct conf_value *v, struct texts_criterion *c)
{
	c->given = true;
	if (!conf_read_value(r, CONF_TEXTS, key, v, &c->texts))
		return false;
	for (size_t i = 0; i < c->texts.count; i++)
		if (c->texts.items[i][0] == '@' && strcmp(key, "login") != 0)
			return conf_error(r, &v->loc,
			    "found `%.80s` for `%s`; expected words, as no named list fits here",
			    c->texts.items[i], key);
	return true;
}

static bool read_login(struct conf_reader *r, const struct conf_value *v, void *field)
{
	return read_texts(r, "login", v, field);
}

static bool read_mech(struct conf_reader *r, const struct conf_value *v, void *field)
{
	return read_texts(r, "mech", v, field);
}

static bool read_listener(struct conf_reader *r, const struct conf_value *v, void *field)
{
	return read_texts(r, "listener", v, field);
}

/* --- tls, cert ------------------------------------------------------------- */

static const struct {
	const char *word;
	int value;
} tls_words[] = {
    {"no", CRITERION_NO},
    {"yes", CRITERION_YES},
    {"TLSv1", TLS_AT_LEAST},
    {"TLSv1.1", TLS_AT_LEAST + 1},
    {"TLSv1.2", TLS_AT_LEAST + 2},
    {"TLSv1.3", TLS_AT_LEAST + 3},
};

static bool read_tls(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	for (size_t i = 0; i < sizeof(tls_words) / sizeof(tls_words[0]); i++) {
		if ((v->kind == CONF_WORD || v->kind == CONF_STRING) && v->next == NULL &&
		    strcmp(v->text, tls_words[i].word) == 0) {
			*(int *)field = tls_words[i].value;
			return true;
		}
	}
	return conf_error(r, &v->loc,
	    "found %s for `tls`; expected yes, no, or the least version: TLSv1, TLSv1.1, TLSv1.2 "
	    "or TLSv1.3",
	    conf_found(v, found));
}

static const char *canonical_cert(struct arena *a, const char *text)
{
	char fingerprint[FINGERPRINT_SIZE];

	if (strcmp(text, "verified") == 0 ||
	    (strncmp(text, "subject:", 8) == 0 && text[8] != '\0') ||
	    (strncmp(text, "issuer:", 7) == 0 && text[7] != '\0'))
		return text;
	return fingerprint_canonical(text, fingerprint) ? arena_strdup(a, fingerprint) : NULL;
}

static bool read_cert(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct texts_criterion *c = field;
	const char **items;

	if (!read_texts(r, "cert", v, c))
		return false;
	items = arena_alloc(r->arena, (c->texts.count + 1) * sizeof(*items));
	if (items == NULL)
		return conf_no_memory(r);
	for (size_t i = 0; i < c->texts.count; i++) {
		items[i] = canonical_cert(r->arena, c->texts.items[i]);
		if (items[i] == NULL)
			return conf_error(r, &v->loc,
			    "found `%.80s` for `cert`; expected a fingerprint (sha256:... or "
			    "md5:..., all of its hex digits), subject:..., issuer:... or verified",
			    c->texts.items[i]);
	}
	c->texts.items = items;
	return true;
}

/* --- from, to -------------------------------------------------------------- */

/* A domain among the entries, handed on to the schema's own reader of domains. */
static struct conf_value *domain_value(
    struct arena *a, const char *text, const struct conf_loc *loc, struct conf_value *next)
{
	struct conf_value *v = arena_alloc(a, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->kind = text[0] == '@' ? CONF_REF : CONF_STRING;
	v->text = text[0] == '@' ? text + 1 : text;
	v->loc = *loc;
	v->next = next;
	return v;
}

static bool read_address(
    struct conf_reader *r, const char *text, const struct conf_loc *loc, struct mailaddr *out)
{
	const unsigned useless = MAILADDR_AMBIGUOUS | MAILADDR_NULL | MAILADDR_NO_DOMAIN;

	if (!mailaddr_parse(text, strlen(text), r->arena, out))
		return conf_no_memory(r);
	if ((out->forms & useless) == 0)
		return true;
	return conf_error(r, loc,
	    "found `%.80s`; expected an address with one reading, such as bob@example.com, a "
	    "domain, or a list of domains as @NAME",
	    text);
}

static bool is_address(const char *text)
{
	return text[0] != '@' && strchr(text, '@') != NULL;
}

static bool read_addresses(struct conf_reader *r, const char *key, const struct conf_value *v,
    struct addresses_criterion *c)
{
	struct conf_value list = {.kind = CONF_LIST, .loc = v->loc};
	struct mailaddr *addresses;
	struct conf_texts texts;

	c->given = true;
	if (!conf_read_value(r, CONF_TEXTS, key, v, &texts))
		return false;
	addresses = arena_alloc(r->arena, (texts.count + 1) * sizeof(*addresses));
	if (addresses == NULL)
		return conf_no_memory(r);
	c->addresses = addresses;
	for (size_t i = texts.count; i-- > 0;) {
		const char *text = texts.items[i];

		if (strcmp(text, "<>") == 0) {
			c->null = true;
		} else if (is_address(text)) {
			if (!read_address(r, text, &v->loc, &addresses[c->count++]))
				return false;
		} else {
			c->ours = c->ours || strcmp(text, "@ours") == 0;
			list.first = domain_value(r->arena, text, &v->loc, list.first);
			if (list.first == NULL)
				return conf_no_memory(r);
		}
	}
	return list.first == NULL || conf_read_value(r, CONF_DOMAINS, key, &list, &c->domains);
}

static bool read_from(struct conf_reader *r, const struct conf_value *v, void *field)
{
	return read_addresses(r, "from", v, field);
}

static bool read_to(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct addresses_criterion *c = field;

	if (!read_addresses(r, "to", v, c))
		return false;
	if (c->null)
		return conf_error(r, &v->loc,
		    "found <> for `to`; expected recipients, which the null address is not");
	return true;
}

/* --- the rows -------------------------------------------------------------- */

static const struct conf_word switch_words[] = {
    {"no", CRITERION_NO}, {"yes", CRITERION_YES}, {NULL, 0}};

static const struct conf_word reading_words[] = {{"ours", READING_IS_OURS},
    {"relay", READING_IS_RELAY}, {"ambiguous", READING_IS_AMBIGUOUS}, {NULL, 0}};

const struct conf_row criteria_rows[] = {
    {.key = "client",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, client),
	.read = read_client,
	.doc = "The client's network: addresses, prefixes, lists as @NAME, file:PATH."},
    {.key = "local",
	.type = CONF_ENUM,
	.offset = offsetof(struct criteria, local),
	.words = switch_words,
	.doc = "Was the mail handed in on this host itself, and not by SMTP over the network?"},
    {.key = "auth",
	.type = CONF_ENUM,
	.offset = offsetof(struct criteria, auth),
	.words = switch_words,
	.doc = "Has the client authenticated? AUTH ANONYMOUS is no authentication."},
    {.key = "login",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, login),
	.read = read_login,
	.doc = "The authenticated login, with case; * stands for any characters. Postfix always "
	       "has the realm (alice@example.com), Sendmail what was typed (alice)."},
    {.key = "mech",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, mech),
	.read = read_mech,
	.doc = "The SASL mechanism that the client authenticated with, without case."},
    {.key = "tls",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, tls),
	.read = read_tls,
	.doc = "Is the connection encrypted: yes, no, or the least version, such as TLSv1.2."},
    {.key = "cert",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, cert),
	.read = read_cert,
	.doc =
	    "The client's certificate: its fingerprint (\"sha256:...\" or \"md5:...\", colons "
	    "and case do not matter), \"subject:...\" or \"issuer:...\" as the MTA writes it, or "
	    "verified. All but fingerprints ask that the MTA verified the certificate, and are "
	    "worth what its CA file is."},
    {.key = "listener",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, listener),
	.read = read_listener,
	.doc = "Where the client connected to: a port, the MTA's name for the daemon, or "
	       "address:port."},
    {.key = "helo",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, helo),
	.read = read_helo,
	.doc = "The name that the client gave in HELO or EHLO: domains, lists as @NAME. Anybody "
	       "can give any name: it proves nothing."},
    {.key = "from",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, from),
	.read = read_from,
	.doc = "The sender: addresses, domains, lists as @NAME, \"<>\". Anybody can give any: it "
	       "proves nothing."},
    {.key = "to",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct criteria, to),
	.read = read_to,
	.doc =
	    "The recipient: addresses, domains, lists as @NAME. Matches only an address with one "
	    "reading that the MTA keeps, or passes on under the same domain. The bare "
	    "postmaster is in @ours."},
    {.key = "forwarded",
	.type = CONF_ENUM,
	.offset = offsetof(struct criteria, forwarded),
	.words = switch_words,
	.doc =
	    "Does `to` hold recipients that the MTA's own tables send on to another domain, too, "
	    "such as those of Sendmail's virtusertable?"},
    {.key = "reading",
	.type = CONF_ENUM,
	.offset = offsetof(struct criteria, reading),
	.words = reading_words,
	.doc = "How the recipient is read: ours, relay or ambiguous."},
    {.key = NULL},
};
