/*
 * The texts of keys, so that what is counted by hash can be shown: the keys that owe most, of those
 * that were charged lately. In memory that all processes share, bounded, and not kept over a
 * restart. For the eyes alone: nothing is decided by it.
 */
#ifndef LIMIT_TOP_H
#define LIMIT_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "limit/store.h"

/* Longer keys are not shown. */
#define TOP_KEY_MAX 216

struct top;

/* NULL: no memory. Before fork(). */
struct top *top_new(void);
void top_free(struct top **t);

/* An item was charged, or exceeded its limit. Of a set that is full, the key that owes least goes.
 */
void top_note(struct store *s, const struct store_item *it, nsec_t now);

/*
 * Each key that owes something: `limit` is the store_limit_id() of the window, `until` when it
 * will have paid all, as of its last charge. How much it owes is what store_charge() says of 0
 * units.
 */
void top_each(const struct store *s, nsec_t now,
    void (*each)(void *arg, uint64_t limit, const char *key, nsec_t until), void *arg);

#endif
