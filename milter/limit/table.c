#include "limit/table.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* --- words ------------------------------------------------------------------ */

/*
 * The two upper bits say what it is. 0x: nanoseconds. 10: a seat, 32 bits of seconds and 30
 * of the value. 11: busy, 62 bits of nanoseconds.
 */
#define KIND_SHIFT 62
enum { KIND_SEAT = 2, KIND_BUSY = 3, SEAT_VALUE_BITS = 30 };

static const uint64_t payload = ((uint64_t)1 << KIND_SHIFT) - 1;
static const uint64_t seat_value = ((uint64_t)1 << SEAT_VALUE_BITS) - 1;

static bool is_busy(uint64_t word)
{
	return word >> KIND_SHIFT == KIND_BUSY;
}

static uint64_t busy_word(nsec_t now)
{
	return (uint64_t)KIND_BUSY << KIND_SHIFT | ((uint64_t)now & payload);
}

bool word_is_time(uint64_t word)
{
	return word >> KIND_SHIFT < KIND_SEAT;
}

bool word_is_seat(uint64_t word)
{
	return word >> KIND_SHIFT == KIND_SEAT;
}

/* Rounded up: a seat is kept a second too long rather than too short. */
uint64_t word_of_seat(nsec_t until, uint64_t value)
{
	uint64_t seconds = (uint64_t)((until + NSEC_PER_SEC - 1) / NSEC_PER_SEC) & UINT32_MAX;

	return (uint64_t)KIND_SEAT << KIND_SHIFT | seconds << SEAT_VALUE_BITS |
	       (value & seat_value);
}

nsec_t word_seat_until(uint64_t word)
{
	return (nsec_t)(word >> SEAT_VALUE_BITS & UINT32_MAX) * NSEC_PER_SEC;
}

bool word_seat_is_of(uint64_t word, uint64_t value)
{
	return (word & seat_value) == (value & seat_value);
}

bool word_is_live(uint64_t word, nsec_t now)
{
	if (is_busy(word))
		return true;
	return (word_is_seat(word) ? word_seat_until(word) : (nsec_t)word) > now;
}

bool word_is_plausible(uint64_t word, nsec_t now)
{
	nsec_t t;

	if (is_busy(word))
		t = (nsec_t)(word & payload);
	else
		t = word_is_seat(word) ? word_seat_until(word) : (nsec_t)word;
	return t <= now + GCRA_HORIZON;
}

/* --- finding ---------------------------------------------------------------- */

static uint64_t set_of(const struct table *t, uint64_t tag)
{
	return tag & (t->sets - 1);
}

/*
 * The word is read before the tag that it must belong to: whoever gives the slot away writes busy,
 * the tag, the word, in this order. So a swap that expects what was seen fails once the slot was
 * given away; but for a word that comes back to the same nanosecond, which is why whoever swaps
 * looks at the tag once more. A giver that was taken for dead may have left the tag with a slot
 * that has expired: one that is live goes first.
 */
struct table_slot *table_find(const struct table *t, uint64_t tag, nsec_t now, uint64_t *seen)
{
	struct table_slot *set = &t->slots[set_of(t, tag) * TABLE_WAYS], *found = NULL;

	for (unsigned i = 0; i < TABLE_WAYS; i++) {
		uint64_t word;

		if (atomic_load_explicit(&set[i].tag, memory_order_relaxed) != tag)
			continue;
		word = atomic_load_explicit(&set[i].word, memory_order_acquire);
		if (is_busy(word) || (found != NULL && !word_is_live(word, now)) ||
		    atomic_load_explicit(&set[i].tag, memory_order_relaxed) != tag)
			continue;
		*seen = word;
		found = &set[i];
		if (word_is_live(word, now))
			break;
	}
	return found;
}

/* --- giving a slot away ------------------------------------------------------- */

enum {
	SPINS = 64,
	NAPS = 100, /* beyond the time for which a busy host stops a holder */
	NAP_NSEC = 100000,
	LOCK_TIME_BITS = 42,
	STALE_MSEC = 10000,
};

/* Who holds a lock, and since when: 22 bits of process id, 42 of milliseconds. */
static uint64_t lock_word(nsec_t now)
{
	uint64_t ms = (uint64_t)now / 1000000 & (((uint64_t)1 << LOCK_TIME_BITS) - 1);

	return (uint64_t)getpid() << LOCK_TIME_BITS | ms;
}

static bool is_abandoned(uint64_t lock, nsec_t now)
{
	pid_t holder = (pid_t)(lock >> LOCK_TIME_BITS);
	uint64_t since = lock & (((uint64_t)1 << LOCK_TIME_BITS) - 1);
	uint64_t ms = (uint64_t)now / 1000000;

	if (since + STALE_MSEC < ms || since > ms + STALE_MSEC)
		return true;
	return holder <= 0 || (kill(holder, 0) != 0 && errno == ESRCH);
}

static bool swap(shared_word *w, uint64_t expected, uint64_t wanted)
{
	return atomic_compare_exchange_strong_explicit(
	    w, &expected, wanted, memory_order_acq_rel, memory_order_relaxed);
}

static void wait_a_little(unsigned turn)
{
	struct timespec nap = {0, NAP_NSEC};

	if (turn < SPINS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

bool table_lock(shared_word *lock, nsec_t now, uint64_t *mine)
{
	*mine = lock_word(now);
	for (unsigned turn = 0; turn < SPINS + NAPS; turn++) {
		uint64_t held = atomic_load_explicit(lock, memory_order_relaxed);

		if (held == 0 && swap(lock, 0, *mine))
			return true;
		if (held != 0 && turn == SPINS && is_abandoned(held, now) &&
		    swap(lock, held, *mine))
			return true;
		if (held != 0)
			wait_a_little(turn);
	}
	return false;
}

/* Nothing happens when it was taken over from a holder that stood still for too long: this one. */
void table_unlock(shared_word *lock, uint64_t mine)
{
	swap(lock, mine, 0);
}

/* Within the lock, what is busy was left behind by a giver that is no more, or shall give up. */
static void end_others(struct table_slot *set)
{
	for (unsigned i = 0; i < TABLE_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&set[i].word, memory_order_relaxed);

		if (is_busy(word))
			swap(&set[i].word, word, 0);
	}
}

static enum table_claim give(struct table_slot *slot, uint64_t tag, uint64_t word, nsec_t now)
{
	uint64_t old = atomic_load_explicit(&slot->word, memory_order_relaxed);
	uint64_t busy = busy_word(now);

	if (word_is_live(old, now) || !swap(&slot->word, old, busy))
		return TABLE_HOMELESS;
	atomic_store_explicit(&slot->tag, tag, memory_order_relaxed);
	/* Fails when this giver stood still for so long that it was taken for dead. */
	return swap(&slot->word, busy, word) ? TABLE_CLAIMED : TABLE_EXISTS;
}

enum table_claim table_claim(const struct table *t, uint64_t tag, uint64_t word, nsec_t now)
{
	uint64_t number = set_of(t, tag), mine, seen;
	struct table_slot *set = &t->slots[number * TABLE_WAYS];
	shared_word *stripe = &t->stripes[number % TABLE_STRIPES];
	enum table_claim result = TABLE_HOMELESS;

	if (!table_lock(stripe, now, &mine))
		return TABLE_HOMELESS;
	end_others(set);
	if (table_find(t, tag, now, &seen) != NULL)
		result = TABLE_EXISTS;
	for (unsigned i = 0; i < TABLE_WAYS && result == TABLE_HOMELESS; i++)
		result = give(&set[i], tag, word, now);
	table_unlock(stripe, mine);
	return result;
}

/* --- the homeless --------------------------------------------------------------- */

static uint64_t cells_of_class(uint64_t sets)
{
	return sets / TABLE_SETS_PER_CELL;
}

uint64_t table_cells(uint64_t sets)
{
	return cells_of_class(sets) * TABLE_CLASSES;
}

static unsigned class_of(nsec_t lasting)
{
	static const nsec_t up_to[TABLE_CLASSES - 1] = {
	    NSEC_PER_SEC * 600, NSEC_PER_SEC * 3600 * 6, NSEC_PER_SEC * 86400 * 4};
	unsigned class = 0;

	while (class < TABLE_CLASSES - 1 && lasting > up_to[class])
		class ++;
	return class;
}

/* Of a table of another size the cell has the same lower bits: table_copy() relies on it. */
uint64_t table_cell(const struct table *t, uint64_t limit, nsec_t lasting, uint64_t tag)
{
	uint64_t count = cells_of_class(t->sets);

	return class_of(lasting) * count + ((limit ^ tag) & (count - 1));
}

/* --- the table as a whole --------------------------------------------------------- */

static size_t wipe(shared_word *w, nsec_t now, bool alone)
{
	uint64_t word = atomic_load_explicit(w, memory_order_relaxed);

	if (word_is_plausible(word, now) && !(alone && is_busy(word)))
		return 0;
	return swap(w, word, 0) && !is_busy(word);
}

size_t table_clean(const struct table *t, nsec_t now, bool alone)
{
	size_t wiped = 0;

	for (uint64_t i = 0; i < t->sets * TABLE_WAYS; i++)
		wiped += wipe(&t->slots[i].word, now, alone);
	for (uint64_t i = 0; i < table_cells(t->sets); i++) {
		if (!word_is_time(t->cells[i]))
			t->cells[i] = 0;
		wiped += wipe(&t->cells[i], now, alone);
	}
	for (unsigned i = 0; alone && i < TABLE_STRIPES; i++)
		t->stripes[i] = 0;
	return wiped;
}

static void raise_cell(const struct table *t, unsigned class, uint64_t cell, uint64_t word)
{
	uint64_t count = cells_of_class(t->sets);
	shared_word *w = &t->cells[class * count + (cell & (count - 1))];

	if (word_is_time(word) && *w < word)
		*w = word;
}

bool table_copy(const struct table *to, const struct table *from, nsec_t now)
{
	const uint64_t n_from = cells_of_class(from->sets), n_to = cells_of_class(to->sets);

	for (unsigned class = 0; class < TABLE_CLASSES; class ++)
		for (uint64_t i = 0; i < (n_from > n_to ? n_from : n_to); i++)
			raise_cell(to, class, i, from->cells[class * n_from + (i & (n_from - 1))]);
	for (uint64_t i = 0; i < from->sets * TABLE_WAYS; i++) {
		uint64_t tag = from->slots[i].tag, word = from->slots[i].word;

		if (tag == 0 || is_busy(word) || !word_is_live(word, now) ||
		    table_claim(to, tag, word, now) != TABLE_HOMELESS)
			continue;
		return false;
	}
	return true;
}

uint64_t table_live(const struct table *t, nsec_t now)
{
	uint64_t live = 0;

	for (uint64_t i = 0; i < t->sets * TABLE_WAYS; i++)
		live += word_is_live(t->slots[i].word, now);
	return live;
}
