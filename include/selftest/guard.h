/* Is the guard asked? What the rows of PROBE_GUARD could not tell by themselves. */
#ifndef SELFTEST_GUARD_H
#define SELFTEST_GUARD_H

#include <stdbool.h>

#include "selftest/plan.h"

/*
 * Settles the rows of PROBE_GUARD after the plan was run. A refusal of any row with the guard's
 * mark proves it for its place; and so does an event of the row's sender in the file `events`
 * (NULL: there is none), where this command may read it. That no event is there proves the
 * contrary only for Postfix, which shows the guard what it refuses itself.
 */
void guard_settle(struct plan *p, const char *events);

/*
 * Of a row of PROBE_GUARD that the mail server refused before any recipient: does it offer
 * STARTTLS there and put it off, so that nobody's mail can get as far as the guard?
 */
bool guard_is_out_of_reach(const struct row *r);

#endif
