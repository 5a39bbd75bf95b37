/* What systemd is told (sd_notify(3)); nothing happens where it does not ask. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/clock.h"

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);

/* How often notify_alive() is wanted; 0: not at all. */
usec_t notify_interval(void);
void notify_alive(void);

#endif
