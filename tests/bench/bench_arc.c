/*
 * Microseconds for the ARC validation of one message, with the keys at hand: a chain of three sets
 * (RSA of 1,024 and 2,048 bits, Ed25519), the same with a large body, which no longer is what was
 * signed, and a message without ARC. Each figure is the best of several rounds, as other work on
 * the machine only adds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/arc_chain.h"
#include "auth/arc.h"
#include "auth/fields.h"
#include "auth/fixed.h"
#include "base/exit.h"
#include "rounds.h"

enum { ROUNDS = 7, LARGE = 1024 * 1024, CHUNK = 65535 };

static void once(struct resolver *r, const char *header, const char *body, size_t len,
    struct arena *a, struct arc_outcome *o)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 100);
	struct arc_check *c = arc_check_open(r, &b, clock_now());
	struct field_reader reader = {.message = header, .len = strlen(header)};
	struct field f;

	while (field_next(&reader, &f))
		arc_check_header(c, f.name, f.name_len, f.value, f.value_len);
	if (arc_check_end_of_header(c))
		for (size_t at = 0; at < len; at += CHUNK)
			arc_check_body(c, body + at, len - at < CHUNK ? len - at : CHUNK);
	arc_check_finish(c, a, o);
	arc_check_free(&c);
}

static void measure(struct resolver *r, const char *what, const char *header, const char *body,
    size_t len, int steps)
{
	struct arc_outcome o = {.result = ARC_NONE};
	struct arena a = {0};
	usec_t best = 0;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t begin = clock_monotonic(), took;

		for (int i = 0; i < steps; i++) {
			once(r, header, body, len, &a, &o);
			arena_reset(&a);
		}
		took = clock_monotonic() - begin;
		if (round == 0 || took < best)
			best = took;
	}
	printf("arc %-22s %-4s %u sets, %7zu bytes %9.2f us\n", what, arc_result_name(o.result),
	    o.instances, len, (double)best / steps);
	arena_free(&a);
}

int main(void)
{
	unsigned line;
	struct resolver *r = fixed_open(arc_zone, sizeof(arc_zone) - 1, &line);
	char *large = malloc(LARGE);

	if (r == NULL || large == NULL)
		return EXIT_INTERNAL;
	for (size_t i = 0; i < LARGE; i++)
		large[i] = "A line of the body,  of  which there are many. \r\n"[i % 49];
	measure(r, "three sets", arc_header, arc_body, sizeof(arc_body) - 1, 500);
	measure(r, "three sets, large", arc_header, large, LARGE, 10);
	measure(r, "no set", strstr(arc_header, "From:"), arc_body, sizeof(arc_body) - 1, 5000);
	free(large);
	resolver_close(&r);
	return EXIT_OK;
}
