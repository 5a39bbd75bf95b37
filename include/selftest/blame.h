/* Which line of the mail server's own configuration let a row pass: what the audit finds there. */
#ifndef SELFTEST_BLAME_H
#define SELFTEST_BLAME_H

#include "selftest/plan.h"

struct findings;

/*
 * Gives each row that is wrong, or suspect, the finding of `l` that explains it best, where one
 * does; of the places of `way` alone (NULL: of all). False: no memory.
 */
bool blame_rows_on(struct plan *p, const struct way *way, const struct findings *l);

/*
 * The same for all places whose mail server runs on this host and has its configuration where it
 * is usual: that is audited. Reads nothing when no row is wrong.
 */
bool blame_rows(struct plan *p);

#endif
