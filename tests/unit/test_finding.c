#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/finding.h"

static const struct finding sample = {.id = "networks-world",
    .severity = SEVERITY_HIGH,
    .file = "/etc/postfix/main.cf",
    .line = 7,
    .listener = "smtp",
    .why = "Everybody may relay.",
    .instead = "mynetworks = 127.0.0.0/8"};

static char *printed(struct findings *l, enum findings_format format)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	assert_true(findings_print(l, "postfix", format, false, to));
	fclose(to);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) {
		print_error("got %s\nwant it to contain %s\n", text, part);
		fail();
	}
}

static void joins_listeners(void **state)
{
	static const struct {
		const char *add, *want;
	} steps[] = {{"smtp", "smtp"}, {"smtps", "smtp, smtps"}, {"smtp", "smtp, smtps"},
	    {"smtps", "smtp, smtps"}, {"tp", "smtp, smtps, tp"}, {"", ""}, {"smtp", ""}};
	struct findings l = {.count = 0};
	struct finding f = sample;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		f.listener = steps[i].add;
		findings_add(&l, &f);
		assert_int_equal(l.count, 1);
		assert_string_equal(l.items[0].listener, steps[i].want);
	}
	f.line = 8;
	findings_add(&l, &f);
	assert_int_equal(l.count, 2);
	findings_free(&l);
}

static void sorts_and_counts(void **state)
{
	struct findings l = {.count = 0};
	struct finding low = sample, medium = sample;
	char *text;

	(void)state;
	assert_int_equal(findings_severest(&l), SEVERITY_LOW);
	low.severity = SEVERITY_LOW;
	low.id = "no-rate-limit";
	low.instead = "";
	medium.severity = SEVERITY_MEDIUM;
	medium.id = "milter-accept";
	findings_add(&l, &low);
	assert_int_equal(findings_severest(&l), SEVERITY_LOW);
	findings_add(&l, &medium);
	findings_add(&l, &sample);
	assert_int_equal(findings_severest(&l), SEVERITY_HIGH);
	text = printed(&l, FINDINGS_TEXT);
	assert_true(strstr(text, "networks-world") < strstr(text, "milter-accept"));
	assert_true(strstr(text, "milter-accept") < strstr(text, "no-rate-limit"));
	assert_has(text, "postfix: 3 findings: 1 high, 1 medium, 1 low\n");
	assert_has(text, "           mynetworks = 127.0.0.0/8\n");
	free(text);
	findings_free(&l);
}

static void escapes(void **state)
{
	struct findings l = {.count = 0};
	struct finding f = sample;
	char *text;

	(void)state;
	f.file = "/etc/a b/\"main\".cf";
	f.why = "A \x1b[31m sentence.";
	findings_add(&l, &f);
	findings_note(&l, "%s", "a \"note\"");
	findings_note(&l, "%s", "a \"note\"");
	assert_int_equal(l.note_count, 1);
	text = printed(&l, FINDINGS_TEXT);
	assert_has(text, "A \\x1b[31m sentence.");
	free(text);
	text = printed(&l, FINDINGS_JSON);
	assert_has(text, "\"file\": \"/etc/a b/\\\"main\\\".cf\"");
	assert_has(text, "\"a \\\"note\\\"\"");
	assert_has(text, "\\u001b");
	free(text);
	text = printed(&l, FINDINGS_SARIF);
	assert_has(text, "\"uri\": \"file:///etc/a%20b/%22main%22.cf\"");
	assert_has(text, "\"startLine\": 7");
	free(text);
	findings_free(&l);
}

static void is_bounded(void **state)
{
	struct findings l = {.count = 0};
	struct finding f = sample;

	(void)state;
	for (unsigned i = 0; i < FINDINGS_MAX + 5; i++) {
		f.line = i + 1;
		findings_add(&l, &f);
	}
	assert_int_equal(l.count, FINDINGS_MAX);
	assert_int_equal(l.dropped, 5);
	assert_false(l.failed);
	findings_free(&l);
}

static void prints_nothing_found(void **state)
{
	static const enum findings_format formats[] = {
	    FINDINGS_TEXT, FINDINGS_JSON, FINDINGS_SARIF};
	static const char *const want[] = {"postfix: no findings\n",
	    "\"findings\": [], \"notes\": [], \"high\": 0", "\"results\": []"};
	struct findings l = {.count = 0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = printed(&l, formats[i]);

		assert_has(text, want[i]);
		free(text);
	}
	findings_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(joins_listeners),
	    cmocka_unit_test(sorts_and_counts), cmocka_unit_test(escapes),
	    cmocka_unit_test(is_bounded), cmocka_unit_test(prints_nothing_found)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
