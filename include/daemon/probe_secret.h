/* What the self-test shows so that its sessions are not counted: made by the master once. */
#ifndef DAEMON_PROBE_SECRET_H
#define DAEMON_PROBE_SECRET_H

#include "daemon/privileges.h"

/*
 * Makes it in the state directory; later calls leave it as it is. Where it can't be written, which
 * is logged, the self-test is counted as everybody.
 */
void probe_secret_make(const char *state, const struct identity *identity);

/* "": there is none. */
const char *probe_secret(void);

#endif
