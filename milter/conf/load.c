#include "conf/load.h"

#include <stdlib.h>
#include <string.h>

#include "conf/doc.h"
#include "conf/parse.h"
#include "conf/source.h"

struct doc_set {
	struct doc_set *next;
	struct netset *networks;
	struct domset *domains;
};

bool doc_own(struct conf_doc *doc, struct netset *networks, struct domset *domains)
{
	struct doc_set *s = arena_alloc(&doc->arena, sizeof(*s));

	if (s == NULL) {
		netset_free(&networks);
		domset_free(&domains);
		return false;
	}
	*s = (struct doc_set){.next = doc->sets, .networks = networks, .domains = domains};
	doc->sets = s;
	return true;
}

bool doc_add_file(struct conf_doc *doc, const char *path)
{
	for (size_t i = 0; i < doc->file_count; i++)
		if (strcmp(doc->files[i], path) == 0)
			return true;
	if (doc->file_count == doc->file_room) {
		size_t room = doc->file_room == 0 ? 8 : doc->file_room * 2;
		const char **files = realloc(doc->files, room * sizeof(*files));

		if (files == NULL)
			return false;
		doc->files = files;
		doc->file_room = room;
	}
	doc->files[doc->file_count] = arena_strdup(&doc->arena, path);
	return doc->files[doc->file_count++] != NULL;
}

static void on_file(void *arg, const char *path)
{
	/* Without memory for the name the rest fails too, and tells. */
	(void)doc_add_file(arg, path);
}

/* Lists first: values elsewhere refer to them. */
static void read_sections(struct conf_reader *r, const struct conf_loc *whole)
{
	struct conf_doc *doc = r->doc;
	const struct conf_head *lists[LIST_KINDS];

	for (size_t i = 0; i < LIST_KINDS; i++)
		lists[i] = schema_read_children(r, list_schemas[i], doc->written);
	lists_build(r, lists);
	doc->root = schema_read(r, doc->schema, doc->written, whole);
}

/* Reads `path`, or where that is NULL `text`. */
static struct conf_doc *load(const char *path, const char *name, const char *text, size_t len,
    const struct conf_schema *root, usec_t now, struct diag *diag)
{
	struct conf_doc *doc = calloc(1, sizeof(*doc));
	size_t errors = diag_errors(diag);
	struct parse_tree tree;
	struct conf_loc whole;

	if (doc == NULL || !parse_tree_init(&tree, &doc->arena, diag)) {
		diag_add(diag, DIAG_ERROR, NULL, "out of memory");
		conf_free(&doc);
		return NULL;
	}
	struct conf_reader r = {.doc = doc, .arena = &doc->arena, .diag = diag, .now = now};

	tree.on_file = on_file;
	tree.on_file_arg = doc;
	whole = (struct conf_loc){.file = arena_strdup(&doc->arena, path != NULL ? path : name)};
	if (path != NULL)
		parse_path(&tree, path, NULL);
	else
		parse_memory(&tree, name, text, len);
	doc->written = parse_tree_root(&tree);
	doc->schema = root;
	doc->broken = diag_errors(diag) > errors;
	if (tree.no_memory || whole.file == NULL)
		conf_no_memory(&r);
	else if (path == NULL || doc->file_count > 0) /* nothing read: that is told already */
		read_sections(&r, &whole);
	if (diag_errors(diag) > errors || doc->root == NULL)
		conf_free(&doc);
	return doc;
}

struct conf_doc *conf_load(
    const char *path, const struct conf_schema *root, usec_t now, struct diag *diag)
{
	return load(path, NULL, NULL, 0, root, now, diag);
}

struct conf_doc *conf_load_text(const char *name, const char *text, size_t len,
    const struct conf_schema *root, usec_t now, struct diag *diag)
{
	return load(NULL, name, text, len, root, now, diag);
}

/* The last one counts, as in a file that somebody adds lines to. */
static const struct conf_value *written_value(const struct conf_section *s, const char *key)
{
	const struct conf_value *v = NULL;

	for (const struct conf_entry *e = s->entries; e != NULL; e = e->next)
		if (strcmp(e->key, key) == 0)
			v = e->value;
	return v;
}

bool conf_peek(const char *path, const char *key, char *out, size_t size)
{
	const struct conf_value *v = NULL;
	struct arena arena = {0};
	struct parse_tree tree;
	struct diag *diag = diag_new();
	bool found = false;

	if (diag != NULL && parse_tree_init(&tree, &arena, diag)) {
		parse_path(&tree, path, NULL);
		v = written_value(parse_tree_root(&tree), key);
	}
	if (v != NULL && v->next == NULL && (v->kind == CONF_WORD || v->kind == CONF_STRING) &&
	    strlen(v->text) < size) {
		memcpy(out, v->text, strlen(v->text) + 1);
		found = true;
	}
	arena_free(&arena);
	diag_free(&diag);
	return found;
}

void conf_free(struct conf_doc **doc)
{
	if (*doc == NULL)
		return;
	for (struct doc_set *s = (*doc)->sets; s != NULL; s = s->next) {
		netset_free(&s->networks);
		domset_free(&s->domains);
	}
	free(*(void **)&(*doc)->files);
	arena_free(&(*doc)->arena);
	free(*doc);
	*doc = NULL;
}

const void *conf_root(const struct conf_doc *doc)
{
	return doc->root;
}

struct arena *conf_arena(struct conf_doc *doc)
{
	return &doc->arena;
}

const struct netset *conf_networks(const struct conf_doc *doc, const char *name)
{
	const struct list *l = lists_find(&doc->lists[LIST_NETWORKS], name);

	return l == NULL ? NULL : l->set.networks;
}

const struct domset *conf_domains(const struct conf_doc *doc, const char *name)
{
	const struct list *l = lists_find(&doc->lists[LIST_DOMAINS], name);

	return l == NULL ? NULL : l->set.domains;
}

size_t conf_files(const struct conf_doc *doc, const char *const **paths)
{
	*paths = doc->files;
	return doc->file_count;
}
