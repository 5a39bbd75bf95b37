/*
 * Whom a listener of Postfix lets relay, and by what: its lists of restrictions
 * (SMTPD_ACCESS_README), evaluated for all addresses at once.
 */
#ifndef AUDIT_PF_IMPORT_CLIENTS_H
#define AUDIT_PF_IMPORT_CLIENTS_H

#include "audit/nets.h"
#include "audit/pf_pattern.h"

/* A check_recipient_access that is met before relaying is refused. */
struct pf_recipients {
	struct pf_pattern table;
	const char *list;      /* the parameter that it stands in */
	const char *overruled; /* the list that refuses relaying all the same; NULL: none does */
};

enum { PF_RECIPIENTS_MAX = 20 };

struct pf_clients {
	struct nets permitted; /* who may relay by his address... */
	struct nets refused;   /* ... unless it is one of these */
	bool everybody;        /* nothing refuses anybody: an open relay */
	bool inbound;          /* strangers may send to what is ours */
	bool logins, certs, any_cert;
	struct pf_recipients recipients[PF_RECIPIENTS_MAX];
	size_t recipient_count;
};

/*
 * What can't be expressed becomes a note of `notes`. False: memory is exhausted, or the tables
 * are too intricate; nothing is permitted then, and a note says so.
 */
bool pf_clients(const struct pf_view *v, struct import *notes, struct pf_clients *out);

#endif
