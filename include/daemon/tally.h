/*
 * What the daemon's processes count for the eyes of people, in memory that all share. Nothing is
 * decided by it.
 */
#ifndef DAEMON_TALLY_H
#define DAEMON_TALLY_H

#include <stdint.h>

#include "auth/resolver.h"
#include "core/verdict.h"

enum { TALLY_VERDICTS = VERDICT_REJECT + 1 };

/* Once, before the first fork(). Without memory nothing is counted. */
void tally_open(void);

/* The master: a place for a process, -1 where all are taken; and that it has ended. */
int tally_take(void);
void tally_give(int place);

/* In the child: this place is its own. */
void tally_use(int place);

/* The child: how many sessions it has at the moment. */
void tally_sessions(unsigned count);

/* How many the process of that place has; 0 for -1. */
unsigned tally_sessions_of(int place);

/* An event with this verdict (verdict_name()) was recorded. */
void tally_event(const char *verdict);

/* Since the start, by enum verdict_kind. */
void tally_events(uint64_t out[TALLY_VERDICTS]);

/* The child, from one thread: what its resolver has counted until now. */
void tally_dns(const struct dns_counters *now);

/* Since the start, of all processes, of those too that have died; `in_flight` of those that live.
 */
struct dns_counters tally_dns_sum(void);

#endif
