/* The resolver section: whom to ask, and what a message may cost. */
#ifndef CHECK_DNS_H
#define CHECK_DNS_H

#include <stdbool.h>

#include "auth/resolver.h"
#include "conf/schema.h"

/* resolver { ... }; always there, with defaults where it is not written. */
struct dns_settings {
	struct conf_head head;
	struct conf_texts forward; /* addresses, with @PORT or without */
	const char *resolv_conf;
	const char *trust_anchor; /* NULL: no validation */
	const char *fixed;        /* a file of records, see auth/fixed.h; NULL: none */
	usec_t deadline;          /* what a callback may wait, in all */
	usec_t timeout;           /* for one answer */
	uint64_t lookups;         /* of one message */
	uint64_t in_flight, cache;
};

extern const struct conf_schema resolver_schema;

/*
 * Opens what the section describes; call it after fork. NULL, with *error set to words, when that
 * fails.
 */
struct resolver *dns_open(const struct dns_settings *d, const char **error);

/*
 * A budget for one message that begins now. Once a number of messages in a row had no answer, a
 * message waits for DNS_IMPATIENT at most, so that callbacks don't queue up behind a server that is
 * dead; one in each second still waits as configured, to see whether it is back.
 */
#define DNS_IMPATIENT (USEC_PER_SEC / 4)
struct dns_budget dns_budget_of(const struct dns_settings *d);

/* A message that asked is over: did anything answer? For all messages of this process. */
void dns_report(bool answered);

#endif
