/*
 * Where events go: a file of JSON lines, and syslog. A thread of its own writes,
 * so that a slow disk or journal does not hold up a session.
 */
#ifndef SINK_EVENTLOG_H
#define SINK_EVENTLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

struct eventlog; /* thread-safe */

struct eventlog_options {
	const char *path; /* NULL: no file */
	bool syslog;
	unsigned mode; /* of a new file, e.g. 0640 */
	size_t queue;  /* lines that may wait; 0: 4,096 */
};

/*
 * Opens the file to append to, created with `mode`. -1 with *error (words, valid until the
 * next error) when it can't be, or when it is neither a file nor a terminal.
 */
int eventlog_open_file(const char *path, unsigned mode, const char **error);

/*
 * Opens the file (O_APPEND, one write an event) and starts the thread. NULL with *error
 * (static or errno's words) when the file can't be opened. Call it after fork and after
 * privileges were dropped, or hand in `fd` >= 0 opened before.
 */
struct eventlog *eventlog_open(const struct eventlog_options *o, int fd, const char **error);

/*
 * Queues a copy. When the queue is full, waits up to `wait_ms` for room, then drops the event and
 * counts it: the caller goes on in any case. The first drop and then one a minute is told in the
 * log.
 */
void eventlog_write(struct eventlog *l, const struct event *e, unsigned wait_ms);

/* Waits until what was queued is written, at most `wait_ms`. False when time ran out. */
bool eventlog_flush(struct eventlog *l, unsigned wait_ms);

uint64_t eventlog_written(const struct eventlog *l);
uint64_t eventlog_dropped(const struct eventlog *l);

/* Flushes, stops the thread, closes. *l becomes NULL. */
void eventlog_close(struct eventlog **l);

#endif
