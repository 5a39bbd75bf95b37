/*
 * From text to the configuration as written (conf/ast.h). Three steps: the scanner (lexer.l)
 * knows characters, the feed (parse.c) knows where a list or a statement is, and the
 * grammar (grammar.y) knows what may follow what. Only files of this layer include this.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "conf/ast.h"
#include "conf/diag.h"
#include "conf/source.h"

/* Braces within braces, files within files, and files in all. */
enum { PARSE_DEPTH_MAX = 16, PARSE_INCLUDE_DEPTH = 10, PARSE_FILES_MAX = 1000 };

/* A section that is open, and where its next entry and section go. */
struct parse_frame {
	struct conf_section *section;
	struct conf_entry **entries_end;
	struct conf_section **sections_end;
};

struct parse_file_id {
	dev_t device;
	ino_t inode;
};

/* One document while it is built, over all of its files. */
struct parse_tree {
	struct arena *arena;
	struct diag *diag;
	struct parse_frame frames[PARSE_DEPTH_MAX + 1];
	size_t depth; /* frames[depth] is the section that is open */
	struct parse_file_id open[PARSE_INCLUDE_DEPTH];
	size_t open_count;
	size_t file_count;
	bool no_memory; /* something is missing in the tree */
	/* Told of each file that is read, by its absolute path. */
	void (*on_file)(void *arg, const char *path);
	void *on_file_arg;
};

/* A chain of values: a list, or the words of one value. */
struct parse_chain {
	struct conf_value *first, *last;
	bool bad; /* one of them is wrong, and told: the whole is left out, so that no more is */
};

struct parse_entries {
	struct conf_entry *first, *last;
	bool bad;
};

enum parse_brace {
	BRACE_SECTION,
	BRACE_VALUE /* its kind is not known yet */,
	BRACE_LIST,
	BRACE_BLOCK
};

struct parse_token {
	int kind; /* of the grammar; 0: the end of the file */
	const char *text;
	struct conf_loc loc;
};

/* One file while it is parsed: the scanner's and the grammar's argument. */
struct parse {
	struct parse_tree *tree;
	const char *file; /* as messages name it */
	const char *dir;  /* absolute; NULL: relative paths have no meaning */
	void *scanner;
	unsigned line, column; /* where the scanner is */

	/* where the feed is */
	struct {
		enum parse_brace kind;
		struct conf_loc loc;
	} braces[PARSE_DEPTH_MAX];
	size_t brace_count;
	struct parse_token last;    /* what the grammar was given last */
	struct parse_token pending; /* what it will be given next, unless kind is -1 */
	bool stopped;               /* nested too deep, or no memory: the file ends here */

	/* For parse_value(): only a value is read, into this. */
	bool value_only;
	struct conf_value *value;

	/* The scanner's memory. It has one buffer and no stack, so this never runs out. */
	size_t pool_used;
	_Alignas(16) char pool[1024];
};

/* The tree with its root section (type NULL). False: memory is exhausted. */
bool parse_tree_init(struct parse_tree *t, struct arena *arena, struct diag *diag);
struct conf_section *parse_tree_root(const struct parse_tree *t);

/* Reads `path` into the open section. `named_at` is where it is included, or NULL. */
void parse_path(struct parse_tree *t, const char *path, const struct conf_loc *named_at);

/* Reads memory into the open section. */
void parse_memory(struct parse_tree *t, const char *name, const char *text, size_t len);

/*
 * A value on its own, as a schema's fallback has it. NULL: it is wrong, told in the
 * tree's diag.
 */
struct conf_value *parse_value(struct parse_tree *t, const char *name, const char *text);

/* What the scanner calls. */
const char *parse_text(struct parse *p, const char *text, size_t len);
const char *parse_string(struct parse *p, const struct conf_loc *at, const char *text, size_t len);
void parse_unexpected(struct parse *p, const struct conf_loc *at, const char *expected);
void parse_error(struct parse *p, const struct conf_loc *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the grammar calls. NULL stands for a value or an entry that is wrong, and told. */
struct conf_value *parse_new_value(
    struct parse *p, enum conf_value_kind kind, const char *text, const struct conf_loc *at);
struct conf_value *parse_new_file(struct parse *p, const char *path, const struct conf_loc *at);
struct conf_entry *parse_new_entry(
    struct parse *p, const char *key, const struct conf_loc *at, struct conf_value *value);
struct conf_value *parse_new_list(
    struct parse *p, const struct parse_chain *items, const struct conf_loc *at);
struct conf_value *parse_new_block(
    struct parse *p, const struct parse_entries *entries, const struct conf_loc *at);
void parse_chain_add(struct parse_chain *c, struct conf_value *v);
void parse_entries_add(struct parse_entries *c, struct conf_entry *e);
void parse_entry(struct parse *p, struct conf_entry *e);
void parse_open(struct parse *p, const char *type, const char *name, const struct conf_loc *at);
void parse_close(struct parse *p);
void parse_include(struct parse *p, const char *pattern, const struct conf_loc *at);

#endif
