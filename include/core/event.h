/* The record of one decision. Log, metrics, report and replay all read this. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/strbuf.h"

/*
 * Flat, one member a key of the JSON line, in its order. A NULL or "" string and
 * a zero number are left out, and a flag that is not set. Strings are borrowed: valid during the
 * call that hands the event over.
 */
struct event {
	usec_t time;
	const char *host, *session, *message, *stage;
	const char *client; /* address text */
	uint16_t client_port;
	const char *client_name, *helo, *auth, *auth_mech, *tls, *cert_subject, *cert_fingerprint;
	const char *listener;
	const char *sender, *recipient; /* raw, as the client wrote them */
	const char *reading, *mta_mailer, *mta_host, *mta_addr;
	const char *check, *rule;
	const char *where; /* file:line */
	const char *verdict;
	const char *by; /* "guard" or "mta" */
	uint16_t code;
	const char *enhanced, *reply, *reason, *mode;
	const char *spf, *spf_domain, *dkim, *dkim_domain, *dmarc, *dmarc_policy, *from_domain;
	const char *limit, *limit_key;
	uint64_t limit_count;
	bool notify; /* somebody should be told at once */
	bool probe;  /* of the self-test, to which no mail belongs */
	uint64_t took_us;
};

/* Appends the event as one line of JSON, '\n' included. */
void event_json(const struct event *e, struct strbuf *b);

/* Appends the event as one line of key=value for syslog, no '\n'. */
void event_text(const struct event *e, struct strbuf *b);

#endif
