/* One configuration and the children that serve it. */
#ifndef DAEMON_GENERATION_H
#define DAEMON_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "check/config.h"
#include "daemon/fault.h"
#include "daemon/listen.h"
#include "daemon/privileges.h"

/* In the state directory, with the master's process number behind it: the socket of a proof. */
#define GENERATION_PRIVATE ".proof-"

/* A place that is always filled: when its process ends, another is started. */
struct slot {
	pid_t pid;         /* 0: none at the moment */
	int control;       /* to the process, -1: none */
	int listener;      /* index into listeners; -1: the follower of the mail log */
	int tally;         /* its place in daemon/tally.h */
	bool ready, shut;  /* it has said so: see daemon/worker.h */
	usec_t started;    /* monotonic, of the process */
	usec_t silent;     /* for how long it has said nothing */
	usec_t restart_at; /* monotonic, when pid is 0 */
	unsigned failures; /* in a row, each within a second of its start */
};

struct generation {
	unsigned number; /* from 1 */
	struct config *config;
	bool for_proof; /* see generation_new_for_proof() */
	struct identity identity;
	struct listeners listeners;
	struct listeners control; /* one */
	size_t count;
	struct slot *slots;
	usec_t started;          /* monotonic */
	usec_t patience;         /* a child that says nothing for so long hangs */
	struct fault fault;      /* the first that a child told, or died of */
	struct generation *next; /* in the master's list of those that end */
};

/*
 * Looks up the identity, makes the state folder and opens the sockets (taking over those of
 * `before`, which may be NULL). Takes `config` over only on success. NULL, with the reason,
 * otherwise.
 */
struct generation *generation_new(
    struct config *config, const struct generation *before, struct fault *fault);

/*
 * The same for daemon/proof.h: one worker, which serves a private socket in the state folder alone
 * and counts nothing.
 */
struct generation *generation_new_for_proof(
    struct config *config, const struct generation *before, struct fault *fault);

/*
 * Starts what is due in every empty slot. `in_child` is called first in each new process, to close
 * what belongs to the master alone, and every listening socket but the one given (-1: all). Returns
 * the monotonic time when it wants to be called again, 0: not at all.
 */
usec_t generation_fill(struct generation *g, usec_t now, void (*in_child)(int listener));

/* Reads what the children say. */
void generation_listen(struct generation *g);

/*
 * Lets `passed` microseconds pass: a child that has said nothing for too long is killed.
 */
void generation_watch(struct generation *g, usec_t passed);

/* Does none of its workers, of those that live, take a session any more? */
bool generation_is_shut(const struct generation *g);

/* Has a worker of every socket proved lately that it serves? */
bool generation_is_alive(const struct generation *g);

/* How long its sessions may take to end, at most, once it is told to drain. */
usec_t generation_drain_limit(const struct generation *g);

bool generation_is_ready(const struct generation *g);
bool generation_is_over(const struct generation *g);

/* Takes note that `pid` ended with `status` (of waitpid(2)); false when it is not one of its own.
 */
bool generation_reap(struct generation *g, pid_t pid, int status, usec_t now);

/* Tells every child to finish its sessions and to end. */
void generation_drain(const struct generation *g);
void generation_kill(const struct generation *g);

/* Gives the sockets that were taken over the owner and the mode that this generation's have. */
void generation_own_sockets(const struct generation *g);

/* Closes the sockets that `after` (may be NULL) has not taken over, removes their paths, and
 * forgets them. */
void generation_release_sockets(struct generation *g, const struct generation *after);

/* In a child: closes the master's ends, and the listening sockets but `listener`. */
void generation_forget(const struct generation *g, int listener);

void generation_free(struct generation **g);

#endif
