/*
 * The words of Postfix's restriction lists (SMTPD_ACCESS_README), and how a list is read into
 * elements.
 */
#ifndef AUDIT_PF_LIST_H
#define AUDIT_PF_LIST_H

#include <stdbool.h>

#include "audit/pf_config.h"

/* What a restriction does to a stranger's recipient elsewhere. */
enum pf_effect {
	PF_PASSES,
	PF_PERMITS,
	PF_PERMITS_OURS, /* recipients of ours */
	PF_REFUSES,
	PF_REFUSES_ELSEWHERE, /* only once there is a recipient */
	PF_BY_NETWORKS,
	PF_BY_NAKED_HELO,
	PF_BY_MX,
	PF_BY_ANY_CERT,
	PF_BY_CERT_LIST,
	PF_BY_CLIENT,
	PF_BY_HELO,
	PF_BY_SENDER,
	PF_BY_RECIPIENT,
	PF_BY_CERT_TABLE,
	PF_BY_POLICY,
	PF_ONLY_WARNS,
};

struct pf_restriction {
	const char *name;
	enum pf_effect effect;
	bool argument; /* one word follows */
};

/* Lists within lists (classes, tables) are walked so deep: smtpd's own bound is of this size. */
enum { PF_NESTING_MAX = 10 };

/* The restriction of this name, without case; NULL: Postfix knows none. */
const struct pf_restriction *pf_restriction(const char *name);

/* Is it one of smtpd_restriction_classes? */
bool pf_is_class(const struct pf_view *v, const char *name);

/* One element of a list, in the arena. */
struct pf_element {
	const char *text;
	const char *argument; /* NULL: none */
	unsigned index;       /* of its first word in the list */
	unsigned lines;       /* how many lines below the list's first one */
	const struct pf_restriction
	    *restriction; /* NULL: a class, a table, or nothing that is known */
};

/* Where a reader is in the text of a list: begin with {text}. */
struct pf_cursor {
	const char *text;
	unsigned index, lines;
};

/* Reads the next element. False: the list ends, or memory is exhausted. */
bool pf_next_element(const struct pf_view *v, struct pf_cursor *at, struct pf_element *e);

/*
 * What check_policy_service does while the server can't be reached: the default_action of
 * `{ inet:host:port, default_action=OK, ... }`, or what holds for all; "" is the usual refusal.
 */
const char *pf_policy_default(const struct pf_view *v, const struct pf_element *e);

/* What smtpd itself asks of the lists. */

/*
 * Would smtpd start with these lists? It asks for one of reject_unauth_destination,
 * defer_unauth_destination, reject, defer, defer_if_permit in the relay or recipient list.
 */
bool pf_has_relay_control(const struct pf_view *v);

/* Is `name` (permit_mynetworks) anywhere in the lists of this view, classes included? */
bool pf_uses(const struct pf_view *v, const char *name);

/* The first word of a list that no Postfix knows, which makes smtpd defer all mail. False: none. */
bool pf_unknown_word(const struct pf_view *v, const char *parameter, struct pf_element *e);

/* The restriction that was perhaps meant; NULL: none is near. */
const char *pf_nearest_restriction(const char *word);

#endif
