/*
 * How many of something there are at the moment: the sessions of a client, over all
 * processes.
 *
 * Each process has a table of its own in shared memory, which only it writes, and the count of a
 * key is the sum over all of them. So nothing is left behind by a process that was killed: its
 * table is wiped when store_tick() finds it dead. Counts are not kept over a restart, which ends
 * all sessions.
 */
#ifndef LIMIT_GAUGE_H
#define LIMIT_GAUGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gauges;

/* Processes at once, old generations included. */
#define GAUGE_OWNERS 128

/* For up to about `keys` keys a process. NULL: no memory. Before fork(). */
struct gauges *gauges_new(uint64_t keys);
void gauges_free(struct gauges **g);

/*
 * One more of `tag` (not 0), unless there are `max` already. *count: with this one. It counts first
 * and looks then, so that two at the same moment may both be refused, never both be admitted above
 * `max`. Thread-safe. False, and *count 0, too when there is no room to count.
 */
bool gauge_enter(struct gauges *g, uint64_t tag, uint64_t max, uint64_t *count);

/* One less, of those that this process entered. */
void gauge_leave(struct gauges *g, uint64_t tag);

uint64_t gauge_count(const struct gauges *g, uint64_t tag);

/* Wipes what dead processes left. */
void gauges_sweep(struct gauges *g);

#endif
