/* The one place that reads a clock. Everything else gets the time as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* A point in time: microseconds since 1970-01-01 UTC. */
typedef int64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC ((usec_t)1000000)

/* Wall clock. */
usec_t clock_now(void);

/* Monotonic clock: for durations and deadlines only, its zero is arbitrary. */
usec_t clock_monotonic(void);

/*
 * Since the host was booted, time in suspend included. Never steps; the same in all processes.
 */
usec_t clock_boot(void);

/* Room for a formatted time, its NUL included. */
#define CLOCK_TEXT_MAX 40

/* RFC 3339 with milliseconds and the local zone: 2026-11-24T03:00:00.123+01:00. */
void clock_format(usec_t t, char text[CLOCK_TEXT_MAX]);

#endif
