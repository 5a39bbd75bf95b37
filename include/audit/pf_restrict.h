/*
 * What a stranger gets through Postfix's restriction lists (SMTPD_ACCESS_README, access(5)) when
 * he asks for a recipient elsewhere, and may choose his address, his names and his sender.
 */
#ifndef AUDIT_PF_RESTRICT_H
#define AUDIT_PF_RESTRICT_H

#include "audit/pf_table.h"
#include "audit/strangers.h"

/* An element of a list that lets the stranger through. */
struct pf_culprit {
	const char *id; /* of the finding */
	int severity;
	const char *list; /* the parameter whose list it stands in */
	const char *file; /* where: the element, or the row of its table */
	unsigned line;
	const char *element; /* "check_sender_access hash:/etc/postfix/senders" */
	unsigned index;      /* of its first word in the list */
	const char *why;
};

struct pf_culprits {
	struct pf_culprit *items;
	size_t count, room;
};

struct pf_way {
	int permit; /* the best way on which something says OK before anything refuses */
	int pass;   /* the best way to the end of the list */
};

/* What permit_mynetworks is worth to a stranger, judged elsewhere: pf_networks.c. */
struct pf_trust {
	int networks;      /* WAY_CLOSED, or how far strangers are in mynetworks */
	const char *alone; /* the list in which nothing else permits; NULL: there is none */
};

/*
 * What is known of the stranger when a list is asked, besides his address and name. A restriction
 * that is about anything else has no effect then.
 */
enum {
	PF_KNOWS_HELO = 1,
	PF_KNOWS_SENDER = 2,
	PF_KNOWS_RECIPIENT = 4,
	PF_RECIPIENT_IS_OURS = 8, /* what domain lists hold; else it is elsewhere */
};

/* Walks over the list of one parameter; culprits are added where not NULL. */
struct pf_way pf_walk(const struct pf_view *v, const char *parameter, unsigned known,
    const struct pf_trust *trust, struct pf_culprits *culprits);

#endif
