/* What the configuration itself says of a row: the same code as the daemon's. */
#ifndef SELFTEST_DECIDE_H
#define SELFTEST_DECIDE_H

#include "check/config.h"
#include "selftest/plan.h"

/*
 * True: it permits the row. *rule is the rule that decided and *where its file and line, in the
 * arena; NULL where none was named.
 */
bool decide_row(const struct config *c, usec_t now, const struct row *r, struct arena *arena,
    const char **rule, const char **where);

#endif
