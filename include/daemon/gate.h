/*
 * The gate before libmilter's accept(2): which socket its descriptor means. Open, it is
 * the inherited listener; shut, a socket that nobody knows. Connections that
 * come meanwhile wait in the listener's queue, or go to another worker.
 *
 * libmilter has no way to pause or to end accepting, and its descriptor limit
 * is a spin; replacing the descriptor under it is the way that was measured to work.
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"

struct gate {
	pthread_mutex_t lock;
	int fd;        /* the descriptor that libmilter accepts from */
	int listener;  /* the inherited one */
	int blind;     /* the socket that nobody knows, while shut; else -1 */
	unsigned live; /* sessions between gate_enter() and gate_leave() */
	unsigned cap;
	bool closed; /* for good */
	usec_t told;
};

/* Takes over both descriptors. False when there is no descriptor left. */
bool gate_open(struct gate *g, int fd, int listener, unsigned cap);

/* A session begins, or ends. At the cap the gate shuts; it opens again a little below it. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);

/* Shuts for good. */
void gate_close(struct gate *g);

/* Sessions, and accepted connections that have not become sessions yet. */
unsigned gate_connections(struct gate *g);

#endif
