/* How the lines of the daemon's replies are printed: as JSON, or for a terminal. */
#ifndef TOOL_DAEMON_PRINT_H
#define TOOL_DAEMON_PRINT_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "wire/control.h"

/*
 * The lines of a reply as one JSON object: what occurs once under its word, what may occur several
 * times as an array under its plural. `once` is a NULL-terminated list of the words of the
 * former. Times become RFC 3339.
 */
struct daemon_json {
	const char *const *once;
	struct strbuf b;
	char open[CONTROL_WORD_MAX]; /* the array that is open; "" none */
	bool any;
};

/* `json` is a struct daemon_json. */
void daemon_json_line(void *json, const struct control_line *l);

/* Closes it, prints it and frees it. `lists` are words whose array is there, even when empty; NULL:
 * none. Returns `code`, or EXIT_INTERNAL, told, when that can't be done. */
int daemon_json_end(struct daemon_json *j, const char *const *lists, int code);

/* A field for a terminal, escaped; "" where there is none. Returns `out`. */
#define DAEMON_FIELD_MAX 4200
const char *daemon_field(
    const struct control_line *l, const char *name, char out[DAEMON_FIELD_MAX]);

/* A field that is a time, in the local zone; "never" where it is 0 or none. */
const char *daemon_time(const struct control_line *l, const char *name, char out[CLOCK_TEXT_MAX]);

/* 90061000000: "1d1h1m1s"; below a second "<1s", and "0" for none. */
#define DAEMON_DURATION_MAX 48
const char *daemon_duration(usec_t t, char out[DAEMON_DURATION_MAX]);

#endif
