/*
 * Postfix's lookup tables (DATABASE_README), read from their text, and the lists that name them
 * (mynetworks, relay_domains, ...).
 */
#ifndef AUDIT_PF_TABLE_H
#define AUDIT_PF_TABLE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "audit/pf_config.h"
#include "base/addr.h"

enum pf_table_kind {
	PF_KEYED,  /* hash, lmdb, texthash, inline, ...: a key is there or not */
	PF_CIDR,   /* first match */
	PF_REGEX,  /* regexp and pcre: first match */
	PF_STATIC, /* every key has this value */
	PF_OPAQUE, /* SQL, LDAP, a server, or a file that is not here: what is in it is not known */
};

enum pf_row_kind { PF_ROW, PF_ROW_IF, PF_ROW_ENDIF };

struct pf_row {
	enum pf_row_kind kind;
	const char *key, *value;
	unsigned line;
	bool negated;         /* !key of cidr and regexp */
	struct prefix prefix; /* PF_CIDR */
	regex_t *regex;       /* PF_REGEX; NULL: it can't be understood, and matches nothing here */
};

struct pf_table {
	const char *spec; /* as written */
	enum pf_table_kind kind;
	const char *file; /* as read; the spec itself where there is none */
	struct pf_row *rows;
	size_t count, room;
	struct pf_table *next; /* of pf->tables */
};

#define PF_ROWS_MAX ((size_t)2000000)

/* Is `word` type:name? */
bool pf_is_table(const char *word);

/*
 * The table `spec`, read once; proxy: counts for nothing. Never NULL but when memory is exhausted.
 * What is opaque was noted.
 */
const struct pf_table *pf_table(const struct pf_view *v, const char *spec);

void pf_tables_free(struct pf *pf);

/* The row that decides for `key`, which is compared without case; NULL: there is none. */
const struct pf_row *pf_lookup(const struct pf_table *t, const char *key);

/* The row of a cidr table for an address. */
const struct pf_row *pf_lookup_addr(const struct pf_table *t, const struct addr *a);

/*
 * One pattern of a list such as relay_domains: plain text or a table, and where it was written.
 * Files (/path) are replaced by what they hold.
 */
struct pf_pattern {
	const char *text; /* without `!` */
	bool negated;
	const struct pf_table *table; /* NULL: plain text */
	const char *file;
	unsigned line; /* 0: a default */
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
