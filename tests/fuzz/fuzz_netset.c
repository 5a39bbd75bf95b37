/*
 * Prefixes from bytes, 18 each (family, bits, address): the set must say of
 * their edges and neighbours what a walk over all prefixes says.
 */
#include <stdlib.h>
#include <string.h>

#include "base/netset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 18, RECORDS_MAX = 200 };

static struct prefix from_bytes(const uint8_t *p)
{
	struct addr a = {.family = p[0] % 2 == 0 ? ADDR_V4 : ADDR_V6};

	memcpy(a.bytes, p + 2, a.family == ADDR_V4 ? 4 : 16);
	return prefix_of(&a, p[1] % (a.family == ADDR_V4 ? 33U : 129U));
}

static void check(
    const struct netset *s, const struct prefix *prefixes, size_t count, const struct addr *a)
{
	bool want = false;

	for (size_t i = 0; i < count && !want; i++)
		want = prefix_contains(&prefixes[i], a);
	if (netset_contains(s, a) != want)
		abort();
}

static void move(struct addr *a, int step)
{
	for (unsigned i = a->family == ADDR_V4 ? 4 : 16; i-- > 0;) {
		a->bytes[i] = (uint8_t)(a->bytes[i] + step);
		if (a->bytes[i] != (step > 0 ? 0x00 : 0xff))
			return;
	}
}

static void check_edges(
    const struct netset *s, const struct prefix *prefixes, size_t count, const struct prefix *p)
{
	struct addr first = p->addr, last = p->addr;

	for (unsigned bit = p->bits; bit < (last.family == ADDR_V4 ? 32U : 128U); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	check(s, prefixes, count, &first);
	check(s, prefixes, count, &last);
	move(&first, -1);
	move(&last, 1);
	check(s, prefixes, count, &first);
	check(s, prefixes, count, &last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netset_builder *b = netset_builder_new();
	struct prefix prefixes[RECORDS_MAX], why;
	struct netset *s;
	size_t count = 0;

	for (; count < RECORDS_MAX && (count + 1) * RECORD <= size; count++) {
		prefixes[count] = from_bytes(data + count * RECORD);
		if (!netset_builder_add(b, &prefixes[count]))
			abort();
	}
	s = netset_build(&b);
	if (s == NULL || netset_ranges(s) > count)
		abort();
	for (size_t i = 0; i < count; i++)
		check_edges(s, prefixes, count, &prefixes[i]);
	if (netset_covers_world(s, &why)) {
		struct addr a = why.addr;

		/* What is named must be in the set. */
		if (a.family == ADDR_NONE || !netset_contains(s, &a))
			abort();
	} else if (why.addr.family != ADDR_NONE) {
		abort();
	}
	netset_free(&s);
	return 0;
}
