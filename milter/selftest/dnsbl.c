/* All lists are asked at once: one that does not answer holds nobody up. */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "selftest/domain.h"

/* Of one question; of the tests of all lists, and of the questions behind them. */
#define PER_LOOKUP (5 * USEC_PER_SEC)
#define ALL_LOOKUPS (8 * USEC_PER_SEC)
enum { LOOKUPS = 1000, CODES_MAX = 8 };

const char *const dnsbl_usual[] = {
    "zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", NULL};

enum listed { LISTED, NOT_LISTED, LIST_ERROR };

struct list {
	const char *zone;
	struct dns_lookup *lookup; /* that is under way */
	const char *insanity;      /* NULL: it can be believed */
	char what[200];            /* the entries, or what went wrong */
};

struct asking {
	struct side_findings *findings;
	struct resolver *resolver;
	struct dns_budget budget;
	struct list *lists;
	size_t count;
};

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

/* --- one answer ------------------------------------------------------------------------ */

static const char *words_of(enum dns_status s)
{
	switch (s) {
	case DNS_DEADLINE:
		return "no answer came in time";
	case DNS_BOGUS:
		return "DNSSEC says that the answer was altered";
	case DNS_TEMPERROR:
		return "its name servers fail (SERVFAIL)";
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		break;
	}
	return dns_status_name(s);
}

/* One that is no entry spoils the others: an error, or a zone that answers to everything. */
static enum listed judge(struct list *l, const struct dns_answer *answer)
{
	size_t used = 0, codes = 0;

	l->what[0] = '\0';
	if (dns_status_is_error(answer->status)) {
		snprintf(l->what, sizeof(l->what), "%s", words_of(answer->status));
		return LIST_ERROR;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_rdata *r = &answer->records[i];
		const uint8_t *d = r->data;
		bool error;

		if (r->len != 4)
			continue;
		error = d[0] == 127 && d[1] == 255 && d[2] == 255;
		if (error || d[0] != 127) {
			snprintf(l->what, sizeof(l->what), "%u.%u.%u.%u, %s", (unsigned)d[0],
			    (unsigned)d[1], (unsigned)d[2], (unsigned)d[3],
			    error ? "which is how lists tell that they don't answer to this "
				    "resolver"
				  : "which is no entry of a list");
			return LIST_ERROR;
		}
		if (codes++ < CODES_MAX)
			used += (size_t)snprintf(l->what + used, sizeof(l->what) - used,
			    "%s%u.%u.%u.%u", codes == 1 ? "" : ", ", (unsigned)d[0], (unsigned)d[1],
			    (unsigned)d[2], (unsigned)d[3]);
	}
	return codes > 0 ? LISTED : NOT_LISTED;
}

/* --- all lists ------------------------------------------------------------------------- */

/* Asks those that can be believed so far. */
static void ask(struct asking *q, const struct addr *a)
{
	struct strbuf name = {0};

	for (size_t i = 0; i < q->count; i++) {
		struct list *l = &q->lists[i];

		if (l->insanity != NULL)
			continue;
		write_name(&name, a, l->zone);
		l->lookup = dns_start(q->resolver, &q->budget, strbuf_text(&name), DNS_TYPE_A);
	}
	strbuf_free(&name);
}

static enum listed collect(struct list *l)
{
	const struct dns_answer *answer = dns_collect(&l->lookup);
	enum listed result = judge(l, answer);

	dns_answer_unref(&answer);
	return result;
}

static void ask_text(struct asking *q, const char *address)
{
	struct addr a = {.family = ADDR_NONE};

	(void)addr_parse(address, strlen(address), &a);
	ask(q, &a);
}

static const char *insanity(enum listed listed, bool must_be)
{
	switch (listed) {
	case LISTED:
		return must_be ? NULL : "it lists 127.0.0.1, and so perhaps everybody";
	case NOT_LISTED:
		return must_be ? "it does not list 127.0.0.2, its test entry" : NULL;
	case LIST_ERROR:
		break;
	}
	return "it answers with an error";
}

/* Who lists everybody is not to be believed, nor who lists nobody (RFC 5782 5). */
static void test_lists(struct asking *q)
{
	static const struct {
		const char *address;
		bool must_be;
	} tests[] = {{"127.0.0.2", true}, {"127.0.0.1", false}};

	for (size_t t = 0; t < sizeof(tests) / sizeof(*tests); t++) {
		ask_text(q, tests[t].address);
		for (size_t i = 0; i < q->count; i++) {
			struct list *l = &q->lists[i];

			if (l->insanity == NULL)
				l->insanity = insanity(collect(l), tests[t].must_be);
		}
	}
	for (size_t i = 0; i < q->count; i++) {
		const struct list *l = &q->lists[i];

		if (l->insanity != NULL)
			side_add(q->findings, SEVERITY_NOTE, l->zone, "dnsbl-unusable",
			    "This block list can't be used from here: %s%s%s.", l->insanity,
			    *l->what == '\0' ? "" : ": ", l->what);
	}
}

static void look_up(struct asking *q, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	addr_format(a, text);
	ask(q, a);
	for (size_t i = 0; i < q->count; i++) {
		struct list *l = &q->lists[i];

		if (l->insanity != NULL)
			continue;
		switch (collect(l)) {
		case LISTED:
			side_add(q->findings, SEVERITY_MEDIUM, l->zone, "dnsbl",
			    "%s is on this block list (%s): others refuse its mail. Find out why, "
			    "mend it, and ask to be taken off.",
			    text, l->what);
			break;
		case LIST_ERROR:
			side_add(q->findings, SEVERITY_NOTE, l->zone, "dnsbl-unusable",
			    "Whether %s is on this block list can't be told: %s.", text, l->what);
			break;
		case NOT_LISTED:
			break;
		}
	}
}

void dnsbl_inspect(struct side_findings *f, struct resolver *r, const char *const *zones,
    const struct addr *addresses, size_t count)
{
	struct asking q = {.findings = f, .resolver = r};
	bool any = false;

	for (size_t i = 0; i < count; i++)
		any = any || addr_is_public(&addresses[i]);
	if (!any)
		return;
	while (zones[q.count] != NULL)
		q.count++;
	q.lists = arena_alloc(&f->arena, (q.count + 1) * sizeof(*q.lists));
	if (q.lists == NULL) {
		f->failed = true;
		return;
	}
	for (size_t i = 0; i < q.count; i++)
		q.lists[i] = (struct list){.zone = zones[i]};
	q.budget = dns_budget_make(ALL_LOOKUPS, PER_LOOKUP, LOOKUPS);
	test_lists(&q);
	q.budget = dns_budget_make(ALL_LOOKUPS, PER_LOOKUP, LOOKUPS);
	for (size_t i = 0; i < count; i++)
		if (addr_is_public(&addresses[i]))
			look_up(&q, &addresses[i]);
}
