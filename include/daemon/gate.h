/*
 * The gate before libmilter's accept(2): which socket its descriptor means. Open, it is
 * the inherited listener; shut, a socket that nobody can reach. Connections that
 * come meanwhile wait in the listener's queue, or go to another worker.
 *
 * libmilter has no way to pause or to end accepting, and its descriptor limit
 * is a spin; replacing the descriptor under it is the way that was measured to work.
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"

struct gate {
	pthread_mutex_t lock;
	int fd;       /* the descriptor that libmilter accepts from */
	int listener; /* the inherited one; -1 once closed for good */
	int blind;    /* a listening socket whose path is gone */
	int shown;    /* another socket in the listener's place, for a moment; -1: none */
	pthread_t acceptor;
	struct sockaddr_storage name; /* the listener's */
	socklen_t name_len;
	unsigned live; /* sessions between gate_enter() and gate_leave() */
	unsigned cap;
	bool shut;
	usec_t told;
};

/*
 * Takes over both descriptors. `scratch` is a path in a folder that nobody else can reach, used for
 * a moment. The calling thread is the one that accepts: it gets SIGUSR1 at each change. False, with
 * errno, when that fails.
 */
bool gate_open(struct gate *g, int fd, int listener, const char *scratch, unsigned cap);

/* A session begins, or ends. At the cap the gate shuts; it opens again a little below it. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);

/*
 * Lets libmilter accept from another listening socket in place of the listener, even at the cap,
 * until gate_hide(). False when the gate is closed for good, or that fails.
 */
bool gate_show(struct gate *g, int socket);
void gate_hide(struct gate *g);

/* Shuts for good. */
void gate_close(struct gate *g);

/* Sessions, and accepted connections that have not become sessions yet. */
unsigned gate_connections(struct gate *g);

#endif
