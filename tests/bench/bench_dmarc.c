/*
 * Microseconds for one DMARC evaluation with all answers in the cache, as on a busy server, beside
 * the floor of any: to take as many answers out of the cache. Each figure is the best of several
 * rounds, as other work on the machine only adds.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/lasting.h"
#include "auth/dmarc.h"
#include "base/exit.h"
#include "rounds.h"

enum { ROUNDS = 7, STEPS = 5000 };

static const char zone[] =
    "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=r; aspf=r; "
    "rua=mailto:dmarc@example.com; ruf=mailto:dmarc@example.com; fo=1\"\n"
    "mail.example.com A 192.0.2.1\n"
    "_dmarc.bank.example TXT \"v=DMARC1; p=reject; psd=y\"\n"
    "_dmarc.giant.bank.example TXT \"v=DMARC1; p=quarantine\"\n";

static const struct {
	const char *what, *from, *spf, *dkim;
} cases[] = {
    {"same domain", "joe@example.com", "example.com", "example.com"},
    {"subdomains", "joe@mail.example.com", "bounce.example.com", "mail.example.com"},
    {"public suffix", "joe@giant.bank.example", "mail.giant.bank.example", NULL},
    {"does not exist", "joe@absent.example.com", "evil.net", "evil.net"},
    {"eight names", "joe@a.b.c.d.e.f.g.h.i.example.com", "example.com", NULL},
    {"no record", "joe@mail.example.net", "mail.example.net", NULL},
};

static void evaluate(struct resolver *r, size_t i, struct arena *a, struct dmarc_outcome *o)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 100);
	struct dmarc_identifier dkim = {cases[i].dkim, DMARC_AUTH_PASSED};
	struct dmarc_query q = {.spf = {cases[i].spf, DMARC_AUTH_PASSED},
	    .dkim = &dkim,
	    .dkim_count = cases[i].dkim != NULL};
	struct from f = {.status = FROM_ABSENT};

	from_add(&f, a, cases[i].from, strlen(cases[i].from));
	dmarc_check(r, &b, &f, &q, a, o);
	arena_reset(a);
}

static void take_answers(struct resolver *r, uint64_t count)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 100);

	for (uint64_t i = 0; i < count; i++) {
		const struct dns_answer *a = dns_query(r, &b, "_dmarc.example.com", DNS_TYPE_TXT);

		dns_answer_unref(&a);
	}
}

static double best_of(usec_t best)
{
	return (double)best / STEPS;
}

static void measure(struct resolver *r, size_t i)
{
	usec_t best = 0, floor = 0;
	struct dmarc_outcome o = {.result = DMARC_NONE};
	struct arena a = {0};
	uint64_t answers;

	evaluate(r, i, &a, &o);
	answers = resolver_counters(r).cached;
	evaluate(r, i, &a, &o);
	answers = resolver_counters(r).cached - answers;
	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t begin = clock_monotonic(), middle, end;

		for (int step = 0; step < STEPS; step++)
			evaluate(r, i, &a, &o);
		middle = clock_monotonic();
		for (int step = 0; step < STEPS; step++)
			take_answers(r, answers);
		end = clock_monotonic();
		if (round == 0 || middle - begin < best)
			best = middle - begin;
		if (round == 0 || end - middle < floor)
			floor = end - middle;
	}
	printf("dmarc %-15s %-5s %2u answers %7.2f us, floor %7.2f us, %.1f times\n", cases[i].what,
	    dmarc_result_name(o.result), (unsigned)answers, best_of(best), best_of(floor),
	    (double)best / (double)floor);
	arena_free(&a);
}

int main(void)
{
	struct lasting w = {.fixed = NULL};
	unsigned line;

	w.fixed = fixed_open(zone, sizeof(zone) - 1, &line);
	if (w.fixed == NULL || !resolver_init(&w.base, &lasting_ops, 10, 256))
		return EXIT_INTERNAL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		measure(&w.base, i);
	resolver_fini(&w.base);
	resolver_close(&w.fixed);
	return EXIT_OK;
}
