/* Which networks and which domains hold strangers: the same for every mail server. */
#ifndef AUDIT_STRANGERS_H
#define AUDIT_STRANGERS_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/severity.h"

/* How far a way is open: enum severity, or this. */
enum { WAY_CLOSED = -1 };

/*
 * Can anybody register below it: is it a top-level domain, or another public suffix? A dot in front
 * of it does not matter.
 */
bool strangers_below(const char *domain);

/* How far strangers are in a network: WAY_CLOSED for one that is somebody's own. */
int strangers_in(const struct prefix *p);

#endif
