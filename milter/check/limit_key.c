#include "check/limit_key.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "core/policy.h"

static const struct {
	const char *name;  /* in the configuration */
	const char *label; /* in a key */
	enum stage stage;
	unsigned facts;
} parts[LIMIT_PARTS] = {
    [PART_CLIENT] = {"client", "client", STAGE_CONNECT, 0},
    [PART_CLIENT_PREFIX] = {"client-prefix", "client", STAGE_CONNECT, 0},
    [PART_CLIENT_NET] = {"client-net", "client", STAGE_CONNECT, 0},
    [PART_LISTENER] = {"listener", "listener", STAGE_CONNECT, FACT_LISTENER},
    [PART_HELO] = {"helo", "helo", STAGE_MAIL, FACT_HELO},
    [PART_LOGIN] = {"login", "login", STAGE_MAIL, FACT_AUTH},
    [PART_SENDER] = {"sender", "sender", STAGE_MAIL, 0},
    [PART_SENDER_DOMAIN] = {"sender-domain", "sender-domain", STAGE_MAIL, 0},
    [PART_RECIPIENT] = {"recipient", "recipient", STAGE_RCPT, 0},
    [PART_RECIPIENT_DOMAIN] = {"recipient-domain", "recipient-domain", STAGE_RCPT, 0},
};

const char *limit_part_name(enum limit_part p)
{
	return p < LIMIT_PARTS ? parts[p].name : NULL;
}

bool limit_part_find(const char *name, enum limit_part *out)
{
	for (unsigned i = 0; i < LIMIT_PARTS; i++) {
		*out = (enum limit_part)i;
		if (strcmp(parts[i].name, name) == 0)
			return true;
	}
	return false;
}

enum stage limit_part_stage(enum limit_part p)
{
	return parts[p].stage;
}

enum stage limit_key_stage(const struct limit_key *k)
{
	enum stage last = STAGE_CONNECT;

	for (unsigned i = 0; i < k->count; i++)
		if (parts[k->parts[i]].stage > last)
			last = parts[k->parts[i]].stage;
	return last;
}

unsigned limit_part_facts(enum limit_part p)
{
	return parts[p].facts;
}

/* --- values ------------------------------------------------------------------------- */

/* Whoever could vary the case of a name would have many keys. */
static const char *lower(struct arena *a, const char *s, bool *lost)
{
	char *copy = arena_strdup(a, s);

	*lost = *lost || copy == NULL;
	for (char *c = copy; c != NULL && *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
	return copy;
}

static const char *mailbox(struct arena *a, const struct mailaddr *m, const char *raw, bool *lost)
{
	const char *local;
	char *text;

	if (!mailaddr_is_single(m) || *m->domain == '\0')
		return lower(a, raw, lost);
	local = lower(a, m->local, lost);
	text = local == NULL ? NULL : arena_printf(a, "%s@%s", local, m->domain);
	*lost = *lost || text == NULL;
	return text;
}

/* What has no domain that can be read has itself for one. */
static const char *domain(struct arena *a, const struct mailaddr *m, const char *raw, bool *lost)
{
	return *m->domain != '\0' ? m->domain : mailbox(a, m, raw, lost);
}

static const char *prefix_text(struct arena *a, const struct addr *addr, unsigned bits, bool *lost)
{
	struct prefix p = prefix_of(addr, bits);
	char text[ADDR_TEXT_MAX];
	const char *copy;

	if (p.bits == (addr->family == ADDR_V4 ? 32 : 128))
		addr_format(addr, text);
	else
		prefix_format(&p, text);
	copy = arena_strdup(a, text);
	*lost = *lost || copy == NULL;
	return copy;
}

enum { NET4_BITS = 24, NET6_BITS = 48 };

static unsigned net_bits(const struct addr *a)
{
	return a->family == ADDR_V4 ? NET4_BITS : NET6_BITS;
}

static const char *client_value(
    enum limit_part p, const struct session *s, struct arena *a, bool *lost)
{
	const struct addr *client = &s->client.addr;

	if (client->family == ADDR_NONE || s->client.local)
		return NULL;
	return prefix_text(a, client, p == PART_CLIENT_NET ? net_bits(client) : 128, lost);
}

static const char *recipient_value(
    enum limit_part p, const struct session *s, struct arena *a, bool *lost)
{
	const struct recipient *r = &s->rcpt;

	if (r->raw == NULL)
		return NULL;
	return p == PART_RECIPIENT ? mailbox(a, &r->addr, r->raw, lost)
	                           : domain(a, &r->addr, r->raw, lost);
}

const char *limit_part_value(
    enum limit_part p, const struct session *s, struct arena *a, bool *lost)
{
	const struct message *m = &s->msg;

	switch (p) {
	case PART_CLIENT:
	case PART_CLIENT_PREFIX:
	case PART_CLIENT_NET:
		return client_value(p, s, a, lost);
	case PART_LISTENER:
		return *s->listener.text == '\0' ? NULL : s->listener.text;
	case PART_HELO:
		return lower(a, s->helo, lost);
	case PART_LOGIN:
		return *s->cred.login == '\0' ? NULL : lower(a, s->cred.login, lost);
	case PART_SENDER:
		return mailbox(a, &m->sender, m->sender_raw, lost);
	case PART_SENDER_DOMAIN:
		return domain(a, &m->sender, m->sender_raw, lost);
	case PART_RECIPIENT:
	case PART_RECIPIENT_DOMAIN:
		return recipient_value(p, s, a, lost);
	case LIMIT_PARTS:
		break;
	}
	return NULL;
}

/* --- keys ------------------------------------------------------------------------------- */

static const char *join(
    struct arena *a, const char *before, enum limit_part p, const char *value, bool *lost)
{
	const char *text =
	    arena_printf(a, "%s%s%s:%s", before, *before == '\0' ? "" : " ", parts[p].label, value);

	*lost = *lost || text == NULL;
	return text;
}

/* The key with the client's prefix of `bits` in place of the whole address. */
static bool compose(const struct limit_key *k, const struct session *s, struct arena *a,
    unsigned bits, struct limit_subject *out, bool *lost)
{
	*out = (struct limit_subject){.text = ""};
	for (unsigned i = 0; i < k->count; i++) {
		enum limit_part p = k->parts[i];
		const char *value = limit_part_value(p, s, a, lost);

		if (value != NULL && p == PART_CLIENT_PREFIX)
			value = prefix_text(a, &s->client.addr, bits, lost);
		if (value == NULL || *lost)
			return false;
		out->text = join(a, out->text, p, value, lost);
		if (*lost)
			return false;
		if (k->count == 1 && p == PART_LOGIN)
			out->login = value;
		if (k->count == 1 && p <= PART_CLIENT_NET)
			out->client = prefix_of(&s->client.addr,
			    p == PART_CLIENT_NET ? net_bits(&s->client.addr) : bits);
	}
	out->len = strlen(out->text);
	return true;
}

static bool has_prefix(const struct limit_key *k)
{
	for (unsigned i = 0; i < k->count; i++)
		if (k->parts[i] == PART_CLIENT_PREFIX)
			return true;
	return false;
}

size_t limit_subjects(const struct limit_key *k, const struct session *s, struct arena *a,
    struct limit_subject out[LIMIT_SUBJECTS], bool *lost)
{
	static const struct {
		uint8_t bits, steps;
	} v4[] = {{32, 0}, {24, 2}}, v6[] = {{128, 0}, {64, 1}, {56, 2}, {48, 3}};
	bool is_v4 = s->client.addr.family == ADDR_V4;
	size_t widths = !has_prefix(k) ? 1 : is_v4 ? 2 : 4;

	for (size_t i = 0; i < widths; i++) {
		if (!compose(k, s, a, is_v4 ? v4[i].bits : v6[i].bits, &out[i], lost))
			return 0;
		out[i].steps = is_v4 ? v4[i].steps : v6[i].steps;
	}
	return widths;
}

static bool has_width(enum limit_part p, const struct prefix *net)
{
	bool is_v4 = net->addr.family == ADDR_V4, whole = net->bits == (is_v4 ? 32 : 128);

	if (p == PART_CLIENT)
		return whole;
	if (net->bits == net_bits(&net->addr))
		return true;
	return p == PART_CLIENT_PREFIX &&
	       (whole || (!is_v4 && (net->bits == 64 || net->bits == 56)));
}

static const char *client_wrong(enum limit_part p, const char *text, size_t len)
{
	static const char *const expected[] = {
	    [PART_CLIENT] = "a client's address, as events write it",
	    [PART_CLIENT_PREFIX] = "an address, an IPv4 /24 or an IPv6 /64, /56 or /48",
	    [PART_CLIENT_NET] = "an IPv4 /24 or an IPv6 /48, as events write it",
	};
	char canonical[ADDR_TEXT_MAX] = "";
	struct prefix net;

	if (prefix_parse(text, len, &net) == PREFIX_OK && has_width(p, &net)) {
		prefix_format(&net, canonical);
		if (memchr(text, '/', len) == NULL)
			addr_format(&net.addr, canonical);
	}
	return strlen(canonical) == len && memcmp(canonical, text, len) == 0 ? NULL : expected[p];
}

const char *limit_key_wrong(const struct limit_key *k, const char *text)
{
	static const char expected[] = "a key with all its parts in order, as events write it, "
				       "such as \"login:alice client:192.0.2.1\"";

	for (unsigned i = 0; i < k->count; i++) {
		enum limit_part p = k->parts[i];
		size_t label = strlen(parts[p].label), len;
		const char *wrong, *next = NULL;
		char between[32];

		if (strncmp(text, parts[p].label, label) != 0 || text[label] != ':')
			return expected;
		text += label + 1;
		if (i + 1U < k->count) {
			snprintf(between, sizeof(between), " %s:", parts[k->parts[i + 1]].label);
			next = strstr(text, between);
			if (next == NULL)
				return expected;
		}
		len = next == NULL ? strlen(text) : (size_t)(next - text);
		wrong = p > PART_CLIENT_NET ? NULL : client_wrong(p, text, len);
		if (wrong != NULL)
			return wrong;
		text += next == NULL ? len : len + 1;
	}
	return NULL;
}

const char *limit_key_spelling(const struct limit_key *k, const char *text, struct arena *a)
{
	const char *label = parts[k->parts[0]].label;
	size_t len = strlen(label);
	char canonical[ADDR_TEXT_MAX];
	bool lost = false;
	struct prefix p;

	if (k->count > 1)
		return lower(a, text, &lost);
	if (strncmp(text, label, len) == 0 && text[len] == ':')
		text += len + 1;
	if (k->parts[0] <= PART_CLIENT_NET && prefix_parse(text, strlen(text), &p) == PREFIX_OK) {
		prefix_format(&p, canonical);
		if (p.bits == (p.addr.family == ADDR_V4 ? 32 : 128))
			addr_format(&p.addr, canonical);
		text = canonical;
	}
	text = arena_printf(a, "%s:%s", label, text);
	return text == NULL ? NULL : lower(a, text, &lost);
}
