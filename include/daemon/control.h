/*
 * The control socket: commands talk to the master through it (wire/control.h). Everything here is
 * non-blocking and bounded, so that slow, silent and hostile clients cost the master nothing:
 * CONTROL_CLIENTS at once, a request within CONTROL_REQUEST_TIME, a reply read within
 * CONTROL_REPLY_TIME. A proof belongs to the connection that asked for it, which may be silent for
 * as long as the proof may last, and ends with it.
 *
 * Who may connect is a matter of the socket's mode and group. Who may do more than look is root,
 * the user that the daemon was started as, and the user of its workers; half of the places are kept
 * for them.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "check/config.h"

enum { CONTROL_CLIENTS = 32, CONTROL_LOOKERS = 16 };

#define CONTROL_REQUEST_TIME (5 * USEC_PER_SEC)
#define CONTROL_REPLY_TIME (10 * USEC_PER_SEC)

/* What the master does for it. */
struct control_master {
	void (*status)(struct strbuf *reply);
	/* The number under which the outcome of the next reload will be told. */
	uint64_t (*next_reload)(void);
	/* Begins it, now or after the one that is under way. */
	void (*reload)(void);
	/* Loads the configuration for daemon/proof.h; its outcome is told by control_tell_proof().
	 */
	void (*prove)(void);
	/* What was proved goes live: control_wait_for_reload() follows, or control_tell_proof(). */
	void (*adopt)(void);
	/* What was to be proved is not taken; nothing where there is no proof. */
	void (*drop)(int code, const char *why);
	void (*stop)(void);
	bool (*is_stopping)(void);
	/* What is in effect; NULL before the first generation serves. */
	const struct config *(*config)(void);
	/* The user of the workers; (uid_t)-1: none of its own. */
	uid_t (*user)(void);
};

/* The struct must stay. */
void control_open(const struct control_master *m);

/*
 * What to wait for: adds at most `max` entries to `fds` and returns how many. `listener` is -1
 * where no connection is taken.
 */
size_t control_wait(int listener, struct pollfd *fds, size_t max);

/* Takes connections, reads, answers and gives up, as far as it can be done at once. */
void control_serve(int listener, usec_t now);

/* Reload `number`, and each before it that was not told, came to this. */
void control_tell_reload(uint64_t number, int code, const char *text);

/*
 * The configuration that is to be proved is served at `socket` and was read from `path`; or, code
 * not EXIT_OK, there is no proof, and `text` says why.
 */
void control_tell_proof(int code, const char *text, const char *socket, const char *path);

/* Whoever asked for the proof is told what reload `number` comes to. */
void control_wait_for_reload(uint64_t number);

/* Tells those who wait for the stop, and closes all. */
void control_close(void);

/* In a child: closes all. */
void control_forget(void);

#endif
