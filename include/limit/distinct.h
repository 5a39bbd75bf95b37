/*
 * How many different values a key has had within a window: the networks of a login, the recipients
 * of a client.
 *
 * A key has as many seats as it may have values, each a slot of the store's table. A value takes a
 * free seat, or keeps its own for another window. All seats taken: one more is too many. So the
 * count is exact, but for values of which 30 bits of a keyed hash are the same (one in 60 million
 * pairs). Above DISTINCT_SEATS, only a share of the values is seated, by their hash, and the count
 * is an estimate, with a standard error of an eighth; once it is reached, values that are not
 * seated exceed it too, known ones among them.
 */
#ifndef LIMIT_DISTINCT_H
#define LIMIT_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/store.h"

#define DISTINCT_SEATS 64

struct distinct {
	uint64_t limit; /* store_limit_id() */
	uint64_t max;   /* how many different values are allowed, at least 1 */
	nsec_t window;
};

/*
 * Is the value among those that the key may have? With `keep` it takes a seat, or keeps its own for
 * another window; without, nothing is written. *count: how many values the key has, this one
 * included.
 */
bool distinct_admits(struct store *s, const struct distinct *d, const char *key, size_t key_len,
    const char *value, size_t value_len, bool keep, nsec_t now, uint64_t *count);

/* The key has had no value. */
void distinct_forget(
    struct store *s, const struct distinct *d, const char *key, size_t key_len, nsec_t now);

#endif
