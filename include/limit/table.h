/*
 * A table of times in shared memory, of fixed size, used by threads and processes at once.
 *
 * A slot is a tag (the keyed hash of what is limited) and a word. Eight slots are a set: a key's
 * slot is anywhere in its set. A word changes by compare-and-swap alone, so a change that has
 * returned is in the mapping and outlives the process, whatever kills it.
 *
 * A slot whose time has passed carries no information, and only such a slot is given to another
 * key. Where a set has none, the key is homeless: its charges go to a cell that it shares with the
 * others of its set, and whoever of them finds a slot later begins with what the cell owes. So no
 * flood of keys can wash out a debt, nor gain a second burst. A set has a cell for each limit, by
 * hash; limits whose debts last seconds and such whose debts last days never share one.
 *
 * Giving a slot to another key is the one thing that needs a lock, one of 4,096 by set, held for
 * some instructions. A holder that died or hangs does not keep others waiting: they use the cell.
 * Charging a key that has a slot takes no lock.
 */
#ifndef LIMIT_TABLE_H
#define LIMIT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/gcra.h"

enum {
	TABLE_WAYS = 8,
	TABLE_STRIPES = 4096,
	TABLE_CLASSES = 4,       /* of limits, by how long their debts last */
	TABLE_SETS_PER_CELL = 2, /* in each class */
};

typedef _Atomic uint64_t shared_word;

struct table_slot {
	shared_word tag; /* 0: never used */
	shared_word word;
};

/* Views into one mapping; the same in every process. */
struct table {
	struct table_slot *slots; /* sets x TABLE_WAYS */
	uint64_t sets;            /* a power of two */
	shared_word *stripes;     /* TABLE_STRIPES */
	shared_word *cells;       /* table_cells() */
};

/*
 * What a word can be. A time: when the debt will be paid. A seat (limit/distinct.h): taken until a
 * second, by a value of which 30 bits are kept. Busy: being given away since.
 */
bool word_is_time(uint64_t word);
bool word_is_seat(uint64_t word);

/* Does it carry information at `now`? */
bool word_is_live(uint64_t word, nsec_t now);

/* Could it have been written before `now`? What could not is damage. */
bool word_is_plausible(uint64_t word, nsec_t now);

uint64_t word_of_seat(nsec_t until, uint64_t value);
nsec_t word_seat_until(uint64_t word);
bool word_seat_is_of(uint64_t word, uint64_t value);

/* How many cells a table of so many sets has, over all classes. */
uint64_t table_cells(uint64_t sets);

/*
 * The key's slot, and its word at that moment, which is never busy. NULL: it has none. What is
 * swapped into `word` expecting *seen goes to this key, if the tag is the same afterwards.
 */
struct table_slot *table_find(const struct table *t, uint64_t tag, nsec_t now, uint64_t *seen);

enum table_claim {
	TABLE_CLAIMED,  /* it has a slot, and `word` is in it */
	TABLE_EXISTS,   /* it has one already: find it */
	TABLE_HOMELESS, /* no slot of its set can be given away now */
};

/* `tag` is not 0. */
enum table_claim table_claim(const struct table *t, uint64_t tag, uint64_t word, nsec_t now);

/*
 * A lock in shared memory, for short and rare things. One whose holder is dead, or has had it for
 * ten seconds, is taken over. False: it can't be had in some ten milliseconds.
 */
bool table_lock(shared_word *lock, nsec_t now, uint64_t *mine);
void table_unlock(shared_word *lock, uint64_t mine);

/*
 * Which cell the homeless of `limit` have whose tags fall into the set of `tag`: an index into
 * `cells`. `lasting`: how long a debt of that limit can last.
 */
uint64_t table_cell(const struct table *t, uint64_t limit, nsec_t lasting, uint64_t tag);

/*
 * Wipes what is not plausible. Returns how many words were wiped. `alone`: nobody else uses the
 * table, so that what is busy or locked is left over.
 */
size_t table_clean(const struct table *t, nsec_t now, bool alone);

/*
 * Enters what carries information in `from` into the empty table `to`. False: some key finds no
 * place there. For one process alone.
 */
bool table_copy(const struct table *to, const struct table *from, nsec_t now);

/* How many slots carry information. */
uint64_t table_live(const struct table *t, nsec_t now);

#endif
