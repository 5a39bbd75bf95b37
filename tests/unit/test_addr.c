#include "../lib/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "../lib/random.h"
#include "base/addr.h"

/* want is NULL where the text must be refused. */
static const struct {
	const char *text, *want;
} addresses[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"::", "::"},
    {"::1", "::1"},
    {"fe80::", "fe80::"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::FFFF:c000:201", "192.0.2.1"},
    {"0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"},
    {"::ffff:0:c000:201", "::ffff:0:c000:201"},
    {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
    {"IPv6:2001:db8::1", "2001:db8::1"},
    {"ipV6:::1", "::1"},
    {"IPv6:::ffff:192.0.2.1", "192.0.2.1"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"", NULL},
    {" ", NULL},
    {"192.0.2", NULL},
    {"192.0.2.1.", NULL},
    {"192.0.2.1.5", NULL},
    {"192.0.2.256", NULL},
    {"192.0.2.01", NULL},
    {"192.0.2.001", NULL},
    {"0xc0.0.2.1", NULL},
    {"3221225985", NULL},
    {"192.0.2.-1", NULL},
    {"192.0.2.+1", NULL},
    {" 192.0.2.1", NULL},
    {"192.0.2.1 ", NULL},
    {"192.0.2.1\n", NULL},
    {"192..2.1", NULL},
    {"IPv6:192.0.2.1", NULL},
    {"IPv6:", NULL},
    {"IPv6:IPv6:::1", NULL},
    {"IPv4:192.0.2.1", NULL},
    {":", NULL},
    {":::", NULL},
    {"1::2::3", NULL},
    {"2001:db8::1%eth0", NULL},
    {"fe80::1%1", NULL},
    {"[::1]", NULL},
    {"2001:db8::10000", NULL},
    {"2001:db8::00001", NULL},
    {"2001:db8::g", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1:2:3:4:5:6:7:8::", NULL},
    {"1:2:3:4:5:6:7:", NULL},
    {":1:2:3:4:5:6:7", NULL},
    {"::ffff:192.0.2.01", NULL},
    {"::ffff:192.0.2", NULL},
    {"::192.0.2.1:1", NULL},
    {"192.0.2.1/32", NULL},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL},
    {"0000000000000000000000000000000000000000000000000000000000000000001", NULL},
    {"example.com", NULL},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const char *text = addresses[i].text, *want = addresses[i].want;
		char got[ADDR_TEXT_MAX];
		struct addr a;
		bool ok = addr_parse(text, strlen(text), &a);

		addr_format(&a, got);
		if (ok != (want != NULL) || strcmp(got, want == NULL ? "" : want) != 0)
			fail_msg("\"%s\": got %s, want %s", text, ok ? got : "refused",
			    want == NULL ? "refused" : want);
	}
}

static void test_parse_is_bounded(void **state)
{
	static const char nul[] = "192.0.2.1\0.5";
	struct addr a;

	(void)state;
	assert_true(addr_parse("192.0.2.123", 9, &a));
	assert_int_equal(a.bytes[3], 1);
	assert_false(addr_parse(nul, sizeof(nul) - 1, &a));
	assert_false(addr_parse(nul, 10, &a));
	assert_int_equal(a.family, ADDR_NONE);
	assert_false(addr_parse(NULL, 0, &a));
}

static void test_sockaddr(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(25)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(587)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char text[ADDR_TEXT_MAX];
	uint16_t port;
	struct addr a;

	(void)state;
	inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
	assert_true(addr_from_sockaddr((struct sockaddr *)&in, &a, &port));
	addr_format(&a, text);
	assert_string_equal(text, "192.0.2.7");
	assert_int_equal(port, 25);

	inet_pton(AF_INET6, "2001:db8::7", &in6.sin6_addr);
	assert_true(addr_from_sockaddr((struct sockaddr *)&in6, &a, &port));
	addr_format(&a, text);
	assert_string_equal(text, "2001:db8::7");
	assert_int_equal(port, 587);

	inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
	assert_true(addr_from_sockaddr((struct sockaddr *)&in6, &a, NULL));
	assert_int_equal(a.family, ADDR_V4);

	assert_false(addr_from_sockaddr((struct sockaddr *)&un, &a, &port));
	assert_int_equal(a.family, ADDR_NONE);
	assert_int_equal(port, 0);
	assert_false(addr_from_sockaddr(NULL, &a, NULL));
}

static const struct {
	const char *text;
	bool loopback;
} loopbacks[] = {
    {"127.0.0.1", true},
    {"127.255.0.3", true},
    {"::1", true},
    {"::ffff:127.0.0.1", true},
    {"128.0.0.1", false},
    {"::", false},
    {"7f00::1", false},
    {"::2", false},
};

static void test_loopback(void **state)
{
	struct addr none = {.family = ADDR_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(loopbacks) / sizeof(loopbacks[0]); i++) {
		struct addr a;

		assert_true(addr_parse(loopbacks[i].text, strlen(loopbacks[i].text), &a));
		if (addr_is_loopback(&a) != loopbacks[i].loopback)
			fail_msg("%s: got %d, want %d", loopbacks[i].text, !loopbacks[i].loopback,
			    loopbacks[i].loopback);
	}
	assert_false(addr_is_loopback(&none));
}

static const struct {
	const char *text;
	bool is_public;
} publics[] = {
    {"192.0.2.1", true},
    {"172.32.0.1", true},
    {"100.63.255.255", true},
    {"2001:db8::1", true},
    {"::ffff:198.51.100.1", true},
    {"10.1.2.3", false},
    {"172.31.0.1", false},
    {"192.168.1.1", false},
    {"100.64.0.1", false},
    {"169.254.1.1", false},
    {"127.0.0.2", false},
    {"0.0.0.0", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"::1", false},
    {"fe80::1", false},
    {"fd00::1", false},
    {"ff02::1", false},
};

static void test_public(void **state)
{
	struct addr none = {.family = ADDR_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(publics) / sizeof(publics[0]); i++) {
		struct addr a;

		assert_true(addr_parse(publics[i].text, strlen(publics[i].text), &a));
		if (addr_is_public(&a) != publics[i].is_public)
			fail_msg("%s: got %d, want %d", publics[i].text, !publics[i].is_public,
			    publics[i].is_public);
	}
	assert_false(addr_is_public(&none));
}

/* want is the network that *out must hold, "" where it must hold none. */
static const struct {
	const char *text, *want;
	enum prefix_error error;
} prefixes[] = {
    {"192.0.2.0/24", "192.0.2.0/24", PREFIX_OK},
    {"192.0.2.1", "192.0.2.1/32", PREFIX_OK},
    {"0.0.0.0/0", "0.0.0.0/0", PREFIX_OK},
    {"128.0.0.0/1", "128.0.0.0/1", PREFIX_OK},
    {"192.0.2.1/24", "192.0.2.0/24", PREFIX_HOST_BITS},
    {"192.0.2.1/31", "192.0.2.0/31", PREFIX_HOST_BITS},
    {"255.255.255.255/0", "0.0.0.0/0", PREFIX_HOST_BITS},
    {"2001:db8::/32", "2001:db8::/32", PREFIX_OK},
    {"2001:db8::1", "2001:db8::1/128", PREFIX_OK},
    {"2001:db8::1/64", "2001:db8::/64", PREFIX_HOST_BITS},
    {"2001:db8:8000::/33", "2001:db8:8000::/33", PREFIX_OK},
    {"::/0", "::/0", PREFIX_OK},
    {"::/80", "::/80", PREFIX_OK},
    {"IPv6:2001:db8::/32", "2001:db8::/32", PREFIX_OK},
    {"::ffff:192.0.2.0/120", "192.0.2.0/24", PREFIX_OK},
    {"::ffff:192.0.2.1/120", "192.0.2.0/24", PREFIX_HOST_BITS},
    {"::ffff:192.0.2.1", "192.0.2.1/32", PREFIX_OK},
    {"::ffff:0.0.0.0/96", "0.0.0.0/0", PREFIX_OK},
    {"::ffff:0:0/95", "", PREFIX_BAD_BITS},
    {"::ffff:192.0.2.0/24", "", PREFIX_BAD_BITS},
    {"192.0.2.0/33", "", PREFIX_BAD_BITS},
    {"192.0.2.0/", "", PREFIX_BAD_BITS},
    {"192.0.2.0/024", "", PREFIX_BAD_BITS},
    {"192.0.2.0/+24", "", PREFIX_BAD_BITS},
    {"192.0.2.0/-1", "", PREFIX_BAD_BITS},
    {"192.0.2.0/24 ", "", PREFIX_BAD_BITS},
    {"192.0.2.0/24/24", "", PREFIX_BAD_BITS},
    {"192.0.2.0/255.255.255.0", "", PREFIX_BAD_BITS},
    {"192.0.2.0/4294967320", "", PREFIX_BAD_BITS},
    {"2001:db8::/129", "", PREFIX_BAD_BITS},
    {"192.0.2/24", "", PREFIX_BAD_ADDRESS},
    {"/24", "", PREFIX_BAD_ADDRESS},
    {"", "", PREFIX_BAD_ADDRESS},
    {"all", "", PREFIX_BAD_ADDRESS},
};

static void test_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const char *text = prefixes[i].text;
		struct prefix p;
		enum prefix_error e = prefix_parse(text, strlen(text), &p);
		char got[ADDR_TEXT_MAX];

		prefix_format(&p, got);
		if (e != prefixes[i].error || strcmp(got, prefixes[i].want) != 0)
			fail_msg("\"%s\": got %d \"%s\", want %d \"%s\"", text, (int)e, got,
			    (int)prefixes[i].error, prefixes[i].want);
	}
}

static void test_prefix_of(void **state)
{
	char text[ADDR_TEXT_MAX];
	struct prefix p;
	struct addr a;

	(void)state;
	assert_true(addr_parse("2001:db8:1:2:3:4:5:6", 20, &a));
	p = prefix_of(&a, 56);
	prefix_format(&p, text);
	assert_string_equal(text, "2001:db8:1::/56");
	p = prefix_of(&a, 200);
	assert_int_equal(p.bits, 128);
	assert_true(addr_parse("192.0.2.129", 11, &a));
	p = prefix_of(&a, 25);
	prefix_format(&p, text);
	assert_string_equal(text, "192.0.2.128/25");
	p = prefix_of(&a, 64);
	assert_int_equal(p.bits, 32);
	p = prefix_of(&(struct addr){.family = ADDR_NONE}, 8);
	prefix_format(&p, text);
	assert_string_equal(text, "");
	assert_int_equal(p.bits, 0);
}

static const struct {
	const char *prefix, *addr;
	bool want;
} contained[] = {
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "203.0.113.9", false},
    {"::/0", "::ffff:203.0.113.9", false},
    {"::/0", "2001:db8::1", true},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"2001:db8::1/128", "2001:db8::1", true},
    {"2001:db8::1/128", "2001:db8::2", false},
};

static void test_contains(void **state)
{
	struct prefix p;
	struct addr a = {.family = ADDR_NONE};

	(void)state;
	assert_int_equal(prefix_parse("0.0.0.0/0", 9, &p), PREFIX_OK);
	assert_false(prefix_contains(&p, &a));
	for (size_t i = 0; i < sizeof(contained) / sizeof(contained[0]); i++) {
		const char *text = contained[i].prefix, *addr = contained[i].addr;

		assert_int_equal(prefix_parse(text, strlen(text), &p), PREFIX_OK);
		assert_true(addr_parse(addr, strlen(addr), &a));
		if (prefix_contains(&p, &a) != contained[i].want)
			fail_msg("%s in %s: got %d, want %d", addr, text, !contained[i].want,
			    contained[i].want);
	}
}

/* Runs of zero groups in every place: what is printed must be read as the same. */
static void test_step(void **state)
{
	static const struct {
		const char *from;
		int by;
		const char *want; /* NULL: there is none */
	} steps[] = {
	    {"192.0.2.1", 1, "192.0.2.2"},
	    {"192.0.2.255", 1, "192.0.3.0"},
	    {"192.0.2.0", -1, "192.0.1.255"},
	    {"255.255.255.255", 1, NULL},
	    {"0.0.0.0", -1, NULL},
	    {"2001:db8::ffff:ffff", 1, "2001:db8::1:0:0"},
	    {"2001:db8:1::", -1, "2001:db8:0:ffff:ffff:ffff:ffff:ffff"},
	    {"::", -1, NULL},
	};
	struct addr none = {.family = ADDR_NONE};

	(void)state;
	assert_false(addr_step(&none, 1));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a;

		assert_true(addr_parse(steps[i].from, strlen(steps[i].from), &a));
		assert_int_equal(addr_step(&a, steps[i].by), steps[i].want != NULL);
		addr_format(&a, text);
		if (steps[i].want != NULL)
			assert_string_equal(text, steps[i].want);
	}
}

static void test_round_trip(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct addr a = {.family = i % 3 == 0 ? ADDR_V4 : ADDR_V6}, back;
		uint64_t zero = random_next(&random);
		char text[ADDR_TEXT_MAX];

		for (unsigned k = 0; k < (a.family == ADDR_V4 ? 4 : 16); k++)
			if ((zero >> (k / 2) & 1) != 0)
				a.bytes[k] = (uint8_t)random_next(&random);
		addr_format(&a, text);
		if (a.family == ADDR_V6 && strncmp(text, "::ffff:", 7) == 0)
			continue;
		if (!addr_parse(text, strlen(text), &back) || !addr_equal(&a, &back))
			fail_msg("%s is not read as what it was printed from", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_parse_is_bounded),
	    cmocka_unit_test(test_sockaddr),
	    cmocka_unit_test(test_loopback),
	    cmocka_unit_test(test_public),
	    cmocka_unit_test(test_prefix),
	    cmocka_unit_test(test_prefix_of),
	    cmocka_unit_test(test_contains),
	    cmocka_unit_test(test_step),
	    cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
