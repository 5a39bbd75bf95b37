/*
 * A configuration that is proved before it goes live: a generation of one worker that serves a
 * private socket alone, in the state directory, for the self-test. It counts nothing, and bans
 * nobody. One at a time; who asked for it says how it ends.
 */
#ifndef DAEMON_PROOF_H
#define DAEMON_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "check/config.h"
#include "daemon/fault.h"
#include "daemon/generation.h"

/* The self-test has so long. */
#define PROOF_TIME (300 * USEC_PER_SEC)

enum proof_state {
	PROOF_NONE,
	PROOF_STARTS,
	PROOF_SERVES,
	PROOF_FAILED, /* its worker did not start, or died, or time is over: see proof_fault() */
	PROOF_TAKEN,  /* proof_accept() was called; its worker ends */
	PROOF_OVER,   /* and has ended: proof_take() */
};

/*
 * Begins one; there must be none. `live` is the generation that goes on serving. Takes `config`
 * over only on success; false, with the fault, otherwise.
 */
bool proof_begin(struct config *config, const struct generation *live, struct fault *fault);

/* Drops the private sockets of masters that were killed. Before the first. */
void proof_drop_left(const char *state);

/* What a loop of the master's has to do for it. `in_child` as for generation_fill(). */
enum proof_state proof_look_after(usec_t now, usec_t passed, void (*in_child)(int listener));

enum proof_state proof_state(void);
const struct fault *proof_fault(void);

/* NULL: there is none. */
const struct generation *proof_generation(void);

/* "unix:PATH" of the private socket. */
const char *proof_socket(void);

/* As generation_reap(). */
bool proof_reap(pid_t pid, int status, usec_t now);

/*
 * Of one that serves: its worker is told to end, and then its configuration can be taken. False,
 * with the fault: a file that it was read from is another now.
 */
bool proof_accept(struct fault *fault);

/* Of one that is over: there is none afterwards. */
struct config *proof_take(void);

/* In whatever state: its generation, whose worker is to be drained; the caller's from here on. */
struct generation *proof_drop(void);

#endif
