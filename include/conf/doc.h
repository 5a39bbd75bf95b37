/* What a document is made of. Only files of this layer include this. */
#ifndef CONF_DOC_H
#define CONF_DOC_H

#include "base/arena.h"
#include "conf/lists.h"
#include "conf/schema.h"

struct conf_doc {
	struct arena arena;
	const struct conf_section *written; /* the file as a whole, includes inlined */
	const struct conf_schema *schema;   /* of the root */
	void *root;                         /* the struct that the root schema describes */
	struct lists lists[LIST_KINDS];
	/* Sets that belong to no arena. */
	struct doc_set *sets;
	const char **files;
	size_t file_count, file_room;
	bool broken; /* syntax errors: what is missing may be there and not understood */
};

/* Takes the set over; either may be NULL. False: memory is exhausted, and the set is freed. */
bool doc_own(struct conf_doc *doc, struct netset *networks, struct domset *domains);

/* Remembers that a file was read, once. False: memory is exhausted. */
bool doc_add_file(struct conf_doc *doc, const char *path);

/*
 * Reads the section `s` (NULL: nobody wrote it) by its schema into a new struct; children
 * included. `loc` is used where `s` is NULL. NULL: no memory, told. Anything that is
 * wrong is told, and the struct is then not to be used.
 */
void *schema_read(struct conf_reader *r, const struct conf_schema *schema,
    const struct conf_section *s, const struct conf_loc *loc);

/*
 * Reads all sections of `schema` among those of `parent`: the first, the others by `next`. At the
 * top level the named lists are read apart from the rest.
 */
const struct conf_head *schema_read_children(
    struct conf_reader *r, const struct conf_schema *schema, const struct conf_section *parent);

/* Reads a value by its row. False: told. */
bool value_read(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, void *field);

#endif
