#include "base/netset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Ranges are inclusive and, in a built set, sorted, disjoint and not adjacent. */
struct range4 {
	uint32_t first, last;
};

struct key6 {
	uint64_t hi, lo;
};

struct range6 {
	struct key6 first, last;
};

struct netset {
	size_t count4, count6;
	struct range4 *ranges4;
	struct range6 *ranges6;
	/* index[t]: the first range whose last address is in slot t or behind it. NULL: too few. */
	uint32_t *index4, *index6;
	unsigned common6; /* leading bits in which all IPv6 ranges agree, at most 48 */
};

struct netset_builder {
	size_t count4, count6, cap4, cap6;
	struct range4 *ranges4;
	struct range6 *ranges6;
};

enum {
	INDEX_SIZE = 65536 + 1,
	INDEX_FROM = 64, /* with fewer ranges a plain search touches less memory */
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void store64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 8; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static uint32_t key4_of(const struct addr *a)
{
	return (uint32_t)(load64(a->bytes) >> 32);
}

static struct key6 key6_of(const struct addr *a)
{
	return (struct key6){load64(a->bytes), load64(a->bytes + 8)};
}

static int key6_compare(const struct key6 *a, const struct key6 *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return 0;
}

struct netset_builder *netset_builder_new(void)
{
	return calloc(1, sizeof(struct netset_builder));
}

/* Room for one more element of `size` bytes; NULL when memory is exhausted. */
static void *grown(void *items, size_t count, size_t *cap, size_t size)
{
	size_t larger;

	if (count < *cap)
		return items;
	larger = *cap == 0 ? 64 : *cap * 2;
	if (larger > SIZE_MAX / size)
		return NULL;
	items = realloc(items, larger * size);
	if (items != NULL)
		*cap = larger;
	return items;
}

static bool add4(struct netset_builder *b, struct range4 r)
{
	struct range4 *items = grown(b->ranges4, b->count4, &b->cap4, sizeof(r));

	if (items == NULL)
		return false;
	b->ranges4 = items;
	items[b->count4++] = r;
	return true;
}

static bool add6(struct netset_builder *b, struct range6 r)
{
	struct range6 *items = grown(b->ranges6, b->count6, &b->cap6, sizeof(r));

	if (items == NULL)
		return false;
	b->ranges6 = items;
	items[b->count6++] = r;
	return true;
}

bool netset_builder_add(struct netset_builder *b, const struct prefix *p)
{
	if (p->addr.family == ADDR_V4) {
		uint32_t first = key4_of(&p->addr);
		uint32_t host =
		    p->bits == 0 ? UINT32_MAX : (uint32_t)((1ULL << (32 - p->bits)) - 1);

		return add4(b, (struct range4){first, first | host});
	}
	if (p->addr.family == ADDR_V6) {
		struct key6 first = key6_of(&p->addr), last = first;

		if (p->bits <= 64) {
			last.hi |= p->bits == 0    ? UINT64_MAX
			           : p->bits == 64 ? 0
			                           : UINT64_MAX >> p->bits;
			last.lo = UINT64_MAX;
		} else {
			last.lo |= p->bits == 128 ? 0 : UINT64_MAX >> (p->bits - 64);
		}
		return add6(b, (struct range6){first, last});
	}
	return true;
}

bool netset_builder_add_set(struct netset_builder *b, const struct netset *s)
{
	if (s == NULL)
		return true;
	for (size_t i = 0; i < s->count4; i++)
		if (!add4(b, s->ranges4[i]))
			return false;
	for (size_t i = 0; i < s->count6; i++)
		if (!add6(b, s->ranges6[i]))
			return false;
	return true;
}

static int compare4(const void *a, const void *b)
{
	const struct range4 *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int compare6(const void *a, const void *b)
{
	const struct range6 *x = a, *y = b;

	return key6_compare(&x->first, &y->first);
}

static size_t merge4(struct range4 *r, size_t count)
{
	size_t n = 0;

	if (count == 0)
		return 0;
	qsort(r, count, sizeof(*r), compare4);
	for (size_t i = 1; i < count; i++) {
		if (r[n].last == UINT32_MAX || r[i].first <= r[n].last + 1) {
			if (r[i].last > r[n].last)
				r[n].last = r[i].last;
		} else {
			r[++n] = r[i];
		}
	}
	return n + 1;
}

/* Is `first` inside the range that ends at `last`, or right behind it? */
static bool touches6(const struct key6 *last, const struct key6 *first)
{
	struct key6 next = {last->hi + (last->lo == UINT64_MAX), last->lo + 1};

	if (last->hi == UINT64_MAX && last->lo == UINT64_MAX)
		return true;
	return key6_compare(first, &next) <= 0;
}

static size_t merge6(struct range6 *r, size_t count)
{
	size_t n = 0;

	if (count == 0)
		return 0;
	qsort(r, count, sizeof(*r), compare6);
	for (size_t i = 1; i < count; i++) {
		if (touches6(&r[n].last, &r[i].first)) {
			if (key6_compare(&r[i].last, &r[n].last) > 0)
				r[n].last = r[i].last;
		} else {
			r[++n] = r[i];
		}
	}
	return n + 1;
}

static uint32_t slot4(uint32_t key)
{
	return key >> 16;
}

/* Meaningful from the first range to the last: only there the leading bits are the common ones. */
static uint32_t slot6(const struct netset *s, const struct key6 *key)
{
	return (uint32_t)(key->hi << s->common6 >> 48);
}

static bool build_index4(struct netset *s)
{
	size_t at = 0;

	if (s->count4 < INDEX_FROM)
		return true;
	s->index4 = malloc(INDEX_SIZE * sizeof(*s->index4));
	if (s->index4 == NULL)
		return false;
	for (uint32_t slot = 0; slot < INDEX_SIZE; slot++) {
		while (at < s->count4 && slot4(s->ranges4[at].last) < slot)
			at++;
		s->index4[slot] = (uint32_t)at;
	}
	return true;
}

static bool build_index6(struct netset *s)
{
	uint64_t differ;
	size_t at = 0;

	if (s->count6 < INDEX_FROM)
		return true;
	s->index6 = malloc(INDEX_SIZE * sizeof(*s->index6));
	if (s->index6 == NULL)
		return false;
	differ = s->ranges6[0].first.hi ^ s->ranges6[s->count6 - 1].last.hi;
	while (s->common6 < 48 && differ >> (63 - s->common6) == 0)
		s->common6++;
	for (uint32_t slot = 0; slot < INDEX_SIZE; slot++) {
		while (at < s->count6 && slot6(s, &s->ranges6[at].last) < slot)
			at++;
		s->index6[slot] = (uint32_t)at;
	}
	return true;
}

/* Gives back what the builder reserved and merging freed; keeps the old block when it can't. */
static void *trimmed(void *items, size_t count, size_t size)
{
	void *smaller = count == 0 ? NULL : realloc(items, count * size);

	return smaller == NULL ? items : smaller;
}

struct netset *netset_build(struct netset_builder **b)
{
	struct netset *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->ranges4 = (*b)->ranges4;
		s->ranges6 = (*b)->ranges6;
		s->count4 = merge4(s->ranges4, (*b)->count4);
		s->count6 = merge6(s->ranges6, (*b)->count6);
		s->ranges4 = trimmed(s->ranges4, s->count4, sizeof(*s->ranges4));
		s->ranges6 = trimmed(s->ranges6, s->count6, sizeof(*s->ranges6));
		(*b)->ranges4 = NULL;
		(*b)->ranges6 = NULL;
		if (s->count4 > UINT32_MAX || s->count6 > UINT32_MAX || !build_index4(s) ||
		    !build_index6(s))
			netset_free(&s);
	}
	netset_builder_free(b);
	return s;
}

void netset_builder_free(struct netset_builder **b)
{
	if (*b == NULL)
		return;
	free((*b)->ranges4);
	free((*b)->ranges6);
	free(*b);
	*b = NULL;
}

void netset_free(struct netset **s)
{
	if (*s == NULL)
		return;
	free((*s)->ranges4);
	free((*s)->ranges6);
	free((*s)->index4);
	free((*s)->index6);
	free(*s);
	*s = NULL;
}

static bool contains4(const struct netset *s, uint32_t key)
{
	size_t low = 0, high = s->count4;

	if (s->index4 != NULL) {
		low = s->index4[slot4(key)];
		high = s->index4[slot4(key) + 1];
	}
	/* The answer is the first range that does not end before `key`. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->ranges4[mid].last < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->count4 && s->ranges4[low].first <= key && key <= s->ranges4[low].last;
}

static bool contains6(const struct netset *s, const struct key6 *key)
{
	size_t low = 0, high = s->count6;

	if (s->count6 == 0 || key6_compare(key, &s->ranges6[0].first) < 0 ||
	    key6_compare(key, &s->ranges6[s->count6 - 1].last) > 0)
		return false;
	if (s->index6 != NULL) {
		low = s->index6[slot6(s, key)];
		high = s->index6[slot6(s, key) + 1];
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (key6_compare(&s->ranges6[mid].last, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->count6 && key6_compare(&s->ranges6[low].first, key) <= 0;
}

bool netset_contains(const struct netset *s, const struct addr *a)
{
	struct key6 key;

	if (s == NULL || a->family == ADDR_NONE)
		return false;
	if (a->family == ADDR_V4)
		return contains4(s, key4_of(a));
	key = key6_of(a);
	return contains6(s, &key);
}

bool netset_touches(const struct netset *s, const struct prefix *p)
{
	struct addr a;

	if (s == NULL || p->addr.family == ADDR_NONE)
		return false;
	if (netset_contains(s, &p->addr))
		return true;
	/* Else a range begins within the prefix, or none touches it. */
	a = (struct addr){.family = p->addr.family};
	for (size_t i = 0; p->addr.family == ADDR_V4 && i < s->count4; i++) {
		store64(a.bytes, (uint64_t)s->ranges4[i].first << 32);
		if (prefix_contains(p, &a))
			return true;
	}
	for (size_t i = 0; p->addr.family == ADDR_V6 && i < s->count6; i++) {
		store64(a.bytes, s->ranges6[i].first.hi);
		store64(a.bytes + 8, s->ranges6[i].first.lo);
		if (prefix_contains(p, &a))
			return true;
	}
	return false;
}

size_t netset_ranges(const struct netset *s)
{
	return s == NULL ? 0 : s->count4 + s->count6;
}

static struct addr addr_of4(uint32_t key)
{
	struct addr a = {.family = ADDR_V4};

	store64(a.bytes, (uint64_t)key << 32);
	return a;
}

static struct addr addr_of6(const struct key6 *key)
{
	struct addr a = {.family = ADDR_V6};

	store64(a.bytes, key->hi);
	store64(a.bytes + 8, key->lo);
	return a;
}

bool netset_range(const struct netset *s, size_t i, struct addr *first, struct addr *last)
{
	if (i >= netset_ranges(s))
		return false;
	if (i < s->count4) {
		*first = addr_of4(s->ranges4[i].first);
		*last = addr_of4(s->ranges4[i].last);
	} else {
		*first = addr_of6(&s->ranges6[i - s->count4].first);
		*last = addr_of6(&s->ranges6[i - s->count4].last);
	}
	return true;
}

/* Counts one family's addresses, an IPv6 /64 being one, and remembers the widest prefix. */
struct census {
	unsigned width; /* bits of a number: 32 for IPv4, 64 for IPv6 */
	uint64_t total; /* stops at UINT64_MAX */
	uint64_t widest;
	unsigned widest_bits;
};

/* How many bits has the widest prefix that starts at `first` and stays within `last`? */
static unsigned head_bits(uint64_t first, uint64_t last, unsigned width)
{
	unsigned bits = width;

	while (bits > 0) {
		uint64_t host = UINT64_MAX >> (64 - (width - bits + 1));

		if ((first & host) != 0 || last - first < host)
			break;
		bits--;
	}
	return bits;
}

static void census_add(struct census *c, uint64_t first, uint64_t last)
{
	uint64_t size = last - first == UINT64_MAX ? UINT64_MAX : last - first + 1;

	c->total = c->total > UINT64_MAX - size ? UINT64_MAX : c->total + size;
	for (;;) {
		unsigned bits = head_bits(first, last, c->width);
		uint64_t host = bits == c->width ? 0 : UINT64_MAX >> (64 - (c->width - bits));

		if (bits < c->widest_bits) {
			c->widest = first;
			c->widest_bits = bits;
		}
		if (last - first == host)
			return;
		first += host + 1;
	}
}

static bool covers_world4(const struct netset *s, struct prefix *why)
{
	const uint32_t end = 0xe0000000; /* 224.0.0.0: multicast and reserved space begin */
	struct census c = {.width = 32, .widest_bits = 33};
	struct addr a = {.family = ADDR_V4};

	for (size_t i = 0; i < s->count4 && s->ranges4[i].first < end; i++)
		census_add(&c, s->ranges4[i].first, s->ranges4[i].last);
	store64(a.bytes, c.widest << 32);
	*why = prefix_of(&a, c.widest_bits);
	return c.total >= 1ULL << (32 - NETSET_WORLD_BITS_V4);
}

static bool covers_world6(const struct netset *s, struct prefix *why)
{
	const uint64_t end = 0xfc00ULL << 48; /* unique local, link-local, multicast begin */
	struct census c = {.width = 64, .widest_bits = 65};
	struct addr a = {.family = ADDR_V6};

	for (size_t i = 0; i < s->count6 && s->ranges6[i].first.hi < end; i++) {
		const struct range6 *r = &s->ranges6[i];

		/* Only whole /64s: no list is long enough for their parts to add up. */
		uint64_t before = r->first.hi + (r->first.lo != 0);
		uint64_t behind = r->last.hi + (r->last.lo == UINT64_MAX);

		if (r->last.hi == UINT64_MAX && r->last.lo == UINT64_MAX)
			census_add(&c, before, UINT64_MAX);
		else if (before < behind)
			census_add(&c, before, behind - 1);
	}
	store64(a.bytes, c.widest);
	*why = prefix_of(&a, c.widest_bits);
	return c.total >= 1ULL << (64 - NETSET_WORLD_BITS_V6);
}

bool netset_covers_world(const struct netset *s, struct prefix *why)
{
	if (s != NULL && (covers_world4(s, why) || covers_world6(s, why)))
		return true;
	*why = (struct prefix){.addr = {.family = ADDR_NONE}};
	return false;
}
