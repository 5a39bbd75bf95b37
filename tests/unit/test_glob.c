#include "../lib/unit.h"

#include <stdio.h>

#include "base/glob.h"

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool want;
	} cases[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"*", "", true},
	    {"*", "abc", true},
	    {"a*c", "ABC", true},
	    {"a*c", "ac", true},
	    {"a*c", "acd", false},
	    {"*a*a*a*", "aa", false},
	    {"*a*a*a*", "xaxaxax", true},
	    {"a", "", false},
	    {"**", "x", true},
	    {"a+*", "a", false},
	};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (glob_match(cases[i].pattern, cases[i].text, GLOB_WITHOUT_CASE) == cases[i].want)
			continue;
		print_error("%s, %s: want %d\n", cases[i].pattern, cases[i].text, cases[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void letter_case(void **state)
{
	(void)state;
	assert_true(glob_match("a*C", "abC", GLOB_WITH_CASE));
	assert_false(glob_match("a*C", "abc", GLOB_WITH_CASE));
	assert_false(glob_match("a*", "A", GLOB_WITH_CASE));
	assert_true(glob_match("a*C", "Abc", GLOB_WITHOUT_CASE));
	/* Not letters: what differs in the same bit. */
	assert_false(glob_match("[", "{", GLOB_WITHOUT_CASE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns),
	    cmocka_unit_test(letter_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
