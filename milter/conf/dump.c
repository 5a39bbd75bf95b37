/* The effective configuration, written so that it can be read again. */
#include <stddef.h>
#include <string.h>

#include "conf/doc.h"
#include "conf/load.h"
#include "conf/parse.h"

/* A list that would make its line longer has an entry a line. */
enum { LINE_MAX_BYTES = 80, LIST_ON_A_LINE = 6 };

static void indent(struct strbuf *b, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		strbuf_putc(b, '\t');
}

static void dump_string(struct strbuf *b, const char *s)
{
	strbuf_putc(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_putc(b, '\\');
		strbuf_putc(b, *s);
	}
	strbuf_putc(b, '"');
}

static void dump_value(struct strbuf *b, const struct conf_value *v, unsigned depth);

static bool is_short(const struct conf_value *items)
{
	size_t bytes = 0, count = 0;

	for (const struct conf_value *v = items; v != NULL; v = v->next) {
		bytes += strlen(v->text) + 3;
		count++;
	}
	return bytes < LINE_MAX_BYTES && count <= LIST_ON_A_LINE;
}

static void dump_list(struct strbuf *b, const struct conf_value *items, unsigned depth)
{
	bool flat = is_short(items);

	strbuf_putc(b, '{');
	for (const struct conf_value *v = items; v != NULL; v = v->next) {
		strbuf_puts(b, flat ? " " : "\n");
		if (!flat)
			indent(b, depth + 1);
		dump_value(b, v, depth + 1);
		if (v->next != NULL || !flat)
			strbuf_putc(b, ',');
	}
	if (flat) {
		strbuf_puts(b, " }");
	} else {
		strbuf_putc(b, '\n');
		indent(b, depth);
		strbuf_putc(b, '}');
	}
}

static void dump_words(struct strbuf *b, const struct conf_value *v, unsigned depth)
{
	for (; v != NULL; v = v->next) {
		dump_value(b, v, depth);
		if (v->next != NULL)
			strbuf_putc(b, ' ');
	}
}

static void dump_block(struct strbuf *b, const struct conf_entry *entries, unsigned depth)
{
	strbuf_putc(b, '{');
	for (const struct conf_entry *e = entries; e != NULL; e = e->next) {
		strbuf_printf(b, "%s%s = ", e == entries ? " " : "  ", e->key);
		dump_words(b, e->value, depth);
	}
	strbuf_puts(b, " }");
}

static void dump_value(struct strbuf *b, const struct conf_value *v, unsigned depth)
{
	switch (v->kind) {
	case CONF_WORD:
		strbuf_puts(b, v->text);
		break;
	case CONF_STRING:
		dump_string(b, v->text);
		break;
	case CONF_REF:
		strbuf_printf(b, "@%s", v->text);
		break;
	case CONF_FILE:
		strbuf_puts(b, "file:");
		if (v->text[strcspn(v->text, " \t{},=\"")] == '\0')
			strbuf_puts(b, v->text);
		else
			dump_string(b, v->text);
		break;
	case CONF_LIST:
		dump_list(b, v->first, depth);
		break;
	case CONF_BLOCK:
		dump_block(b, v->entries, depth);
		break;
	}
}

/* Read and written anew, so that it looks the same as when it is written in a file. */
static void dump_fallback(struct strbuf *b, const struct conf_row *row, unsigned depth)
{
	struct arena arena = {0};
	struct diag *diag = diag_new();
	struct parse_tree t;
	const struct conf_value *v = NULL;

	if (diag != NULL && parse_tree_init(&t, &arena, diag))
		v = parse_value(&t, row->key, row->fallback);
	if (v == NULL)
		b->failed = true;
	else
		dump_words(b, v, depth);
	diag_free(&diag);
	arena_free(&arena);
}

static void dump_rows(
    struct strbuf *b, const struct conf_row *rows, const struct conf_head *section, unsigned depth)
{
	for (; rows->key != NULL; rows++) {
		const struct conf_entry *e;

		if (rows->include != NULL) {
			dump_rows(b, rows->include, section, depth);
			continue;
		}
		e = conf_entry_of(NULL, section, rows->key);
		if (e == NULL && rows->fallback == NULL)
			continue;
		indent(b, depth);
		strbuf_printf(b, "%s = ", rows->key);
		if (e != NULL)
			dump_words(b, e->value, depth);
		else
			dump_fallback(b, rows, depth);
		strbuf_putc(b, '\n');
	}
}

static void dump_section(struct strbuf *b, const struct conf_schema *schema,
    const struct conf_head *section, unsigned depth);

static void dump_children(struct strbuf *b, const struct conf_schema *schema,
    const struct conf_head *section, unsigned depth)
{
	for (const struct conf_child *c = schema->children; c != NULL && c->schema != NULL; c++) {
		const struct conf_head *h = conf_first(section, c->offset);

		for (; h != NULL; h = h->next)
			dump_section(b, c->schema, h, depth);
	}
}

static void dump_section(struct strbuf *b, const struct conf_schema *schema,
    const struct conf_head *section, unsigned depth)
{
	if (depth == 0)
		strbuf_putc(b, '\n');
	indent(b, depth);
	strbuf_puts(b, schema->type);
	if (section->name != NULL)
		strbuf_printf(b, " %s", section->name);
	strbuf_puts(b, " {\n");
	dump_rows(b, schema->rows, section, depth + 1);
	dump_children(b, schema, section, depth + 1);
	indent(b, depth);
	strbuf_puts(b, "}\n");
}

void conf_dump(const struct conf_doc *doc, struct strbuf *to)
{
	dump_rows(to, doc->schema->rows, doc->root, 0);
	for (size_t k = 0; k < LIST_KINDS; k++)
		for (size_t i = 0; i < doc->lists[k].count; i++)
			dump_section(to, list_schemas[k], &doc->lists[k].items[i]->head, 0);
	dump_children(to, doc->schema, doc->root, 0);
}
