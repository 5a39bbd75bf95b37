/*
 * DMARC: any bytes as the records of a tree, and as who is authenticated. The first line is the
 * Author Domain, the second what SPF and DKIM passed for; then come records, one a line, the first
 * for the Author Domain, each further one for the name above.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc.h"
#include "auth/resolver_impl.h"
#include "base/names.h"

enum { RECORDS = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	const char *at;
	size_t len;
};

/* Answers TXT with the line for as many labels as the name lacks. */
struct lines {
	struct resolver base;
	struct line records[RECORDS];
	unsigned labels; /* of the Author Domain */
	unsigned asked;
};

static const struct dns_answer *answer_of(const struct line *l)
{
	uint8_t data[256];
	struct dns_rdata r = {.data = data};

	if (l->len == 0)
		return dns_answer_make(DNS_NXDOMAIN, false, 0, NULL, 0);
	if (l->len == 1 && *l->at == '!')
		return dns_answer_make(DNS_TEMPERROR, false, 0, NULL, 0);
	data[0] = (uint8_t)(l->len > 255 ? 255 : l->len);
	memcpy(data + 1, l->at, data[0]);
	r.len = data[0] + 1u;
	return dns_answer_make(DNS_OK, false, 0, &r, 1);
}

static void start(struct resolver *r, struct dns_lookup *l)
{
	struct lines *lines = (struct lines *)(void *)r;
	unsigned labels = name_labels(l->name);
	/* "_dmarc." is one more. */
	unsigned above = lines->labels + 1 >= labels ? lines->labels + 1 - labels : 0;
	static const struct line none;

	lines->asked++;
	dns_finish(l, answer_of(above < RECORDS ? &lines->records[above] : &none));
}

static const struct resolver_ops ops = {.start = start};

static struct line next_line(const char **at, const char *end)
{
	const char *eol = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
	struct line l = {*at, (size_t)((eol == NULL ? end : eol) - *at)};

	*at = eol == NULL ? end : eol + 1;
	return l;
}

static void check_record(const struct line *l)
{
	struct dmarc_record r;

	if (!dmarc_record_read(l->at, l->len, &r))
		return;
	if (r.fault != NULL && (r.p != DMARC_POLICY_NONE || r.np != DMARC_POLICY_NONE))
		abort();
	if (!r.applies && r.fault == NULL)
		abort();
}

static void check_outcome(const struct dmarc_outcome *o)
{
	if (o->reason == NULL || o->domain == NULL)
		abort();
	if ((o->result == DMARC_PASS) != (o->spf_aligned || o->dkim_aligned))
		abort();
	if ((o->result == DMARC_PASS || o->result == DMARC_FAIL) && o->record_domain == NULL)
		abort();
	/* The record is the domain's own, or of one above it. */
	if (o->record_domain != NULL && !name_is_at_or_below(o->domain, o->record_domain))
		abort();
	if (o->organizational_domain != NULL &&
	    !name_is_at_or_below(o->domain, o->organizational_domain))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct line from = next_line(&at, end), passed = next_line(&at, end);
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct lines lines = {.labels = 0};
	struct dmarc_identifier dkim;
	struct dmarc_query q = {.dkim = &dkim, .dkim_count = 1};
	struct dmarc_outcome o;
	struct dmarc_lookup *l;
	struct arena a = {0};
	char name[NAME_SIZE];

	if (name_canonical(from.at, from.len, name) != NAME_OK)
		return 0;
	resolver_init(&lines.base, &ops, 1000, 0);
	lines.labels = name_labels(name);
	for (size_t i = 0; i < RECORDS; i++) {
		lines.records[i] = next_line(&at, end);
		check_record(&lines.records[i]);
	}
	q.spf.domain = arena_strndup(&a, passed.at, passed.len);
	q.spf.auth = size % 3 == 0 ? DMARC_AUTH_TEMPERROR : DMARC_AUTH_PASSED;
	dkim = (struct dmarc_identifier){name_parent(name), DMARC_AUTH_PASSED};
	l = dmarc_start(&lines.base, &b, name);
	dmarc_finish(&l, &b, &q, &a, &o);
	check_outcome(&o);
	/* Three walks, and whether the domain exists. */
	if (lines.asked > 3 * 8 + 3)
		abort();
	arena_free(&a);
	resolver_fini(&lines.base);
	return 0;
}
