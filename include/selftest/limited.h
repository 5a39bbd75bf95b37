/* Rows that a limit or a ban refused: they tell nothing of relaying. */
#ifndef SELFTEST_LIMITED_H
#define SELFTEST_LIMITED_H

#include "selftest/plan.h"

/* Does a limit of this configuration ban clients? */
bool limited_may_ban(const struct config *c);

/*
 * Marks the rows that were refused with the reply of a limit or of bans, where no relay rule has
 * the same, or whose session was turned away while the events since `start` say that a limit or
 * a ban did so; and what was not tried after such a row, or one that a limit of the mail server
 * refused. To be called after guard_settle(). `c` may be NULL.
 */
void limited_settle(struct plan *p, const struct config *c, usec_t start);

#endif
