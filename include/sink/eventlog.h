/*
 * Where events go: a file of JSON lines, and syslog. A thread of its own writes,
 * so that a slow disk or journal does not hold up a session.
 */
#ifndef SINK_EVENTLOG_H
#define SINK_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

struct eventlog; /* thread-safe */

struct eventlog_options {
	const char *path; /* NULL: no file. Copied */
	bool syslog;
	unsigned mode; /* of a new file; 0: 0640. The umask applies */
	size_t queue;  /* lines that may wait; 0: 4,096 */
};

/*
 * Opens the file (O_APPEND, one write an event) and starts the thread. It must be a regular file
 * or a character device; its directory must exist. NULL with *error (static words: what is wrong
 * and what to do, without the path) when that fails. Call it after fork and after privileges were
 * dropped, or hand in `fd` >= 0 opened before (-1: none): it is then owned, also on failure, and
 * made non-blocking.
 */
struct eventlog *eventlog_open(const struct eventlog_options *o, int fd, const char **error);

/*
 * Queues a copy. When the queue is full, waits up to `wait_ms` for room, then drops the event and
 * counts it: the caller goes on in any case. True when it was queued. The first drop and then one
 * a minute is told in the log.
 */
bool eventlog_write(struct eventlog *l, const struct event *e, unsigned wait_ms);

/*
 * Waits until what was queued has left the queue, at most `wait_ms`. False when time ran out. A
 * line that the disk refused counts in eventlog_dropped().
 */
bool eventlog_flush(struct eventlog *l, unsigned wait_ms);

/*
 * The file was renamed: the thread opens the path again before the next event. When that fails it
 * says so and goes on with the old file.
 */
void eventlog_reopen(struct eventlog *l);

/* Events that are in the file (with no file: that were given to syslog). */
uint64_t eventlog_written(const struct eventlog *l);

/*
 * Events that are not: the queue was full, memory ran out, or the disk refused. After half a line
 * the rest is tried again for half a second; then the next event begins on a new line, as it does
 * after half a line that another process has left.
 */
uint64_t eventlog_dropped(const struct eventlog *l);

/*
 * Waits up to five seconds for what is queued, stops the thread, closes. *l becomes NULL; NULL
 * stays NULL. What is not written by then counts as dropped and is told.
 */
void eventlog_close(struct eventlog **l);

#endif
