/* The keys of a chain: each is looked up once, however many fields name it. For auth/arc.c. */
#ifndef AUTH_ARC_KEYS_H
#define AUTH_ARC_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/arc_field.h"
#include "auth/resolver.h"
#include "base/arena.h"

struct arc_key;

/* The first three are set by its owner, and stay. */
struct arc_keys {
	struct resolver *resolver;
	struct dns_budget *budget;
	struct arena *arena; /* for keys and words */
	struct arc_key *first;
	unsigned count;
};

/*
 * Keys that are looked up for one message: ten sets whose seals and signatures have different ones.
 * More would be asked for by who wants others' questions to find no room.
 */
#define ARC_KEYS_MAX 20

/*
 * Starts to look a key up. `name` must stay. NULL when memory is exhausted, or where it would be
 * one too many: *full.
 */
struct arc_key *arc_keys_want(struct arc_keys *k, const char *name, bool *full);

/*
 * Does the signature verify with a key over this hash? Waits for the key. NULL when it does; else
 * words that say why not. *temporary: DNS gave no answer, or memory was exhausted.
 */
const char *arc_key_verify(struct arc_keys *k, struct arc_key *key, const struct arc_signature *s,
    const uint8_t hash[SHA256_SIZE], bool *temporary);

/* Gives up look-ups that are under way. */
void arc_keys_free(struct arc_keys *k);

#endif
