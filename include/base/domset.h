/*
 * A set of domains: built once, then immutable and free for all threads.
 * Holds names (example.com), subtrees (.example.com: everything below, not
 * the name itself; a lone dot is every name) and address literals ([192.0.2.1]).
 */
#ifndef BASE_DOMSET_H
#define BASE_DOMSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct domset;
struct domset_builder;

enum domset_error {
	DOMSET_OK,
	DOMSET_NO_MEMORY,
	DOMSET_BAD_NAME,    /* see name_canonical() */
	DOMSET_BAD_LITERAL, /* [..] that holds no address */
};

struct domset_builder *domset_builder_new(void);

/*
 * Adds one entry as a postmaster writes it: a name in any spelling, with a
 * leading dot for a subtree, or a literal in brackets. *reason, where not
 * NULL, is set to words (static) that say what is wrong.
 */
enum domset_error domset_builder_add(
    struct domset_builder *b, const char *text, size_t len, const char **reason);

bool domset_builder_add_set(struct domset_builder *b, const struct domset *s);

/* Builds the set and frees the builder (*b becomes NULL). NULL when memory is exhausted. */
struct domset *domset_build(struct domset_builder **b);

void domset_builder_free(struct domset_builder **b);
void domset_free(struct domset **s);

/* `name` is canonical (see base/names.h). A NULL set is empty. */
bool domset_contains(const struct domset *s, const char *name);
bool domset_contains_literal(const struct domset *s, const struct addr *a);

/* How many entries it has. */
size_t domset_size(const struct domset *s);

/*
 * The first entry that is a whole top-level domain ("com", ".com", "."), NULL
 * when there is none. Not one: localhost, localdomain, local, internal, test,
 * example, invalid, which are never delegated to anyone. Owned by the set.
 */
const char *domset_bare_tld(const struct domset *s);

/* Entry number `i` in sorted order, as it would be written: example.com, .example.com, [192.0.2.1].
 */
const char *domset_entry(const struct domset *s, size_t i);

/*
 * The plain name that was added first, in canonical form; localhost does not count. NULL when
 * there is none. Owned by the set.
 */
const char *domset_first_name(const struct domset *s);

#endif
