#include "../lib/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "base/netset.h"

/* Sanitizers make all of it ten times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROUNDS = 10 };
#else
enum { ROUNDS = 100 };
#endif
enum { PREFIXES = 300, QUESTIONS = 2500 }; /* of each family, in each round */

static struct addr address(const char *text)
{
	struct addr a;

	if (!addr_parse(text, strlen(text), &a))
		fail_msg("%s is no address", text);
	return a;
}

static struct prefix network(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, strlen(text), &p) != PREFIX_OK)
		fail_msg("%s is no prefix", text);
	return p;
}

/* `list` has the prefixes, a blank between two. */
static struct netset *set_of(const char *list)
{
	struct netset_builder *b = netset_builder_new();
	struct netset *s;

	assert_non_null(b);
	for (const char *p = list; *p != '\0';) {
		size_t len = strcspn(p, " ");
		struct prefix prefix;

		if (prefix_parse(p, len, &prefix) != PREFIX_OK)
			fail_msg("%.*s is no prefix", (int)len, p);
		assert_true(netset_builder_add(b, &prefix));
		p += len + strspn(p + len, " ");
	}
	s = netset_build(&b);
	assert_non_null(s);
	assert_null(b);
	return s;
}

static const struct {
	const char *set, *addr;
	bool want;
} matches[] = {
    {"", "192.0.2.1", false},
    {"", "2001:db8::1", false},
    {"192.0.2.0/24", "192.0.2.0", true},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.1.255", false},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/24", "::ffff:192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    {"192.0.2.0/24", "c000:200::", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"::/0", "255.255.255.255", false},
    {"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"0.0.0.0/32 255.255.255.255/32", "0.0.0.0", true},
    {"0.0.0.0/32 255.255.255.255/32", "0.0.0.1", false},
    {"0.0.0.0/32 255.255.255.255/32", "255.255.255.255", true},
    {"10.0.0.0/8 10.1.0.0/16", "10.200.0.1", true},
    {"2001:db8::/32 2001:db8:1::/48", "2001:db8:ffff::1", true},
    {"2001:db8::1", "2001:db8::1", true},
    {"2001:db8::1", "2001:db8::", false},
    {"2001:db8::1", "2001:db8::2", false},
    {"2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true},
    {"2001:db8::/64", "2001:db8:0:1::", false},
    {"2001:db8::8000:0:0:0/65", "2001:db8::7fff:ffff:ffff:ffff", false},
    {"2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:0", true},
    {"::1 127.0.0.0/8", "::1", true},
    {"::1 127.0.0.0/8", "127.1.2.3", true},
};

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct netset *s = set_of(matches[i].set);
		struct addr a = address(matches[i].addr);
		bool got = netset_contains(s, &a);

		if (got != matches[i].want)
			fail_msg("%s in {%s}: got %d, want %d", matches[i].addr, matches[i].set,
			    got, matches[i].want);
		netset_free(&s);
		assert_null(s);
	}
}

static const struct {
	const char *set;
	size_t want;
} ranges[] = {
    {"", 0},
    {"192.0.2.0/24", 1},
    {"192.0.2.0/24 192.0.2.0/24", 1},
    {"192.0.2.0/25 192.0.2.128/25", 1},
    {"192.0.2.0/25 192.0.3.0/25", 2},
    {"10.0.0.0/8 10.1.0.0/16 10.255.255.255 11.0.0.0/8", 1},
    {"128.0.0.0/1 0.0.0.0/1", 1},
    {"0.0.0.0/0 192.0.2.0/24", 1},
    {"2001:db8::/33 2001:db8:8000::/33", 1},
    {"2001:db8::/64 2001:db8:0:1::/64", 1},
    {"2001:db8::/64 2001:db8:0:2::/64", 2},
    {"8000::/1 ::/1 ffff::/16", 1},
    {"2001:db8::1 2001:db8::3 192.0.2.1", 3},
};

static void test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct netset *s = set_of(ranges[i].set);

		if (netset_ranges(s) != ranges[i].want)
			fail_msg("{%s}: got %zu, want %zu", ranges[i].set, netset_ranges(s),
			    ranges[i].want);
		netset_free(&s);
	}
}

/* Each range from its first to its last, IPv4 before IPv6. */
static void test_range(void **state)
{
	static const char *const want[] = {"10.0.0.0", "10.0.1.255", "192.0.2.7", "192.0.2.7",
	    "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"};
	struct netset *s = set_of("2001:db8::/64 192.0.2.7 10.0.1.0/24 10.0.0.0/24");
	struct addr first, last, wanted;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(netset_range(s, i, &first, &last));
		wanted = address(want[2 * i]);
		assert_true(addr_equal(&first, &wanted));
		wanted = address(want[2 * i + 1]);
		assert_true(addr_equal(&last, &wanted));
	}
	assert_false(netset_range(s, 3, &first, &last));
	assert_false(netset_range(NULL, 0, &first, &last));
	netset_free(&s);
}

static void test_nothing(void **state)
{
	struct addr none = {.family = ADDR_NONE}, some = address("192.0.2.1");
	struct prefix no_prefix = {.addr = none}, why;
	struct netset *s = set_of("0.0.0.0/0 ::/0"), *null = NULL;
	struct netset_builder *b = netset_builder_new();

	(void)state;
	assert_false(netset_contains(NULL, &some));
	assert_false(netset_contains(s, &none));
	assert_int_equal(netset_ranges(NULL), 0);
	assert_false(netset_covers_world(NULL, &why));
	assert_int_equal(why.addr.family, ADDR_NONE);
	netset_free(&s);
	netset_free(&null);
	assert_true(netset_builder_add(b, &no_prefix));
	assert_true(netset_builder_add_set(b, NULL));
	netset_builder_free(&b);
	assert_null(b);
	netset_builder_free(&b);
}

static void test_add_set(void **state)
{
	struct netset *inner = set_of("192.0.2.0/24 2001:db8::/32"), *s;
	struct netset_builder *b = netset_builder_new();
	struct prefix more = network("198.51.100.0/24");
	struct addr a = address("192.0.2.9"), v6 = address("2001:db8::9"),
		    other = address("198.51.100.9");

	(void)state;
	assert_true(netset_builder_add_set(b, inner));
	assert_true(netset_builder_add(b, &more));
	netset_free(&inner);
	s = netset_build(&b);
	assert_int_equal(netset_ranges(s), 3);
	assert_true(netset_contains(s, &a));
	assert_true(netset_contains(s, &v6));
	assert_true(netset_contains(s, &other));
	netset_free(&s);
}

/* want is the prefix that is named, NULL where the set does not cover the world. */
static const struct {
	const char *set, *want;
} worlds[] = {
    {"", NULL},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"::/0", "::/0"},
    {"0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0"},
    {"::/1 8000::/1", "::/0"},
    {"0.0.0.0/2 64.0.0.0/2 128.0.0.0/2 192.0.0.0/2", "0.0.0.0/0"},
    {"128.0.0.0/1", "128.0.0.0/1"},
    {"16.0.0.0/4", "16.0.0.0/4"},
    {"16.0.0.0/5", NULL},
    {"16.0.0.0/5 64.0.0.0/5", "16.0.0.0/5"},
    {"16.0.0.0/5 64.0.0.0/6 80.0.0.0/7 90.0.0.0/7", "16.0.0.0/5"},
    {"16.0.0.0/5 64.0.0.0/6 80.0.0.0/7", NULL},
    /* a hole in the middle */
    {"0.0.0.0/1 128.0.0.0/2 192.0.0.0/3 223.0.0.0/8", "0.0.0.0/1"},
    {"12.0.0.0/6 16.0.0.0/5 24.0.0.0/6", "16.0.0.0/5"},
    /* what every site may hold */
    {"10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 100.64.0.0/10 169.254.0.0/16", NULL},
    {"224.0.0.0/3", NULL},
    {"fc00::/7 fe80::/10 ::1", NULL},
    {"fc00::/6", NULL},
    {"f000::/4", "f000::/4"},
    {"2000::/3", "2000::/3"},
    {"2a00::/11", "2a00::/11"},
    {"2a00::/12", NULL},
    {"2a00::/12 2600::/12", "2600::/12"},
    {"2a00::/12 2600::/12 192.0.2.0/24", "2600::/12"},
    {"2000::/4 3000::1", "2000::/4"},
    {"2000::1 2001::/16 2002::/15 2004::/14 2008::/13 2010::/12 2020::/11", "2020::/11"},
    {"2001:db8::/32 2001:db9::1 2001:db9::2", NULL},
    {"::/3", "::/3"},
    {"64:ff9b::/96 ::/96", NULL},
    {"2001:db8::1", NULL},
    {"192.0.2.1", NULL},
};

static void test_worlds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		struct netset *s = set_of(worlds[i].set);
		const char *want = worlds[i].want;
		char got[ADDR_TEXT_MAX];
		struct prefix why;
		bool covers = netset_covers_world(s, &why);

		prefix_format(&why, got);
		if (covers != (want != NULL) || strcmp(got, want == NULL ? "" : want) != 0)
			fail_msg("{%s}: got \"%s\", want \"%s\"", worlds[i].set, got,
			    want == NULL ? "" : want);
		netset_free(&s);
	}
}

/* How prefixes and questions of one round are spread. */
struct spread {
	enum addr_family family;
	unsigned free_from, free_bits; /* bits that vary; those in front of them are fixed */
	unsigned shortest, longest;    /* prefix lengths */
};

static const struct spread spreads[] = {
    {ADDR_V4, 0, 32, 1, 32},
    {ADDR_V4, 0, 32, 12, 32},
    {ADDR_V4, 22, 10, 22, 32}, /* dense: prefixes that touch and overlap */
    {ADDR_V4, 14, 8, 14, 22},
    {ADDR_V6, 0, 128, 1, 128},
    {ADDR_V6, 3, 61, 12, 64},
    {ADDR_V6, 54, 20, 56, 72}, /* across the border of the two halves */
    {ADDR_V6, 118, 10, 118, 128},
    {ADDR_V6, 40, 10, 40, 50},
};

static struct addr random_address(const struct spread *spread, uint64_t *random)
{
	struct addr a = {.family = spread->family};
	static const uint8_t base[16] = {
	    0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	unsigned width = a.family == ADDR_V4 ? 32 : 128;

	memcpy(a.bytes, base, width / 8);
	for (unsigned bit = spread->free_from;
	     bit < spread->free_from + spread->free_bits && bit < width; bit++) {
		uint8_t mask = (uint8_t)(0x80U >> bit % 8);

		if ((random_next(random) & 1) != 0)
			a.bytes[bit / 8] |= mask;
		else
			a.bytes[bit / 8] &= (uint8_t)~mask;
	}
	return a;
}

/* The address that is `step` (1 or -1) away, so that the edges of a prefix are asked for. */
static void move(struct addr *a, int step)
{
	for (unsigned i = a->family == ADDR_V4 ? 4 : 16; i-- > 0;) {
		a->bytes[i] = (uint8_t)(a->bytes[i] + step);
		if (a->bytes[i] != (step > 0 ? 0x00 : 0xff))
			return;
	}
}

static struct addr last_of(const struct prefix *p)
{
	struct addr a = p->addr;

	for (unsigned bit = p->bits; bit < (a.family == ADDR_V4 ? 32U : 128U); bit++)
		a.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	return a;
}

static struct addr question(
    const struct spread *spread, const struct prefix *prefixes, size_t count, uint64_t *random)
{
	const struct prefix *p = &prefixes[random_below(random, (uint32_t)count)];
	struct addr a = random_address(spread, random);

	switch (random_below(random, 6)) {
	case 0:
		a = p->addr;
		break;
	case 1:
		a = p->addr;
		move(&a, -1);
		break;
	case 2:
		a = last_of(p);
		break;
	case 3:
		a = last_of(p);
		move(&a, 1);
		break;
	default:
		break;
	}
	return a;
}

static bool naive_contains(const struct prefix *prefixes, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (prefix_contains(&prefixes[i], a))
			return true;
	return false;
}

static unsigned compare_round(const struct spread *spread, uint64_t *random)
{
	struct netset_builder *b = netset_builder_new();
	struct prefix prefixes[PREFIXES];
	size_t count = 1 + random_below(random, PREFIXES);
	unsigned inside = 0;
	struct netset *s;

	for (size_t i = 0; i < count; i++) {
		struct addr a = random_address(spread, random);
		unsigned bits =
		    spread->shortest + random_below(random, spread->longest - spread->shortest + 1);

		prefixes[i] = prefix_of(&a, bits);
		assert_true(netset_builder_add(b, &prefixes[i]));
	}
	s = netset_build(&b);
	assert_non_null(s);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct addr a = question(spread, prefixes, count, random);
		bool want = naive_contains(prefixes, count, &a);

		if (netset_contains(s, &a) != want) {
			char text[ADDR_TEXT_MAX];

			addr_format(&a, text);
			fail_msg(
			    "%s among %zu prefixes: got %d, want %d", text, count, !want, want);
		}
		inside += want;
	}
	netset_free(&s);
	return inside;
}

static void test_against_naive(void **state)
{
	uint64_t random = 42, inside = 0, asked = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < sizeof(spreads) / sizeof(spreads[0]); i++) {
			inside += compare_round(&spreads[i], &random);
			asked += QUESTIONS;
		}
	print_message("# %llu questions, %llu inside\n", (unsigned long long)asked,
	    (unsigned long long)inside);
	/* Neither answer may be rare, or the comparison says little. */
	assert_in_range(inside * 100 / asked, 20, 80);
}

/* Sparse networks of which it is known which there are: the even ones. */
enum { MANY = 20000 };

static struct prefix numbered(enum addr_family family, uint32_t number)
{
	struct addr a = {.family = family};
	unsigned at = family == ADDR_V4 ? 0 : 2;

	a.bytes[0] = 0x20;
	a.bytes[at] = (uint8_t)(a.bytes[at] + (number >> 16));
	a.bytes[at + 1] = (uint8_t)(number >> 8);
	a.bytes[at + 2] = (uint8_t)number;
	return prefix_of(&a, family == ADDR_V4 ? 24 : 40);
}

static struct netset *set_of_many(void)
{
	struct netset_builder *b = netset_builder_new();

	for (uint32_t i = 0; i < MANY; i++) {
		struct prefix p4 = numbered(ADDR_V4, i * 2), p6 = numbered(ADDR_V6, i * 2);

		assert_true(netset_builder_add(b, &p6));
		assert_true(netset_builder_add(b, &p4));
	}
	return netset_build(&b);
}

static void *ask_all(void *arg)
{
	const struct netset *s = arg;
	uintptr_t wrong = 0;

	for (uint32_t i = 0; i < 2 * MANY; i++) {
		struct prefix p4 = numbered(ADDR_V4, i), p6 = numbered(ADDR_V6, i);
		struct addr last4 = last_of(&p4), last6 = last_of(&p6);
		bool want = i % 2 == 0;

		wrong += netset_contains(s, &p4.addr) != want;
		wrong += netset_contains(s, &last4) != want;
		wrong += netset_contains(s, &p6.addr) != want;
		wrong += netset_contains(s, &last6) != want;
	}
	return (void *)wrong; // NOLINT(performance-no-int-to-ptr)
}

static void test_threads(void **state)
{
	struct netset *s = set_of_many();
	pthread_t threads[4];

	(void)state;
	assert_int_equal(netset_ranges(s), 2 * MANY);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_all, s), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	netset_free(&s);
}

static void touches(void **state)
{
	static const struct {
		const char *prefix;
		bool want;
	} cases[] = {
	    {"192.0.2.0/24", true},
	    {"192.0.2.9", true},
	    {"192.0.0.0/16", true},
	    {"0.0.0.0/0", true},
	    {"192.0.3.0/24", false},
	    {"192.0.1.0/24", false},
	    {"2001:db8::/48", true},
	    {"2001::/16", true},
	    {"2001:db8:1::/48", false},
	    {"::/0", true},
	};
	struct netset *s = set_of("192.0.2.0/25 2001:db8::/64");
	struct prefix none = {.addr = {.family = ADDR_NONE}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p = network(cases[i].prefix);

		if (netset_touches(s, &p) != cases[i].want)
			fail_msg("%s: want %d", cases[i].prefix, cases[i].want);
		assert_false(netset_touches(NULL, &p));
	}
	assert_false(netset_touches(s, &none));
	netset_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matches),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_range),
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_add_set),
	    cmocka_unit_test(test_worlds),
	    cmocka_unit_test(test_against_naive),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(touches),
	};

	return cmocka_run_group_tests_name("netset", tests, NULL, NULL);
}
