/*
 * A whole evaluation, libspf2 included: every line of the input is a
 * possible answer, and the name that is asked for chooses among them.
 */
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/resolver_impl.h"
#include "auth/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 16, RECORDS_MAX = 14 };

struct fuzz {
	struct resolver base;
	struct dns_rdata lines[LINES_MAX];
	size_t count;
	unsigned asked;
};

static struct dns_rdata record_of(uint8_t *out, const struct dns_rdata *line, enum dns_type type)
{
	size_t used = 0, n;

	if (type == DNS_TYPE_TXT) {
		for (size_t i = 0; i < line->len; i += n) {
			n = line->len - i < 255 ? line->len - i : 255;
			out[used++] = (uint8_t)n;
			memcpy(out + used, line->data + i, n);
			used += n;
		}
	} else {
		/* Sometimes as long as it should be. */
		n = type == DNS_TYPE_A ? 4 : type == DNS_TYPE_AAAA ? 16 : line->len;
		used = n < line->len ? n : line->len;
		memcpy(out, line->data, used);
	}
	return (struct dns_rdata){out, used};
}

static const struct dns_answer *answer(struct fuzz *f, const struct dns_lookup *l)
{
	uint8_t *data = malloc((size_t)RECORDS_MAX * 1200);
	struct dns_rdata records[RECORDS_MAX];
	const struct dns_answer *a;
	unsigned h = (unsigned)l->type;
	size_t count = 0, line;

	for (const char *p = l->name; *p != '\0'; p++)
		h = h * 31 + (unsigned char)*p;
	line = f->asked++ == 0 ? 0 : h % f->count;
	if (data == NULL || (f->asked > 1 && h % 7 == 6)) {
		free(data);
		return dns_answer_make(
		    (enum dns_status)(DNS_NODATA + h / 7 % 5), false, 0, NULL, 0);
	}
	do {
		records[count] =
		    record_of(data + count * 1200, &f->lines[(line + count) % f->count], l->type);
		count++;
	} while (l->type != DNS_TYPE_TXT && count < h / 64 % RECORDS_MAX);
	a = dns_answer_make(DNS_OK, false, 0, records, count);
	free(data);
	return a;
}

static void start(struct resolver *r, struct dns_lookup *l)
{
	dns_finish(l, answer((struct fuzz *)(void *)r, l));
}

static const struct resolver_ops ops = {.start = start};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_budget b = dns_budget_make(60 * USEC_PER_SEC, 60 * USEC_PER_SEC, 300);
	struct spf_query q = {.helo = "helo.example",
	    .sender = "some-one+x@sender.example",
	    .client = {.family = size % 2 == 0 ? ADDR_V4 : ADDR_V6, .bytes = {192, 0, 2, 1}}};
	struct fuzz f = {.count = 0};
	struct spf_outcome o;
	struct arena a = {0};

	if (!resolver_init(&f.base, &ops, 10, 0))
		return 0;
	while (f.count < LINES_MAX && size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end == NULL ? size : (size_t)(end - data);

		f.lines[f.count++] = (struct dns_rdata){data, len < 1100 ? len : 1100};
		len += end != NULL;
		data += len;
		size -= len;
	}
	if (f.count > 0) {
		spf_check(&f.base, &b, &q, SPF_MAILFROM, &a, &o);
		if (o.reason == NULL || o.terms > 10 || o.voids > 3 ||
		    (o.explanation != NULL && o.result != SPF_FAIL))
			abort();
	}
	resolver_fini(&f.base);
	arena_free(&a);
	return 0;
}
