#include "limit/breaker.h"

bool breaker_is_open(const struct breaker *b)
{
	return atomic_load_explicit(&b->probe_at, memory_order_relaxed) != 0;
}

bool breaker_take_probe(struct breaker *b, usec_t pause, usec_t now)
{
	int64_t due = atomic_load(&b->probe_at);

	return due != 0 && now >= due &&
	       atomic_compare_exchange_strong(&b->probe_at, &due, now + pause);
}

bool breaker_failed(struct breaker *b, usec_t pause, usec_t now)
{
	int64_t closed = 0;

	if (atomic_fetch_add(&b->failures, 1) + 1 < BREAKER_FAILURES)
		return false;
	return atomic_compare_exchange_strong(&b->probe_at, &closed, now + pause);
}

bool breaker_succeeded(struct breaker *b)
{
	/* Most calls find nothing to write, and keep the line shared. */
	if (atomic_load_explicit(&b->failures, memory_order_relaxed) != 0)
		atomic_store(&b->failures, 0);
	return breaker_is_open(b) && atomic_exchange(&b->probe_at, 0) != 0;
}
