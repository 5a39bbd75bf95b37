/* Runs a plan: sessions side by side, bounded. */
#ifndef SELFTEST_RUN_H
#define SELFTEST_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "selftest/plan.h"
#include "selftest/way.h"

/* Sessions at once, at most. */
#define RUN_PARALLEL 8

/*
 * Tries every row, one place after the other. `progress` (may be NULL) is called after each
 * session, by one thread at a time. When one session after another fails, the rest is given up:
 * its rows are errors. What a server has refused as too much at once is tried again, in one session
 * after another. False when memory is exhausted.
 */
bool run_plan(struct plan *p, void (*progress)(void *arg, size_t done, size_t all), void *arg);

#endif
