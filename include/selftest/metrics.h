/* The result as numbers, for the textfile collector of Prometheus' node exporter. */
#ifndef SELFTEST_METRICS_H
#define SELFTEST_METRICS_H

#include "base/strbuf.h"
#include "selftest/report.h"

/* `r` NULL: nothing could be tried. `code` is the exit code of the run. */
void metrics_add(const struct report *r, int code, usec_t now, struct strbuf *b);

#endif
