/* What the guard has written down, where this command may read it. */
#ifndef SELFTEST_EVENTS_H
#define SELFTEST_EVENTS_H

#include <stddef.h>

/*
 * The last lines of the event log, NUL-terminated, with their size; free() it. NULL: there is none
 * at `path` (may be NULL), or it can't be read.
 */
char *events_tail(const char *path, size_t *len);

#endif
