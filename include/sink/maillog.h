/*
 * Follows the MTA's log and makes events of what the MTA refused by itself and
 * no milter was told: Sendmail's "Relaying denied" and whatever else its check_rcpt refuses.
 * Postfix tells a milter itself, so its lines are passed over, and so are Sendmail's check_relay
 * and check_mail: those refuse a connection or a sender, not a recipient.
 *
 * Nothing is lost: a line is behind the stored position only after its event was handed over and
 * flushed. Nothing is repeated either, save when the process is killed between the
 * two: then up to MAILLOG_BATCH events come again. An event's session is "log-INODE-OFFSET", which
 * is the same then, and tells.
 *
 * A rotated file (renamed) is read to its end first, and so is the copy of one that was copied and
 * truncated, where it lies beside the log. What is lost: lines that were written between the
 * copying and the truncating, as nobody has them; whole files that were rotated, or compressed,
 * while nobody followed.
 */
#ifndef SINK_MAILLOG_H
#define SINK_MAILLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/event.h"

struct maillog; /* not thread-safe */

/* The position is stored after this many events at the latest. */
enum { MAILLOG_BATCH = 64 };

/* Where the events go. */
struct maillog_sink {
	/* False: it could not be taken; it comes again at the next poll, and nothing before it. */
	bool (*emit)(void *arg, const struct event *e);
	/* Waits until what was emitted is safe. False: not yet. NULL: it is when emit() returns. */
	bool (*flush)(void *arg);
	void *arg;
};

/*
 * `path` need not exist yet. `state_path` keeps the position from run to run; a file beside it
 * is locked, so that one process follows at a time: NULL with *error (words) when another does
 * (errno is EWOULDBLOCK), or it can't be made. Without a position (none, nonsense, another path's)
 * the log is followed from the end that it has at the first poll.
 */
struct maillog *maillog_open(const char *path, const char *state_path, const char **error);

/*
 * Reads what is new, hands each refusal over, in the log's order, and stores the position. Returns
 * how many events there were, -1 when the log can't be read (told once; it is tried again).
 * Reads a megabyte at most, see maillog_is_behind(). An event waits up to two seconds (of
 * `now`) for the line that tells its sender.
 */
int maillog_poll(struct maillog *m, usec_t now, const struct maillog_sink *sink);

/* There is more to read at once: poll again without a pause. */
bool maillog_is_behind(const struct maillog *m);

/* What was passed over so far, also told in the log once a minute. */
struct maillog_counts {
	uint64_t too_long;   /* lines over MAILLOG_LINE_MAX */
	uint64_t unreadable; /* refusals that could not be read */
};
struct maillog_counts maillog_counts(const struct maillog *m);

/* Stores the position; what waits for its sender comes at the next start. *m becomes NULL. */
void maillog_close(struct maillog **m);

#endif
