/*
 * A set of networks: built once, then immutable and free for all threads.
 *
 * Shape: prefixes are sorted and merged into disjoint ranges; IPv4 is found
 * through an index over the top 16 bits and a binary search below it, IPv6
 * by binary search. 8 bytes a range for IPv4, 32 for IPv6.
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

/* How many disjoint ranges it has, both families together. */
size_t netset_ranges(const struct netset *s);

/*
 * Does it cover all of a family's unicast world, or so much of it (a prefix
 * shorter than /4 in IPv4, than /8 in IPv6, or such a sum of them) that permitting it
 * means permitting strangers? What was found is written to *why.
 */
bool netset_covers_world(const struct netset *s, struct prefix *why);

#endif
