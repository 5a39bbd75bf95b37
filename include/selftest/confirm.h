/* What was accepted goes on through DATA, to an address of the user's own. */
#ifndef SELFTEST_CONFIRM_H
#define SELFTEST_CONFIRM_H

#include "selftest/plan.h"
#include "selftest/sink.h"

/*
 * Sends a message for each stranger's recipient that was accepted and that leads to the user's own
 * address, and looks until `wait` is over which come out at the sink (NULL: there is none, and
 * the user looks himself). Rows that are refused at DATA, or come out, say so. A note tells the
 * word that is in each message. False: no memory.
 */
bool confirm_run(struct plan *p, struct sink *sink, const char *address, usec_t wait);

#endif
