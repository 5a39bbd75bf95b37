/*
 * How long a match takes, beside what the machine could do at best, measured in the same run. The
 * floor of a network match is one read at a random place of as much memory as the ranges take; the
 * floor of a domain match is one hash of the same name and one such read. Each question waits
 * for the answer to the one before, as a session does; half of them are inside. The least of three
 * rounds counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "base/clock.h"
#include "base/domset.h"
#include "base/netset.h"
#include "rounds.h"

enum { QUESTIONS = 1 << 20, ROUNDS = 3, NAME_LEN = 40 };

static volatile uint64_t sink;

static void *need(void *p)
{
	if (p == NULL) {
		fputs("bench_match: memory is exhausted\n", stderr);
		exit(70);
	}
	return p;
}

static double ns_each(usec_t start, size_t count)
{
	return (double)(clock_monotonic() - start) * 1000.0 / (double)count;
}

static void row(const char *what, size_t count, double build_ms, double match, double floor)
{
	printf("%-8s %9zu %10.1f %10.1f %10.1f %8.1f\n", what, count, build_ms, match, floor,
	    match / floor);
}

/* Reads at random places of `bytes` bytes; the least of some rounds. */
static double memory_floor(size_t bytes, uint64_t *random)
{
	size_t words = bytes / sizeof(uint64_t);
	uint64_t *memory = need(malloc(words * sizeof(*memory)));
	uint32_t *at = need(malloc(QUESTIONS * sizeof(*at)));
	double least = 1e9;

	for (size_t i = 0; i < words; i++)
		memory[i] = i;
	for (size_t i = 0; i < QUESTIONS; i++)
		at[i] = random_below(random, (uint32_t)words);
	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic();
		uint64_t sum = 0;
		double ns;

		for (size_t i = 0; i < QUESTIONS; i++)
			sum += memory[at[i] ^ (sum >> 63)];
		sink += sum;
		ns = ns_each(start, QUESTIONS);
		least = ns < least ? ns : least;
	}
	free(memory);
	free(at);
	return least;
}

/* Prefixes as in the lists that sites load: /24 to /32, and /40 to /64. */
static struct prefix random_prefix(enum addr_family family, uint64_t *random)
{
	struct addr a = {.family = family};
	uint64_t words[2] = {random_next(random), random_next(random)};

	memcpy(a.bytes, words, family == ADDR_V4 ? 4 : 16);
	if (family == ADDR_V6)
		a.bytes[0] = (uint8_t)(0x20 | (a.bytes[0] & 0x1f));
	return prefix_of(
	    &a, family == ADDR_V4 ? 24 + random_below(random, 9) : 40 + random_below(random, 25));
}

static struct addr *network_questions(
    enum addr_family family, const struct prefix *prefixes, size_t count, uint64_t *random)
{
	struct addr *q = need(malloc(QUESTIONS * sizeof(*q)));

	for (size_t i = 0; i < QUESTIONS; i++)
		q[i] = i % 2 == 0 ? prefixes[random_below(random, (uint32_t)count)].addr
		                  : random_prefix(family, random).addr;
	return q;
}

static double match_networks(const struct netset *s, const struct addr *q)
{
	double least = 1e9;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic();
		uint64_t sum = 0;
		double ns;

		for (size_t i = 0; i < QUESTIONS; i++)
			sum += netset_contains(s, &q[i ^ sum >> 63]);
		sink += sum;
		ns = ns_each(start, QUESTIONS);
		least = ns < least ? ns : least;
	}
	return least;
}

static void bench_networks(const char *what, enum addr_family family, size_t count)
{
	struct prefix *prefixes = need(malloc(count * sizeof(*prefixes)));
	struct netset_builder *b = need(netset_builder_new());
	uint64_t random = 1;
	struct netset *s;
	struct addr *q;
	double ms;
	usec_t start;

	for (size_t i = 0; i < count; i++)
		prefixes[i] = random_prefix(family, &random);
	start = clock_monotonic();
	for (size_t i = 0; i < count; i++)
		if (!netset_builder_add(b, &prefixes[i]))
			need(NULL);
	s = need(netset_build(&b));
	ms = (double)(clock_monotonic() - start) / 1000.0;
	q = network_questions(family, prefixes, count, &random);
	row(what, count, ms, match_networks(s, q),
	    memory_floor(netset_ranges(s) * (family == ADDR_V4 ? 8 : 32), &random));
	free(q);
	free(prefixes);
	netset_free(&s);
}

static double match_names(const struct domset *s, const char *q)
{
	double least = 1e9;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic();
		uint64_t sum = 0;
		double ns;

		for (size_t i = 0; i < QUESTIONS; i++)
			sum += domset_contains(s, q + (i ^ sum >> 63) * NAME_LEN);
		sink += sum;
		ns = ns_each(start, QUESTIONS);
		least = ns < least ? ns : least;
	}
	return least;
}

/* Hashes each name and reads at that place: no comparison, no subtrees. */
static double hash_floor(size_t bytes, const char *q)
{
	size_t words = 1;
	uint64_t *memory;
	double least = 1e9;

	while (words * sizeof(*memory) < bytes)
		words *= 2;
	memory = need(calloc(words, sizeof(*memory)));
	memset(memory, 1, words * sizeof(*memory));
	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic();
		uint64_t sum = 0;
		double ns;

		for (size_t i = 0; i < QUESTIONS; i++) {
			uint64_t h = 0;

			for (const char *p = q + (i ^ sum >> 63) * NAME_LEN; *p != '\0'; p++)
				h = (h ^ (unsigned char)*p) * 0x100000001b3U;
			sum += memory[(h ^ h >> 32) & (words - 1)];
		}
		sink += sum;
		ns = ns_each(start, QUESTIONS);
		least = ns < least ? ns : least;
	}
	free(memory);
	return least;
}

/* Entry number `i`, every fourth a subtree. */
static size_t entry(char out[NAME_LEN], size_t i)
{
	return (size_t)snprintf(
	    out, NAME_LEN, "%sd%zu.example%zu.com", i % 4 == 0 ? "." : "", i, i % 97);
}

static char *name_questions(size_t count, uint64_t *random)
{
	char *q = need(malloc((size_t)QUESTIONS * NAME_LEN)), text[NAME_LEN];

	for (size_t i = 0; i < QUESTIONS; i++) {
		size_t number = random_below(random, (uint32_t)count * 2);

		entry(text, number);
		snprintf(q + i * NAME_LEN, NAME_LEN, "%s%.36s", text[0] == '.' ? "www" : "", text);
	}
	return q;
}

static void bench_names(const char *what, size_t count)
{
	struct domset_builder *b = need(domset_builder_new());
	uint64_t random = 1;
	struct domset *s;
	usec_t start = clock_monotonic();
	double ms;
	char *q;

	for (size_t i = 0; i < count; i++) {
		char text[NAME_LEN];
		size_t len = entry(text, i);

		if (domset_builder_add(b, text, len, NULL) != DOMSET_OK)
			need(NULL);
	}
	s = need(domset_build(&b));
	ms = (double)(clock_monotonic() - start) / 1000.0;
	q = name_questions(count, &random);
	row(what, count, ms, match_names(s, q), hash_floor(count * 16, q));
	free(q);
	domset_free(&s);
}

int main(void)
{
	printf("%-8s %9s %10s %10s %10s %8s\n", "match", "entries", "build ms", "ns", "floor ns",
	    "ratio");
	bench_networks("ipv4", ADDR_V4, 1000);
	bench_networks("ipv4", ADDR_V4, 1000000);
	bench_networks("ipv6", ADDR_V6, 1000);
	bench_networks("ipv6", ADDR_V6, 1000000);
	bench_names("domain", 1000);
	bench_names("domain", 1000000);
	return 0;
}
