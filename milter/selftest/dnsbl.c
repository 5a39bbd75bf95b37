#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "selftest/domain.h"

/* Of one list: three questions and one for each address. */
#define PER_LOOKUP (5 * USEC_PER_SEC)
#define ALL_LOOKUPS (15 * USEC_PER_SEC)
enum { LOOKUPS = 40 };

const char *const dnsbl_usual[] = {
    "zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", NULL};

enum listed { LISTED, NOT_LISTED, LIST_ERROR };

/* 4.3.2.1.zone, or the 32 nibbles of an IPv6 address (RFC 5782 2.1, 2.4). */
static void write_name(struct strbuf *b, const struct addr *a, const char *zone)
{
	static const char hex[] = "0123456789abcdef";

	strbuf_reset(b);
	if (a->family == ADDR_V4)
		for (size_t i = 4; i-- > 0;)
			strbuf_printf(b, "%u.", (unsigned)a->bytes[i]);
	else
		for (size_t i = 16; i-- > 0;)
			strbuf_printf(b, "%c.%c.", hex[a->bytes[i] & 15], hex[a->bytes[i] >> 4]);
	strbuf_puts(b, zone);
}

struct asking {
	struct resolver *resolver;
	struct dns_budget budget;
	const char *zone;
	struct strbuf name;
	char what[64]; /* the entry, or what went wrong */
};

static enum listed judge(struct asking *q, const struct dns_answer *answer)
{
	if (dns_status_is_error(answer->status)) {
		snprintf(q->what, sizeof(q->what), "%s", dns_status_name(answer->status));
		return LIST_ERROR;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_rdata *r = &answer->records[i];

		if (r->len != 4)
			continue;
		snprintf(q->what, sizeof(q->what), "%u.%u.%u.%u", (unsigned)r->data[0],
		    (unsigned)r->data[1], (unsigned)r->data[2], (unsigned)r->data[3]);
		/* Others are no entries: an error, or a zone that answers to everything. */
		if (r->data[0] != 127 || (r->data[1] == 255 && r->data[2] == 255))
			return LIST_ERROR;
		return LISTED;
	}
	return NOT_LISTED;
}

static enum listed ask(struct asking *q, const struct addr *a)
{
	const struct dns_answer *answer;
	enum listed result;

	write_name(&q->name, a, q->zone);
	answer = dns_query(q->resolver, &q->budget, strbuf_text(&q->name), DNS_TYPE_A);
	result = judge(q, answer);
	dns_answer_unref(&answer);
	return result;
}

static enum listed ask_text(struct asking *q, const char *address)
{
	struct addr a = {.family = ADDR_NONE};

	(void)addr_parse(address, strlen(address), &a);
	return ask(q, &a);
}

/* NULL: it can be believed. Otherwise why not. */
static const char *insanity(struct asking *q)
{
	switch (ask_text(q, "127.0.0.2")) {
	case LISTED:
		break;
	case NOT_LISTED:
		return "it does not list 127.0.0.2, its test entry";
	case LIST_ERROR:
		return "it answers with an error";
	}
	switch (ask_text(q, "127.0.0.1")) {
	case LISTED:
		return "it lists 127.0.0.1, and so perhaps everybody";
	case LIST_ERROR:
		return "it answers with an error";
	case NOT_LISTED:
		break;
	}
	return NULL;
}

/* RFC 1918, RFC 6598, RFC 3927; unique local and link-local. */
static bool is_public(const struct addr *a)
{
	const uint8_t *b = a->bytes;

	if (a->family == ADDR_V6)
		return (b[0] & 0xe0) == 0x20;
	return a->family == ADDR_V4 && b[0] != 0 && b[0] != 10 && b[0] != 127 && b[0] < 224 &&
	       !(b[0] == 172 && (b[1] & 0xf0) == 16) && !(b[0] == 192 && b[1] == 168) &&
	       !(b[0] == 100 && (b[1] & 0xc0) == 64) && !(b[0] == 169 && b[1] == 254);
}

static void inspect_list(
    struct side_findings *f, struct asking *q, const struct addr *addresses, size_t count)
{
	const char *why = insanity(q);
	char text[ADDR_TEXT_MAX];

	if (why != NULL) {
		side_add(f, SEVERITY_NOTE, q->zone, "dnsbl-unusable",
		    "This block list can't be used from here: %s%s%s.", why,
		    *q->what == '\0' ? "" : ": ", q->what);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_public(&addresses[i]))
			continue;
		addr_format(&addresses[i], text);
		switch (ask(q, &addresses[i])) {
		case LISTED:
			side_add(f, SEVERITY_MEDIUM, q->zone, "dnsbl",
			    "%s is on this block list (%s): others refuse its mail. Find out why, "
			    "mend it, and ask to be taken off.",
			    text, q->what);
			break;
		case LIST_ERROR:
			side_add(f, SEVERITY_NOTE, q->zone, "dnsbl-unusable",
			    "Whether %s is on this block list can't be told: %s.", text, q->what);
			break;
		case NOT_LISTED:
			break;
		}
	}
}

void dnsbl_inspect(struct side_findings *f, struct resolver *r, const char *const *zones,
    const struct addr *addresses, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++)
		any = any || is_public(&addresses[i]);
	for (; any && *zones != NULL; zones++) {
		struct asking q = {.resolver = r,
		    .budget = dns_budget_make(ALL_LOOKUPS, PER_LOOKUP, LOOKUPS),
		    .zone = *zones};

		inspect_list(f, &q, addresses, count);
		strbuf_free(&q.name);
	}
}
