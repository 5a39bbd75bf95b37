/*
 * A whole DKIM check, libopendkim included, and once more without it. The first line is the TXT
 * record at every name, the rest a message; the first byte of the record says how the body is cut
 * and what DNS answers.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dkim.h"
#include "auth/resolver_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 4000 };

struct fuzz {
	struct resolver base;
	const uint8_t *record;
	size_t len;
	unsigned how;
};

static void start(struct resolver *r, struct dns_lookup *l)
{
	const struct fuzz *f = (const struct fuzz *)(const void *)r;
	uint8_t txt[RECORD_MAX + RECORD_MAX / 255 + 1];
	size_t used = 0, n;

	for (size_t i = 0; i < f->len; i += n) {
		n = f->len - i < 255 ? f->len - i : 255;
		txt[used++] = (uint8_t)n;
		memcpy(txt + used, f->record + i, n);
		used += n;
	}
	if (f->how % 16 == 15)
		dns_finish(l, dns_answer_make((enum dns_status)(DNS_NODATA + f->how / 16 % 5),
				  false, 0, NULL, 0));
	else
		dns_finish(l, dns_answer_make(DNS_OK, false, 0,
				  &(struct dns_rdata){.data = txt, .len = used}, 1));
}

static const struct resolver_ops ops = {.start = start};

static size_t line_end(const char *text, size_t at, size_t size)
{
	const char *lf = memchr(text + at, '\n', size - at);

	return lf == NULL ? size : (size_t)(lf - text) + 1;
}

/* Hands the header over; where the body begins. */
static size_t feed_header(struct dkim_check *d, const char *text, size_t size)
{
	size_t at = 0;

	while (at < size && text[at] != '\n') {
		size_t end = line_end(text, at, size), value;
		const char *colon = memchr(text + at, ':', end - at);

		while (end < size && (text[end] == ' ' || text[end] == '\t'))
			end = line_end(text, end, size);
		value = colon == NULL ? end : (size_t)(colon - text) + 1;
		dkim_check_header(d, text + at, value - at - (colon != NULL), text + value,
		    end - value - (end > value && text[end - 1] == '\n'));
		at = end;
	}
	return at < size ? at + 1 : at;
}

static void feed_body(struct dkim_check *d, const char *text, size_t size, unsigned how)
{
	size_t cut = how % 7 + 1;

	for (size_t at = 0; at < size; at += cut)
		dkim_check_body(d, text + at, size - at < cut ? size - at : cut);
}

static void run(struct fuzz *f, const struct dkim_limits *limits, const char *text, size_t size,
    struct arena *a, struct dkim_outcome *out)
{
	struct dns_budget b = dns_budget_make(60 * USEC_PER_SEC, 60 * USEC_PER_SEC, 100);
	struct dkim_check *d =
	    dkim_check_open(&f->base, &b, limits, (usec_t)1600000000 * USEC_PER_SEC);
	size_t body = feed_header(d, text, size);

	if (dkim_check_end_of_header(d))
		feed_body(d, text + body, size - body, f->how);
	dkim_check_finish(d, a, out);
	dkim_check_free(&d);
}

/* OpenSSL and libopendkim must find the same. */
static void check(const struct dkim_outcome *usual, const struct dkim_outcome *other)
{
	if (usual->count != other->count)
		abort();
	for (size_t i = 0; i < usual->count; i++) {
		const struct dkim_signature *s = &usual->signatures[i];

		if (s->result == DKIM_NONE || s->reason[0] == '\0' ||
		    (s->usable && s->result != DKIM_PASS) ||
		    s->result != other->signatures[i].result)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dkim_limits openssl = {.verifier = DKIM_BY_OPENSSL};
	const char *text = (const char *)data;
	size_t record = size == 0 ? 0 : line_end(text, 0, size);
	struct fuzz f = {.record = data, .len = record};
	struct dkim_outcome usual, other;
	struct arena a = {0};

	if (record == 0 || record > RECORD_MAX || !resolver_init(&f.base, &ops, 100, 0))
		return 0;
	f.how = data[0];
	f.record++;
	f.len = record - 1 - (record > 1 && text[record - 1] == '\n');
	run(&f, NULL, text + record, size - record, &a, &usual);
	run(&f, &openssl, text + record, size - record, &a, &other);
	check(&usual, &other);
	resolver_fini(&f.base);
	arena_free(&a);
	return 0;
}
