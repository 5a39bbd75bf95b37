#include "conf/parse.h"

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/grammar.h"

/* The scanner's header has the grammar's types by their short names. */
#define YYSTYPE CONF_YYSTYPE
#define YYLTYPE CONF_YYLTYPE
#include "conf/lexer.h"

/* --- memory and messages --- */

static void no_memory(struct parse *p)
{
	p->stopped = true;
	p->tree->no_memory = true;
}

const char *parse_text(struct parse *p, const char *text, size_t len)
{
	char *copy = arena_strndup(p->tree->arena, text, len);

	if (copy == NULL)
		no_memory(p);
	return copy == NULL ? "" : copy;
}

void parse_error(struct parse *p, const struct conf_loc *at, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(p->tree->diag, DIAG_ERROR, at, "%s", text);
}

/* --- the feed: from the scanner to the grammar --- */

/* Words for what was found, into `out`. */
static const char *describe(const struct parse_token *t, char *out, size_t size)
{
	const char *text = t->text == NULL ? "" : t->text;

	switch (t->kind) {
	case 0:
		return "the end of the file";
	case KEY:
		snprintf(out, size, "`%.60s =`", text);
		break;
	case SECTION:
		snprintf(out, size, "the section `%.60s`", text);
		break;
	case STRING:
		snprintf(out, size, "\"%.60s\"", text);
		break;
	case REF:
		snprintf(out, size, "`@%.60s`", text);
		break;
	case FILE_PATH:
		snprintf(out, size, "`file:%.60s`", text);
		break;
	case OPEN:
		return "`{`";
	case CLOSE:
		return "`}`";
	case EQUALS:
		return "`=`";
	case COMMA:
		return "`,`";
	default:
		snprintf(out, size, "`%.60s`", text);
		break;
	}
	return out;
}

void parse_unexpected(struct parse *p, const struct conf_loc *at, const char *expected)
{
	char found[80];
	const char *what = describe(&p->last, found, sizeof(found));

	if (p->stopped)
		return;
	if (p->last.kind == 0 && p->brace_count > 0) {
		const struct conf_loc *open = &p->braces[p->brace_count - 1].loc;

		parse_error(p, at, "found %s; expected `}`: the `{` at line %u, column %u is open",
		    what, open->line, open->column);
	} else if (p->last.kind == EQUALS) {
		parse_error(p, at,
		    "found `=` after what is no key; expected a name of letters, digits and `-` "
		    "before it "
		    "(a value that holds `=` stands in quotes)");
	} else {
		parse_error(p, at, "found %s; expected %s", what, expected);
	}
}

/* The kind of the innermost brace; a section where there is none, as that is what a file is. */
static enum parse_brace context(const struct parse *p)
{
	return p->brace_count == 0 ? BRACE_SECTION : p->braces[p->brace_count - 1].kind;
}

/* `include` is a word like any other save where a statement may begin. */
static bool begins_statement(const struct parse *p, const struct parse_token *t)
{
	if (context(p) != BRACE_SECTION || p->last.kind == EQUALS)
		return false;
	if (p->last.kind == OPEN || p->last.kind == CLOSE || p->last.kind == -1)
		return true;
	return p->last.loc.line != t->loc.line;
}

static struct parse_token scan(struct parse *p)
{
	struct parse_token t = p->pending;
	CONF_YYSTYPE value = {.text = ""};

	if (t.kind >= 0) {
		p->pending.kind = -1;
		return t;
	}
	t.loc = p->last.loc;
	t.kind = p->stopped ? 0 : conf_scanlex(&value, &t.loc, p->scanner);
	t.text = value.text;
	if (p->stopped)
		t.kind = 0;
	if (t.kind == WORD && strcmp(t.text, "include") == 0 && begins_statement(p, &t))
		t.kind = INCLUDE;
	return t;
}

static bool is_unclosed(enum parse_brace kind, int next)
{
	return (kind == BRACE_LIST && (next == KEY || next == SECTION)) ||
	       (kind == BRACE_BLOCK && next == SECTION);
}

/* The brace that somebody forgot: told once, and then there. */
static void close_for(struct parse *p, struct parse_token *t)
{
	const struct conf_loc *open = &p->braces[p->brace_count - 1].loc;
	char found[80];

	parse_error(p, &t->loc, "found %s; expected `}`: the `{` at line %u, column %u is open",
	    describe(t, found, sizeof(found)), open->line, open->column);
	p->pending = *t;
	t->kind = CLOSE;
}

static void open_brace(struct parse *p, struct parse_token *t)
{
	bool section = p->last.kind == SECTION || p->last.kind == SECTION_NAME;

	if (p->brace_count == PARSE_DEPTH_MAX) {
		parse_error(
		    p, &t->loc, "found `{` within %d others; expected fewer", PARSE_DEPTH_MAX);
		p->stopped = true;
		t->kind = 0;
		return;
	}
	p->braces[p->brace_count].kind = section ? BRACE_SECTION : BRACE_VALUE;
	p->braces[p->brace_count++].loc = t->loc;
}

static bool is_name(const char *s)
{
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
	       '\0';
}

int conf_yylex(CONF_YYSTYPE *value, CONF_YYLTYPE *at, struct parse *p)
{
	struct parse_token t;

	if (p->value_only && p->last.kind == -1)
		t = (struct parse_token){.kind = VALUE_ONLY, .text = "", .loc = p->last.loc};
	else
		t = scan(p);
	if (context(p) == BRACE_VALUE)
		p->braces[p->brace_count - 1].kind = t.kind == KEY ? BRACE_BLOCK : BRACE_LIST;
	if (is_unclosed(context(p), t.kind))
		close_for(p, &t);
	if (t.kind == OPEN)
		open_brace(p, &t);
	else if (t.kind == CLOSE && p->brace_count > 0)
		p->brace_count--;
	else if (t.kind == SECTION_NAME && !is_name(t.text))
		parse_error(p, &t.loc,
		    "found the name `%.60s`; expected letters, digits, `-`, `_` and `.`", t.text);
	p->last = t;
	value->text = t.text;
	*at = t.loc;
	return t.kind;
}

/* --- values --- */

/* Reads a string with its quotes. `\"` and `\\` are all that a backslash is for. */
const char *parse_string(struct parse *p, const struct conf_loc *at, const char *text, size_t len)
{
	char *copy = arena_alloc(p->tree->arena, len + 1);
	struct conf_loc here = *at;
	size_t n = 0, i;

	if (copy == NULL) {
		no_memory(p);
		return "";
	}
	for (i = 1; i < len && text[i] != '"'; i++) {
		if (text[i] == '\\' && i + 1 < len) {
			i++;
			here.column = at->column + (unsigned)i - 1;
			if (text[i] != '"' && text[i] != '\\')
				parse_error(p, &here,
				    "found a backslash before another character; expected it "
				    "before a quote or a backslash");
		}
		copy[n++] = text[i];
	}
	if (i >= len)
		parse_error(p, at, "found a string that does not end on its line; expected `\"`");
	return copy;
}

struct conf_value *parse_new_value(
    struct parse *p, enum conf_value_kind kind, const char *text, const struct conf_loc *at)
{
	struct conf_value *v = text == NULL ? NULL : arena_alloc(p->tree->arena, sizeof(*v));

	if (v == NULL) {
		if (text != NULL)
			no_memory(p);
		return NULL;
	}
	v->kind = kind;
	v->text = text;
	v->loc = *at;
	return v;
}

struct conf_value *parse_new_list(
    struct parse *p, const struct parse_chain *items, const struct conf_loc *at)
{
	struct conf_value *v = items->bad ? NULL : parse_new_value(p, CONF_LIST, "", at);

	if (v != NULL)
		v->first = items->first;
	return v;
}

struct conf_value *parse_new_block(
    struct parse *p, const struct parse_entries *entries, const struct conf_loc *at)
{
	struct conf_value *v = entries->bad ? NULL : parse_new_value(p, CONF_BLOCK, "", at);

	if (v != NULL)
		v->entries = entries->first;
	return v;
}

/* The path is made absolute here, where the file that names it is known. */
struct conf_value *parse_new_file(struct parse *p, const char *path, const struct conf_loc *at)
{
	const char *absolute = path;

	if (path == NULL)
		return NULL;
	if (path[0] != '/' && p->dir == NULL) {
		parse_error(
		    p, at, "found the relative path `%.200s`; expected an absolute one", path);
		return NULL;
	}
	if (path[0] != '/')
		absolute = source_path(p->tree->arena, p->dir, path);
	if (absolute == NULL)
		no_memory(p);
	return parse_new_value(p, CONF_FILE, absolute, at);
}

struct conf_entry *parse_new_entry(
    struct parse *p, const char *key, const struct conf_loc *at, struct conf_value *value)
{
	struct conf_entry *e;

	if (value == NULL)
		return NULL;
	e = arena_alloc(p->tree->arena, sizeof(*e));
	if (e == NULL) {
		no_memory(p);
		return NULL;
	}
	e->key = key;
	e->loc = *at;
	e->value = value;
	return e;
}

void parse_chain_add(struct parse_chain *c, struct conf_value *v)
{
	if (v == NULL) {
		c->bad = true;
		return;
	}
	if (c->last == NULL)
		c->first = v;
	else
		c->last->next = v;
	c->last = v;
}

void parse_entries_add(struct parse_entries *c, struct conf_entry *e)
{
	if (e == NULL) {
		c->bad = true;
		return;
	}
	if (c->last == NULL)
		c->first = e;
	else
		c->last->next = e;
	c->last = e;
}

/* --- sections --- */

void parse_entry(struct parse *p, struct conf_entry *e)
{
	struct parse_frame *f = &p->tree->frames[p->tree->depth];

	if (e == NULL)
		return;
	*f->entries_end = e;
	f->entries_end = &e->next;
}

static void push(struct parse_tree *t, struct conf_section *s)
{
	t->frames[t->depth] = (struct parse_frame){
	    .section = s, .entries_end = &s->entries, .sections_end = &s->sections};
}

void parse_open(struct parse *p, const char *type, const char *name, const struct conf_loc *at)
{
	struct parse_tree *t = p->tree;
	struct conf_section *s;

	if (t->depth == PARSE_DEPTH_MAX) {
		parse_error(
		    p, at, "found a section within %d others; expected fewer", PARSE_DEPTH_MAX);
		p->stopped = true;
		return;
	}
	s = arena_alloc(t->arena, sizeof(*s));
	if (s == NULL) {
		no_memory(p);
		return;
	}
	s->type = type;
	s->name = name;
	s->loc = *at;
	*t->frames[t->depth].sections_end = s;
	t->frames[t->depth].sections_end = &s->next;
	t->depth++;
	push(t, s);
}

void parse_close(struct parse *p)
{
	if (!p->stopped && p->tree->depth > 0)
		p->tree->depth--;
}

bool parse_tree_init(struct parse_tree *t, struct arena *arena, struct diag *diag)
{
	struct conf_section *root = arena_alloc(arena, sizeof(*root));

	*t = (struct parse_tree){.arena = arena, .diag = diag};
	if (root == NULL)
		return false;
	push(t, root);
	return true;
}

struct conf_section *parse_tree_root(const struct parse_tree *t)
{
	return t->frames[0].section;
}

/* --- files --- */

static void run(struct parse *p, const struct source *s)
{
	size_t depth = p->tree->depth;

	p->line = p->column = 1;
	p->pending.kind = p->last.kind = -1;
	p->last.loc = (struct conf_loc){.file = p->file, .line = 1, .column = 1};
	if (!source_is_text(s, p->file, p->tree->diag))
		return;
	if (conf_scanlex_init_extra(p, &p->scanner) != 0 ||
	    conf_scan_scan_buffer(s->text, s->len + 2, p->scanner) == NULL || conf_yyparse(p) == 2)
		no_memory(p);
	/* What is left open here must not swallow the file that includes this one. */
	p->tree->depth = depth;
}

void parse_memory(struct parse_tree *t, const char *name, const char *text, size_t len)
{
	struct parse p = {.tree = t, .file = arena_strdup(t->arena, name)};
	struct source s;

	if (p.file == NULL)
		no_memory(&p);
	else if (source_copy(&s, name, text, len, SOURCE_CONF_MAX, t->diag)) {
		run(&p, &s);
		source_free(&s);
	}
}

struct conf_value *parse_value(struct parse_tree *t, const char *name, const char *text)
{
	struct parse p = {.tree = t, .file = name, .value_only = true};
	size_t errors = diag_errors(t->diag);
	struct source s;

	if (source_copy(&s, name, text, strlen(text), SOURCE_CONF_MAX, t->diag)) {
		run(&p, &s);
		source_free(&s);
	}
	return diag_errors(t->diag) > errors ? NULL : p.value;
}

static bool is_open(const struct parse_tree *t, const struct source *s)
{
	for (size_t i = 0; i < t->open_count; i++)
		if (t->open[i].device == s->device && t->open[i].inode == s->inode)
			return true;
	return false;
}

static void parse_source(
    struct parse_tree *t, const struct source *s, const char *path, const struct conf_loc *named_at)
{
	struct parse p = {.tree = t, .file = arena_strdup(t->arena, path)};

	p.dir = source_dir(t->arena, path);
	if (p.file == NULL || p.dir == NULL) {
		no_memory(&p);
	} else if (is_open(t, s)) {
		parse_error(&p, named_at, "found `%.200s`, which includes itself", path);
	} else if (t->open_count == PARSE_INCLUDE_DEPTH) {
		parse_error(&p, named_at, "found an include within %d others; expected fewer",
		    PARSE_INCLUDE_DEPTH - 1);
	} else {
		t->open[t->open_count++] =
		    (struct parse_file_id){.device = s->device, .inode = s->inode};
		run(&p, s);
		t->open_count--;
	}
}

void parse_path(struct parse_tree *t, const char *path, const struct conf_loc *named_at)
{
	struct source s;

	if (t->file_count == PARSE_FILES_MAX) {
		diag_add(t->diag, DIAG_ERROR, named_at, "found more than %d files; expected fewer",
		    PARSE_FILES_MAX);
		return;
	}
	t->file_count++;
	if (!source_read(&s, path, SOURCE_CONF_MAX, named_at, t->diag))
		return;
	if (t->on_file != NULL)
		t->on_file(t->on_file_arg, path);
	parse_source(t, &s, path, named_at);
	source_free(&s);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A pattern may match nothing: an empty conf.d is no error. A plain name must be there. */
static void include_matches(struct parse *p, const char *pattern, const struct conf_loc *at)
{
	glob_t found = {0};
	int rc = glob(pattern, GLOB_NOSORT | GLOB_NOESCAPE, NULL, &found);

	if (rc == 0) {
		/* Byte order, whatever the locale. */
		qsort(found.gl_pathv, found.gl_pathc, sizeof(found.gl_pathv[0]), by_name);
		for (size_t i = 0; i < found.gl_pathc; i++)
			parse_path(p->tree, found.gl_pathv[i], at);
	} else if (rc != GLOB_NOMATCH) {
		parse_error(p, at, "can't look for `%.200s`: the directory can't be read", pattern);
	}
	globfree(&found);
}

void parse_include(struct parse *p, const char *pattern, const struct conf_loc *at)
{
	char *path;

	if (pattern[0] == '\0' || (pattern[0] != '/' && p->dir == NULL)) {
		parse_error(
		    p, at, "found \"%.200s\"; expected the absolute path of a file", pattern);
		return;
	}
	path = source_path(p->tree->arena, p->dir, pattern);
	if (path == NULL)
		no_memory(p);
	else if (strpbrk(pattern, "*?[") == NULL)
		parse_path(p->tree, path, at);
	else
		include_matches(p, path, at);
}
