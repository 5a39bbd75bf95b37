/*
 * ARC: any message, with keys that exist for the chain of the corpus. The body is handed over in
 * pieces whose size is the first byte.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/arc_chain.h"
#include "auth/arc.h"
#include "auth/fields.h"
#include "auth/fixed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_outcome(const struct arc_outcome *o)
{
	if (o->instances > ARC_INSTANCES_MAX || o->reason == NULL)
		abort();
	if ((o->result == ARC_PASS) != (o->sets != NULL) || (o->result == ARC_PASS && o->temporary))
		abort();
	for (unsigned i = 0; o->result == ARC_PASS && i < o->instances; i++)
		if (o->sets[i].domain == NULL || o->sets[i].found.authserv_id == NULL)
			abort();
}

static void check(struct resolver *r, const char *text, size_t len, size_t step)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 200);
	struct arc_check *c = arc_check_open(r, &b, (usec_t)1800000000 * USEC_PER_SEC);
	struct field_reader reader = {.message = text, .len = len};
	struct arc_outcome o;
	struct arena a = {0};
	struct field f;

	while (field_next(&reader, &f))
		arc_check_header(c, f.name, (size_t)(f.value - f.name) - 1, f.value, f.value_len);
	if (arc_check_end_of_header(c))
		for (size_t at = reader.at; at < len; at += step)
			arc_check_body(c, text + at, len - at < step ? len - at : step);
	arc_check_finish(c, &a, &o);
	check_outcome(&o);
	arc_check_free(&c);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct resolver *r;
	unsigned line;

	if (r == NULL)
		r = fixed_open(arc_zone, sizeof(arc_zone) - 1, &line);
	if (r == NULL)
		abort();
	if (size > 0)
		check(r, (const char *)data + 1, size - 1, (size_t)data[0] + 1);
	return 0;
}
