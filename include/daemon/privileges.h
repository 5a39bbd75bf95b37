/* Who the workers are. */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/fault.h"

struct identity {
	bool change; /* false: not started as root, nothing to give up */
	const char *user;
	uid_t uid;
	gid_t gid;        /* of the process */
	gid_t socket_gid; /* of unix sockets */
};

/*
 * Looks the names up (group, socket_group: NULL means the user's own). False, with the reason, when
 * one does not exist.
 */
bool identity_find(struct identity *out, const char *user, const char *group,
    const char *socket_group, struct fault *fault);

/* Gives up root for good, with the supplementary groups of the user. False, and it is logged, when
 * it fails. */
bool identity_assume(const struct identity *id);

#endif
