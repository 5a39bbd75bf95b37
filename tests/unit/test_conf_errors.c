/* Every kind of error: its place, what was found and what was expected. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/rich_schema.h"

struct error_case {
	const char *text;
	const char *want; /* all that is told; "" when the text is right */
};

static char *told(const char *text, size_t len)
{
	struct diag *d = diag_new();
	struct conf_doc *doc;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(d);
	assert_non_null(f);
	doc = conf_load_text("x", text, len, &rich_schema, 0, d);
	if ((doc == NULL) != (diag_errors(d) > 0))
		fputs("document and errors disagree\n", f);
	diag_print(d, f);
	fclose(f);
	conf_free(&doc);
	diag_free(&d);
	return out;
}

static void check(const struct error_case *cases, size_t count)
{
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		char *got = told(cases[i].text, strlen(cases[i].text));

		if (strcmp(got, cases[i].want) != 0) {
			failed++;
			print_error(
			    "--- %s\n--- got\n%s--- want\n%s\n", cases[i].text, got, cases[i].want);
		}
		free(got);
	}
	assert_int_equal(failed, 0);
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof(cases[0]))

static void right(void **state)
{
	static const struct error_case cases[] = {
	    {"", ""},
	    {"# only a comment", ""},
	    {"\n\r\n\t # c\n", ""},
	    {"flag=yes", ""},
	    {"flag = yes mode = monitor count = 5", ""},
	    {"flag = yes # c\n mode # c\n = # c\n monitor", ""},
	    {"words = distinct client-net  count = 5", ""},
	    {"words = a\n b # c\n c\nflag = yes", ""},
	    {"words = include a", ""},
	    {"texts = { a, \"b c\", # c\n d,\n}", ""},
	    {"texts = a", ""},
	    {"text = \"a \\\"b\\\" \\\\ # {,}=\"", ""},
	    {"text = a#b", ""},
	    {"text = include", ""},
	    {"text = \"\"", ""},
	    {"mode = monitor policy { rule a { action = permit } }", ""},
	    {"policy\n{\nrule a\n{ action = permit except = { helo = a.example } }\n}\n", ""},
	    {"policy { rule a.b-c_1 { action = permit except = { } } }", ""},
	    {"options {} ", ""},
	    {"listen = { unix:/a, local:/b, inet:h:1, inet6:[::1]:2, inet6:::1:3, inet:4@h }", ""},
	    {"domains d { members = { a.example, .b.example, [192.0.2.1] } }"
	     "policy { rule a { to = { @d, x } helo = @d action = permit } }",
		""},
	};

	(void)state;
	CHECK(cases);
}

static void syntax(void **state)
{
	static const struct error_case cases[] = {
	    {"flag yes",
		"x:1:1: error: found `flag`; expected `key = value`, a section or `include`\n"},
	    {"\tflag\n", "x:1:2: error: found `flag`; expected `key = value`, a section or "
			 "`include`\n"},
	    {"flag =\nmode = monitor", "x:2:1: error: found `mode =`; expected a value\n"},
	    {"flag = }\nmode = what",
		"x:1:8: error: found `}`; expected a value\n"
		"x:2:8: error: found the unknown word for `mode`, `what`; expected one of enforce, "
		"monitor\n"},
	    {"flag =", "x:1:7: error: found the end of the file; expected a value\n"},
	    {"flag = = yes",
		"x:1:8: error: found `=` after what is no key; expected a name of letters, digits "
		"and `-` before it (a value that holds `=` stands in quotes)\n"},
	    {"text = size=b", "x:1:8: error: found `size =`; expected a value\n"
			      "x:1:13: error: found `b` for `size`; expected a size in bytes, such "
			      "as 4096, 64k or 10M\n"},
	    {"text = a:b=c",
		"x:1:11: error: found `=` after what is no key; expected a name of letters, digits "
		"and `-` before it (a value that holds `=` stands in quotes)\n"},
	    {"flag = yes,", "x:1:11: error: found `,`; expected `key = value`, a section or "
			    "`include`\n"},
	    {"}", "x:1:1: error: found `}`; expected `key = value`, a section or `include`\n"},
	    {"{ }", "x:1:1: error: found `{`; expected `key = value`, a section or `include`\n"},
	    {"texts = { a b }", "x:1:13: error: found `b`; expected `,` or `}`\n"},
	    {"texts = { , }", "x:1:11: error: found `,`; expected a value, `key = value` or `}`\n"},
	    {"texts = { a,, b }", "x:1:13: error: found `,`; expected a value or `}`\n"},
	    {"texts = { a, { b } }", "x:1:14: error: found `{`; expected a value or `}`\n"
				     "x:1:20: error: found `}`; expected `key = value`, a section "
				     "or `include`\n"},
	    {"texts = { a,\n b\nflag = yes", "x:3:1: error: found `flag =`; expected `}`: the `{` "
					     "at line 1, column 9 is open\n"},
	    {"texts = { a\noptions { }", "x:2:1: error: found the section `options`; expected `}`: "
					 "the `{` at line 1, column "
					 "9 is open\n"},
	    {"texts = { a",
		"x:1:12: error: found the end of the file; expected `}`: the `{` at line 1, column "
		"9 is open\n"},
	    {"options {\nloud = yes\n", "x:3:1: error: found the end of the file; expected `}`: "
					"the `{` at line 1, column 9 "
					"is open\n"},
	    {"policy { rule a { action permit } }",
		"x:1:19: error: found `action`; expected `key = value`, a section, `include` or "
		"`}`\n"},
	    {"policy { rule a { action = permit except = { client = 10.0.0.0/8 ::1, } } }",
		"x:1:69: error: found `,`; expected a value, `key = value` or `}`\n"},
	    {"text = \"abc\nflag = yes",
		"x:1:8: error: found a string that does not end on its line; expected `\"`\n"},
	    {"text = \"a\\n\"", "x:1:10: error: found a backslash before another character; "
				"expected it before a quote or a backslash\n"},
	    {"text = @", "x:1:8: error: found `@` without a name; expected @NAME of a list\n"},
	    {"texts = file:", "x:1:9: error: found `file:` without a path; expected file:PATH\n"},
	    {"include = a",
		"x:1:1: error: found the unknown key `include`; expected one of flag, mode, count, "
		"size, wait, until, rates, text, texts, control, listen, words\n"},
	    {"include a", "x:1:9: error: found `a`; expected a file name or a pattern in quotes\n"},
	    {"include \"a\"", "x:1:9: error: found \"a\"; expected the absolute path of a file\n"},
	    {"include \"/nonexistent/a\"",
		"x:1:9: error: can't read `/nonexistent/a`: No such file or directory\n"},
	    {"include \"/nonexistent/*.conf\"\nflag = x",
		"x:2:8: error: found `x` for `flag`; expected yes or no\n"},
	    {"rule a:b { }",
		"x:1:1: error: found the unknown section `rule`; expected one of policy, options, "
		"networks, domains\n"
		"x:1:6: error: found the name `a:b`; expected letters, digits, `-`, `_` and `.`\n"},
	};

	(void)state;
	CHECK(cases);
}

static void schema(void **state)
{
	static const struct error_case cases[] = {
	    {"flga = yes", "x:1:1: error: found the unknown key `flga`; did you mean `flag`?\n"},
	    {"flag = yes\nflag = no",
		"x:2:1: error: found the key `flag` again; it stands at line 1, column 1\n"},
	    {"flag = yes no", "x:1:12: error: found `no` after the value of `flag`; expected the "
			      "next `key = value`, or a list in braces with commas\n"},
	    {"flag = \"yes\"", "x:1:8: error: found \"yes\" for `flag`; expected yes or no\n"},
	    {"flag = { yes }", "x:1:8: error: found a list for `flag`; expected yes or no\n"},
	    {"mode = monitr", "x:1:8: error: found the unknown word for `mode`, `monitr`; did you "
			      "mean `monitor`?\n"},
	    {"count = x",
		"x:1:9: error: found `x` for `count`; expected a count, such as 20, 5k or 10M\n"},
	    {"count = 0", "x:1:9: error: found `0` for `count`; expected 1 to 1000000\n"},
	    {"size = 1T", "x:1:8: error: found `1T` for `size`; expected a size in bytes, such as "
			  "4096, 64k or 10M\n"},
	    {"wait = 30", "x:1:8: error: found `30` for `wait`; expected a duration with its unit "
			  "(ms s m h d w), such as 30s or 2h\n"},
	    {"wait = 2h", "x:1:8: error: found `2h` for `wait`; expected 1s to 1h\n"},
	    {"until = 2027-02-29", "x:1:9: error: found `2027-02-29` for `until`; expected a day "
				   "that the calendar has, such as 2027-01-31\n"},
	    {"rates = { 1/1h, 2 }", "x:1:17: error: found `2` for `rates`; expected a rate, "
				    "COUNT/DURATION, such as 100/1h\n"},
	    {"rates = { }",
		"x:1:9: error: found a list for `rates`; expected at least one entry\n"},
	    {"text = @a",
		"x:1:8: error: found `@a` for `text`; expected a word or a string in quotes\n"},
	    {"texts = { a = b }",
		"x:1:9: error: found a block of keys for `texts`; expected a word "
		"or a string in quotes\n"},
	    {"texts = @a", "x:1:9: error: found the unknown list of networks `a`; there is none\n"},
	    {"control = x", "x:1:11: error: found `x` for `control`; expected unix:/path, "
			    "inet:host:port or inet6:host:port\n"},
	    {"control = unix:x",
		"x:1:11: error: found `unix:x` for `control`; expected an absolute path, "
		"unix:/path\n"},
	    {"control = inet:127.0.0.1:66000",
		"x:1:11: error: found `inet:127.0.0.1:66000` for `control`; expected a port, 0 to "
		"65535\n"},
	    {"control = inet::25", "x:1:11: error: found `inet::25` for `control`; expected a host "
				   "before the port, such as inet:127.0.0.1:8894\n"},
	    {"words = a \"b\"", "x:1:11: error: found \"b\"; expected words\n"},
	    {"optoins { }",
		"x:1:1: error: found the unknown section `optoins`; did you mean `options`?\n"},
	    {"options { }\noptions { }",
		"x:2:1: error: found the section `options` again; it stands at line 1, column 1\n"},
	    {"options a { }",
		"x:1:1: error: found `options a`; expected `options { ... }`, without a name\n"},
	    {"policy { }", "x:1:1: error: found no rule; expected at least one\n"},
	    {"policy { rule a { } }", "x:1:10: error: found no `action` in `rule a`; expected "
				      "`action = ...`\n"},
	    {"policy { rule { action = permit } }",
		"x:1:10: error: found `rule` without a name; expected `rule NAME { ... }`\n"},
	    {"policy { rule a { action = permit } rule b { action = permit }\nrule a { action = "
	     "permit } }",
		"x:2:1: error: found the name `a` again; it stands at line 1, column 10\n"},
	    {"policy { rule a { action = permit except = a } }",
		"x:1:44: error: found `a`; expected { key = value ... }\n"},
	    {"policy { rule a { action = permit except = { hello = a } } }",
		"x:1:46: error: found the unknown key `hello`; did you mean `helo`?\n"},
	};

	(void)state;
	CHECK(cases);
}

static void lists(void **state)
{
	static const struct error_case cases[] = {
	    {"networks a { members = 192.0.2.1/24 }",
		"x:1:24: error: found `192.0.2.1/24`, an address within a network; write "
		"192.0.2.0/24 for the network, or the address alone\n"},
	    {"networks a { members = { 10.0.0.0/33, 2001:db8::/32, 10.0.0, \"::/129\" } }",
		"x:1:26: error: found `10.0.0.0/33`; expected /0 to /32 after an IPv4 address, /0 "
		"to /128 after an IPv6 one\n"
		"x:1:54: error: found `10.0.0`; expected an address or a network, such as "
		"192.0.2.0/24 or 2001:db8::/32\n"
		"x:1:62: error: found `::/129`; expected /0 to /32 after an IPv4 address, /0 to "
		"/128 after an IPv6 one\n"},
	    {"networks a { }", "x:1:1: error: found no `members` in `networks a`; expected "
			       "`members = ...`\n"},
	    {"networks a { members = @b }\nnetworks b { members = { ::1, @a } }",
		"x:2:31: error: found `@a`, a list that is made of itself\n"},
	    {"networks a { members = @a }",
		"x:1:24: error: found `@a`, a list that is made of itself\n"},
	    {"networks friends { members = ::1 }\nnetworks b { members = @frends }",
		"x:2:24: error: found the unknown list of networks `frends`; did you mean "
		"`friends`?\n"},
	    {"domains d { members = d.example }\nnetworks b { members = @d }",
		"x:2:24: error: found `@d`, a list of domains; expected a list of networks\n"},
	    {"networks a { members = { b = c } }",
		"x:1:24: error: found a block of keys; expected a list of networks in braces with "
		"commas\n"},
	    {"networks a { members = ::1 }\nnetworks a { members = ::1 }",
		"x:2:1: error: found the name `a` again; it stands at line 1, column 1\n"},
	    {"domains d { members = { a.example, .com } }",
		"x:1:23: error: found `.com`, a whole top-level domain, in `domains d`: mail to "
		"everybody below it would count as the list's; write `i-know = yes` in the section "
		"if that is meant\n"},
	    {"domains d { members = { a.example, .com } i-know = yes }", ""},
	    {"domains d { members = { localhost } }", ""},
	    {"domains d { members = \"[192.0.2]\" }",
		"x:1:23: error: found `[192.0.2]`; expected an address in brackets, such as "
		"[192.0.2.1] or [IPv6:2001:db8::1]\n"},
	    {"networks a { members = file:/nonexistent/list }",
		"x:1:24: error: can't read `/nonexistent/list`: No such file or directory\n"},
	    {"networks a { members = file:list }",
		"x:1:24: error: found the relative path `list`; expected an absolute one\n"},
	    {"networks a { members = file:/ }",
		"x:1:24: error: can't read `/`: it is a directory; expected a file\n"},
	    {"networks a { members = file:/dev/zero }",
		"x:1:24: error: can't read `/dev/zero`: it is not a regular file\n"},
	};

	(void)state;
	CHECK(cases);
}

static void bytes(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} cases[] = {
	    {"a\0b", 3, "x:1:2: error: found 0x00, a NUL byte; expected text\n"},
	    {"\n\001", 2, "x:2:1: error: found 0x01, a control character; expected text\n"},
	    {"# \xff", 3,
		"x:1:3: error: found 0xff, a byte that is not UTF-8; expected text in UTF-8\n"},
	    {"# \xc3\xbc\r\x7f", 6,
		"x:1:5: error: found 0x0d, a control character; expected text\n"
		"x:1:6: error: found 0x7f, a control character; expected text\n"},
	    {"text = \xc3", 8,
		"x:1:8: error: found 0xc3, a byte that is not UTF-8; expected text in UTF-8\n"},
	    {"text = \xc3\xbc", 9, ""},
	};
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = told(cases[i].text, cases[i].len);

		if (strcmp(got, cases[i].want) != 0) {
			failed++;
			print_error("%zu: got\n%swant\n%s\n", i, got, cases[i].want);
		}
		free(got);
	}
	assert_int_equal(failed, 0);
}

/* Adds `n` times `what` to one text. */
static char *repeat(const char *what, size_t n)
{
	size_t len = strlen(what);
	char *text = malloc(n * len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, what, len + 1);
	return text;
}

static void bounds(void **state)
{
	struct diag *d = diag_new();
	char *many = repeat("bad = 1\n", 1000), *deep = repeat("a {", 100), *got;
	char *long_path = repeat("x", 108), text[200];

	(void)state;
	assert_null(conf_load_text("x", many, strlen(many), &rich_schema, 0, d));
	assert_int_equal(diag_errors(d), 1000);
	assert_non_null(diag_get(d, DIAG_MAX - 1));
	assert_null(diag_get(d, DIAG_MAX));
	assert_string_equal(diag_text(d, DIAG_MAX), "");
	diag_free(&d);

	got = told(deep, strlen(deep));
	assert_non_null(strstr(got, "x:1:51: error: found `{` within 16 others; expected fewer\n"));
	free(got);

	/* sun_path has 108 bytes, its NUL included; the slash counts. */
	snprintf(text, sizeof(text), "control = unix:/%.106s", long_path);
	got = told(text, strlen(text));
	assert_string_equal(got, "");
	free(got);
	snprintf(text, sizeof(text), "control = unix:/%.107s", long_path);
	got = told(text, strlen(text));
	assert_non_null(strstr(got, "expected a path of at most 107 bytes"));
	free(got);
	free(many);
	free(deep);
	free(long_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(right), cmocka_unit_test(syntax),
	    cmocka_unit_test(schema), cmocka_unit_test(lists), cmocka_unit_test(bytes),
	    cmocka_unit_test(bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
