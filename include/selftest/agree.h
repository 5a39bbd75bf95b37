/*
 * Does the mail server decide as a configuration does? Each client tries each probe, and each
 * domain that the configuration names; what the two say must be the same.
 */
#ifndef SELFTEST_AGREE_H
#define SELFTEST_AGREE_H

#include "selftest/plan.h"

/*
 * Puts other rows in the place of those of a plan that was made: every client with every probe that
 * has a meaning here, and with the domains of the configuration. False: no memory.
 */
bool agree_plan(struct plan *p, const struct config *config);

/*
 * Sets what was expected in each row that was run, and a note for each that is wrong. The
 * configuration may be stricter with an address that has more than one reading, and what the server
 * refuses for another reason than relaying is no disagreement. False: no memory.
 */
bool agree_settle(struct plan *p, const struct config *config, usec_t now);

#endif
