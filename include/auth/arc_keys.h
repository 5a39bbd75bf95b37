/* The keys of a chain: each is looked up once, however many fields name it. For auth/arc.c. */
#ifndef AUTH_ARC_KEYS_H
#define AUTH_ARC_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/arc_field.h"
#include "auth/resolver.h"
#include "base/arena.h"

struct arc_key;

/* All but `first` is set by its owner, and stays. */
struct arc_keys {
	struct resolver *resolver;
	struct dns_budget *budget;
	struct arena *arena; /* for keys and words */
	struct arc_key *first;
};

/* Starts to look a key up. `name` must stay. NULL when memory is exhausted. */
struct arc_key *arc_keys_want(struct arc_keys *k, const char *name);

/*
 * Does the signature verify with a key over this hash? Waits for the key. NULL when it does; else
 * words that say why not. *temporary: DNS gave no answer, or memory was exhausted.
 */
const char *arc_key_verify(struct arc_keys *k, struct arc_key *key, const struct arc_signature *s,
    const uint8_t hash[SHA256_SIZE], bool *temporary);

/* Gives up look-ups that are under way. */
void arc_keys_free(struct arc_keys *k);

#endif
