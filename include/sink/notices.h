/*
 * Where notices go: events that somebody should be told of at once (event.notify), each as its line
 * of JSON. Whoever reads them may mail, page or call; the guard itself starts no program.
 */
#ifndef SINK_NOTICES_H
#define SINK_NOTICES_H

#include <stdbool.h>

#include "core/event.h"

struct notices; /* thread-safe */

#define NOTICES_UNIX "unix:"

/*
 * `target` is a file, which is appended to as events are (sink/eventlog.h), made with `mode` where
 * it is not there; or "unix:PATH", a datagram socket, which need not be there yet. NULL with *error
 * (static words) when that fails. Call it after fork.
 */
struct notices *notices_open(const char *target, unsigned mode, const char **error);

/*
 * Hands a notice over, and does not wait: one that a socket's reader can't take at the moment is
 * lost, which is logged, once a minute at most. `n` NULL, and other events: nothing.
 */
void notices_write(struct notices *n, const struct event *e);

/* As eventlog_flush(); NULL: true. */
bool notices_flush(struct notices *n, unsigned wait_ms);

/* NULL stays NULL. */
void notices_close(struct notices **n);

#endif
