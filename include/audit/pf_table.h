/* Postfix's lookup tables (DATABASE_README), read from their text. */
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
	PF_STATIC, /* every key has this value; of randmap, one of these */
	PF_OPAQUE, /* SQL, LDAP, a server, or a file that is not here: what is in it is not known */
};

enum pf_row_kind { PF_ROW, PF_ROW_IF, PF_ROW_ENDIF };

struct pf_row {
	enum pf_row_kind kind;
	const char *key, *value;
	unsigned line;
	bool negated;         /* !key of cidr and regexp */
	struct prefix prefix; /* PF_CIDR; its family is ADDR_NONE where Postfix skips the row */
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
 * The table `spec`, read once; proxy: and debug: count for nothing. Never NULL but when memory is
 * exhausted. What is opaque was noted.
 */
const struct pf_table *pf_table(const struct pf_view *v, const char *spec);

void pf_tables_free(struct pf *pf);

/* The row that decides for `key`, which is compared without case; NULL: there is none. */
const struct pf_row *pf_lookup(const struct pf_table *t, const char *key);

/* Does the row of a table of patterns match? What stands around it is not looked at. */
bool pf_row_matches(const struct pf_row *row, const char *key);

/* The row of a cidr table for an address. */
const struct pf_row *pf_lookup_addr(const struct pf_table *t, const struct addr *a);

#endif
