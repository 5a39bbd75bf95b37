/* Canonicalization: RFC 6376 3.4, however the body is cut. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/canon.h"

#define TEXT(s) s, sizeof(s) - 1

/* --- header --------------------------------------------------------------------------- */

static const struct {
	const char *name, *value;
	size_t value_len;
	const char *simple, *relaxed;
} fields[] = {
    /* RFC 6376 3.4.5 */
    {"A", TEXT(" X"), "A: X", "a:X"},
    {"B ", TEXT(" Y\t\r\n\tZ  "), "B : Y\t\r\n\tZ  ", "b:Y Z"},
    {"SUBJect", TEXT(" AbC"), "SUBJect: AbC", "subject:AbC"},
    {"Subject \t", TEXT("\t your Name "), "Subject \t:\t your Name ", "subject:your Name"},
    {"x", TEXT(""), "x:", "x:"},
    {"x", TEXT("   \r\n \t "), "x:   \r\n \t ", "x:"},
    /* libmilter's line ends, and none that is alone */
    {"x", TEXT(" a\n b"), "x: a\r\n b", "x:a b"},
    {"x", TEXT(" a\r\n\tb\n\n c"), "x: a\r\n\tb\r\n\r\n c", "x:a b c"},
    {"x", TEXT(" a\rb\r"), "x: a\rb\r", "x:a\rb\r"},
    /* no white space by the RFC */
    {"x", TEXT(" a\v\fb \f c"), "x: a\v\fb \f c", "x:a\v\fb \f c"},
    {"x", TEXT("\xc3\xa4  \xff"), "x:\xc3\xa4  \xff", "x:\xc3\xa4 \xff"},
};

static void canonicalizes_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct canon_field f = {.name = fields[i].name,
		    .name_len = strlen(fields[i].name),
		    .value = fields[i].value,
		    .value_len = fields[i].value_len};
		struct strbuf simple = {0}, relaxed = {0};

		canon_header(&simple, CANON_SIMPLE, &f);
		canon_header(&relaxed, CANON_RELAXED, &f);
		if (strcmp(strbuf_text(&simple), fields[i].simple) != 0 ||
		    strcmp(strbuf_text(&relaxed), fields[i].relaxed) != 0)
			fail_msg("field %zu: got \"%s\" and \"%s\"", i, strbuf_text(&simple),
			    strbuf_text(&relaxed));
		strbuf_free(&simple);
		strbuf_free(&relaxed);
	}
}

static void keeps_nul(void **state)
{
	struct canon_field f = {.name = "x", .name_len = 1, .value = " a\0b  c", .value_len = 7};
	struct strbuf out = {0};

	(void)state;
	canon_header(&out, CANON_RELAXED, &f);
	assert_int_equal(out.len, 7);
	assert_memory_equal(out.data, "x:a\0b c", 7);
	strbuf_free(&out);
}

/* --- body ----------------------------------------------------------------------------- */

static const struct {
	const char *body;
	size_t len;
	const char *simple;
	size_t simple_len;
	const char *relaxed;
	size_t relaxed_len;
} bodies[] = {
    {TEXT(""), TEXT("\r\n"), TEXT("")},
    {TEXT("\r\n"), TEXT("\r\n"), TEXT("")},
    {TEXT("\r\n\r\n\r\n"), TEXT("\r\n"), TEXT("")},
    {TEXT(" \t\r\n \r\n"), TEXT(" \t\r\n \r\n"), TEXT("")},
    {TEXT(" "), TEXT(" \r\n"), TEXT("")},
    /* RFC 6376 3.4.5 */
    {TEXT(" C \r\nD \t E\r\n\r\n\r\n"), TEXT(" C \r\nD \t E\r\n"), TEXT(" C\r\nD E\r\n")},
    {TEXT("a"), TEXT("a\r\n"), TEXT("a\r\n")},
    {TEXT("a\r\nb"), TEXT("a\r\nb\r\n"), TEXT("a\r\nb\r\n")},
    {TEXT("\r\n\r\na\r\n\r\nb\r\n\r\n"), TEXT("\r\n\r\na\r\n\r\nb\r\n"),
	TEXT("\r\n\r\na\r\n\r\nb\r\n")},
    {TEXT("a \r\n \r\nb\r\n \r\n\t\r\n"), TEXT("a \r\n \r\nb\r\n \r\n\t\r\n"),
	TEXT("a\r\n\r\nb\r\n")},
    {TEXT("a\tb\t\tc \t d"), TEXT("a\tb\t\tc \t d\r\n"), TEXT("a b c d\r\n")},
    {TEXT("a\nb\n\n"), TEXT("a\r\nb\r\n"), TEXT("a\r\nb\r\n")},
    {TEXT("a\n\r\nb\r\n\nc"), TEXT("a\r\n\r\nb\r\n\r\nc\r\n"), TEXT("a\r\n\r\nb\r\n\r\nc\r\n")},
    {TEXT("a\rb\r\n"), TEXT("a\rb\r\n"), TEXT("a\rb\r\n")},
    {TEXT("a\r\r\n\r"), TEXT("a\r\r\n\r\r\n"), TEXT("a\r\r\n\r\r\n")},
    {TEXT("a \r b"), TEXT("a \r b\r\n"), TEXT("a \r b\r\n")},
    {TEXT("\r"), TEXT("\r\r\n"), TEXT("\r\r\n")},
    {TEXT("a\0b\0\r\n\0"), TEXT("a\0b\0\r\n\0\r\n"), TEXT("a\0b\0\r\n\0\r\n")},
    {TEXT("a\v\f b\xff"), TEXT("a\v\f b\xff\r\n"), TEXT("a\v\f b\xff\r\n")},
};

static void hash_of(const char *text, size_t len, uint8_t hash[SHA256_SIZE])
{
	struct sha256 *s = sha256_new();

	assert_non_null(s);
	sha256_add(s, text, len);
	assert_true(sha256_end(s, hash));
	sha256_free(&s);
}

static void check_body(size_t i, enum canon how, size_t cut)
{
	const char *want = how == CANON_SIMPLE ? bodies[i].simple : bodies[i].relaxed;
	size_t want_len = how == CANON_SIMPLE ? bodies[i].simple_len : bodies[i].relaxed_len;
	struct body_hashes *b = body_hashes_new();
	uint8_t expected[SHA256_SIZE], got[SHA256_SIZE];
	uint64_t total;
	int number;

	assert_non_null(b);
	number = body_hashes_want(b, how, BODY_WHOLE);
	for (size_t at = 0; at < bodies[i].len;) {
		size_t n = cut < bodies[i].len - at ? cut : bodies[i].len - at;

		body_hashes_add(b, bodies[i].body + at, n);
		at += n;
	}
	body_hashes_end(b);
	assert_true(body_hash(b, number, got, &total));
	hash_of(want, want_len, expected);
	if (memcmp(got, expected, SHA256_SIZE) != 0 || total != want_len)
		fail_msg("body %zu, %s, cut at %zu: %llu bytes, want %zu", i,
		    how == CANON_SIMPLE ? "simple" : "relaxed", cut, (unsigned long long)total,
		    want_len);
	body_hashes_free(&b);
}

static void canonicalizes_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (size_t cut = 1; cut <= bodies[i].len + 1; cut++) {
			check_body(i, CANON_SIMPLE, cut);
			check_body(i, CANON_RELAXED, cut);
		}
}

/* What is longer than a buffer, and what has more blank lines than one. */
static void canonicalizes_long_ones(void **state)
{
	enum { LINE = 30000, BLANKS = 20000 };
	struct strbuf body = {0}, want = {0};
	uint8_t expected[SHA256_SIZE], got[SHA256_SIZE];
	struct body_hashes *b = body_hashes_new();
	uint64_t total;
	int number;

	(void)state;
	for (int i = 0; i < LINE; i++) {
		strbuf_puts(&body, i % 1000 == 999 ? "x \t " : "x");
		strbuf_puts(&want, i % 1000 == 999 ? "x " : "x");
	}
	for (int i = 0; i < BLANKS; i++) {
		strbuf_puts(&body, "  \r\n");
		if (i == 0)
			want.len--; /* the space at the end of the first line */
		strbuf_puts(&want, "\r\n");
	}
	strbuf_puts(&body, "end\r\n\r\n");
	strbuf_puts(&want, "end\r\n");
	number = body_hashes_want(b, CANON_RELAXED, BODY_WHOLE);
	body_hashes_add(b, body.data, body.len);
	body_hashes_end(b);
	assert_true(body_hash(b, number, got, &total));
	hash_of(want.data, want.len, expected);
	assert_int_equal(total, want.len);
	assert_memory_equal(got, expected, SHA256_SIZE);
	body_hashes_free(&b);
	strbuf_free(&body);
	strbuf_free(&want);
}

static void hashes_each_kind_once(void **state)
{
	struct body_hashes *b = body_hashes_new();
	uint8_t expected[SHA256_SIZE], got[SHA256_SIZE];
	int whole, part, none, relaxed;
	uint64_t total;

	(void)state;
	whole = body_hashes_want(b, CANON_SIMPLE, BODY_WHOLE);
	part = body_hashes_want(b, CANON_SIMPLE, 3);
	none = body_hashes_want(b, CANON_SIMPLE, 0);
	relaxed = body_hashes_want(b, CANON_RELAXED, 100);
	assert_int_equal(body_hashes_want(b, CANON_SIMPLE, 3), part);
	assert_int_not_equal(whole, part);
	body_hashes_add(b, "ab  cd\r\n", 8);
	body_hashes_end(b);
	assert_true(body_hash(b, part, got, &total));
	hash_of("ab ", 3, expected);
	assert_memory_equal(got, expected, SHA256_SIZE);
	assert_int_equal(total, 8);
	assert_true(body_hash(b, none, got, &total));
	hash_of("", 0, expected);
	assert_memory_equal(got, expected, SHA256_SIZE);
	assert_true(body_hash(b, relaxed, got, &total));
	hash_of("ab cd\r\n", 7, expected);
	assert_memory_equal(got, expected, SHA256_SIZE);
	assert_int_equal(total, 7);
	for (int i = 4; i < 64; i++)
		assert_int_equal(body_hashes_want(b, CANON_SIMPLE, (uint64_t)i), i);
	assert_int_equal(body_hashes_want(b, CANON_SIMPLE, 99), -1);
	body_hashes_free(&b);
	body_hashes_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(canonicalizes_fields),
	    cmocka_unit_test(keeps_nul),
	    cmocka_unit_test(canonicalizes_bodies),
	    cmocka_unit_test(canonicalizes_long_ones),
	    cmocka_unit_test(hashes_each_kind_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
