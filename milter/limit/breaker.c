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
	int64_t closed = 0, back_at = atomic_load(&b->back_at);
	uint32_t relapses = atomic_load(&b->relapses);

	if (atomic_fetch_add(&b->failures, 1) + 1 < BREAKER_FAILURES)
		return false;
	if (back_at == 0 || now - back_at > BREAKER_STEADY_SECONDS * USEC_PER_SEC)
		relapses = 0;
	else if (relapses < BREAKER_RELAPSES)
		relapses++;
	if (!atomic_compare_exchange_strong(&b->probe_at, &closed, now + (pause << relapses)))
		return false;
	atomic_store(&b->relapses, relapses);
	return true;
}

bool breaker_succeeded(struct breaker *b, usec_t now)
{
	/* Most calls find nothing to write, and keep the line shared. */
	if (atomic_load_explicit(&b->failures, memory_order_relaxed) != 0)
		atomic_store(&b->failures, 0);
	if (!breaker_is_open(b))
		return false;
	atomic_store(&b->back_at, now);
	return atomic_exchange(&b->probe_at, 0) != 0;
}
