/* The sockets that the MTA connects to: made by the master, inherited by workers. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "conf/schema.h"
#include "daemon/fault.h"

struct listener_socket {
	char *text; /* as the configuration has it; identifies it across reloads */
	char *path; /* unix: to be removed at the end; else NULL */
	dev_t dev;  /* of the path, so that only our own is removed */
	ino_t ino;
	int fd;
};

struct listeners {
	size_t count;
	struct listener_socket *items;
};

struct listen_options {
	mode_t mode; /* of unix sockets */
	uid_t uid;   /* (uid_t)-1: unchanged */
	gid_t gid;
};

/*
 * Opens every socket of `want` that `have` has not, and takes over from `have` (may be
 * NULL) those that it has: they appear in both. A unix socket that is no longer at its path is
 * opened anew. All are non-blocking, close-on-exec, and TCP ones
 * have TCP_NODELAY. A unix path is taken over only from a socket that nobody answers on. On failure
 * nothing is changed, and `fault` says which socket (its entry too), what was found and what to do;
 * its code is EXIT_AGAIN for what may be otherwise in a moment, such as an address that another
 * program has.
 */
bool listeners_open(struct listeners *out, const struct conf_sockets *want,
    const struct listeners *have, const struct listen_options *o, struct fault *fault);

/*
 * Gives unix sockets that were taken over the owner and the mode of `o`. What can't be is logged.
 */
void listeners_set_rights(const struct listeners *l, const struct listen_options *o);

/* Closes, and removes from the file system, what is in `l` and not in `keep` (may be NULL); frees
 * `l`. */
void listeners_close(struct listeners *l, const struct listeners *keep);

#endif
