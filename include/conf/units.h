/*
 * What people write for numbers, times and dates. Each function reads the whole text,
 * returns NULL when it is well-formed, and otherwise static words for what was expected;
 * *out is then left alone.
 */
#ifndef CONF_UNITS_H
#define CONF_UNITS_H

#include <stdint.h>

#include "base/clock.h"
#include "conf/schema.h"

/* 20, 10k, 2M, 1G: thousands. */
const char *unit_count(const char *text, uint64_t *out);

/* 4096, 64k, 2M, 1G: powers of 1,024. */
const char *unit_size(const char *text, uint64_t *out);

/* 500ms, 5s, 10m, 2h, 1d, 1w, or several, the largest first: 1h30m. A bare 0 is a duration. */
const char *unit_duration(const char *text, usec_t *out);

/* COUNT/DURATION, both at least one: 100/1h. */
const char *unit_rate(const char *text, struct conf_rate *out);

/* 2027-01-31: the first moment after that day, in UTC. */
const char *unit_date(const char *text, usec_t *out);

/* 660, 0660: the mode of a file, at most 0777. */
const char *unit_mode(const char *text, uint64_t *out);

/* 0 to 65535, nothing but digits; an empty text is none. */
const char *unit_port(const char *text, uint16_t *out);

#endif
