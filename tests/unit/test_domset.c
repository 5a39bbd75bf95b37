#include "../lib/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../lib/random.h"
#include "base/domset.h"
#include "base/names.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROUNDS = 40 };
#else
enum { ROUNDS = 400 };
#endif
enum { ENTRIES = 60, QUESTIONS = 2500 }; /* in each round */

static void add(struct domset_builder *b, const char *text, size_t len)
{
	const char *reason = "";

	if (domset_builder_add(b, text, len, &reason) != DOMSET_OK)
		fail_msg("%.*s: %s", (int)len, text, reason);
}

/* `list` has the entries, a blank between two. */
static struct domset *set_of(const char *list)
{
	struct domset_builder *b = domset_builder_new();
	struct domset *s;

	assert_non_null(b);
	for (const char *p = list; *p != '\0';) {
		size_t len = strcspn(p, " ");

		add(b, p, len);
		p += len + strspn(p + len, " ");
	}
	s = domset_build(&b);
	assert_non_null(s);
	assert_null(b);
	return s;
}

static const struct {
	const char *set, *name;
	bool want;
} matches[] = {
    {"", "example.com", false},
    {"example.com", "example.com", true},
    {"example.com", "mail.example.com", false},
    {"example.com", "badexample.com", false},
    {"example.com", "com", false},
    {"Example.COM.", "example.com", true},
    {".example.com", "example.com", false},
    {".example.com", "mail.example.com", true},
    {".example.com", "a.b.example.com", true},
    {".example.com", "bad-example.com", false},
    {".example.com", "badexample.com", false},
    {".EXAMPLE.com.", "mail.example.com", true},
    {"example.com .example.com", "example.com", true},
    {".mail.example.com", "example.com", false},
    {".com", "example.com", true},
    {".com", "com", false},
    {".", "example.com", true},
    {".", "com", true},
    {"b\xc3\xbc\x63her.example", "xn--bcher-kva.example", true},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", true},
    {".b\xc3\xbc\x63her.example", "mail.xn--bcher-kva.example", true},
    {"[192.0.2.1]", "192.0.2.1", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"example.com", "", false},
    {".", "", false},
};

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct domset *s = set_of(matches[i].set);
		bool got = domset_contains(s, matches[i].name);

		if (got != matches[i].want)
			fail_msg("%s in {%s}: got %d, want %d", matches[i].name, matches[i].set,
			    got, matches[i].want);
		domset_free(&s);
		assert_null(s);
	}
	assert_false(domset_contains(NULL, "example.com"));
}

static const struct {
	const char *set, *addr;
	bool want;
} literals[] = {
    {"[192.0.2.1]", "192.0.2.1", true},
    {"[192.0.2.1]", "::ffff:192.0.2.1", true},
    {"[192.0.2.1]", "192.0.2.2", false},
    {"[IPv6:2001:DB8:0::1]", "2001:db8::1", true},
    {"[2001:db8::1]", "2001:db8::1", true},
    {"[IPv6:::ffff:192.0.2.1]", "192.0.2.1", true},
    {"192.0.2.1 .", "192.0.2.1", false},
    {"", "192.0.2.1", false},
};

static void test_literals(void **state)
{
	struct addr none = {.family = ADDR_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		struct domset *s = set_of(literals[i].set);
		struct addr a;
		bool got;

		assert_true(addr_parse(literals[i].addr, strlen(literals[i].addr), &a));
		got = domset_contains_literal(s, &a);
		if (got != literals[i].want)
			fail_msg("%s in {%s}: got %d, want %d", literals[i].addr, literals[i].set,
			    got, literals[i].want);
		assert_false(domset_contains_literal(s, &none));
		assert_false(domset_contains_literal(NULL, &a));
		domset_free(&s);
	}
}

static const struct {
	const char *text;
	enum domset_error error;
} refused[] = {
    {"", DOMSET_BAD_NAME},
    {"..", DOMSET_BAD_NAME},
    {"..example.com", DOMSET_BAD_NAME},
    {"example..com", DOMSET_BAD_NAME},
    {"*.example.com", DOMSET_BAD_NAME},
    {"@example.com", DOMSET_BAD_NAME},
    {"example.com ", DOMSET_BAD_NAME},
    {".[192.0.2.1]", DOMSET_BAD_NAME},
    {"192.0.2.1]", DOMSET_BAD_NAME},
    {"ex\xff.com", DOMSET_BAD_NAME},
    {"[", DOMSET_BAD_LITERAL},
    {"[]", DOMSET_BAD_LITERAL},
    {"[192.0.2.1", DOMSET_BAD_LITERAL},
    {"[192.0.2.1]x", DOMSET_BAD_LITERAL},
    {"[192.0.2.0/24]", DOMSET_BAD_LITERAL},
    {"[example.com]", DOMSET_BAD_LITERAL},
};

static void test_refused(void **state)
{
	struct domset_builder *b = domset_builder_new();
	struct domset *s;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *text = refused[i].text, *reason = NULL;
		enum domset_error got = domset_builder_add(b, text, strlen(text), &reason);

		if (got != refused[i].error || reason == NULL)
			fail_msg("\"%s\": got %d (%s), want %d", text, (int)got,
			    reason == NULL ? "no reason" : reason, (int)refused[i].error);
		assert_int_equal(domset_builder_add(b, text, strlen(text), NULL), refused[i].error);
	}
	s = domset_build(&b);
	assert_int_equal(domset_size(s), 0);
	domset_free(&s);
	domset_free(&s);
	domset_builder_free(&b);
}

static void test_entries(void **state)
{
	static const char *const want[] = {".", ".example.com", "[192.0.2.1]", "[2001:db8::1]",
	    "example.com", "xn--bcher-kva.example"};
	struct domset *s = set_of("example.com [IPv6:2001:db8::1] b\xc3\xbc\x63her.example . "
				  "EXAMPLE.com. .Example.com xn--bcher-kva.example [192.0.2.1]");
	struct domset_builder *b = domset_builder_new();

	(void)state;
	assert_true(domset_builder_add_set(b, s));
	assert_true(domset_builder_add_set(b, s));
	assert_true(domset_builder_add_set(b, NULL));
	domset_free(&s);
	s = domset_build(&b);
	assert_int_equal(domset_size(s), sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(domset_entry(s, i), want[i]);
	assert_null(domset_entry(s, sizeof(want) / sizeof(want[0])));
	assert_null(domset_entry(NULL, 0));
	assert_int_equal(domset_size(NULL), 0);
	domset_free(&s);
}

static const struct {
	const char *set, *want;
} firsts[] = {
    {"", NULL},
    {"localhost .example.com [192.0.2.1] .", NULL},
    {"localhost [192.0.2.1] .a.example z.example a.example", "z.example"},
    {"B\xc3\xbc\x63her.Example. a.example", "xn--bcher-kva.example"},
};

static void test_first_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct domset_builder *b = domset_builder_new();
		struct domset *s = set_of(firsts[i].set), *copy;

		assert_true(domset_builder_add_set(b, s));
		add(b, "0.example", 9);
		copy = domset_build(&b);
		if (firsts[i].want == NULL)
			assert_null(domset_first_name(s));
		else
			assert_string_equal(domset_first_name(s), firsts[i].want);
		assert_string_equal(
		    domset_first_name(copy), firsts[i].want == NULL ? "0.example" : firsts[i].want);
		domset_free(&s);
		domset_free(&copy);
	}
	assert_null(domset_first_name(NULL));
}

static const struct {
	const char *set, *want;
} tlds[] = {
    {"", NULL},
    {"example.com .example.com [192.0.2.1]", NULL},
    {"com", "com"},
    {".com", ".com"},
    {".", "."},
    {"example.com .org", ".org"},
    {"xn--p1ai", "xn--p1ai"},
    {"localhost", NULL},
    {".localhost", NULL},
    {"localhost.localdomain .localdomain .internal .local", NULL},
    {"localhosts", "localhosts"},
};

static void test_bare_tld(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tlds) / sizeof(tlds[0]); i++) {
		struct domset *s = set_of(tlds[i].set);
		const char *got = domset_bare_tld(s), *want = tlds[i].want;

		if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
			fail_msg("{%s}: got %s, want %s", tlds[i].set, got == NULL ? "none" : got,
			    want == NULL ? "none" : want);
		domset_free(&s);
	}
	assert_null(domset_bare_tld(NULL));
}

/* Few labels, so that names meet: equal, below, above, or with a common end. */
static void random_name(uint64_t *random, char out[NAME_SIZE])
{
	static const char *const labels[] = {"a", "b", "ab", "ba", "aab", "x-y", "com", "xn--a"};
	unsigned count = 1 + random_below(random, 4);
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, NAME_SIZE - len, "%s%s", i == 0 ? "" : ".",
		    labels[random_below(random, 8)]);
}

static bool naive_contains(char entries[][NAME_SIZE + 1], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		const char *e = entries[i];

		if (e[0] != '.' ? strcmp(e, name) == 0
				: strcmp(e + 1, name) != 0 && name_is_at_or_below(name, e + 1))
			return true;
	}
	return false;
}

static unsigned compare_round(uint64_t *random)
{
	char entries[ENTRIES][NAME_SIZE + 1], name[NAME_SIZE];
	size_t count = 1 + random_below(random, ENTRIES);
	struct domset_builder *b = domset_builder_new();
	unsigned inside = 0;
	struct domset *s;

	for (size_t i = 0; i < count; i++) {
		bool subtree = random_below(random, 4) == 0;

		entries[i][0] = '.';
		do
			random_name(random, entries[i] + subtree);
		while (subtree && strchr(entries[i] + 1, '.') == NULL);
		add(b, entries[i], strlen(entries[i]));
	}
	s = domset_build(&b);
	assert_non_null(s);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		bool want;

		random_name(random, name);
		want = naive_contains(entries, count, name);
		if (domset_contains(s, name) != want)
			fail_msg("%s among %zu entries: got %d, want %d", name, count, !want, want);
		inside += want;
	}
	domset_free(&s);
	return inside;
}

static void test_against_naive(void **state)
{
	uint64_t random = 7, inside = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++)
		inside += compare_round(&random);
	print_message(
	    "# %d questions, %llu inside\n", ROUNDS * QUESTIONS, (unsigned long long)inside);
	assert_in_range(inside * 100 / (ROUNDS * QUESTIONS), 10, 90);
}

enum { MANY = 20000 };

static void *ask_all(void *arg)
{
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 2 * MANY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "host%u.example.net", i);
		wrong += domset_contains(arg, name) != (i % 2 == 0);
		snprintf(name, sizeof(name), "a.below%u.example.net", i);
		wrong += domset_contains(arg, name) != (i % 2 == 1);
	}
	return (void *)wrong; // NOLINT(performance-no-int-to-ptr)
}

static void test_threads(void **state)
{
	struct domset_builder *b = domset_builder_new();
	pthread_t threads[4];
	struct domset *s;

	(void)state;
	for (unsigned i = 0; i < 2 * MANY; i++) {
		char entry[64];

		snprintf(entry, sizeof(entry),
		    i % 2 == 0 ? "host%u.example.net" : ".below%u.example.net", i);
		add(b, entry, strlen(entry));
	}
	s = domset_build(&b);
	assert_int_equal(domset_size(s), 2 * MANY);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_all, s), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	domset_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matches),
	    cmocka_unit_test(test_literals),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_first_name),
	    cmocka_unit_test(test_bare_tld),
	    cmocka_unit_test(test_against_naive),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("domset", tests, NULL, NULL);
}
