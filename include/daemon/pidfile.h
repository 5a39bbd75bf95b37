/*
 * The file that tells others the master's process id. It appears with its text in it, and is locked
 * (flock(2)) for as long as the process lives, so that a second daemon leaves it alone and one that
 * was killed does not block its successor.
 */
#ifndef DAEMON_PIDFILE_H
#define DAEMON_PIDFILE_H

#include <stdbool.h>

#include "daemon/fault.h"

struct pidfile {
	char *path; /* NULL: none */
	int fd;     /* of the file, locked; -1: none */
};

/*
 * Writes the caller's process id to `path` (NULL: nothing is done). False, with the reason, when
 * another process holds it, when something that is no plain file is in the way, or when it can't be
 * written.
 */
bool pidfile_take(struct pidfile *p, const char *path, struct fault *fault);

/* In a child: lets go of the lock's descriptor. */
void pidfile_forget(struct pidfile *p);

/* Removes the file where it is still the one that was written. */
void pidfile_remove(struct pidfile *p);

#endif
