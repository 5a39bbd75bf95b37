/*
 * Generations come and go: one serves, the next gets ready to take its place, and those before
 * finish their sessions. Beside them one may be proved (daemon/proof.h). What comes of a reload is
 * told at the control socket.
 */
#ifndef DAEMON_SUCCESSION_H
#define DAEMON_SUCCESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "check/config.h"
#include "daemon/fault.h"
#include "daemon/status.h"

/*
 * Begins with `config`, which was read from `path` just now. `in_child` is called first in each new
 * process, to close what belongs to the master alone. False, with the fault, and `config` is the
 * caller's still, when the first generation can't be started.
 */
bool succession_begin(
    const char *path, struct config *config, void (*in_child)(void), struct fault *fault);

/* Reads the configuration again, now or after the reload that is under way. */
void succession_reload(void);

/* The number under which control_tell_reload() will tell what the next reload comes to. */
uint64_t succession_next_reload(void);

/* As struct control_master has them. */
void succession_prove(void);
void succession_adopt(void);
void succession_drop(int code, const char *why);

/* Has all sessions finished; the second time, cut. */
void succession_stop(void);
bool succession_is_stopping(void);

/* Stopping, and no process is left. */
bool succession_is_over(void);

/* What the program ends with: EXIT_OK unless it did not start. */
int succession_code(void);

/* Takes note that a child ended with `status` (of waitpid(2)). */
void succession_reap(pid_t pid, int status);

/*
 * Starts what is due, listens to the children, kills those that hang; `passed` microseconds after
 * the last time. Returns the monotonic time when it wants to be called again, 0: not at all.
 */
usec_t succession_look_after(usec_t now, usec_t passed);

/* Adds what should wake the master before that to `fds`, up to `max` entries. */
size_t succession_wait(struct pollfd *fds, size_t max);

/* What there is at the moment; valid until the next call of another function. */
struct daemon_view succession_view(void);

#endif
