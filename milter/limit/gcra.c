#include "limit/gcra.h"

enum { INTERVAL_MIN = 100 };

bool gcra_make(uint64_t count, usec_t period, uint64_t burst, struct gcra *out)
{
	uint64_t nsec, interval;

	if (count == 0 || period <= 0 || period > GCRA_HORIZON / NSEC_PER_USEC)
		return false;
	nsec = (uint64_t)period * (uint64_t)NSEC_PER_USEC;
	interval = nsec / count + (nsec % count != 0);
	if (burst == 0)
		burst = count;
	if (interval < INTERVAL_MIN || burst > (uint64_t)GCRA_HORIZON / interval)
		return false;
	out->interval = (nsec_t)interval;
	out->tolerance = (nsec_t)(burst * interval);
	return true;
}

struct gcra gcra_share(const struct gcra *g, unsigned hosts)
{
	nsec_t most = GCRA_HORIZON / (nsec_t)hosts;
	nsec_t interval = g->interval > most ? GCRA_HORIZON : g->interval * (nsec_t)hosts;

	return (struct gcra){interval, g->tolerance > interval ? g->tolerance : interval};
}

uint64_t gcra_burst(const struct gcra *g)
{
	return (uint64_t)(g->tolerance / g->interval);
}

/* How far ahead of now the debt reaches; what can't be is cut. */
static nsec_t debt(const struct gcra *g, nsec_t tat, nsec_t now)
{
	if (tat <= now)
		return 0;
	return tat - now > g->tolerance ? g->tolerance : tat - now;
}

uint64_t gcra_owed(const struct gcra *g, nsec_t tat, nsec_t now)
{
	nsec_t d = debt(g, tat, now);

	return (uint64_t)(d / g->interval + (d % g->interval != 0));
}

/* More than the burst is never admitted, nor can its cost be told in 64 bits. */
static bool is_too_much(const struct gcra *g, uint64_t units)
{
	return units > gcra_burst(g);
}

nsec_t gcra_wait(const struct gcra *g, nsec_t tat, uint64_t units, nsec_t now)
{
	nsec_t room = g->tolerance - debt(g, tat, now), cost;

	cost = is_too_much(g, units) ? g->tolerance : (nsec_t)units * g->interval;
	return cost > room ? cost - room : 0;
}

bool gcra_charge(const struct gcra *g, nsec_t tat, uint64_t units, nsec_t now, nsec_t *next)
{
	nsec_t d = debt(g, tat, now), cost;

	*next = tat > now ? now + d : tat;
	if (is_too_much(g, units))
		return false;
	cost = (nsec_t)(units == 0 ? 1 : units) * g->interval;
	if (cost > g->tolerance - d)
		return false;
	if (units != 0)
		*next = now + d + cost;
	return true;
}

static void age(struct gcra_credit *c, nsec_t now)
{
	nsec_t passed = now > c->as_of ? now - c->as_of : 0;

	c->amount = c->amount > passed ? c->amount - passed : 0;
	c->as_of = now;
}

void gcra_credit_add(struct gcra_credit *c, const struct gcra *g, uint64_t units, nsec_t now)
{
	age(c, now);
	c->amount += (nsec_t)units * g->interval;
}

nsec_t gcra_credit_take(struct gcra_credit *c, const struct gcra *g, uint64_t units, nsec_t now)
{
	nsec_t cost;

	age(c, now);
	if (is_too_much(g, units))
		return gcra_credit_take_all(c, now);
	cost = (nsec_t)units * g->interval;
	cost = cost < c->amount ? cost : c->amount;
	c->amount -= cost;
	return cost;
}

nsec_t gcra_credit_take_all(struct gcra_credit *c, nsec_t now)
{
	nsec_t amount;

	age(c, now);
	amount = c->amount;
	c->amount = 0;
	return amount;
}

nsec_t gcra_refund(nsec_t tat, nsec_t amount, nsec_t now)
{
	if (tat <= now)
		return tat;
	return tat - now > amount ? tat - amount : now;
}
