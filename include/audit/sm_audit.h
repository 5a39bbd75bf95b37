/* The audit of Sendmail: what its parts share. */
#ifndef AUDIT_SM_AUDIT_H
#define AUDIT_SM_AUDIT_H

#include "audit/finding.h"
#include "audit/sm_facts.h"

struct sm_audit {
	struct sm *sm;
	struct findings *findings;
};

/* Adds a finding at the place of the fact (NULL: of the whole file). Texts are copied. */
void sm_report(struct sm_audit *a, const char *id, enum severity severity, const struct sm_fact *f,
    const char *why, const char *instead);

/* sm_relay.c: can a stranger relay? */
void sm_audit_relay(struct sm_audit *a);

/* sm_host.c: milters, logins, limits, and what else the server shows. */
void sm_audit_host(struct sm_audit *a);

/* Is `word` in a list parted by blanks or commas, without case? */
bool sm_has_word(const char *list, const char *word);

/* sm_import.c */
void sm_import(struct sm *sm, struct import *i);

#endif
