/*
 * What happens while the guard is down: its sockets are moved aside for the time of the test, so
 * that the mail server finds nobody, as after a crash.
 */
#ifndef SELFTEST_FAILOVER_H
#define SELFTEST_FAILOVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "conf/schema.h"

#define FAILOVER_ERROR_SIZE 300
#define FAILOVER_SOCKETS_MAX 16

struct failover {
	size_t count;
	const char *paths[FAILOVER_SOCKETS_MAX]; /* that were moved */
	sigset_t signals;                        /* as they were blocked before */
	pid_t keeper;                            /* a process that moves them back if we die */
	int lifeline;                            /* closes with us, and wakes it */
};

/*
 * Moves the unix sockets of `listen` aside. Whatever ends this process before failover_end(),
 * SIGKILL too, they are moved back by a process that waits for that; only a stop by the terminal is
 * held back. One that an earlier test could not move back is taken over. False, and `error` in
 * words: one can't be moved, or a guard answers at one that is no unix socket; then all are as they
 * were.
 */
bool failover_begin(
    struct failover *f, const struct conf_sockets *listen, char error[FAILOVER_ERROR_SIZE]);

/* Moves them back. False, and `error` in words: one could not be, and the guard is not reached. */
bool failover_end(struct failover *f, char error[FAILOVER_ERROR_SIZE]);

#endif
