#include "../lib/unit.h"

#include <string.h>

#include "base/strbuf.h"

static void test_grows(void **state)
{
	struct strbuf b = {0};

	(void)state;
	assert_string_equal(strbuf_text(&b), "");
	strbuf_add(&b, NULL, 0);
	assert_string_equal(strbuf_text(&b), "");
	for (unsigned i = 0; i < 10000; i++) {
		strbuf_putc(&b, (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[b.len], '\0');
	}
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_false(b.failed);
	strbuf_free(&b);
	assert_string_equal(strbuf_text(&b), "");
}

static void test_kinds(void **state)
{
	struct strbuf b = {0};

	(void)state;
	strbuf_puts(&b, "rule ");
	strbuf_printf(&b, "%s at line %d", "inbound", 7);
	strbuf_add(&b, "\0x", 2);
	assert_int_equal(b.len, 24);
	assert_memory_equal(b.data, "rule inbound at line 7\0x", 25);
	strbuf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(strbuf_text(&b), "");
	strbuf_puts(&b, "next");
	assert_string_equal(strbuf_text(&b), "next");
	strbuf_free(&b);
}

static void test_cap(void **state)
{
	struct strbuf b = {.max = 10};

	(void)state;
	strbuf_puts(&b, "0123456789");
	assert_false(b.failed);
	strbuf_putc(&b, 'x');
	assert_true(b.failed);
	assert_string_equal(strbuf_text(&b), "0123456789");
	strbuf_reset(&b);
	assert_false(b.failed);

	strbuf_puts(&b, "01234567");
	strbuf_printf(&b, "%d", 890);
	assert_true(b.failed);
	/* Would fit, but the text would have a hole. */
	strbuf_putc(&b, 'x');
	assert_string_equal(strbuf_text(&b), "01234567");
	strbuf_free(&b);
	assert_false(b.failed);
	assert_int_equal(b.max, 10);

	strbuf_add(&b, "x", SIZE_MAX);
	assert_true(b.failed);
	assert_string_equal(strbuf_text(&b), "");
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grows),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_cap),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
