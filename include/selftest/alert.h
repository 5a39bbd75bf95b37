/* An event of a failed run, so that whoever watches the events is told. */
#ifndef SELFTEST_ALERT_H
#define SELFTEST_ALERT_H

#include "check/config.h"
#include "selftest/report.h"

struct alert_error {
	const char *where; /* a path, or "unix:PATH" */
	const char *why;   /* static words */
};

/*
 * Writes it where the configuration has the events, and its notices besides; a file that is not
 * there is not made, as the guard would then not own it. `r` NULL: nothing could be tried. False,
 * and *error says what went wrong first: it could not be written to both.
 */
bool alert_write(const struct config *c, const struct report *r, int code, usec_t now,
    struct alert_error *error);

#endif
