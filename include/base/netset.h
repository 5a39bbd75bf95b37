/*
 * A set of networks: built once, then immutable and free for all threads.
 *
 * Shape: prefixes are sorted and merged into disjoint ranges, 8 bytes each
 * for IPv4 and 32 for IPv6. A binary search finds the one that may hold an
 * address; from 64 ranges on, an index (256 KiB a family) over the next 16
 * bits behind those in which all ranges agree (over the top 16 in IPv4) leaves it little to do.
 */
#ifndef BASE_NETSET_H
#define BASE_NETSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct netset;         /* immutable */
struct netset_builder; /* collects */

/* NULL when memory is exhausted. */
struct netset_builder *netset_builder_new(void);

/* False when memory is exhausted. The same prefix may come often. */
bool netset_builder_add(struct netset_builder *b, const struct prefix *p);

/* Adds every range of another set. False when memory is exhausted. */
bool netset_builder_add_set(struct netset_builder *b, const struct netset *s);

/* Builds the set and frees the builder (*b becomes NULL). NULL when memory is exhausted. */
struct netset *netset_build(struct netset_builder **b);

void netset_builder_free(struct netset_builder **b);
void netset_free(struct netset **s);

/* ADDR_NONE is in no set; a NULL set is empty. */
bool netset_contains(const struct netset *s, const struct addr *a);

/* Has any address of `p` a place in the set? */
bool netset_touches(const struct netset *s, const struct prefix *p);

/* How many disjoint ranges it has, both families together. */
size_t netset_ranges(const struct netset *s);

/*
 * The first and the last address of one of netset_ranges(): IPv4 before IPv6, ascending. False when
 * there are not so many.
 */
bool netset_range(const struct netset *s, size_t i, struct addr *first, struct addr *last);

/*
 * A set that holds a sixteenth of IPv4 (as a /4 does), or a 256th of the
 * global unicast space 2000::/3 (as a /11 does: more than any one registry
 * region holds), covers the world: permitting it means permitting strangers.
 * The parts are added up, so that 0.0.0.0/1 with 128.0.0.0/1, or a long list of countries, count as
 * what they are. What starts in multicast, reserved, unique local or link-local space
 * (224.0.0.0/3, fc00::/6) is not counted.
 */
#define NETSET_WORLD_BITS_V4 4
#define NETSET_WORLD_BITS_V6 11

/* True: *why is the widest prefix of the family in question. False: *why is ADDR_NONE. */
bool netset_covers_world(const struct netset *s, struct prefix *why);

#endif
