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

/*
 * How far strangers are in a network: WAY_CLOSED for one that is somebody's own, SEVERITY_LOW for
 * one that is larger than a site's, SEVERITY_MEDIUM for a provider's and for one whose clients may
 * be anybody (strangers_behind()), SEVERITY_HIGH for what covers the world.
 */
int strangers_in(const struct prefix *p);

/* May there be a bridge or a gateway in it, that puts its own address in the place of a client's?
 */
bool strangers_behind(const struct prefix *p);

#endif
