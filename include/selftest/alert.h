/* An event of a failed run, so that whoever watches the events is told. */
#ifndef SELFTEST_ALERT_H
#define SELFTEST_ALERT_H

#include "check/config.h"
#include "selftest/report.h"

/*
 * Writes it where the configuration has the events; a file that is not there is not made, as the
 * guard would then not own it. `r` NULL: nothing could be tried. False, and `error` (static words)
 * says why: it could not be written.
 */
bool alert_write(
    const struct config *c, const struct report *r, int code, usec_t now, const char **error);

#endif
