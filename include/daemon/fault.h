/* Why the daemon does not start, or does not reload. */
#ifndef DAEMON_FAULT_H
#define DAEMON_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/exit.h"

#define FAULT_TEXT_MAX 512

struct fault {
	int code; /* EXIT_OK: none yet; what the program ends with when it is starting */
	/* What in the configuration it is about: static, or NULL where the caller knows. */
	const char *key;
	size_t entry;              /* which of the key's values, from 0 */
	char text[FAULT_TEXT_MAX]; /* where, what was found, what to do; not escaped */
};

/* The first one stays: what follows from it says less. Returns false, for `return fault_set(...)`.
 */
bool fault_set(struct fault *f, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
