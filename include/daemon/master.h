/*
 * The master: it owns the listening sockets, the signals and the pid file, and
 * keeps generations of workers. It parses no mail.
 */
#ifndef DAEMON_MASTER_H
#define DAEMON_MASTER_H

#include "check/config.h"

/*
 * Serves until SIGTERM or SIGINT; SIGHUP reads `path` again. `config` is what was read from it,
 * and belongs to the master from here on. Returns an exit code of base/exit.h.
 */
int master_run(const char *path, struct config *config);

#endif
