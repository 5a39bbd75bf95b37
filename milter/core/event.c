#include "core/event.h"

#include <string.h>

#include "base/escape.h"

enum kind { TEXT, U16, U64, FLAG };

/* The keys of INTERFACE and their order; `time` comes first and is written apart. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t offset;
} keys[] = {
#define TEXT_KEY(member)                                                                           \
	{                                                                                          \
#member, TEXT, offsetof(struct event, member)                                      \
	}
    TEXT_KEY(host),
    TEXT_KEY(session),
    TEXT_KEY(message),
    TEXT_KEY(stage),
    TEXT_KEY(client),
    {"client_port", U16, offsetof(struct event, client_port)},
    TEXT_KEY(client_name),
    TEXT_KEY(helo),
    TEXT_KEY(auth),
    TEXT_KEY(auth_mech),
    TEXT_KEY(tls),
    TEXT_KEY(cert_subject),
    TEXT_KEY(cert_fingerprint),
    TEXT_KEY(listener),
    TEXT_KEY(sender),
    TEXT_KEY(recipient),
    TEXT_KEY(reading),
    TEXT_KEY(mta_mailer),
    TEXT_KEY(mta_host),
    TEXT_KEY(mta_addr),
    TEXT_KEY(check),
    TEXT_KEY(rule),
    TEXT_KEY(where),
    TEXT_KEY(verdict),
    TEXT_KEY(by),
    {"code", U16, offsetof(struct event, code)},
    TEXT_KEY(enhanced),
    TEXT_KEY(reply),
    TEXT_KEY(reason),
    TEXT_KEY(mode),
    TEXT_KEY(spf),
    TEXT_KEY(spf_domain),
    TEXT_KEY(dkim),
    TEXT_KEY(dkim_domain),
    TEXT_KEY(dmarc),
    TEXT_KEY(dmarc_policy),
    TEXT_KEY(from_domain),
    TEXT_KEY(limit),
    TEXT_KEY(limit_key),
    {"limit_count", U64, offsetof(struct event, limit_count)},
    {"notify", FLAG, offsetof(struct event, notify)},
    {"probe", FLAG, offsetof(struct event, probe)},
    {"took_us", U64, offsetof(struct event, took_us)},
#undef TEXT_KEY
};

static const char *text_of(const struct event *e, const struct key *k)
{
	const char *s;

	memcpy(&s, (const char *)e + k->offset, sizeof(s));
	return s == NULL ? "" : s;
}

static uint64_t number_of(const struct event *e, const struct key *k)
{
	uint16_t port;
	uint64_t count;
	bool flag;

	if (k->kind == U64) {
		memcpy(&count, (const char *)e + k->offset, sizeof(count));
		return count;
	}
	if (k->kind == FLAG) {
		memcpy(&flag, (const char *)e + k->offset, sizeof(flag));
		return flag;
	}
	memcpy(&port, (const char *)e + k->offset, sizeof(port));
	return port;
}

static void add_json(const struct event *e, const struct key *k, struct strbuf *b)
{
	if (k->kind == TEXT) {
		const char *s = text_of(e, k);

		if (*s == '\0')
			return;
		strbuf_printf(b, ",\"%s\":", k->name);
		escape_json(b, s, strlen(s));
	} else if (k->kind == FLAG) {
		if (number_of(e, k) != 0)
			strbuf_printf(b, ",\"%s\":true", k->name);
	} else if (number_of(e, k) != 0) {
		strbuf_printf(b, ",\"%s\":%llu", k->name, (unsigned long long)number_of(e, k));
	}
}

void event_json(const struct event *e, struct strbuf *b)
{
	char time[CLOCK_TEXT_MAX];

	clock_format(e->time, time);
	strbuf_printf(b, "{\"time\":\"%s\"", time);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		add_json(e, &keys[i], b);
	strbuf_puts(b, "}\n");
}

/* A value with blanks, quotes or an equal sign stands in quotes, so that the line splits again. */
static void add_value(struct strbuf *b, const char *s)
{
	if (s[strcspn(s, " \"=")] == '\0') {
		escape_text(b, s, strlen(s));
		return;
	}
	strbuf_putc(b, '"');
	for (size_t n; *s != '\0'; s += n) {
		n = strcspn(s, "\"");
		escape_text(b, s, n);
		if (s[n] == '"') {
			strbuf_puts(b, "\\x22");
			n++;
		}
	}
	strbuf_putc(b, '"');
}

static void add_text(const struct event *e, const struct key *k, struct strbuf *b)
{
	const char *blank = b->len == 0 ? "" : " ";

	if (k->kind == TEXT) {
		if (*text_of(e, k) == '\0')
			return;
		strbuf_printf(b, "%s%s=", blank, k->name);
		add_value(b, text_of(e, k));
	} else if (k->kind == FLAG) {
		if (number_of(e, k) != 0)
			strbuf_printf(b, "%s%s=true", blank, k->name);
	} else if (number_of(e, k) != 0) {
		strbuf_printf(b, "%s%s=%llu", blank, k->name, (unsigned long long)number_of(e, k));
	}
}

/* Without time and host: syslog has its own. */
void event_text(const struct event *e, struct strbuf *b)
{
	for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]); i++)
		add_text(e, &keys[i], b);
}
