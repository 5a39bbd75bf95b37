/*
 * The named lists: sections `networks NAME` and `domains NAME`. They may refer to one
 * another in any order, and are built before anything that uses them is read.
 * Only files of this layer include this.
 */
#ifndef CONF_LISTS_H
#define CONF_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/domset.h"
#include "base/netset.h"
#include "conf/schema.h"

enum list_kind { LIST_NETWORKS, LIST_DOMAINS, LIST_KINDS };

struct list {
	struct conf_head head;
	const struct conf_value *members; /* as written */
	bool known;                       /* i-know = yes */
	enum list_kind kind;
	enum { LIST_NEW, LIST_BUILDING, LIST_BUILT, LIST_BAD } state;
	union {
		struct netset *networks;
		struct domset *domains;
	} set; /* owned by the document */
};

/* The lists of one kind by name. */
struct lists {
	size_t count;
	struct list **items; /* sorted by name */
};

extern const struct conf_schema *const list_schemas[LIST_KINDS];

/* Builds all lists, the first of each kind in `first`. Everything wrong is told in r->diag. */
void lists_build(struct conf_reader *r, const struct conf_head *const first[LIST_KINDS]);

/* NULL: there is none of that name. */
struct list *lists_find(const struct lists *l, const char *name);

/* Values of CONF_NETWORKS and CONF_DOMAINS; the set belongs to the document. False: told. */
bool list_read_networks(
    struct conf_reader *r, const struct conf_value *v, const struct netset **out);
bool list_read_domains(
    struct conf_reader *r, const struct conf_value *v, const struct domset **out);

/* Is there a list of that name, of either kind? If not, it is told. */
bool list_check_name(struct conf_reader *r, const struct conf_value *ref);

#endif
