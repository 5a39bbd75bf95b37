/* What must come out of a row, by its probe, its place, and the configuration. */
#ifndef SELFTEST_EXPECT_H
#define SELFTEST_EXPECT_H

#include "selftest/actors.h"

/* r->expected has what its kind of probe expects everywhere. c->failed when memory is exhausted. */
void expect_of_row(struct casting *c, struct row *r);

#endif
