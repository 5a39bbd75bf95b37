#include "../lib/unit.h"

#include <string.h>

#include "core/reply.h"
#include "core/verdict.h"

static void well_formed(void **state)
{
	static const struct {
		const char *text;
		unsigned code;
		const char *enhanced, *words;
	} cases[] = {
	    {"550 5.7.1 Relay access denied", 550, "5.7.1", "Relay access denied"},
	    {"451 4.7.1 Later", 451, "4.7.1", "Later"},
	    {"550 Relay access denied", 550, "5.7.1", "Relay access denied"},
	    {"450 Later", 450, "4.7.1", "Later"},
	    {"554 5.123.456 x", 554, "5.123.456", "x"},
	    {"550 5.7 odd", 550, "5.7.1", "5.7 odd"},
	    {"550 5.7.1234 odd", 550, "5.7.1", "5.7.1234 odd"},
	    {"550 5.7.1x odd", 550, "5.7.1", "5.7.1x odd"},
	    {"550 5.7.1 100% sure", 550, "5.7.1", "100% sure"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = NULL;
		struct reply r;

		if (!reply_parse(cases[i].text, &r, &why))
			fail_msg("%s: got an error, %s", cases[i].text, why);
		assert_int_equal(r.code, cases[i].code);
		assert_string_equal(r.enhanced, cases[i].enhanced);
		assert_string_equal(r.text, cases[i].words);
	}
}

static void malformed(void **state)
{
	static const char *const cases[] = {"", "5", "550", "550 ", "550 5.7.1", "550 5.7.1 ",
	    "250 2.0.0 Ok", "350 x", "600 x", "560 x", "5500 x", "550x y", " 550 x",
	    "550 4.7.1 wrong class", "450 5.7.1 wrong class", "550 2.0.0 wrong class",
	    "550  two blanks", "550 5.7.1  two blanks", "550 a\nb", "550 a\rb", "550 \x1b[1m",
	    "550 \xc3\xbc", "550 5.7.1 a\tb"};
	char text[500];
	const char *why = NULL;
	struct reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why = NULL;
		if (reply_parse(cases[i], &r, &why))
			fail_msg("'%s': got %u, want an error", cases[i], r.code);
		assert_non_null(why);
		assert_int_equal(r.code, 0);
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "550 ", 4);
	text[4 + 367] = '\0';
	assert_true(reply_parse(text, &r, &why));
	text[4 + 367] = 'x';
	text[4 + 368] = '\0';
	assert_false(reply_parse(text, &r, &why));
}

static void other_class(void **state)
{
	struct reply r = {550, "5.7.1", "x"}, t = reply_as_class(&r, 4);

	(void)state;
	assert_int_equal(t.code, 450);
	assert_string_equal(t.enhanced, "4.7.1");
	t = reply_as_class(&t, 5);
	assert_int_equal(t.code, 550);
	assert_string_equal(t.enhanced, "5.7.1");
	r.code = 554;
	assert_int_equal(reply_as_class(&r, 5).code, 554);
}

static void strictest(void **state)
{
	const enum verdict_kind order[] = {VERDICT_NONE, VERDICT_NOTE, VERDICT_PERMIT, VERDICT_TAG,
	    VERDICT_HOLD, VERDICT_UNDECIDED, VERDICT_DEFER, VERDICT_REJECT};
	const size_t n = sizeof(order) / sizeof(order[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct verdict a = {.kind = order[i]}, b = {.kind = order[k]};

			assert_ptr_equal(verdict_strictest(&a, &b), k > i ? &b : &a);
		}
	}
}

static void resolved(void **state)
{
	struct verdict v = {.kind = VERDICT_UNDECIDED, .reply = {550, "5.7.1", "no"}};

	(void)state;
	verdict_resolve(&v);
	assert_int_equal(v.kind, VERDICT_DEFER);
	assert_int_equal(v.reply.code, 451);
	assert_string_equal(v.reply.enhanced, "4.7.1");
	v = (struct verdict){.kind = VERDICT_REJECT, .reply = {450, "4.7.1", "no"}};
	verdict_resolve(&v);
	assert_int_equal(v.reply.code, 550);
	assert_string_equal(v.reply.enhanced, "5.7.1");
	assert_string_equal(v.reply.text, "no");
	v = (struct verdict){.kind = VERDICT_DEFER};
	verdict_resolve(&v);
	assert_int_equal(v.reply.code / 100, 4);
	v = (struct verdict){.kind = VERDICT_REJECT};
	verdict_resolve(&v);
	assert_int_equal(v.reply.code / 100, 5);
	v = (struct verdict){.kind = VERDICT_PERMIT};
	verdict_resolve(&v);
	assert_int_equal(v.kind, VERDICT_PERMIT);
	assert_int_equal(v.reply.code, 0);
	assert_string_equal(verdict_name(VERDICT_UNDECIDED), "defer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(well_formed),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(other_class),
	    cmocka_unit_test(strictest),
	    cmocka_unit_test(resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
