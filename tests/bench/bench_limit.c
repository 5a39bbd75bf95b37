/*
 * Nanoseconds for charging an event to four limits, by how many keys there are, beside a floor in
 * the same run: four increments in a plain hash table of as many keys. Each figure is the
 * best of several rounds, as other work on the machine only adds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "base/clock.h"
#include "base/exit.h"
#include "base/siphash.h"
#include "limit/store.h"

enum { ROUNDS = 5, STEPS = 200000, LIMITS = 4, KEY_MAX = 40 };

static volatile uint64_t sink;

/* One key in every limit, as many keys a limit as keep the sum at `keys`. */
struct bed {
	struct store *store;
	uint64_t keys;
	uint64_t limits[LIMITS];
	struct gcra rate;
	/* The floor: open addressing, as full as the store's table. */
	uint64_t *plain;
	uint64_t plain_mask;
};

static size_t key_of(const struct bed *b, uint64_t number, char out[KEY_MAX])
{
	return (size_t)snprintf(out, KEY_MAX, "user%llu@example.com",
	    (unsigned long long)(number % (b->keys / LIMITS)));
}

static void charge(struct bed *b, uint64_t number)
{
	struct store_item items[LIMITS];
	char key[KEY_MAX];
	size_t len = key_of(b, number, key);

	for (unsigned i = 0; i < LIMITS; i++)
		items[i] = (struct store_item){
		    .limit = b->limits[i], .rate = b->rate, .key = key, .key_len = len, .units = 1};
	sink += store_charge(b->store, items, LIMITS, store_now(b->store));
}

static void increment(struct bed *b, uint64_t number)
{
	static const struct siphash_key secret = {1, 2};
	char key[KEY_MAX];
	size_t len = key_of(b, number, key);

	for (unsigned i = 0; i < LIMITS; i++) {
		uint64_t tag = (siphash(&secret, key, len) + b->limits[i]) | 1;
		uint64_t at = tag & b->plain_mask;

		while (b->plain[2 * at] != 0 && b->plain[2 * at] != tag)
			at = (at + 1) & b->plain_mask;
		b->plain[2 * at] = tag;
		b->plain[2 * at + 1]++;
	}
}

static double best_of(struct bed *b, void (*step)(struct bed *, uint64_t))
{
	uint64_t r = 1;
	usec_t best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		usec_t start = clock_monotonic(), took;

		for (size_t i = 0; i < STEPS; i++)
			step(b, random_next(&r));
		took = clock_monotonic() - start;
		if (round == 0 || took < best)
			best = took;
	}
	return (double)best * 1000 / STEPS;
}

static bool setup(struct bed *b, uint64_t keys)
{
	struct store_options o = {.slots = keys * 2};
	char error[STORE_ERROR_MAX], name[8];
	struct store_usage u;

	*b = (struct bed){.keys = keys, .store = store_open(&o, error)};
	if (b->store == NULL || !gcra_make(1000000, 3600 * USEC_PER_SEC, 0, &b->rate))
		return false;
	for (unsigned i = 0; i < LIMITS; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		b->limits[i] = store_limit_id(name, 1);
	}
	store_usage(b->store, &u);
	b->plain_mask = u.slots - 1;
	b->plain = calloc(u.slots, 2 * sizeof(*b->plain));
	for (uint64_t i = 0; b->plain != NULL && i < keys / LIMITS; i++) {
		charge(b, i);
		increment(b, i);
	}
	return b->plain != NULL;
}

int main(void)
{
	static const uint64_t counts[] = {1000, 10000, 100000, 1000000};
	struct store_usage u;
	struct bed b;

	printf("keys     charge of 4  plain  ratio  bytes a slot\n");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		double cost, floor;

		if (!setup(&b, counts[i]))
			return EXIT_INTERNAL;
		floor = best_of(&b, increment);
		cost = best_of(&b, charge);
		store_usage(b.store, &u);
		printf("%-8llu %8.0f ns %3.0f ns  %5.2f  %.1f\n", (unsigned long long)counts[i],
		    cost, floor, cost / floor, (double)u.bytes / (double)u.slots);
		free(b.plain);
		store_close(&b.store);
	}
	return EXIT_OK;
}
