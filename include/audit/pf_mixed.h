/* Access tables that are made of other tables: unionmap and pipemap (DATABASE_README). */
#ifndef AUDIT_PF_MIXED_H
#define AUDIT_PF_MIXED_H

#include "audit/pf_table.h"

/* A row of one of the tables, and what the whole answers to whom it matches. */
struct pf_mixed_row {
	const struct pf_table *table;
	const struct pf_row *row;
	const char *value; /* NULL: nothing is found */
};

struct pf_mixed {
	const char *spec; /* as written */
	struct pf_mixed_row *rows;
	size_t count, room;
	size_t size;  /* rows of all tables: a bound */
	bool judged;  /* false: a table in it can't be judged, or there are too many rows */
	bool answers; /* what no other row matches is found as well */
	struct pf_mixed *next; /* of pf->mixed */
};

/*
 * The tables of unionmap:{...} or pipemap:{...}, read once. NULL: `spec` is neither, or can't be
 * judged, or memory is exhausted.
 */
const struct pf_mixed *pf_mixed(const struct pf_view *v, const char *spec);

/* What it answers to `key`, in the arena; NULL: nothing. */
const char *pf_mixed_value(const struct pf_view *v, const struct pf_mixed *m, const char *key);

#endif
