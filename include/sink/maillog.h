/*
 * Follows the MTA's log and makes events of what the MTA refused by itself and
 * no milter was told: Sendmail's "Relaying denied".
 */
#ifndef SINK_MAILLOG_H
#define SINK_MAILLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "core/event.h"

struct maillog; /* not thread-safe */

/* A longer line is skipped and counted. */
#define MAILLOG_LINE_MAX 8192

/*
 * `path` need not exist yet. `state_path` keeps the position from run to run; it is locked, so that
 * one process follows at a time: NULL with *error (words) when another does (errno is EWOULDBLOCK),
 * or it can't be made. Without a position the log is followed from its present end.
 */
struct maillog *maillog_open(const char *path, const char *state_path, const char **error);

/*
 * Reads what is new, through rotation and truncation, hands each refusal to `emit`, and
 * then stores the position. Returns how many events there were, -1 when the log can't be read (told
 * once). An event's session is "log-INODE-OFFSET": after a kill between emit and the stored
 * position an event may come again, with the same session.
 */
int maillog_poll(
    struct maillog *m, usec_t now, void (*emit)(void *arg, const struct event *e), void *arg);

void maillog_close(struct maillog **m);

/* One refusal, as a line tells it. Strings are NUL-terminated, unescaped, and cut to their size. */
struct maillog_refusal {
	usec_t time;
	char host[256];
	char queue_id[32];
	char client[64]; /* address text, canonical; "" when there was none */
	char client_name[256];
	char recipient[1100]; /* with its brackets */
	unsigned code;        /* 4xx or 5xx */
	char enhanced[12];
	char reply[512]; /* without codes */
};

/* One line without its newline; `now` gives the year that syslog's stamp has not. False: nothing of
 * interest. */
bool maillog_line(const char *line, size_t len, usec_t now, struct maillog_refusal *out);

#endif
