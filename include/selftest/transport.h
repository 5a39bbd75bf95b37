/* The ways in: how one actor's trials reach the server. */
#ifndef SELFTEST_TRANSPORT_H
#define SELFTEST_TRANSPORT_H

#include "selftest/plan.h"

struct transport_options {
	struct conf_socket to;
	struct addr source; /* SMTP: where strangers come from when there is no XCLIENT; ADDR_NONE:
	                       not given */
	unsigned timeout_ms;
	struct probe_names names;
};

/*
 * Tries `count` trials of one actor, in one session unless it is cut, and fills their outcomes.
 * Errors are outcomes too. Thread-safe: each call has a connection of its own.
 */
typedef void transport_fn(const struct transport_options *o, struct trial *trials, size_t count);

/* The guard's own socket: any client can be played, and an MTA that would relay everything. */
transport_fn transport_milter;

/* A real session with the mail server: other clients by XCLIENT where it is allowed, or by the
 * source address. */
transport_fn transport_smtp;

/* Marks every trial that has no outcome yet. */
void transport_fail(struct trial *trials, size_t count, const char *why);

/* A reply's text and who gave it. */
void outcome_set(struct outcome *o, unsigned code, const char *text);

#endif
