/*
 * How far a stranger reaches what a table of Postfix permits: enum severity, or WAY_CLOSED. He has
 * an address and a name that nobody has heard of, and chooses all else.
 */
#ifndef AUDIT_PF_REACH_H
#define AUDIT_PF_REACH_H

#include "audit/pf_table.h"

/* A permitting row of an access table: how far a stranger reaches it. */
typedef int pf_reach_fn(
    const struct pf_view *v, const struct pf_table *t, const struct pf_row *row);

/* The rows of patterns before one, of which the first that matches decides. Begin with {0}. */
struct pf_seen {
	bool all;       /* one of them matches everything */
	unsigned depth; /* within so many `if` */
};

/* Asked for each row in order: is it ever come to? */
bool pf_is_reached(const struct pf_table *t, const struct pf_row *row, struct pf_seen *seen);

int pf_client_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row);

/* What a stranger says of himself, in HELO or as the sender, is his choice. */
int pf_free_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row);

/* Which recipients elsewhere does it permit? Those of single domains are the owner's choice. */
int pf_recipient_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row);

int pf_cert_reach(const struct pf_view *v, const struct pf_table *t, const struct pf_row *row);

/* The list of relay_clientcerts: does it hold every certificate? */
int pf_cert_list_reach(const struct pf_view *v);

/* Whose certificates does permit_tls_all_clientcerts take? Everybody's, with public authorities. */
int pf_any_cert_reach(const struct pf_view *v);

/* Some strangers, to ask a table about; NULL behind the last. */
const char *pf_stranger_address(size_t i);
const char *pf_stranger_domain(size_t i);

/* Does permit_mx_backup ask for no network of the first MX, or for one that holds the world? */
bool pf_is_anybodys_backup(const struct pf_view *v);

#endif
