/* One line of the event log, read back. The only file that knows a JSON library. */
#ifndef TOOL_EVENT_LINE_H
#define TOOL_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* A longer line is none. */
#define EVENT_LINE_MAX ((size_t)64 << 10)

/* What the event has not is "". A byte that was no UTF-8 is U+0080 to U+00FF here. */
struct event_line {
	void *root; /* owns the strings */
	usec_t time;
	const char *session, *message, *stage, *client, *auth, *sender, *recipient, *verdict, *by;
};

/*
 * Reads a line of `len` bytes. NULL when it is an event, which is to be freed; else static
 * words for what was expected.
 */
const char *event_line_read(const char *line, size_t len, struct event_line *out);
void event_line_free(struct event_line *e);

/* RFC 3339 with any zone. False: it is none. */
bool event_time_read(const char *text, usec_t *out);

#endif
