/*
 * The lists of patterns that name tables, files, networks and domains (mynetworks, relay_domains,
 * ...).
 */
#ifndef AUDIT_PF_PATTERN_H
#define AUDIT_PF_PATTERN_H

#include "audit/pf_table.h"

/*
 * One pattern of a list such as relay_domains: plain text or a table, and where it was written.
 * Files (/path) are replaced by what they hold.
 */
struct pf_pattern {
	const char *text; /* without `!` */
	bool negated;
	const struct pf_table *table; /* NULL: plain text */
	const char *file;
	unsigned line;  /* 0: a default */
	unsigned index; /* of the word in the parameter's own list that gave it */
};

struct pf_patterns {
	struct pf_pattern *items;
	size_t count, room;
};

/* The patterns of a parameter in order; in the arena. Empty when there are none. */
struct pf_patterns pf_patterns(const struct pf_view *v, const char *parameter);

/* Does this parameter's list take example.com for all that is below it, too? */
bool pf_matches_subdomains(const struct pf_view *v, const char *parameter);

/*
 * The pattern that matches a domain, in a list of domains; NULL: none, or one with `!`. `row`,
 * where not NULL, becomes the row of its table.
 */
const struct pf_pattern *pf_match_domain(const struct pf_view *v, const struct pf_patterns *l,
    const char *domain, bool subdomains, const struct pf_row **row);

#endif
