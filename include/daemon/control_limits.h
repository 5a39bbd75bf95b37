/*
 * What the control socket is asked of limits. Each takes a request and writes the whole
 * reply; `c` is the configuration in effect, NULL when there is none yet.
 */
#ifndef DAEMON_CONTROL_LIMITS_H
#define DAEMON_CONTROL_LIMITS_H

#include "base/strbuf.h"
#include "check/config.h"
#include "wire/control.h"

/* limits [key=K]: the limits, or what each has counted of the key. */
void control_limits(const struct config *c, const struct control_line *l, struct strbuf *reply);

/* top [count=N]: of each limit and window the N keys that are nearest to it. */
void control_top(const struct config *c, const struct control_line *l, struct strbuf *reply);

#endif
