/*
 * The schema: rows that say which keys a section has, how each is read, what it
 * is when nothing is written, and one paragraph for the manual. Rows live beside the code
 * that they configure; this file is their language.
 *
 * A section is read into a struct of the owner's, whose first member is a struct
 * conf_head. Everything is allocated in the document's arena and immutable afterwards.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "conf/ast.h"
#include "conf/diag.h"

struct conf_doc; /* see conf/load.h */

/* First member of every section's struct. */
struct conf_head {
	const char *name; /* NULL when it has none */
	struct conf_loc loc;
	const struct conf_head *next; /* the next section of the same type, in file order */
};

/* How a value is read, and the C type of its field. */
enum conf_type {
	CONF_BOOL,     /* yes no: bool */
	CONF_ENUM,     /* one of row.words: int */
	CONF_COUNT,    /* 20, 10M (k M G are 1,000s): uint64_t */
	CONF_SIZE,     /* 64k (k M G are 1,024s), bytes: uint64_t */
	CONF_DURATION, /* 500ms 5s 10m 2h 1d 1w: usec_t */
	CONF_RATES,    /* 100/1h or { 100/1h, 500/1d }: struct conf_rates */
	CONF_DATE,     /* 2027-01-31: usec_t, the end of that day in UTC */
	CONF_TEXT,     /* a word or a string: const char *, NULL when not given */
	CONF_TEXTS,    /* one, or a list: struct conf_texts */
	CONF_SOCKET,   /* unix:/path, inet:host:port, inet6:host:port, inet:port@host: struct
	                  conf_socket */
	CONF_SOCKETS,  /* one, or a list: struct conf_sockets */
	CONF_NETWORKS, /* prefixes, addresses, @lists, file:PATH: const struct netset *, NULL when
	                  not given */
	CONF_DOMAINS,  /* domains, @lists, file:PATH: const struct domset *, NULL when not given */
	CONF_CUSTOM,   /* row.read */
};

struct conf_rate {
	uint64_t count;
	usec_t period;
};

struct conf_rates {
	size_t count;
	const struct conf_rate *items;
};

struct conf_texts {
	size_t count;
	const char *const *items;
};

enum conf_socket_kind { CONF_SOCKET_NONE, CONF_SOCKET_UNIX, CONF_SOCKET_INET, CONF_SOCKET_INET6 };

struct conf_socket {
	enum conf_socket_kind kind;
	const char *path; /* UNIX */
	const char *host; /* INET, INET6: a name or an address, never NULL */
	uint16_t port;    /* 0 where it was written as such: any free one */
	const char *text; /* as written */
};

struct conf_sockets {
	size_t count;
	const struct conf_socket *items;
};

struct conf_word {
	const char *word; /* NULL ends the table */
	int value;
};

/* What a reader of values may use. */
struct conf_reader {
	struct conf_doc *doc;
	struct arena *arena;
	struct diag *diag;
	usec_t now;
};

struct conf_row {
	const char *key; /* NULL ends the table */
	enum conf_type type;
	size_t offset;
	const char *fallback; /* in the configuration's own syntax; NULL: field stays zero */
	const struct conf_word *words; /* CONF_ENUM */
	uint64_t min, max;             /* COUNT, SIZE, DURATION (microseconds); max 0: no bound */
	bool required;
	/* CONF_CUSTOM. Reports to r->diag and returns false when the value is wrong. */
	bool (*read)(struct conf_reader *r, const struct conf_value *v, void *field);
	const struct conf_row *include; /* a table of rows to insert here, at `offset`; key is "" */
	const char *doc;                /* for the manual: plain sentences */
};

struct conf_schema {
	const char *type; /* NULL: the file as a whole */
	const char *doc;
	bool named;      /* has a name, which is unique among its type within its parent */
	bool repeatable; /* may occur more than once */
	size_t size;     /* of the struct */
	const struct conf_row *rows;
	/* Sub-sections, in a NULL-terminated table; the first of each type is stored at its
	 * child_offset. */
	const struct conf_child *children;
	/* After all rows and children were read: checks what concerns several keys. May be NULL. */
	bool (*finish)(struct conf_reader *r, void *section);
};

struct conf_child {
	const struct conf_schema *schema; /* NULL ends the table */
	size_t offset;                    /* of a const struct conf_head * in the parent's struct */
};

/* The usual message for a word that is not known, with "did you mean" where one is near. */
void conf_unknown(struct conf_reader *r, const struct conf_loc *where, const char *what,
    const char *found, const char *const *known, size_t count);

/* Was `key` written in this section, or is the field its fallback? Both NULL-safe. */
const struct conf_entry *conf_entry_of(
    const struct conf_doc *doc, const void *section, const char *key);

#endif
