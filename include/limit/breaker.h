/*
 * Whether a server is worth a call. After some failures in a row it is taken for away: no call is
 * made any more but one probe at a time, until one succeeds. In memory that processes share, so
 * that all know at once, and one of them says it. Zero-initialised it is closed: calls go.
 */
#ifndef LIMIT_BREAKER_H
#define LIMIT_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct breaker {
	_Atomic uint32_t failures; /* in a row */
	_Atomic int64_t probe_at;  /* when the next probe is due; 0: closed */
	_Atomic int64_t back_at;   /* when it closed the last time; 0: never */
	_Atomic uint32_t relapses; /* in a row */
};

enum {
	BREAKER_FAILURES = 3,
	/* One that opens again within this time does so for twice as long, and so on... */
	BREAKER_STEADY_SECONDS = 30,
	/* ...up to so many times. */
	BREAKER_RELAPSES = 3,
};

/* Times are clock_boot()'s, which is the same in all processes. */

bool breaker_is_open(const struct breaker *b);

/*
 * May a probe be made now? Whoever is told so makes it; the next is due `pause` later, whatever
 * becomes of this one, and of who makes it.
 */
bool breaker_take_probe(struct breaker *b, usec_t pause, usec_t now);

/*
 * A call failed. True: that opened it, which the caller may say. The first probe is due `pause`
 * later, or more after relapses.
 */
bool breaker_failed(struct breaker *b, usec_t pause, usec_t now);

/* A call or a probe succeeded. True: that closed it, which the caller may say. */
bool breaker_succeeded(struct breaker *b, usec_t now);

#endif
