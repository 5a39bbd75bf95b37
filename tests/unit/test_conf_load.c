/* Values, lists, files and the dump. */
#include "../lib/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/rich_schema.h"
#include "base/domset.h"
#include "base/netset.h"

/* --- helpers --- */

static struct conf_doc *must_load(const char *text)
{
	struct diag *d = diag_new();
	struct conf_doc *doc = conf_load_text("x", text, strlen(text), &rich_schema, 0, d);

	if (doc == NULL)
		diag_print(d, stderr);
	assert_non_null(doc);
	diag_free(&d);
	return doc;
}

static bool holds(const struct netset *s, const char *address)
{
	struct addr a;

	assert_true(addr_parse(address, strlen(address), &a));
	return netset_contains(s, &a);
}

/* A directory of its own for each test, gone afterwards. */
static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_conf.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command); // NOLINT(cert-env33-c)
}

static const char *in_folder(const char *name)
{
	static char path[4][200];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
	return path[next];
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
}

/* What is told of a file, with the folder's name taken out. */
static char *told_of(const char *name)
{
	struct diag *d = diag_new();
	struct conf_doc *doc = conf_load(in_folder(name), &rich_schema, 0, d);
	size_t size, cut = strlen(folder) + 1;
	char *out = NULL, *p;
	FILE *f = open_memstream(&out, &size);

	diag_print(d, f);
	fclose(f);
	diag_free(&d);
	conf_free(&doc);
	while ((p = strstr(out, folder)) != NULL)
		memmove(p, p + cut, strlen(p + cut) + 1);
	return out;
}

/* --- values --- */

static void fallbacks(void **state)
{
	struct conf_doc *doc = must_load("");
	const struct rich *c = conf_root(doc);

	(void)state;
	assert_false(c->flag);
	assert_int_equal(c->count, 20);
	assert_int_equal(c->size, 65536);
	assert_int_equal(c->wait, 5000000);
	assert_int_equal(c->rates.count, 2);
	assert_int_equal(c->rates.items[1].count, 500);
	assert_int_equal(c->rates.items[1].period, INT64_C(86400000000));
	assert_null(c->text);
	assert_int_equal(c->texts.count, 8);
	assert_int_equal(c->control.kind, CONF_SOCKET_NONE);
	assert_int_equal(c->listen.count, 1);
	assert_string_equal(c->words->next->text, "client-net");
	assert_null(c->policy);
	assert_true(((const struct rich_options *)c->options)->loud);
	assert_null(conf_entry_of(doc, c->options, "loud"));
	conf_free(&doc);
	assert_null(doc);
}

static void values(void **state)
{
	struct conf_doc *doc = must_load(
	    "flag = yes mode = monitor count = 5k size = 1M wait = 1m30s until = 2027-01-31\n"
	    "rates = 1/1s text = \"a \\\"b\\\"\\\\\" texts = { a, \"b c\" } control = inet:25@h\n"
	    "listen = { inet6:[::1]:2, local:/s }\n"
	    "policy {\n"
	    "  rule one { client = { 10.0.0.0/8, 192.0.2.7 } helo = .example.com to = x action = "
	    "permit }\n"
	    "  rule two { action = reject except = { client = ::1 } }\n"
	    "}\n"
	    "options { loud = no }");
	const struct rich *c = conf_root(doc);
	const struct rich_policy *p = (const struct rich_policy *)c->policy;
	const struct rich_rule *one = (const struct rich_rule *)p->rules;
	const struct rich_rule *two = (const struct rich_rule *)one->head.next;

	(void)state;
	assert_true(c->flag);
	assert_int_equal(c->mode, 1);
	assert_int_equal(c->count, 5000);
	assert_int_equal(c->size, 1048576);
	assert_int_equal(c->wait, 90000000);
	assert_int_equal(c->until, INT64_C(1801440000000000));
	assert_int_equal(c->rates.count, 1);
	assert_string_equal(c->text, "a \"b\"\\");
	assert_int_equal(c->texts.count, 2);
	assert_string_equal(c->texts.items[1], "b c");
	assert_int_equal(c->control.kind, CONF_SOCKET_INET);
	assert_string_equal(c->control.host, "h");
	assert_int_equal(c->control.port, 25);
	assert_string_equal(c->control.text, "inet:25@h");
	assert_int_equal(c->listen.items[0].kind, CONF_SOCKET_INET6);
	assert_string_equal(c->listen.items[0].host, "::1");
	assert_int_equal(c->listen.items[1].kind, CONF_SOCKET_UNIX);
	assert_string_equal(c->listen.items[1].path, "/s");
	assert_false(((const struct rich_options *)c->options)->loud);
	assert_non_null(conf_entry_of(doc, c->options, "loud"));

	assert_true(p->finished);
	assert_string_equal(one->head.name, "one");
	assert_int_equal(one->head.loc.line, 5);
	assert_int_equal(one->head.loc.column, 3);
	assert_true(holds(one->common.client, "10.1.2.3"));
	assert_true(holds(one->common.client, "192.0.2.7"));
	assert_false(holds(one->common.client, "192.0.2.8"));
	assert_true(domset_contains(one->common.helo, "a.example.com"));
	assert_int_equal(one->action, 1);
	assert_null(one->except);
	assert_int_equal(two->action, 2);
	assert_true(holds(two->except->client, "::1"));
	assert_null(two->head.next);
	conf_free(&doc);
}

static void lists_refer_in_any_order(void **state)
{
	struct conf_doc *doc =
	    must_load("networks a { members = { @b, 192.0.2.0/24 } }\n"
		      "networks b { members = @c }\n"
		      "networks c { members = { ::1, 0.0.0.0/0 } i-know = yes }\n"
		      "domains a { members = { .a.example, @z } }\n"
		      "domains z { members = z.example }\n"
		      "policy { rule r { client = @a helo = { @a, x.example } "
		      "to = { @z, w } action = permit } }");
	const struct rich *c = conf_root(doc);
	const struct rich_rule *r =
	    (const struct rich_rule *)((const struct rich_policy *)c->policy)->rules;

	(void)state;
	assert_true(holds(conf_networks(doc, "a"), "::1"));
	assert_true(holds(conf_networks(doc, "a"), "192.0.2.1"));
	assert_false(holds(conf_networks(doc, "b"), "2001:db8::1"));
	assert_null(conf_networks(doc, "none"));
	assert_null(conf_networks(doc, "z"));
	assert_true(domset_contains(conf_domains(doc, "a"), "z.example"));
	assert_false(domset_contains(conf_domains(doc, "a"), "a.example"));
	assert_ptr_equal(r->common.client, conf_networks(doc, "a"));
	assert_true(domset_contains(r->common.helo, "x.a.example"));
	assert_true(domset_contains(r->common.helo, "x.example"));
	assert_string_equal(r->to.items[0], "@z");
	assert_string_equal(r->to.items[1], "w");
	conf_free(&doc);
}

/* --- files --- */

static void list_files(void **state)
{
	struct conf_doc *doc;
	struct diag *d = diag_new();
	const char *const *files;

	(void)state;
	write_file("c", "networks n { members = { file:nets, file:\"more nets\" } }\n"
			"texts = { a, file:words }\n");
	write_file("nets", "# comment\r\n\r\n 192.0.2.0/24\t# ours\r\n2001:db8::/32");
	write_file("more nets", "10.0.0.1\n");
	write_file("words", "b\nc d # e\nf#g\n");
	doc = conf_load(in_folder("c"), &rich_schema, 0, d);
	diag_print(d, stderr);
	assert_non_null(doc);
	assert_true(holds(conf_networks(doc, "n"), "192.0.2.255"));
	assert_true(holds(conf_networks(doc, "n"), "2001:db8::5"));
	assert_true(holds(conf_networks(doc, "n"), "10.0.0.1"));
	assert_int_equal(netset_ranges(conf_networks(doc, "n")), 3);
	const struct conf_texts *t = &((const struct rich *)conf_root(doc))->texts;
	assert_int_equal(t->count, 4);
	assert_string_equal(t->items[2], "c d");
	assert_string_equal(t->items[3], "f#g");
	assert_int_equal(conf_files(doc, &files), 4);
	assert_string_equal(files[0], in_folder("c"));
	assert_string_equal(files[2], in_folder("more nets"));
	conf_free(&doc);
	diag_free(&d);
}

static void list_file_errors(void **state)
{
	char *got;

	(void)state;
	write_file("c", "networks n { members = file:nets }\ndomains d { members = file:doms }\n");
	write_file("nets", "::1\n\n  192.0.2.1/24\nx # y\n");
	write_file("doms", "a.example\n\t-\xc3\xbc.example\nb..example\n");
	got = told_of("c");
	assert_non_null(strstr(got, "nets:3:3: error: found `192.0.2.1/24`, an address within"));
	assert_non_null(strstr(got, "nets:4:1: error: found `x`; expected an address"));
	assert_non_null(
	    strstr(got, "doms:2:2: error: found `-\xc3\xbc.example`; expected a domain"));
	assert_non_null(strstr(got, "doms:3:1: error: found `b..example`; expected a domain"));
	free(got);
	write_file("nets", "::1\n\xff\n");
	write_file("doms", "");
	got = told_of("c");
	assert_string_equal(
	    got, "nets:2:1: error: found 0xff, a byte that is not UTF-8; expected text in UTF-8\n");
	free(got);
}

static void includes(void **state)
{
	struct conf_doc *doc;
	struct diag *d = diag_new();

	(void)state;
	mkdir(in_folder("conf.d"), 0700);
	mkdir(in_folder("rules"), 0700);
	write_file("c", "flag = yes\ninclude \"conf.d/*.conf\"\n"
			"policy { include \"rules/*\" rule last { action = reject } }\n"
			"include \"empty.d/*\" mode = monitor\n");
	write_file("conf.d/20.conf", "networks b { members = file:../nets }\n");
	write_file("conf.d/10.conf", "count = 7\ninclude \"../one\"\n");
	write_file("conf.d/skip", "flag = no\n");
	write_file("one", "text = one");
	write_file("rules/b", "rule b { action = permit }");
	write_file("rules/a", "rule a { action = permit }\n");
	write_file("nets", "192.0.2.1\n");
	doc = conf_load(in_folder("c"), &rich_schema, 0, d);
	diag_print(d, stderr);
	assert_non_null(doc);
	const struct rich *c = conf_root(doc);
	assert_int_equal(c->count, 7);
	assert_string_equal(c->text, "one");
	assert_int_equal(c->mode, 1);
	assert_true(holds(conf_networks(doc, "b"), "192.0.2.1"));
	const struct conf_head *rule = ((const struct rich_policy *)c->policy)->rules;
	assert_string_equal(rule->name, "a");
	assert_string_equal(rule->loc.file, in_folder("rules/a"));
	assert_string_equal(rule->next->name, "b");
	assert_string_equal(rule->next->next->name, "last");
	conf_free(&doc);
	diag_free(&d);
}

static void include_errors(void **state)
{
	static const struct {
		const char *main, *a, *b, *want;
	} cases[] = {
	    {"include \"a\"\nflag = x", "flag = yes\nflag = no", "",
		"a:2:1: error: found the key `flag` again; it stands at line 1, column 1\n"
		"c:2:1: error: found the key `flag` again; it stands at a:1:1\n"},
	    {"include \"a\"", "include \"b\"", "\ninclude \"c\"",
		"b:2:9: error: found `c`, which includes itself\n"},
	    {"include \"c\"", "", "", "c:1:9: error: found `c`, which includes itself\n"},
	    {"include \"missing\"", "", "",
		"c:1:9: error: can't read `missing`: No such file or directory\n"},
	    {"include \"conf.d\"", "", "",
		"c:1:9: error: can't read `conf.d`: it is a directory; expected a file\n"},
	    {"options {\ninclude \"a\"\n}\nflag = x", "loud = yes }\nrule b {", "",
		"a:1:12: error: found `}`; expected `key = value`, a section or `include`\n"
		"a:2:1: error: found the unknown section `rule`; there is none\n"
		"a:2:9: error: found the end of the file; expected `}`: the `{` at line 2, column "
		"8 "
		"is open\n"
		"c:4:8: error: found `x` for `flag`; expected yes or no\n"},
	};
	size_t failed = 0;

	(void)state;
	mkdir(in_folder("conf.d"), 0700);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got;

		write_file("c", cases[i].main);
		write_file("a", cases[i].a);
		write_file("b", cases[i].b);
		got = told_of("c");
		if (strcmp(got, cases[i].want) != 0) {
			failed++;
			print_error("%zu: got\n%swant\n%s\n", i, got, cases[i].want);
		}
		free(got);
	}
	assert_int_equal(failed, 0);
}

static void include_chain(void **state)
{
	char *got;

	(void)state;
	for (int i = 0; i < 12; i++) {
		char name[16], text[40];

		snprintf(name, sizeof(name), "i%d", i);
		snprintf(text, sizeof(text), "include \"i%d\"\n", i + 1);
		write_file(name, text);
	}
	got = told_of("i0");
	assert_string_equal(
	    got, "i9:1:9: error: found an include within 9 others; expected fewer\n");
	free(got);
}

static void missing_files(void **state)
{
	char *got;

	(void)state;
	got = told_of("none");
	assert_string_equal(got, "none: error: can't read `none`: No such file or directory\n");
	free(got);
	got = told_of(".");
	assert_non_null(strstr(got, "it is a directory; expected a file"));
	free(got);
	if (geteuid() == 0)
		return;
	write_file("secret", "");
	chmod(in_folder("secret"), 0);
	got = told_of("secret");
	assert_string_equal(got, "secret: error: can't read `secret`: Permission denied\n");
	free(got);
}

static void many_list_lines(void **state)
{
	struct conf_doc *doc;
	struct diag *d = diag_new();
	FILE *f = fopen(in_folder("nets"), "w");

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 50000; i++)
		fprintf(f, "10.%u.%u.%u/31\n", i >> 14 & 255, i >> 6 & 255, (i & 63) << 2);
	fclose(f);
	write_file("c", "networks n { members = file:nets }");
	doc = conf_load(in_folder("c"), &rich_schema, 0, d);
	assert_non_null(doc);
	assert_int_equal(netset_ranges(conf_networks(doc, "n")), 50000);
	conf_free(&doc);
	diag_free(&d);
}

/* --- the dump --- */

static void dump_is_a_fixpoint(void **state)
{
	static const char *const texts[] = {
	    "",
	    "flag = yes text = \"a \\\\ \\\"b\\\" # {\" texts = { \"\", a, include, @n }\n"
	    "networks n { members = { } }",
	    "listen = { unix:/a, inet:h:1 } control = unix:/c words = a\n b include c\n",
	    "networks b { members = { ::1, 10.0.0.0/8, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, "
	    "10.0.0.5, 10.0.0.6 } i-know = yes }\n"
	    "networks a { members = @b } domains d { members = { [192.0.2.1], .a.example } }\n"
	    "policy { rule x { client = @b to = { a, @d, b@c.example } action = permit\n"
	    "  except = { client = { ::1, @a } helo = h.example } expires = 2027-01-31 }\n"
	    "  rule y { action = reject } }\noptions { loud = no }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct conf_doc *first = must_load(texts[i]), *second;
		struct strbuf a = {0}, b = {0};

		conf_dump(first, &a);
		second = must_load(strbuf_text(&a));
		conf_dump(second, &b);
		assert_string_equal(strbuf_text(&a), strbuf_text(&b));
		strbuf_free(&a);
		strbuf_free(&b);
		conf_free(&first);
		conf_free(&second);
	}
}

static void dump_says_all(void **state)
{
	struct conf_doc *doc =
	    must_load("count = 3\nwords = a b\n"
		      "policy { rule r { action = permit helo = h.example } }\n");
	struct strbuf b = {0};

	(void)state;
	conf_dump(doc, &b);
	assert_string_equal(strbuf_text(&b),
	    "flag = no\n"
	    "mode = enforce\n"
	    "count = 3\n"
	    "size = 64k\n"
	    "wait = 5s\n"
	    "rates = { 100/1h, 500/1d }\n"
	    "texts = {\n\tone,\n\ttwo,\n\tthree,\n\tfour,\n\tfive,\n\tsix,\n\tseven,\n\teight,\n}\n"
	    "listen = \"unix:/run/x.sock\"\n"
	    "words = a b\n"
	    "\n"
	    "policy {\n"
	    "\trule r {\n"
	    "\t\thelo = h.example\n"
	    "\t\taction = permit\n"
	    "\t}\n"
	    "}\n"
	    "\n"
	    "options {\n"
	    "\tloud = yes\n"
	    "}\n");
	strbuf_free(&b);
	conf_free(&doc);
}

static void dump_of_files(void **state)
{
	struct conf_doc *doc;
	struct diag *d = diag_new();
	struct strbuf b = {0};

	(void)state;
	write_file("c", "include \"i\"\n");
	write_file("i", "networks n { members = { file:nets, file:\"a b\" } }");
	write_file("nets", "::1");
	write_file("a b", "::2");
	doc = conf_load(in_folder("c"), &rich_schema, 0, d);
	assert_non_null(doc);
	conf_dump(doc, &b);
	assert_null(strstr(strbuf_text(&b), "include"));
	assert_non_null(strstr(strbuf_text(&b), in_folder("nets")));
	conf_free(&doc);
	doc = must_load(strbuf_text(&b));
	assert_int_equal(netset_ranges(conf_networks(doc, "n")), 1);
	assert_true(holds(conf_networks(doc, "n"), "::2"));
	conf_free(&doc);
	strbuf_free(&b);
	diag_free(&d);
}

static void nearest(void **state)
{
	static const char *const known[] = {"listen", "control", "state", "user", "socket-mode"};
	static const struct {
		const char *found, *want;
	} cases[] = {{"lissten", "listen"}, {"listne", "listen"}, {"use", "user"},
	    {"socket_mode", "socket-mode"}, {"stat", "state"}, {"xyz", NULL}, {"", NULL},
	    {"limit", NULL}, {"a", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = conf_nearest(cases[i].found, known, 5);

		if (cases[i].want == NULL && got != NULL)
			print_error("%s: got %s, want none\n", cases[i].found, got);
		if (cases[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got == NULL ? "none" : got, cases[i].want);
	}
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

static void peek(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: none */
	} cases[] = {
	    {"control = \"unix:/a\"", "unix:/a"},
	    {"control = word", "word"},
	    {"other = 1", NULL},
	    {"relay { control = a }", NULL},
	    {"control = { a, b }", NULL},
	    {"control = a b", NULL},
	    {"control = a\ncontrol = b", "b"},
	    {"control = a\nnonsense = yes", "a"},
	    {"control = a\nmode = enforce\n} } =", "a"},
	    {"control = a\nrelay {", "a"},
	    {"control = longer-than-it-may-be", NULL},
	    {"", NULL},
	};
	char name[] = "/tmp/peek.XXXXXX", out[20];
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		bool found;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].text, len, 0), len);
		found = conf_peek(name, "control", out, sizeof(out));
		if (strcmp(found ? out : "none", cases[i].want == NULL ? "none" : cases[i].want) !=
		    0)
			fail_msg("%s: got %s, want %s", cases[i].text, found ? out : "none",
			    cases[i].want);
	}
	close(fd);
	unlink(name);
	assert_false(conf_peek("/nowhere/at/all", "control", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fallbacks), cmocka_unit_test(peek),
	    cmocka_unit_test(values), cmocka_unit_test(lists_refer_in_any_order),
	    WITH_FOLDER(list_files), WITH_FOLDER(list_file_errors), WITH_FOLDER(includes),
	    WITH_FOLDER(include_errors), WITH_FOLDER(include_chain), WITH_FOLDER(missing_files),
	    WITH_FOLDER(many_list_lines), cmocka_unit_test(dump_is_a_fixpoint),
	    cmocka_unit_test(dump_says_all), WITH_FOLDER(dump_of_files), cmocka_unit_test(nearest)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
