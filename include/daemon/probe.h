/* Does libmilter in this process still take connections and answer on them? */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include "daemon/gate.h"

enum probe {
	PROBE_ANSWERED,
	PROBE_SILENT,
	PROBE_NOT_TRIED, /* a socket could not be made, the gate was closed, or `cancel` */
};

/*
 * Opens a connection that only this process can take, lets libmilter accept it in place of the
 * listener's, for a moment, and negotiates. Waits `timeout_ms` at most, and no longer than until
 * `cancel` is readable. `scratch` is a unix path that may be made and removed.
 */
enum probe probe_run(struct gate *g, const char *scratch, int cancel, int timeout_ms);

#endif
