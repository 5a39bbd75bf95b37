/*
 * Refusals on their way from the log to an event, in the log's order. Sendmail splits long
 * lines into pieces, with other processes' lines between them, and tells the sender only at the
 * end of the message: so a refusal waits here, a moment, for what belongs to it.
 */
#ifndef SINK_MAILLOG_QUEUE_H
#define SINK_MAILLOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "sink/maillog_line.h"

enum { MAILLOG_QUEUE_MAX = 256 };

/* How long a refusal waits. */
#define MAILLOG_WAIT (2 * USEC_PER_SEC)

struct maillog_entry {
	uint64_t offset; /* of its (first) line in the log */
	usec_t time;
	char host[256];
	char id[33];
	struct maillog_refusal refusal;
};

struct maillog_queue; /* not thread-safe */

/* NULL when memory ran out. */
struct maillog_queue *maillog_queue_new(void);

/* *q becomes NULL. */
void maillog_queue_free(struct maillog_queue **q);

size_t maillog_queue_count(const struct maillog_queue *q);

/*
 * Takes a line without its newline. There must be room: when MAILLOG_QUEUE_MAX are
 * waiting, what the line says is lost and counted.
 */
void maillog_queue_line(
    struct maillog_queue *q, const char *line, size_t len, uint64_t offset, usec_t now);

/*
 * The oldest refusal, when it waits for nothing any more, or `force` is set. NULL for none; what
 * never became whole is dropped on the way, and counted. Valid until maillog_queue_pop().
 */
const struct maillog_entry *maillog_queue_next(struct maillog_queue *q, usec_t now, bool force);

/* Removes the oldest. */
void maillog_queue_pop(struct maillog_queue *q);

/* The offset of the oldest in *out; false when there is none. */
bool maillog_queue_oldest(const struct maillog_queue *q, uint64_t *out);

/* Refusals that could not be read, or had no room. */
uint64_t maillog_queue_unreadable(const struct maillog_queue *q);

#endif
