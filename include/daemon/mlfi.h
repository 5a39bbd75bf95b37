/*
 * The one file that knows libmilter: it unpacks what the MTA tells, calls
 * session_event() and says the decision. A connection's callbacks run on
 * different threads, one at a time; everything of it is in its own struct.
 */
#ifndef DAEMON_MLFI_H
#define DAEMON_MLFI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/session.h"
#include "daemon/probe.h"

struct mlfi_options {
	const struct policy *policy;
	const struct session_env *env;
	/* Of a session whose PROBE_MACRO is `probe_secret` ("": of none). */
	const struct session_env *probe_env;
	const char *probe_secret;
	int listener;        /* the inherited listening socket */
	const char *scratch; /* a unix path that may be made and removed at start */
	unsigned sessions;   /* at most; above it, connections wait in the listener's queue */
};

/*
 * Puts libmilter on the inherited listener: it opens a socket of its own (on `scratch` when it is
 * a unix one), which is then replaced. Call it once in a process, before privileges are dropped.
 * False, and it is logged, when it fails.
 */
bool mlfi_open(const struct mlfi_options *o);

/* Serves until the process ends. Returns only on failure. */
void mlfi_run(void);

/* Accepts no more connections. Sessions go on. Thread-safe, idempotent. */
void mlfi_stop_accepting(void);

/*
 * From now on a session's next command is answered with 421 where the protocol allows it, so that
 * the client comes back later. A message that is under way is judged to its end. Thread-safe.
 */
void mlfi_hang_up(void);

/* Whether libmilter still takes connections and answers (daemon/probe.h). For one thread. */
enum probe mlfi_probe(int cancel, int timeout_ms);

/* How many connections live, those included that were accepted and have said nothing yet. */
unsigned mlfi_connections(void);

#endif
