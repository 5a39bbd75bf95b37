#include "limit/distinct.h"

/* The seats of one key, and what the value is in them. */
struct row {
	const struct table *table;
	uint64_t base; /* of the tags */
	unsigned seats;
	uint64_t value;
	uint64_t word; /* the value's, in a seat that it takes now */
	nsec_t now;
};

enum outcome { KNOWN, NEW, FULL, AGAIN };

/* Any two seats have tags that look unrelated (SplitMix64). */
static uint64_t seat_tag(const struct row *r, unsigned seat)
{
	uint64_t z = r->base + (seat + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z == 0 ? 1 : z;
}

static bool swap(shared_word *w, uint64_t expected, uint64_t wanted)
{
	return atomic_compare_exchange_strong(w, &expected, wanted);
}

/* Seats are tried in the value's own order, so that two threads try the same one first. */
static unsigned nth_seat(const struct row *r, unsigned n)
{
	return (unsigned)((r->value + n) % r->seats);
}

/* The seat has the value: it is kept for another window. */
static enum outcome stay(const struct row *r, struct table_slot *slot, uint64_t seen, bool keep)
{
	if (!keep || word_seat_until(r->word) <= word_seat_until(seen))
		return KNOWN;
	return swap(&slot->word, seen, r->word) ? KNOWN : AGAIN;
}

/* HOMELESS: there is no room for this seat in the table; another may have some. */
static enum table_claim sit_down(const struct row *r, unsigned seat)
{
	struct table_slot *slot;
	uint64_t seen;

	slot = table_find(r->table, seat_tag(r, seat), r->now, &seen);
	if (slot == NULL)
		return table_claim(r->table, seat_tag(r, seat), r->word, r->now);
	return swap(&slot->word, seen, r->word) ? TABLE_CLAIMED : TABLE_EXISTS;
}

struct survey {
	unsigned taken;
	uint64_t is_free;       /* a bit for each seat, in the value's order */
	struct table_slot *own; /* NULL: the value has none */
	uint64_t own_word;
};

static struct survey look_around(const struct row *r)
{
	struct survey v = {.own = NULL};
	uint64_t seen;

	for (unsigned n = 0; n < r->seats; n++) {
		uint64_t tag = seat_tag(r, nth_seat(r, n));
		struct table_slot *slot = table_find(r->table, tag, r->now, &seen);

		if (slot == NULL || !word_is_seat(seen) || !word_is_live(seen, r->now)) {
			v.is_free |= (uint64_t)1 << n;
			continue;
		}
		v.taken++;
		if (v.own == NULL && word_seat_is_of(seen, r->value)) {
			v.own = slot;
			v.own_word = seen;
		}
	}
	return v;
}

static enum outcome find_seat(const struct row *r, uint64_t is_free)
{
	for (unsigned n = 0; n < r->seats; n++) {
		if ((is_free >> n & 1) == 0)
			continue;
		switch (sit_down(r, nth_seat(r, n))) {
		case TABLE_CLAIMED:
			return NEW;
		case TABLE_EXISTS:
			return AGAIN;
		case TABLE_HOMELESS:
			break;
		}
	}
	return FULL;
}

static enum outcome admit(const struct row *r, bool keep, unsigned *taken)
{
	struct survey v = look_around(r);

	*taken = v.taken;
	if (v.own != NULL)
		return stay(r, v.own, v.own_word, keep);
	if (v.is_free == 0)
		return FULL;
	return keep ? find_seat(r, v.is_free) : NEW;
}

/* Which values are seated, of a limit with more values than seats? */
static bool is_seated(const struct distinct *d, uint64_t value)
{
	if (d->max <= DISTINCT_SEATS)
		return true;
	return value >> 32 <= ((uint64_t)UINT32_MAX * DISTINCT_SEATS) / d->max;
}

bool distinct_admits(struct store *s, const struct distinct *d, const char *key, size_t key_len,
    const char *value, size_t value_len, bool keep, nsec_t now, uint64_t *count)
{
	struct row r = {
	    .table = store_table(s),
	    .base = store_tag(s, d->limit, key, key_len),
	    .seats = (unsigned)(d->max < DISTINCT_SEATS ? d->max : DISTINCT_SEATS),
	    .value = store_tag(s, ~d->limit, value, value_len),
	    .now = now,
	};
	bool seated = is_seated(d, r.value);
	enum outcome o;
	unsigned taken;

	r.word = word_of_seat(now + d->window, r.value);
	do
		o = admit(&r, keep && seated, &taken);
	while (o == AGAIN);
	*count = taken + (o == NEW || o == FULL);
	if (d->max > DISTINCT_SEATS)
		*count = *count * d->max / DISTINCT_SEATS;
	if (o == FULL && *count <= d->max)
		*count = d->max + 1;
	return o != FULL;
}

void distinct_forget(
    struct store *s, const struct distinct *d, const char *key, size_t key_len, nsec_t now)
{
	const struct row r = {
	    .table = store_table(s),
	    .base = store_tag(s, d->limit, key, key_len),
	    .seats = (unsigned)(d->max < DISTINCT_SEATS ? d->max : DISTINCT_SEATS),
	    .now = now,
	};
	uint64_t seen;

	for (unsigned seat = 0; seat < r.seats; seat++) {
		struct table_slot *slot = table_find(r.table, seat_tag(&r, seat), now, &seen);

		/* Who sits down at this very moment stays. */
		if (slot != NULL && word_is_seat(seen))
			swap(&slot->word, seen, (uint64_t)now);
	}
}
