#include "conf/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/doc.h"
#include "conf/parse.h"

enum { KNOWN_MAX = 128 };

/* Names that were expected, for "did you mean". */
struct known {
	const char *names[KNOWN_MAX];
	size_t count;
};

static void known_add(struct known *k, const char *name)
{
	if (k->count < KNOWN_MAX)
		k->names[k->count++] = name;
}

static void known_rows(struct known *k, const struct conf_row *rows)
{
	for (; rows->key != NULL; rows++) {
		if (rows->include != NULL)
			known_rows(k, rows->include);
		else
			known_add(k, rows->key);
	}
}

bool conf_error(struct conf_reader *r, const struct conf_loc *where, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(r->diag, DIAG_ERROR, where, "%s", text);
	return false;
}

bool conf_no_memory(struct conf_reader *r)
{
	return conf_error(r, NULL, "out of memory");
}

/* --- keys --- */

/* What the entries of one section or block are read with. */
struct row_reader {
	struct conf_reader *r;
	const struct conf_entry *entries;
	const char *owner; /* `relay`, for messages */
	struct conf_loc loc;
	char *out;
};

static bool row_exists(const struct conf_row *rows, const char *key)
{
	for (; rows->key != NULL; rows++) {
		if (rows->include != NULL ? row_exists(rows->include, key)
					  : strcmp(rows->key, key) == 0)
			return true;
	}
	return false;
}

static bool check_keys(struct row_reader *rr, const struct conf_row *rows)
{
	struct known known = {.count = 0};
	bool ok = true;

	known_rows(&known, rows);
	for (const struct conf_entry *e = rr->entries; e != NULL; e = e->next) {
		if (row_exists(rows, e->key))
			continue;
		conf_unknown(rr->r, &e->loc, "key", e->key, known.names, known.count);
		ok = false;
	}
	return ok;
}

static bool complain_again(struct conf_reader *r, const char *what, const struct conf_loc *again,
    const struct conf_loc *first)
{
	if (strcmp(again->file, first->file) == 0)
		return conf_error(r, again, "found %s again; it stands at line %u, column %u", what,
		    first->line, first->column);
	return conf_error(r, again, "found %s again; it stands at %.300s:%u:%u", what, first->file,
	    first->line, first->column);
}

/* The first entry of `key`; a further one is an error. */
static bool find_entry(struct row_reader *rr, const char *key, const struct conf_entry **out)
{
	bool ok = true;

	*out = NULL;
	for (const struct conf_entry *e = rr->entries; e != NULL; e = e->next) {
		char what[80];

		if (strcmp(e->key, key) != 0)
			continue;
		if (*out == NULL) {
			*out = e;
			continue;
		}
		snprintf(what, sizeof(what), "the key `%s`", key);
		ok = complain_again(rr->r, what, &e->loc, &(*out)->loc);
	}
	return ok;
}

static bool read_fallback(struct row_reader *rr, const struct conf_row *row, void *field)
{
	struct parse_tree t;
	const struct conf_value *v;
	char *name = arena_printf(rr->r->arena, "(default of %s)", row->key);

	if (name == NULL || !parse_tree_init(&t, rr->r->arena, rr->r->diag))
		return conf_no_memory(rr->r);
	v = parse_value(&t, name, row->fallback);
	if (t.no_memory)
		return conf_no_memory(rr->r);
	return v != NULL && value_read(rr->r, row, v, field);
}

static bool read_rows(struct row_reader *rr, const struct conf_row *rows, size_t base);

static bool read_row(struct row_reader *rr, const struct conf_row *row, size_t base)
{
	void *field = rr->out + base + row->offset;
	const struct conf_entry *e;
	bool ok;

	if (row->include != NULL)
		return read_rows(rr, row->include, base + row->offset);
	ok = find_entry(rr, row->key, &e);
	if (e != NULL)
		return value_read(rr->r, row, e->value, field) && ok;
	if (row->fallback != NULL)
		return read_fallback(rr, row, field);
	if (row->required && !rr->r->doc->broken)
		return conf_error(rr->r, &rr->loc, "found no `%s` in %s; expected `%s = ...`",
		    row->key, rr->owner, row->key);
	return true;
}

static bool read_rows(struct row_reader *rr, const struct conf_row *rows, size_t base)
{
	bool ok = true;

	for (; rows->key != NULL; rows++)
		ok = read_row(rr, rows, base) && ok;
	return ok;
}

bool conf_read_block(
    struct conf_reader *r, const struct conf_value *v, const struct conf_row *rows, void *out)
{
	struct row_reader rr = {
	    .r = r, .entries = v->entries, .owner = "the block", .loc = v->loc, .out = out};
	char found[CONF_FOUND_MAX];
	bool ok;

	if (v->kind != CONF_BLOCK && (v->kind != CONF_LIST || v->first != NULL))
		return conf_error(
		    r, &v->loc, "found %s; expected { key = value ... }", conf_found(v, found));
	ok = check_keys(&rr, rows);
	return read_rows(&rr, rows, 0) && ok;
}

const struct conf_entry *conf_entry_of(
    const struct conf_doc *doc, const void *section, const char *key)
{
	const struct conf_head *head = section;

	(void)doc;
	if (head == NULL || head->written == NULL)
		return NULL;
	for (const struct conf_entry *e = head->written->entries; e != NULL; e = e->next)
		if (strcmp(e->key, key) == 0)
			return e;
	return NULL;
}

/* --- sections --- */

static bool is_list_type(const struct conf_schema *schema, const char *type)
{
	for (size_t i = 0; i < LIST_KINDS; i++)
		if (schema->type == NULL && strcmp(list_schemas[i]->type, type) == 0)
			return true;
	return false;
}

static bool is_child_type(const struct conf_schema *schema, const char *type)
{
	for (const struct conf_child *c = schema->children; c != NULL && c->schema != NULL; c++)
		if (strcmp(c->schema->type, type) == 0)
			return true;
	return is_list_type(schema, type);
}

static void check_sections(
    struct conf_reader *r, const struct conf_schema *schema, const struct conf_section *s)
{
	struct known known = {.count = 0};

	for (const struct conf_child *c = schema->children; c != NULL && c->schema != NULL; c++)
		known_add(&known, c->schema->type);
	for (size_t i = 0; schema->type == NULL && i < LIST_KINDS; i++)
		known_add(&known, list_schemas[i]->type);
	for (const struct conf_section *sub = s->sections; sub != NULL; sub = sub->next)
		if (!is_child_type(schema, sub->type))
			conf_unknown(r, &sub->loc, "section", sub->type, known.names, known.count);
}

static void check_name(
    struct conf_reader *r, const struct conf_schema *schema, const struct conf_section *s)
{
	if (schema->named && s->name == NULL)
		conf_error(r, &s->loc, "found `%s` without a name; expected `%s NAME { ... }`",
		    s->type, s->type);
	else if (!schema->named && s->name != NULL)
		conf_error(r, &s->loc, "found `%s %.60s`; expected `%s { ... }`, without a name",
		    s->type, s->name, s->type);
}

static int by_name(const void *pa, const void *pb)
{
	const struct conf_head *a = *(const struct conf_head *const *)pa;
	const struct conf_head *b = *(const struct conf_head *const *)pb;
	int c = strcmp(a->name, b->name);

	if (c == 0)
		c = strcmp(a->loc.file, b->loc.file);
	if (c == 0)
		c = (a->loc.line > b->loc.line) - (a->loc.line < b->loc.line);
	return c != 0 ? c : (a->loc.column > b->loc.column) - (a->loc.column < b->loc.column);
}

/* By sorting, as there may be very many. */
static void check_unique_names(struct conf_reader *r, const struct conf_head *first, size_t count)
{
	const struct conf_head **all = calloc(count + 1, sizeof(*all));
	size_t n = 0;

	if (all == NULL) {
		conf_no_memory(r);
		return;
	}
	for (const struct conf_head *h = first; h != NULL && n < count; h = h->next)
		if (h->name != NULL)
			all[n++] = h;
	qsort(all, n, sizeof(const struct conf_head *), by_name);
	for (size_t i = 1, of = 0; i < n; i++) {
		char what[100];

		if (strcmp(all[i]->name, all[of]->name) != 0) {
			of = i;
			continue;
		}
		snprintf(what, sizeof(what), "the name `%.60s`", all[i]->name);
		complain_again(r, what, &all[i]->loc, &all[of]->loc);
	}
	free(all);
}

const struct conf_head *schema_read_children(
    struct conf_reader *r, const struct conf_schema *schema, const struct conf_section *parent)
{
	struct conf_head *first = NULL, *last = NULL;
	size_t count = 0;

	for (const struct conf_section *s = parent == NULL ? NULL : parent->sections; s != NULL;
	     s = s->next) {
		struct conf_head *h;
		char what[80];

		if (strcmp(s->type, schema->type) != 0)
			continue;
		if (first != NULL && !schema->repeatable) {
			snprintf(what, sizeof(what), "the section `%s`", s->type);
			complain_again(r, what, &s->loc, &first->loc);
			continue;
		}
		check_name(r, schema, s);
		h = schema_read(r, schema, s, &s->loc);
		if (h == NULL)
			return first;
		if (last == NULL)
			first = h;
		else
			last->next = h;
		last = h;
		count++;
	}
	if (schema->named && count > 1)
		check_unique_names(r, first, count);
	return first;
}

static void read_children(struct conf_reader *r, const struct conf_schema *schema,
    const struct conf_section *s, const struct conf_loc *loc, char *out)
{
	for (const struct conf_child *c = schema->children; c != NULL && c->schema != NULL; c++) {
		const struct conf_head *first = schema_read_children(r, c->schema, s);

		if (first == NULL && c->schema->implied)
			first = schema_read(r, c->schema, NULL, loc);
		if (first == NULL && c->schema->required && !r->doc->broken)
			conf_error(r, loc, "found no section `%s`; expected `%s%s { ... }`",
			    c->schema->type, c->schema->type, c->schema->named ? " NAME" : "");
		*(const struct conf_head **)(void *)(out + c->offset) = first;
	}
}

void *schema_read(struct conf_reader *r, const struct conf_schema *schema,
    const struct conf_section *s, const struct conf_loc *loc)
{
	struct conf_head *head = arena_alloc(r->arena, schema->size);
	size_t errors = diag_errors(r->diag);
	bool sound;
	char owner[80];
	struct row_reader rr = {.r = r,
	    .entries = s == NULL ? NULL : s->entries,
	    .owner = owner,
	    .loc = *loc,
	    .out = (char *)head};

	if (head == NULL) {
		conf_no_memory(r);
		return NULL;
	}
	head->name = s == NULL ? NULL : s->name;
	head->loc = *loc;
	head->written = s;
	if (schema->type == NULL)
		snprintf(owner, sizeof(owner), "the configuration");
	else
		snprintf(owner, sizeof(owner), "`%s%s%.40s`", schema->type,
		    head->name == NULL ? "" : " ", head->name == NULL ? "" : head->name);
	check_keys(&rr, schema->rows);
	read_rows(&rr, schema->rows, 0);
	if (s != NULL)
		check_sections(r, schema, s);
	sound = diag_errors(r->diag) == errors;
	read_children(r, schema, s, loc, (char *)head);
	if (!schema->finish_in_any_case)
		sound = diag_errors(r->diag) == errors;
	/* It may rely on all that was read. */
	if (schema->finish != NULL && sound && !r->doc->broken && !schema->finish(r, head) &&
	    diag_errors(r->diag) == errors)
		conf_error(r, loc, "found %s wrong", owner);
	return head;
}
