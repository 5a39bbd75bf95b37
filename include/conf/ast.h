/* The configuration as written: what the grammar makes and the schema reads. */
#ifndef CONF_AST_H
#define CONF_AST_H

#include "conf/diag.h"

enum conf_value_kind {
	CONF_WORD,   /* yes, 100/1h, example.com, distinct */
	CONF_STRING, /* "quoted" */
	CONF_REF,    /* @name: text is the name */
	CONF_FILE,   /* file:PATH: text is the path */
	CONF_LIST,   /* { a, b }: items in `first` */
	CONF_BLOCK,  /* { key = value ... }: entries in `entries` */
};

struct conf_value {
	enum conf_value_kind kind;
	const char *text;
	struct conf_loc loc;
	struct conf_value *first;   /* CONF_LIST */
	struct conf_entry *entries; /* CONF_BLOCK */
	struct conf_value
	    *next; /* next in a list, or next word of one value (distinct client-net) */
};

struct conf_entry {
	const char *key;
	struct conf_loc loc;
	struct conf_value *value; /* never NULL */
	struct conf_entry *next;
};

struct conf_section {
	const char *type; /* "relay", "rule"; NULL for the file as a whole */
	const char *name; /* NULL when it has none */
	struct conf_loc loc;
	struct conf_entry *entries;    /* in order */
	struct conf_section *sections; /* in order */
	struct conf_section *next;
};

#endif
