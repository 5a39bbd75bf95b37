/* The audit of Sendmail: what its parts share. */
#ifndef AUDIT_SM_AUDIT_H
#define AUDIT_SM_AUDIT_H

#include "audit/finding.h"
#include "audit/sm_facts.h"

struct sm_audit {
	struct sm *sm;
	struct findings *findings;
	enum severity limit;        /* no finding is worse */
	const char *raw, *raw_file; /* the file that sm_raw() read last */
};

/* Adds a finding at the place of the fact (NULL: of the whole file). Texts are copied. */
void sm_report(struct sm_audit *a, const char *id, enum severity severity, const struct sm_fact *f,
    const char *why, const char *instead);

/*
 * sm_instead.c: the exact line to write in the place of a fact's. Texts are in the arena of the
 * findings.
 */

/* Is the fact to be changed in a file that m4 reads? NULL: is the whole? */
bool sm_in_mc(struct sm_audit *a, const struct sm_fact *f);

/* Its line as a comment. */
const char *sm_commented(struct sm_audit *a, const struct sm_fact *f);

/* Its line without the word that the fact is, where there are others; else as a comment. */
const char *sm_without(struct sm_audit *a, const struct sm_fact *f);

/* A feature is taken away in sendmail.mc, wherever that is. */
const char *sm_without_feature(struct sm_audit *a, const struct sm_fact *f);

/* define(`confX', `value')dnl, or O Option=value. */
const char *sm_define(struct sm_audit *a, const struct sm_fact *f, const char *macro,
    const char *option, const char *value);

/* sm_relay.c: can a stranger relay? */
void sm_audit_relay(struct sm_audit *a);

/* sm_clients.c: who may relay, and to where, by lists and tables? */
void sm_audit_clients(struct sm_audit *a);

/* sm_senders.c: who may relay for the sender's address that he gives? */
void sm_audit_senders(struct sm_audit *a);

/* sm_host.c: milters, logins, limits, and what else the server shows. */
void sm_audit_host(struct sm_audit *a);

/* Is `word` in a list parted by blanks or commas, without case? */
bool sm_has_word(const char *list, const char *word);

/* Does AuthOptions have one of these letters? Of each of its words the first counts. */
bool sm_auth_option(const struct sm *sm, const char *letters);

/* Has DaemonPortOptions this modifier, M=Ea? And is it for this host alone? */
bool sm_has_modifier(const char *daemon, char letter);
bool sm_is_loopback(const char *daemon);

/* sm_import.c */
void sm_import(struct sm *sm, struct import *i);

/* sm_import_access.c: what the access map says of clients, of recipients and of certificates. */
void sm_import_access(struct sm *sm, struct import *i);

/* sm_import_limits.c: how often clients may connect. */
void sm_import_limits(struct sm *sm, struct import *i);

/* sm_import_virtuser.c: addresses that are sent on. To be called when all of `domains` are there.
 */
void sm_import_virtuser(struct sm *sm, struct import *i);

/* A domain that is relayed to, and all below it unless FEATURE(`relay_hosts_only'). */
void sm_add_relay_domain(
    struct sm *sm, struct import *i, const char *name, const struct import_from *where);
void sm_add_network(struct import *i, const struct prefix *p, const struct import_from *where);
struct import_from sm_from(const struct sm_fact *f, const char *what);

#endif
