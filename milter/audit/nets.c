#include "audit/nets.h"

#include <string.h>

enum { BITS_MAX = 128 };

void nets_add(
    struct nets_effort *e, struct nets *l, const struct prefix *net, const struct import_from *from)
{
	if (l->count == l->room) {
		size_t larger = l->room == 0 ? 16 : l->room * 2;
		struct net_from *items = arena_alloc(e->arena, larger * sizeof(*items));

		if (items == NULL) {
			e->failed = true;
			return;
		}
		if (l->count > 0)
			memcpy(items, l->items, l->count * sizeof(*items));
		l->items = items;
		l->room = larger;
	}
	l->items[l->count++] = (struct net_from){*net, *from};
}

void nets_join(struct nets_effort *e, struct nets *l, const struct nets *other)
{
	for (size_t i = 0; i < other->count && !e->failed; i++)
		nets_add(e, l, &other->items[i].net, &other->items[i].from);
}

void nets_add_world(struct nets_effort *e, struct nets *l, const struct import_from *from)
{
	const struct prefix v4 = {{.family = ADDR_V4}, 0}, v6 = {{.family = ADDR_V6}, 0};

	nets_add(e, l, &v4, from);
	nets_add(e, l, &v6, from);
}

/* Is all of `inner` in `outer`? */
static bool holds(const struct prefix *outer, const struct prefix *inner)
{
	return outer->bits <= inner->bits && prefix_contains(outer, &inner->addr);
}

static bool goes_on(struct nets_effort *e, size_t steps)
{
	e->steps += steps;
	if (e->steps > NETS_EFFORT_MAX)
		e->failed = true;
	return !e->failed;
}

/* The lower (0) or upper (1) half of a prefix. */
static struct prefix half(const struct prefix *p, unsigned upper)
{
	struct prefix out = *p;

	out.bits++;
	if (upper != 0)
		out.addr.bytes[p->bits / 8] =
		    (uint8_t)(out.addr.bytes[p->bits / 8] | (0x80U >> (p->bits % 8)));
	return out;
}

/* Halves what a hole lies in, until each piece is all in one, or in none. */
void nets_add_without(
    struct nets_effort *e, struct nets *out, const struct net_from *net, const struct nets *holes)
{
	struct prefix stack[BITS_MAX + 2];
	size_t depth = 0;

	stack[depth++] = net->net;
	while (depth > 0 && goes_on(e, holes->count + 1)) {
		struct prefix p = stack[--depth];
		bool gone = false, cut = false;

		for (size_t i = 0; i < holes->count && !gone; i++) {
			gone = holds(&holes->items[i].net, &p);
			cut = cut || holds(&p, &holes->items[i].net);
		}
		if (gone)
			continue;
		if (!cut) {
			nets_add(e, out, &p, &net->from);
			continue;
		}
		stack[depth++] = half(&p, 1);
		stack[depth++] = half(&p, 0);
	}
}

void nets_add_common(
    struct nets_effort *e, struct nets *out, const struct net_from *net, const struct nets *l)
{
	if (!goes_on(e, l->count))
		return;
	for (size_t i = 0; i < l->count; i++)
		if (holds(&l->items[i].net, &net->net)) {
			nets_add(e, out, &net->net, &net->from);
			return;
		}
	for (size_t i = 0; i < l->count; i++)
		if (holds(&net->net, &l->items[i].net))
			nets_add(e, out, &l->items[i].net, &net->from);
}

bool nets_touch(struct nets_effort *e, const struct nets *l, const struct prefix *net)
{
	if (!goes_on(e, l->count))
		return true;
	for (size_t i = 0; i < l->count; i++)
		if (holds(&l->items[i].net, net) || holds(net, &l->items[i].net))
			return true;
	return false;
}

bool nets_equal(const struct nets *a, const struct nets *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i].net.bits != b->items[i].net.bits ||
		    !addr_equal(&a->items[i].net.addr, &b->items[i].net.addr))
			return false;
	return true;
}
