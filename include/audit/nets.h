/* Networks and where each was written; what is left of one when others are taken out of it. */
#ifndef AUDIT_NETS_H
#define AUDIT_NETS_H

#include "audit/import.h"
#include "base/addr.h"
#include "base/arena.h"

struct net_from {
	struct prefix net;
	struct import_from from;
};

/* A list in an arena; zero-initialise it. */
struct nets {
	struct net_from *items;
	size_t count, room;
};

/* What the arithmetic may cost in all: hostile tables would take hours. */
struct nets_effort {
	struct arena *arena;
	size_t steps; /* taken so far */
	bool failed;  /* memory is exhausted, or it was too much: what was made is not whole */
};

#define NETS_EFFORT_MAX ((size_t)40000000)

void nets_add(struct nets_effort *e, struct nets *l, const struct prefix *net,
    const struct import_from *from);

/* Adds all of another list. */
void nets_join(struct nets_effort *e, struct nets *l, const struct nets *other);

/* Adds to `out` what of `net` is in none of `holes`. */
void nets_add_without(
    struct nets_effort *e, struct nets *out, const struct net_from *net, const struct nets *holes);

/* Adds to `out` what of `net` is in `l`, from where `net` is. */
void nets_add_common(
    struct nets_effort *e, struct nets *out, const struct net_from *net, const struct nets *l);

/* Adds all of IPv4 and of IPv6. */
void nets_add_world(struct nets_effort *e, struct nets *l, const struct import_from *from);

/* Have the two an address in common? */
bool nets_touch(struct nets_effort *e, const struct nets *l, const struct prefix *net);

/* The same networks in the same order? */
bool nets_equal(const struct nets *a, const struct nets *b);

#endif
