/*
 * The generic cell rate algorithm: a rate as one 64-bit time a key.
 *
 * The time is when the key's debt will be paid: each unit adds `interval` to it, and time passes.
 * What would bring it further ahead of now than `tolerance` is refused. So in any interval t at
 * most burst + rate x t units are admitted; and burst + rate x t are, to whoever asks for them
 * one after the other. Pure arithmetic: no clock, no memory of its own.
 */
#ifndef LIMIT_GCRA_H
#define LIMIT_GCRA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Nanoseconds. A point in time is the table's: limit/tabletime.h. */
typedef int64_t nsec_t;

#define NSEC_PER_USEC ((nsec_t)1000)
#define NSEC_PER_SEC ((nsec_t)1000000000)

/* No debt is further ahead than this: ten years. */
#define GCRA_HORIZON (NSEC_PER_SEC * 86400 * 366 * 10)

struct gcra {
	nsec_t interval;  /* what one unit costs, at least 1 */
	nsec_t tolerance; /* burst x interval, at most GCRA_HORIZON */
};

/*
 * `count` units a `period`, `burst` of them at once (0: as many as `count`). The interval is
 * rounded up to a whole nanosecond, so that the rate is never exceeded. False when the
 * interval is below 100 ns (the rounding would be felt) or the tolerance above the horizon.
 */
bool gcra_make(uint64_t count, usec_t period, uint64_t burst, struct gcra *out);

/*
 * The share of one of `hosts`: the burst and the rate divided by as many, but a burst of one at
 * least.
 */
struct gcra gcra_share(const struct gcra *g, unsigned hosts);

/* Units that may come at once when nothing is owed. */
uint64_t gcra_burst(const struct gcra *g);

/*
 * How many units the key owes: 0 when `tat` has passed, gcra_burst() when nothing more is
 * admitted. Part of one counts as one.
 */
uint64_t gcra_owed(const struct gcra *g, nsec_t tat, nsec_t now);

/* How long until `units` (at most the burst) are admitted; 0: now. */
nsec_t gcra_wait(const struct gcra *g, nsec_t tat, uint64_t units, nsec_t now);

/*
 * Asks for `units`. True: *next is the new time. False: refused, and *next is the time to keep.
 * That is `tat` unless it lies further ahead than any charge can have brought it (the clock went
 * back, the rate was made smaller): then it is what it can be at most, so that nobody waits longer
 * than the limit itself asks for. `units` = 0 asks whether one would be admitted.
 */
bool gcra_charge(const struct gcra *g, nsec_t tat, uint64_t units, nsec_t now, nsec_t *next);

/*
 * What was charged to one key and may have to be given back. Time pays debts, so that what is left
 * to give back shrinks as time passes: with that, what was admitted and not given back keeps
 * within the bound, in whatever order charges and refunds come.
 */
struct gcra_credit {
	nsec_t amount;
	nsec_t as_of;
};

/* `units` were charged. */
void gcra_credit_add(struct gcra_credit *c, const struct gcra *g, uint64_t units, nsec_t now);

/* Takes `units` out of the credit and returns what of their cost is left to give back. */
nsec_t gcra_credit_take(struct gcra_credit *c, const struct gcra *g, uint64_t units, nsec_t now);

/* Takes all. */
nsec_t gcra_credit_take_all(struct gcra_credit *c, nsec_t now);

/* The time after a refund: not before now, unless it was. */
nsec_t gcra_refund(nsec_t tat, nsec_t amount, nsec_t now);

#endif
