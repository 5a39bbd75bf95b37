#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "core/change.h"

/* One line for each change: "d2 Name", "a Name: value", "i0 Name: value"; "hold: ..." at the end.
 */
static const char *listed(const struct changes *c, struct strbuf *b)
{
	strbuf_reset(b);
	for (const struct change *at = c->first; at != NULL; at = at->next) {
		if (at->kind == CHANGE_DELETE)
			strbuf_printf(b, "d%u %s\n", at->index, at->name);
		else if (at->kind == CHANGE_ADD)
			strbuf_printf(b, "a %s: %s\n", at->name, at->value);
		else
			strbuf_printf(b, "i%u %s: %s\n", at->index, at->name, at->value);
	}
	if (c->hold != NULL)
		strbuf_printf(b, "hold: %s\n", c->hold);
	return strbuf_text(b);
}

static void values(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
	    {"plain", "plain"},
	    {"", ""},
	    {"ends in blanks \t ", "ends in blanks"},
	    {"a\r\n b\n\tc\r d", "a b\tc d"},
	    {"a\r\nEvil: b", "a??Evil: b"},
	    {"a\nEvil: b\n", "a?Evil: b?"},
	    {"a\r\n\r\n body", "a?? body"},
	    {"\x1b[0m\x7f \xc3\xa9", "?[0m? ??"},
	    {"100%s %n", "100%s %n"},
	};
	struct strbuf b = {0};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena a = {0};
		struct changes c = {0};

		assert_true(changes_add(&c, &a, CHANGE_ADD, 0, "X", cases[i].value));
		if (strcmp(c.first->value, cases[i].want) != 0) {
			print_error("\"%s\": got \"%s\"\n", cases[i].want, c.first->value);
			failed++;
		}
		arena_free(&a);
	}
	strbuf_free(&b);
	assert_int_equal(failed, 0);
}

static void bounds(void **state)
{
	static const char *const bad[] = {"", "a b", "a:", "a\n", "\xc3\xa9", "a\x7f"};
	struct arena a = {0};
	struct changes c = {0};
	char text[32], *large = malloc(CHANGE_VALUE_MAX + 2);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(changes_add(&c, &a, CHANGE_ADD, 0, bad[i], "x"));
	assert_false(changes_add(&c, &a, CHANGE_DELETE, 0, "X", NULL));
	assert_non_null(large);
	memset(large, 'x', CHANGE_VALUE_MAX + 1);
	large[CHANGE_VALUE_MAX + 1] = '\0';
	assert_false(changes_add(&c, &a, CHANGE_ADD, 0, "X", large));
	large[CHANGE_VALUE_MAX] = '\0';
	assert_true(changes_add(&c, &a, CHANGE_ADD, 0, "X", large));
	free(large);
	for (unsigned i = 1; i < CHANGE_ADDED_MAX; i++) {
		snprintf(text, sizeof(text), "%u", i);
		assert_true(changes_add(&c, &a, CHANGE_ADD, 0, "X", text));
	}
	assert_false(changes_add(&c, &a, CHANGE_ADD, 0, "X", "one more"));
	for (unsigned i = 1; i <= CHANGE_DELETED_MAX; i++)
		assert_true(changes_add(&c, &a, CHANGE_DELETE, i, "X", NULL));
	assert_false(changes_add(&c, &a, CHANGE_DELETE, 1, "X", NULL));
	assert_true(changes_sort(&c, &a));
	assert_int_equal(c.first->index, CHANGE_DELETED_MAX);
	arena_free(&a);
	/* Without memory nothing is half there. */
	a.limit = 64;
	c = (struct changes){0};
	while (changes_add(&c, &a, CHANGE_DELETE, 1, "X", NULL))
		;
	assert_false(changes_hold(&c, &a, "a reason that does not fit any more"));
	assert_null(c.hold);
	arena_free(&a);
}

static void order(void **state)
{
	struct arena a = {0};
	struct changes c = {0}, mark;
	struct strbuf b = {0};

	(void)state;
	assert_int_equal(changes_rights(&c), 0);
	assert_true(changes_sort(&c, &a));
	changes_add(&c, &a, CHANGE_INSERT, 0, "B", "1");
	assert_int_equal(changes_rights(&c), RIGHT_ADD_FIELDS);
	changes_add(&c, &a, CHANGE_DELETE, 1, "B", NULL);
	changes_add(&c, &a, CHANGE_ADD, 0, "A", "2");
	changes_add(&c, &a, CHANGE_DELETE, 3, "b", NULL);
	changes_add(&c, &a, CHANGE_DELETE, 2, "A", NULL);
	/* The same again is asked for once. */
	changes_add(&c, &a, CHANGE_DELETE, 3, "B", NULL);
	changes_add(&c, &a, CHANGE_ADD, 0, "a", "2");
	changes_hold(&c, &a, "because\r\nof \xff");
	changes_hold(&c, &a, "not this");
	assert_int_equal(changes_rights(&c), RIGHT_ALL);
	mark = c;
	changes_add(&c, &a, CHANGE_ADD, 0, "C", "3");
	changes_add(&c, &a, CHANGE_DELETE, 9, "C", NULL);
	changes_go_back(&c, &mark);
	assert_true(changes_sort(&c, &a));
	assert_string_equal(
	    listed(&c, &b), "d2 A\nd3 b\nd1 B\ni0 B: 1\na A: 2\nhold: because??of ?\n");
	mark = (struct changes){0};
	changes_go_back(&c, &mark);
	assert_string_equal(listed(&c, &b), "");
	strbuf_free(&b);
	arena_free(&a);
}

static void folds(void **state)
{
	struct arena a = {0};
	struct changes c = {0};
	struct strbuf b = {0};
	char value[400] = "";
	size_t column = strlen("Name: "), words = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		strncat(value, i % 7 == 3 ? "a  much\tlonger one " : "word ", 20);
	assert_true(changes_add(&c, &a, CHANGE_ADD, 0, "Name", value));
	change_fold(&b, c.first);
	for (const char *s = b.data; *s != '\0'; s++) {
		if (*s == '\n') {
			words++;
			column = 0;
			assert_true(s[1] == ' ' || s[1] == '\t');
			assert_true(s > b.data && s[-1] != '\n');
			continue;
		}
		assert_true(++column <= 78);
	}
	assert_true(words >= 2);
	/* Unfolded it is what it was. */
	for (char *from = b.data, *to = b.data;; from++) {
		if (*from != '\n')
			*to++ = *from;
		if (*from == '\0')
			break;
	}
	assert_string_equal(b.data, c.first->value);
	/* What has no blank can't be folded. */
	strbuf_reset(&b);
	memset(value, 'x', 200);
	value[200] = '\0';
	assert_true(changes_add(&c, &a, CHANGE_ADD, 0, "Name", value));
	change_fold(&b, c.last);
	assert_string_equal(b.data, value);
	strbuf_free(&b);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(order),
	    cmocka_unit_test(folds),
	};

	return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
