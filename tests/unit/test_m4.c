/* The reader of m4: what comes out, what the client hears, and with which lines. The expected texts
 * are GNU m4's. */
#include "../lib/unit.h"

#include <string.h>

#include "audit/m4.h"
#include "base/strbuf.h"

struct heard {
	struct strbuf text, calls, problems;
};

static void on_call(void *user, const struct m4_call *c)
{
	struct heard *h = user;

	strbuf_printf(&h->calls, "%s:%u %s(", c->at.file, c->at.line, c->name);
	for (size_t i = 0; i < c->count; i++)
		strbuf_printf(&h->calls, "%s[%s]", i > 0 ? "," : "", c->args[i]);
	strbuf_puts(&h->calls, ");");
}

static void on_text(void *user, const char *text, size_t len, const struct m4_place *at)
{
	(void)at;
	strbuf_add(&((struct heard *)user)->text, text, len);
}

static const char *on_include(void *user, const char *path, bool silent, size_t *len,
    const char **file, const struct m4_place *at)
{
	static const char text[] = "first\nHEAR(`it')in\n";

	(void)user;
	(void)silent;
	(void)at;
	if (strcmp(path, "there.m4") != 0)
		return NULL;
	*len = sizeof(text) - 1;
	*file = "there.m4";
	return text;
}

static void on_problem(void *user, const struct m4_place *at, bool stops, const char *what)
{
	strbuf_printf(
	    &((struct heard *)user)->problems, "%u %s%s;", at->line, stops ? "stop: " : "", what);
}

/* Reads `in` and compares what was heard; NULL: not compared. */
static void check(const char *in, const char *text, const char *calls, const char *problems)
{
	struct heard h = {.text = {.len = 0}};
	const struct m4_client client = {&h, on_call, on_text, on_include, on_problem};
	struct m4 *m = m4_new(&client);

	assert_non_null(m);
	m4_hook(m, "HEAR");
	m4_read(m, in, strlen(in), "in.mc");
	if (text != NULL)
		assert_string_equal(strbuf_text(&h.text), text);
	assert_string_equal(strbuf_text(&h.calls), calls == NULL ? "" : calls);
	assert_string_equal(strbuf_text(&h.problems), problems == NULL ? "" : problems);
	assert_false(m4_failed(m));
	m4_free(m);
	strbuf_free(&h.text);
	strbuf_free(&h.calls);
	strbuf_free(&h.problems);
}

static void test_words(void **state)
{
	(void)state;
	check("plain text, `quoted' ``twice''\n", "plain text, quoted `twice'\n", NULL, NULL);
	check("define(`x', `one')x xx x1 1x _x\n", "one xx x1 1x _x\n", NULL, NULL);
	check("define(`x', `one')undefine(`x')x define\n", "x define\n", NULL, NULL);
	check("define(`swap', `$2-$1')swap(a, `b,c')\n", "b,c-a\n", NULL, NULL);
	check("define(`all', `$#:$*')all(a,b)\n", "2:a,b\n", NULL, NULL);
	check("define(`a', `b')define(`b', `c')a `a' ``a''\n", "c a `a'\n", NULL, NULL);
	check("define(`d', `x')pushdef(`d', `y')d popdef(`d')d\n", "y x\n", NULL, NULL);
	check("define(`d', `x')define(`e', defn(`d')`!')e\n", "x!\n", NULL, NULL);
	check("keep dnl gone\nnext\n", "keep next\n", NULL, NULL);
	check("# define(`x', `y') it's\nx\n", "# define(`x', `y') it's\nx\n", NULL, NULL);
	check("changecom()# define(`x', `y')x\n", "# y\n", NULL, NULL);
	check("changequote([,])define([x], [y])x [x]changequote(`,')`x'\n", "y xx\n", NULL, NULL);
}

static void test_conditions(void **state)
{
	(void)state;
	check(
	    "define(`x')ifdef(`x', `yes', `no') ifdef(`z', `yes', `no')\n", "yes no\n", NULL, NULL);
	check("ifelse(a, a, `same', `other') ifelse(a, b, `same', `other')\n", "same other\n", NULL,
	    NULL);
	check("ifelse(a, b, 1, c, c, 2, 3) ifelse(a, b, 1, c, d, 2, 3)\n", "2 3\n", NULL, NULL);
	check("len(`four') index(`abc', `c') index(`abc', `d') substr(`abcdef', 2, 3)\n",
	    "4 2 -1 cde\n", NULL, NULL);
	check("translit(`AbC', `ABC', `abc') incr(7) decr(7) shift(a, b, c)\n", "abc 8 6 b,c\n",
	    NULL, NULL);
	check("eval(3)\n", "3\n", NULL, NULL);
	check("eval(1 + 2)\n", "0\n", NULL, "1 what depends on eval() is not judged;");
}

static void test_calls(void **state)
{
	(void)state;
	check("HEAR(a, `b c', `(x, y)')dnl\n", "", "in.mc:1 HEAR([a],[b c],[(x, y)]);", NULL);
	check("HEAR\nHEAR (a)\n", "HEAR\nHEAR (a)\n", NULL, NULL);
	check("\n\nHEAR(\n  a)\nHEAR(b)", NULL, "in.mc:3 HEAR([a]);in.mc:5 HEAR([b]);", NULL);
	check("divert(-1)\nHEAR(a) text\ndivert(0)dnl\nout\n", "out\n", "in.mc:2 HEAR([a]);", NULL);
	check("ifdef(`define',\n`HEAR(a)\nHEAR(b)')\n", NULL,
	    "in.mc:2 HEAR([a]);in.mc:3 HEAR([b]);", NULL);
	check("define(`m', `HEAR(`$1')')\n\nm(x)\n", NULL, "in.mc:3 HEAR([x]);", NULL);
	check("include(`there.m4')after\n", "first\nin\nafter\n", "there.m4:2 HEAR([it]);", NULL);
	check("include(`gone.m4')sinclude(`gone.m4')x\n", "x\n", NULL, NULL);
}

static void test_stops(void **state)
{
	(void)state;
	check("a\n`b\nHEAR(c)\n", NULL, NULL, "2 stop: a quote that begins here has no end;");
	check("a\nHEAR(b\nHEAR(c)\n", NULL, "in.mc:3 HEAR([c]);",
	    "2 stop: the parenthesis behind HEAR has no end;");
}

/* A macro that doubles itself, or calls itself, ends. */
static void test_bounds(void **state)
{
	static const char *const bombs[] = {
	    "define(`x', `x')x",
	    "define(`x', `x x')x",
	    "define(`x', "
	    "`$1$1')x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(x(a)))))))))))))))))))))))))",
	    "define(`x', `x(`$1$1')')x(`aaaaaaaaaaaaaaaa')",
	};
	struct heard h = {.text = {.len = 0}};
	const struct m4_client client = {&h, on_call, on_text, on_include, on_problem};

	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct m4 *m = m4_new(&client);

		assert_non_null(m);
		m4_read(m, bombs[i], strlen(bombs[i]), "in.mc");
		assert_true(m4_failed(m));
		m4_free(m);
	}
	strbuf_free(&h.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_conditions),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_stops),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
