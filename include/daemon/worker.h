/* A child of the master: it serves one listener, or follows the MTA's log. */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include "base/clock.h"
#include "check/config.h"
#include "daemon/privileges.h"

struct worker_options {
	const struct config *config;
	const struct identity *identity;
	unsigned number; /* of the worker within its generation, from 1 */
	int listener;    /* the inherited socket; not used by the follower */
	unsigned sessions;
	bool for_proof;     /* limits and bans are not looked at, nor counted */
	usec_t prove_every; /* how often WORKER_ALIVE is wanted */
	int control; /* a socket to the master, SOCK_SEQPACKET; its end: the master is gone */
};

/* What is said on `control`: one message each, which begins with one of these. */
#define WORKER_READY 'R' /* the child serves; once */
#define WORKER_ALIVE 'A' /* and still does */
#define WORKER_SHUT 'S'  /* told to drain, it takes no session any more */
#define WORKER_FAULT 'F' /* it can't: the reason follows */
#define WORKER_DRAIN 'D' /* the master says: finish the sessions and end */

/* Both are called in the child after fork(), with its signals unblocked, and never return. */
_Noreturn void worker_main(const struct worker_options *o);
_Noreturn void follower_main(const struct worker_options *o);

/* For both: opens the event log as the configuration has it; ends the process on failure. */
struct eventlog *worker_open_events(const struct worker_options *o);

void worker_say_ready(const struct worker_options *o);
void worker_say_alive(const struct worker_options *o);

/*
 * When sessions that do not end by themselves are at last given up, counted from the time when
 * they are hung up on.
 */
#define WORKER_LAST_WAIT (60 * USEC_PER_SEC)

/* Logs why, tells it the master, and ends the process with `code`. */
_Noreturn void worker_give_up(const struct worker_options *o, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
