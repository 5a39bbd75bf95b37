#include "audit/pf_mixed.h"

#include <string.h>

#include "audit/pf_reach.h"

/* Each row is looked up in every table: the product is what is bounded. */
enum { ROWS_MAX = 1000, PARTS_MAX = 100, DEPTH_MAX = 5, VALUE_MAX = 2000 };

static const char union_of[] = "unionmap:", pipe_of[] = "pipemap:";

/* What is asked: a key, or whatever matches one row. Both NULL: what nobody has heard of. */
struct asked {
	const char *key;
	const struct pf_table *table;
	const struct pf_row *row;
};

static const char *behind(const char *spec, const char *type)
{
	size_t n = strlen(type);

	return strncmp(spec, type, n) == 0 ? spec + n : NULL;
}

/* The text within the braces. NULL: it is no such table. */
static const char *parts_of(const struct pf_view *v, const char *spec, bool *pipe)
{
	const char *text = behind(spec, union_of);

	*pipe = text == NULL;
	if (text == NULL)
		text = behind(spec, pipe_of);
	return text == NULL || text[0] != '{' ? NULL : pf_unbrace(&v->pf->arena, text);
}

/* --- values ------------------------------------------------------------------ */

static const char *value_of(
    const struct pf_view *v, const char *spec, const struct asked *q, unsigned depth);

static const char *table_value(const struct pf_table *t, const struct asked *q)
{
	const struct pf_row *row = NULL;

	if (t == NULL)
		return NULL;
	if (q->table == t)
		row = q->row;
	else if (q->key != NULL)
		row = pf_lookup(t, q->key);
	else if (t->kind == PF_STATIC)
		row = pf_lookup(t, "");
	return row == NULL ? NULL : row->value;
}

/* All that is found, with commas between. */
static const char *union_value(
    const struct pf_view *v, const char *parts, const struct asked *q, unsigned depth)
{
	struct arena *a = &v->pf->arena;
	const char *all = NULL, *word, *value;

	while ((word = pf_word(a, &parts, NULL)) != NULL) {
		value = value_of(v, word, q, depth + 1);
		if (value == NULL)
			continue;
		all = all == NULL ? value : arena_printf(a, "%s,%s", all, value);
		/* So long a list is none that somebody wrote. */
		if (all == NULL || strlen(all) > VALUE_MAX)
			return NULL;
	}
	return all;
}

/* What is found is the key of the next. */
static const char *pipe_value(
    const struct pf_view *v, const char *parts, const struct asked *q, unsigned depth)
{
	struct asked next = *q;
	const char *word;

	while ((word = pf_word(&v->pf->arena, &parts, NULL)) != NULL) {
		next = (struct asked){.key = value_of(v, word, &next, depth + 1)};
		if (next.key == NULL)
			return NULL;
	}
	return next.key;
}

static const char *value_of(
    const struct pf_view *v, const char *spec, const struct asked *q, unsigned depth)
{
	bool pipe;
	const char *parts = depth > DEPTH_MAX ? NULL : parts_of(v, spec, &pipe);

	if (parts == NULL)
		return depth > DEPTH_MAX ? NULL : table_value(pf_table(v, spec), q);
	return pipe ? pipe_value(v, parts, q, depth) : union_value(v, parts, q, depth);
}

/* --- rows -------------------------------------------------------------------- */

static void add_row(
    struct pf *pf, struct pf_mixed *m, const struct pf_table *t, const struct pf_row *row)
{
	size_t larger = m->room == 0 ? 8 : m->room * 2;

	if (m->count == m->room) {
		struct pf_mixed_row *rows = arena_alloc(&pf->arena, larger * sizeof(*rows));

		if (rows == NULL) {
			m->judged = false;
			return;
		}
		if (m->count > 0)
			memcpy(rows, m->rows, m->count * sizeof(*rows));
		m->rows = rows;
		m->room = larger;
	}
	m->rows[m->count++] = (struct pf_mixed_row){t, row, NULL};
}

/* The rows of a table that is asked first, not with what another one answered. */
static void add_table(struct pf *pf, struct pf_mixed *m, const struct pf_table *t, bool first)
{
	struct pf_seen seen = {.depth = 0};

	if (t == NULL || t->kind == PF_OPAQUE || m->size + t->count > ROWS_MAX) {
		m->judged = false;
		return;
	}
	m->size += t->count;
	for (size_t i = 0; first && i < t->count; i++)
		if (pf_is_reached(t, &t->rows[i], &seen) && t->rows[i].kind == PF_ROW)
			add_row(pf, m, t, &t->rows[i]);
}

static void add_parts(
    const struct pf_view *v, struct pf_mixed *m, const char *spec, bool first, unsigned depth)
{
	bool pipe;
	const char *parts = parts_of(v, spec, &pipe), *word;
	unsigned count = 0;

	if (parts == NULL) {
		add_table(v->pf, m, pf_table(v, spec), first);
		return;
	}
	m->judged = m->judged && depth < DEPTH_MAX;
	while (m->judged && (word = pf_word(&v->pf->arena, &parts, NULL)) != NULL) {
		m->judged = count++ < PARTS_MAX;
		add_parts(v, m, word, first, depth + 1);
		first = first && !pipe;
	}
}

static void read_mixed(const struct pf_view *v, struct pf_mixed *m)
{
	const struct asked nobody = {.key = NULL};

	m->judged = true;
	add_parts(v, m, m->spec, true, 0);
	if (!m->judged)
		return;
	m->answers = value_of(v, m->spec, &nobody, 0) != NULL;
	for (size_t i = 0; i < m->count; i++) {
		struct pf_mixed_row *r = &m->rows[i];
		struct asked q = {.table = r->table, .row = r->row};

		if (r->table->kind == PF_KEYED)
			q.key = r->row->key;
		r->value = value_of(v, m->spec, &q, 0);
	}
}

const struct pf_mixed *pf_mixed(const struct pf_view *v, const char *spec)
{
	struct pf *pf = v->pf;
	struct pf_mixed *m = pf->mixed;
	bool pipe;

	while ((behind(spec, "proxy:")) != NULL || behind(spec, "debug:") != NULL)
		spec += 6;
	if (parts_of(v, spec, &pipe) == NULL)
		return NULL;
	while (m != NULL && strcmp(m->spec, spec) != 0)
		m = m->next;
	if (m == NULL) {
		m = arena_alloc(&pf->arena, sizeof(*m));
		if (m == NULL)
			return NULL;
		*m = (struct pf_mixed){.spec = arena_strdup(&pf->arena, spec), .next = pf->mixed};
		if (m->spec == NULL)
			return NULL;
		pf->mixed = m;
		read_mixed(v, m);
	}
	return m->judged ? m : NULL;
}

const char *pf_mixed_value(const struct pf_view *v, const struct pf_mixed *m, const char *key)
{
	return value_of(v, m->spec, &(struct asked){.key = key}, 0);
}
