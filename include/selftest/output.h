/* How a self-test is told. */
#ifndef SELFTEST_OUTPUT_H
#define SELFTEST_OUTPUT_H

#include <stdio.h>

#include "selftest/plan.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_TAP, OUTPUT_JUNIT };

struct output_counts {
	size_t right, wrong, errors; /* errors: no answer; they are among the wrong ones */
};

struct output_counts output_count(const struct plan *p);

/* `colour`: escape sequences for a terminal. Text from the server is escaped. */
void output_trials(const struct plan *p, enum output_format format, bool colour, FILE *to);

/* The probes, without a result: text or JSON. */
void output_probes(const struct probe_names *n, enum output_format format, FILE *to);

#endif
