/* The store of limits and bans: opened by the master once, inherited by all that it forks. */
#ifndef DAEMON_COUNTERS_H
#define DAEMON_COUNTERS_H

#include <stdbool.h>

#include "check/config.h"
#include "daemon/fault.h"
#include "limit/store.h"

/*
 * Opens the store in the state directory, and starts the thread that writes it to the disk once a
 * second. Later calls leave it as it is, and tell what needs a restart. False, with the fault,
 * when it can't be opened and the configuration has limits; without limits there are then no bans
 * either, which is logged too.
 */
bool counters_open(const struct config *config, struct fault *fault);

/*
 * In a worker, while it still may read what only root may: prepares that limits are shared, where
 * the configuration says so. False with words in `error`.
 */
bool counters_share(const struct config *config, char error[STORE_ERROR_MAX]);

/* Starts what counters_share() prepared. `config` must stay. */
void counters_share_start(const struct config *config);

/* NULL: there is none. */
struct store *counters(void);

#endif
