/* A child of the master: it serves one listener, or follows the MTA's log. */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include "check/config.h"
#include "daemon/privileges.h"

struct worker_options {
	const struct config *config;
	const struct identity *identity;
	unsigned number; /* of the worker within its generation, from 1 */
	int listener;    /* the inherited socket; not used by the follower */
	unsigned sessions;
	/*
	 * A socket to the master. The child writes WORKER_READY once; the master writes
	 * WORKER_DRAIN; its end means that the master is gone.
	 */
	int control;
};

#define WORKER_READY 'R'
#define WORKER_DRAIN 'D'

/* Both are called in the child after fork(), with its signals unblocked, and never return. */
_Noreturn void worker_main(const struct worker_options *o);
_Noreturn void follower_main(const struct worker_options *o);

/* For both: opens the event log as the configuration has it. NULL, and it is logged, on failure. */
struct eventlog *worker_open_events(const struct config *c);

#endif
