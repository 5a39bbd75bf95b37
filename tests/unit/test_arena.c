#include "../lib/unit.h"

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static bool is_aligned(const void *p)
{
	return (uintptr_t)p % alignof(max_align_t) == 0;
}

static bool is_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* Sizes around every border of a block; none may overlap another. */
static void test_alloc(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 15, 16, 17, 1008, 1023, 1024, 1025, 2000, 4000, 4064, 4065, 4096, 4097, 100000};
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]), TURNS = 20 };
	unsigned char *got[COUNT * TURNS];
	struct arena a = {0};

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT * TURNS; i++) {
			size_t size = sizes[i % COUNT];

			got[i] = arena_alloc(&a, size);
			assert_non_null(got[i]);
			assert_true(is_aligned(got[i]));
			assert_true(is_zero(got[i], size));
			memset(got[i], (int)(i % 255 + 1), size);
		}
		for (size_t i = 0; i < COUNT * TURNS; i++)
			for (size_t k = 0; k < sizes[i % COUNT]; k++)
				assert_int_equal(got[i][k], i % 255 + 1);
		/* What comes after a reset must be zero again. */
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_free(&a);
	assert_null(a.head);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
}

static void test_limit(void **state)
{
	struct arena a = {.limit = 1024};

	(void)state;
	assert_non_null(arena_alloc(&a, 1000));
	assert_null(arena_alloc(&a, 100));
	assert_non_null(arena_alloc(&a, 16));
	assert_null(arena_alloc(&a, 1));
	arena_reset(&a);
	assert_null(arena_alloc(&a, 1025));
	assert_non_null(arena_alloc(&a, 1024));
	arena_free(&a);
	assert_int_equal(a.limit, 1024);
}

static void test_too_large(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 15));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
	assert_null(arena_strndup(&a, "x", SIZE_MAX));
	assert_int_equal(a.used, 0);
	arena_free(&a);
}

static void test_text(void **state)
{
	struct arena a = {0};
	char long_text[5000];

	(void)state;
	assert_string_equal(arena_strndup(&a, "example", 4), "exam");
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	assert_memory_equal(arena_strndup(&a, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_strdup(&a, "example"), "example");
	assert_null(arena_strdup(&a, NULL));
	assert_string_equal(arena_printf(&a, "%s:%d", "x", 25), "x:25");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	assert_string_equal(arena_printf(&a, "%s", long_text), long_text);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alloc),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
