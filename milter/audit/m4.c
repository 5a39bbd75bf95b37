#include "audit/m4.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/m4_macros.h"

enum { DEPTH_MAX = 100 /* calls within arguments */ };

/* --- reading --------------------------------------------------------------------- */

static void stop(struct m4 *m, const struct m4_place *at, const char *what)
{
	if (!m->stopped)
		m->client->problem(m->client->user, at, true, what);
	m->stopped = true;
}

void m4_push(struct m4 *m, const char *text, size_t len, const struct m4_place *at, bool counts)
{
	struct m4_source *s;

	if (len == 0)
		return;
	s = arena_alloc(&m->arena, sizeof(*s));
	if (s == NULL) {
		m->failed = true;
		return;
	}
	*s = (struct m4_source){
	    .at = text, .end = text + len, .place = *at, .counts = counts, .below = m->top};
	m->top = s;
}

/* The next character, -1 at the end. */
int m4_peek(struct m4 *m)
{
	while (m->top != NULL && m->top->at == m->top->end && !m->top->barrier)
		m->top = m->top->below;
	if (m->top == NULL || m->top->at == m->top->end || m->stopped || m->failed)
		return -1;
	return (unsigned char)*m->top->at;
}

void m4_step(struct m4 *m)
{
	if (m->fuel == 0) {
		m->failed = true;
		return;
	}
	m->fuel--;
	if (m->top->counts && *m->top->at == '\n')
		m->top->place.line++;
	m->top->at++;
}

static bool starts(struct m4 *m, const char *word)
{
	size_t len = strlen(word);

	return len > 0 && m4_peek(m) >= 0 && (size_t)(m->top->end - m->top->at) >= len &&
	       memcmp(m->top->at, word, len) == 0;
}

static void skip(struct m4 *m, size_t len)
{
	while (len-- > 0 && m4_peek(m) >= 0)
		m4_step(m);
}

static struct m4_place here(struct m4 *m)
{
	return m4_peek(m) < 0 ? (struct m4_place){"", 0} : m->top->place;
}

/* --- what comes out --------------------------------------------------------------- */

void m4_flush(struct m4 *m)
{
	if (m->out.len > 0 && !m->out.failed)
		m->client->text(m->client->user, strbuf_text(&m->out), m->out.len, &m->out_at);
	m->failed = m->failed || m->out.failed;
	strbuf_reset(&m->out);
}

/* Lines that left nothing are empty ones, so that lines can be counted. */
static void put(struct m4 *m, char c, const struct m4_place *at)
{
	bool fresh = m->out.len == 0 || m->out.data[m->out.len - 1] == '\n';

	if (m->diversion < 0)
		return;
	/* A macro that came to several lines is ahead of the file. */
	if (m->out.len > 0 && (m->out_at.file != at->file || (fresh && m->out_line > at->line)))
		m4_flush(m);
	if (m->out.len == 0) {
		m->out_at = *at;
		m->out_line = at->line;
	}
	for (; fresh && m->out_line < at->line && !m->out.failed; m->out_line++)
		strbuf_putc(&m->out, '\n');
	strbuf_putc(&m->out, c);
	m->out_line += c == '\n';
}

/* Into the argument that is being collected, or out. */
static void emit(struct m4 *m, struct strbuf *to)
{
	struct m4_place at = m->top->place;
	char c = *m->top->at;

	m4_step(m);
	if (to == NULL)
		put(m, c, &at);
	else
		strbuf_putc(to, c);
}

/* --- tokens ------------------------------------------------------------------------ */

static void read_quoted(struct m4 *m, struct strbuf *to)
{
	struct m4_place at = here(m);
	unsigned depth = 0;

	do {
		if (starts(m, m->close)) {
			if (--depth > 0)
				for (size_t i = strlen(m->close); i > 0 && m4_peek(m) >= 0; i--)
					emit(m, to);
			else
				skip(m, strlen(m->close));
		} else if (starts(m, m->open)) {
			if (depth++ > 0)
				for (size_t i = strlen(m->open); i > 0 && m4_peek(m) >= 0; i--)
					emit(m, to);
			else
				skip(m, strlen(m->open));
		} else if (m4_peek(m) >= 0) {
			emit(m, to);
		}
	} while (depth > 0 && m4_peek(m) >= 0);
	if (depth > 0)
		stop(m, &at, "a quote that begins here has no end");
}

static bool is_name_char(int c)
{
	return c >= 0 && (isalnum(c) || c == '_');
}

static void read_token(struct m4 *m, struct strbuf *to);

static void read_argument(struct m4 *m, struct m4_argument *a)
{
	struct strbuf text = {.max = M4_TEXT_MAX};
	unsigned depth = 0;

	while (isspace(m4_peek(m)))
		m4_step(m);
	a->at = here(m);
	for (int c; (c = m4_peek(m)) >= 0; read_token(m, &text)) {
		if (depth == 0 && (c == ',' || c == ')'))
			break;
		depth += c == '(';
		depth -= c == ')';
	}
	a->text = arena_strndup(&m->arena, strbuf_text(&text), text.len);
	m->failed = m->failed || text.failed || a->text == NULL;
	strbuf_free(&text);
}

/* Arguments beyond M4_ARGS_MAX are read, and forgotten. */
static size_t read_arguments(struct m4 *m, const char *name, struct m4_argument *args)
{
	struct m4_place at = here(m);
	size_t count = 0;
	int c;

	do {
		struct m4_argument one;

		m4_step(m);
		read_argument(m, &one);
		if (count < M4_ARGS_MAX)
			args[count++] = one;
		c = m4_peek(m);
	} while (c == ',');
	if (c == ')') {
		m4_step(m);
	} else if (!m->failed) {
		char what[120];

		snprintf(what, sizeof(what), "the parenthesis behind %.60s has no end", name);
		stop(m, &at, what);
	}
	return count;
}

static void call(struct m4 *m, const struct m4_entry *e, const struct m4_place *at)
{
	struct m4_running r = {.m = m, .e = e, .at = *at, .out = {.max = M4_TEXT_MAX}};
	const char *result;

	if (m->depth >= DEPTH_MAX) {
		m->failed = true;
		return;
	}
	m->depth++;
	if (m4_peek(m) == '(')
		r.count = read_arguments(m, e->macro.name, r.args);
	m->depth--;
	if (m->stopped || m->failed)
		return;
	e->run(&r);
	m->fuel -= r.out.len < m->fuel ? r.out.len : m->fuel;
	result = arena_strndup(&m->arena, strbuf_text(&r.out), r.out.len);
	m->failed = m->failed || result == NULL || r.out.failed;
	if (result != NULL)
		m4_push(m, result, r.out.len, at, false);
	strbuf_free(&r.out);
}

static void read_word(struct m4 *m, struct strbuf *to)
{
	struct strbuf name = {.max = M4_TEXT_MAX};
	struct m4_place at = here(m);
	const struct m4_entry *e;

	while (is_name_char(m4_peek(m)))
		emit(m, &name);
	e = m4_entry(m, strbuf_text(&name));
	if (e != NULL && (m4_peek(m) == '(' || e->bare))
		call(m, e, &at);
	else if (to != NULL)
		strbuf_add(to, strbuf_text(&name), name.len);
	else
		for (size_t i = 0; i < name.len; i++)
			put(m, name.data[i], &at);
	m->failed = m->failed || name.failed;
	strbuf_free(&name);
}

static void read_token(struct m4 *m, struct strbuf *to)
{
	int c = m4_peek(m);

	if (starts(m, m->comment)) {
		while ((c = m4_peek(m)) >= 0 && c != '\n')
			emit(m, to);
	} else if (starts(m, m->open)) {
		read_quoted(m, to);
	} else if (is_name_char(c) && !isdigit(c)) {
		read_word(m, to);
	} else {
		/* A number is no name, and what is behind its digits neither. */
		do
			emit(m, to);
		while (isdigit(c) && is_name_char(m4_peek(m)));
	}
}

/* --- the client's side ---------------------------------------------------------------- */

struct m4 *m4_new(const struct m4_client *client)
{
	struct m4 *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->client = client;
	m->fuel = M4_FUEL;
	m->out.max = 2 * (size_t)M4_FUEL;
	m4_set_word(m->open, "`", "");
	m4_set_word(m->close, "'", "");
	m4_set_word(m->comment, "#", "");
	m4_add_builtins(m);
	return m;
}

void m4_free(struct m4 *m)
{
	if (m == NULL)
		return;
	strbuf_free(&m->out);
	arena_free(&m->arena);
	free(m);
}

void m4_hook(struct m4 *m, const char *name)
{
	static const struct m4_place nowhere = {"", 0};

	m4_add(m, name, "", m4_run_hook, false, &nowhere, false);
}

void m4_define(struct m4 *m, const char *name, const char *text, const struct m4_place *at)
{
	m4_add(m, name, text, m4_run_text, true, at, false);
}

void m4_undefine(struct m4 *m, const char *name)
{
	m4_remove(m, name, true);
}

const struct m4_macro *m4_find(const struct m4 *m, const char *name)
{
	const struct m4_entry *e = m4_entry(m, name);

	return e != NULL && e->run == m4_run_text ? &e->macro : NULL;
}

void m4_read(struct m4 *m, const char *text, size_t len, const char *file)
{
	struct m4_place at = {file, 1};

	m4_push(m, text, len, &at, true);
	while (m4_peek(m) >= 0)
		read_token(m, NULL);
	m4_flush(m);
}

const char *m4_expand(struct m4 *m, const char *text)
{
	struct m4_place at = {"", 0};
	struct m4_source *below = m->top;
	struct m4_source wall = {.at = "", .end = NULL, .barrier = true, .below = below};
	struct strbuf out = {.max = M4_TEXT_MAX};
	const char *result;

	wall.end = wall.at;
	m->top = &wall;
	m4_push(m, text, strlen(text), &at, false);
	while (m4_peek(m) >= 0)
		read_token(m, &out);
	m->top = below;
	result = arena_strndup(&m->arena, strbuf_text(&out), out.len);
	m->failed = m->failed || out.failed || result == NULL;
	strbuf_free(&out);
	return result == NULL ? "" : result;
}

void m4_comments(struct m4 *m, bool on)
{
	m4_set_word(m->comment, on ? "#" : "", "");
}

bool m4_failed(const struct m4 *m)
{
	return m->failed;
}
