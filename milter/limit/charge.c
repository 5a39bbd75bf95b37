#include "limit/charge.h"

static nsec_t as_time(uint64_t word)
{
	return word_is_time(word) ? (nsec_t)word : 0;
}

static bool swap(shared_word *w, uint64_t expected, nsec_t wanted)
{
	return atomic_compare_exchange_strong(w, &expected, (uint64_t)wanted);
}

void charge_tell(struct store_item *it, bool admitted, nsec_t tat, nsec_t now)
{
	it->exceeded = !admitted;
	it->owed = gcra_owed(&it->rate, tat, now);
	if (!admitted)
		it->owed += it->units == 0 ? 1 : it->units;
	it->wait = admitted ? 0 : gcra_wait(&it->rate, tat, it->units == 0 ? 1 : it->units, now);
}

/* Adds to a debt whatever comes of it. */
static void owe(shared_word *w, nsec_t amount, nsec_t now)
{
	uint64_t old = atomic_load(w);
	nsec_t t;

	do {
		t = as_time(old);
		t = (t > now ? t : now) + amount;
	} while (!atomic_compare_exchange_weak(w, &old, (uint64_t)t));
}

/* The key has a slot. 1: admitted; 0: refused; -1: somebody was faster, look again. */
static int charge_slot(struct table_slot *slot, struct store_item *it, uint64_t seen, nsec_t now)
{
	nsec_t next;
	bool admitted = gcra_charge(&it->rate, as_time(seen), it->units, now, &next);

	if (next != (nsec_t)seen &&
	    (!swap(&slot->word, seen, next) || atomic_load(&slot->tag) != it->tag))
		return -1;
	charge_tell(it, admitted, next, now);
	return admitted;
}

/*
 * The key has no slot. It begins with what the homeless of its limit owe, and what one of them
 * is charged meanwhile is added: either it is seen here, or the slot is seen there.
 */
static int charge_new(const struct table *t, struct store_item *it, uint64_t tag, nsec_t now)
{
	uint64_t where = table_cell(t, it->limit, it->rate.tolerance, tag);
	shared_word *cell = &t->cells[where];
	uint64_t shared = atomic_load(cell), seen;
	struct table_slot *slot;
	nsec_t next, later;
	bool admitted = gcra_charge(&it->rate, as_time(shared), it->units, now, &next);

	if (!admitted || it->units == 0) {
		charge_tell(it, admitted, next, now);
		return admitted;
	}
	switch (table_claim(t, tag, (uint64_t)next, now)) {
	case TABLE_EXISTS:
		return -1;
	case TABLE_CLAIMED:
		later = as_time(shared) > now ? as_time(shared) : now;
		later = as_time(atomic_load(cell)) - later;
		slot = later > 0 ? table_find(t, tag, now, &seen) : NULL;
		if (slot != NULL)
			owe(&slot->word, later, now);
		break;
	case TABLE_HOMELESS:
		if (!swap(cell, shared, next))
			return -1;
		it->receipt.shared = true;
		it->receipt.cell = where;
		slot = table_find(t, tag, now, &seen);
		if (slot != NULL)
			owe(&slot->word, (nsec_t)it->units * it->rate.interval, now);
		break;
	}
	charge_tell(it, true, next, now);
	return 1;
}

bool charge_one(const struct table *t, struct store_item *it, nsec_t now)
{
	struct table_slot *slot;
	uint64_t seen;
	int done;

	it->receipt = (struct store_receipt){.tag = 0};
	do {
		slot = table_find(t, it->tag, now, &seen);
		done = slot != NULL ? charge_slot(slot, it, seen, now)
		                    : charge_new(t, it, it->tag, now);
	} while (done < 0);
	if (done > 0 && it->units > 0)
		it->receipt.tag = it->tag;
	return done > 0;
}

/* Tells what would come of it, and writes nothing. */
static bool look(const struct table *t, struct store_item *it, nsec_t now)
{
	nsec_t tat, next;
	uint64_t seen;
	bool admitted;

	it->before = 0;
	if (table_find(t, it->tag, now, &seen) == NULL)
		seen =
		    atomic_load(&t->cells[table_cell(t, it->limit, it->rate.tolerance, it->tag)]);
	else if (as_time(seen) > now)
		it->before = as_time(seen) - now;
	tat = as_time(seen);
	admitted = gcra_charge(&it->rate, tat, it->units, now, &next);
	it->receipt = (struct store_receipt){.tag = 0};
	charge_tell(it, admitted, next, now);
	return admitted;
}

nsec_t charge_cost(const struct store_item *it)
{
	return (nsec_t)it->units * it->rate.interval;
}

void charge_refund(const struct table *t, const struct store_receipt *r, nsec_t amount, nsec_t now)
{
	struct table_slot *slot;
	uint64_t seen;
	shared_word *w;

	if (r->tag == 0 || amount <= 0)
		return;
	for (;;) {
		slot = r->shared ? NULL : table_find(t, r->tag, now, &seen);
		/* Without a slot its debt has been paid. */
		if (!r->shared && slot == NULL)
			return;
		w = r->shared ? &t->cells[r->cell] : &slot->word;
		if (r->shared)
			seen = atomic_load(w);
		if (swap(w, seen, gcra_refund(as_time(seen), amount, now)))
			return;
	}
}

static void give_back(const struct table *t, struct store_item *items, size_t count, nsec_t now)
{
	for (size_t i = 0; i < count; i++) {
		charge_refund(t, &items[i].receipt, charge_cost(&items[i]), now);
		items[i].receipt.tag = 0;
	}
}

bool charge_look(const struct table *t, struct store_item *items, size_t count, nsec_t now)
{
	bool pass = true;

	for (size_t i = 0; i < count; i++)
		pass = (look(t, &items[i], now) || items[i].soft) && pass;
	return pass;
}

bool charge_all(const struct table *t, struct store_item *items, size_t count, nsec_t now)
{
	/* An event of one item needs no look before. */
	bool pass = count == 1 || charge_look(t, items, count, now);

	for (size_t i = 0; pass && i < count; i++) {
		pass = charge_one(t, &items[i], now) || items[i].soft;
		if (!pass)
			give_back(t, items, i, now);
	}
	return pass;
}
