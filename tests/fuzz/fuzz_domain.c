/*
 * Any answers of DNS about a domain, its servers and block lists: what is found is bounded, and
 * says something. Every line of the input is a possible answer, or two; the name that is asked for
 * chooses among them, and among errors.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/require.h"
#include "auth/resolver_impl.h"
#include "selftest/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWERS_MAX = 16, RECORD_MAX = 600 };

struct fuzz {
	struct resolver base;
	struct dns_rdata all[ANSWERS_MAX];
	size_t count;
};

/* A TXT record has its strings as they should be, most times. */
static size_t write_record(
    uint8_t *out, const struct dns_rdata *from, enum dns_type type, unsigned h)
{
	size_t len = from->len < 250 ? from->len : 250;

	if (type == DNS_TYPE_TXT && h % 5 != 0) {
		out[0] = (uint8_t)len;
		memcpy(out + 1, from->data, len);
		return len + 1;
	}
	if (h % 3 != 0)
		len = type == DNS_TYPE_A && len > 4       ? 4
		      : type == DNS_TYPE_AAAA && len > 16 ? 16
		                                          : len;
	memcpy(out, from->data, len);
	return len;
}

static const struct dns_answer *answer(struct fuzz *f, const struct dns_lookup *l)
{
	uint8_t *data = malloc((size_t)2 * RECORD_MAX);
	struct dns_rdata records[2];
	const struct dns_answer *a;
	unsigned h = (unsigned)l->type;
	size_t used = 0;

	for (const char *p = l->name; *p != '\0'; p++)
		h = h * 31 + (unsigned char)*p;
	if (data == NULL || h % 7 == 6) {
		free(data);
		return dns_answer_make(
		    (enum dns_status)(DNS_NODATA + h / 7 % 5), false, 0, NULL, 0);
	}
	for (size_t i = 0; i < 2; i++) {
		size_t len = write_record(data + used, &f->all[(h + i) % f->count], l->type, h / 3);

		records[i] = (struct dns_rdata){data + used, len};
		used += len;
	}
	a = dns_answer_make(DNS_OK, false, 300, records, 1 + h / 11 % 2);
	free(data);
	return a;
}

static void start(struct resolver *r, struct dns_lookup *l)
{
	dns_finish(l, answer((struct fuzz *)(void *)r, l));
}

static const struct resolver_ops ops = {.start = start};

static void check(const struct side_findings *found)
{
	require(found->count <= SIDE_FINDINGS_MAX, "findings are bounded");
	for (size_t i = 0; i < found->count; i++)
		require(*found->items[i].text != '\0' && found->items[i].severity != SEVERITY_HIGH,
		    "DNS is told, and fails nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const zones[] = {"a.bl.example", "b.bl.example", "c.bl.example", NULL};
	const struct addr addresses[] = {{{192, 0, 2, 1}, ADDR_V4}, {{0x20, 1, [15] = 1}, ADDR_V6}};
	struct side_findings found = {.count = 0};
	struct addr more[4];
	size_t count = 0;
	struct fuzz f = {.count = 0};

	if (!resolver_init(&f.base, &ops, 10, 0))
		return 0;
	while (f.count < ANSWERS_MAX && size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end == NULL ? size : (size_t)(end - data);

		f.all[f.count++] = (struct dns_rdata){data, len};
		len += end != NULL;
		data += len;
		size -= len;
	}
	if (f.count > 0) {
		domain_inspect(
		    &found, &f.base, "a.b.example.com", "mx.example.com", addresses, 2, 0);
		dnsbl_inspect(&found, &f.base, zones, addresses, 2);
		domain_addresses(&f.base, "mx.example.com", more, &count, 4);
		require(count <= 4, "addresses are bounded");
		check(&found);
	}
	side_free(&found);
	resolver_fini(&f.base);
	return 0;
}
