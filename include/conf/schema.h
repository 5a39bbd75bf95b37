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
	const struct conf_head *next;       /* the next section of the same type, in file order */
	const struct conf_section *written; /* NULL: nobody wrote it, all is default */
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
	CONF_TEXTS,    /* one, or a list: struct conf_texts; @lists stay as "@name", and are
	                  checked to be there; the lines of file:PATH are entries */
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
	const struct conf_loc *locs; /* where each stands, in the file that it was read from */
};

enum conf_socket_kind { CONF_SOCKET_NONE, CONF_SOCKET_UNIX, CONF_SOCKET_INET, CONF_SOCKET_INET6 };

struct conf_socket {
	enum conf_socket_kind kind;
	const char *path; /* UNIX */
	const char *host; /* INET, INET6: a name or an address, never NULL */
	uint16_t port;    /* 0 where it was written as such: any free one */
	const char *text; /* as written */
};

/*
 * Reads a socket as the configuration has it; `text` must stay, the host is copied to `a` (and NULL
 * when memory is exhausted). NULL when it is one, else words that say what was expected.
 */
const char *conf_socket_parse(const char *text, struct arena *a, struct conf_socket *out);

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
	bool required; /* an error where it is not written */
	size_t offset;
	const char *fallback; /* in the configuration's own syntax; NULL: field stays zero */
	const struct conf_word *words; /* CONF_ENUM */
	uint64_t min, max;             /* COUNT, SIZE, DURATION (microseconds); max 0: no bound */
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
	bool implied;    /* is there with its defaults where nobody writes it */
	bool required;   /* an error where nobody writes it */
	size_t size;     /* of the struct */
	const struct conf_row *rows;
	/* Sub-sections, in a NULL-terminated table; the first of each type is stored at its
	 * child_offset. */
	const struct conf_child *children;
	/* After all rows and children were read: checks what concerns several keys. May be NULL. */
	bool (*finish)(struct conf_reader *r, void *section);
	/* Also when something in a child was wrong, so that all that is wrong is told in one go. */
	bool finish_in_any_case;
};

struct conf_child {
	const struct conf_schema *schema; /* NULL ends the table */
	size_t offset;                    /* of a const struct conf_head * in the parent's struct */
};

/*
 * Reads `v` as a row of `type` would, into `field`; `key` names it in messages. For readers of
 * CONF_CUSTOM; not for CONF_ENUM and CONF_CUSTOM, which need a row. False: told in r->diag.
 */
bool conf_read_value(struct conf_reader *r, enum conf_type type, const char *key,
    const struct conf_value *v, void *field);

/* Reads the block `v` by `rows`, fallbacks included, into the struct `out`. False: told. */
bool conf_read_block(
    struct conf_reader *r, const struct conf_value *v, const struct conf_row *rows, void *out);

/* An error at `where`. Returns false, so that a reader can end with it. */
bool conf_error(struct conf_reader *r, const struct conf_loc *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* False: memory is exhausted, and that is told. */
bool conf_no_memory(struct conf_reader *r);

/* `v` as written, cut short, into `out`: for "found ..." in messages. Returns `out`. */
#define CONF_FOUND_MAX 80
const char *conf_found(const struct conf_value *v, char out[CONF_FOUND_MAX]);

/* The first section of a child that is stored at `offset` of `section`. */
static inline const struct conf_head *conf_first(const void *section, size_t offset)
{
	return *(const struct conf_head *const *)(const void *)((const char *)section + offset);
}

/* The usual message for a word that is not known, with "did you mean" where one is near. */
void conf_unknown(struct conf_reader *r, const struct conf_loc *where, const char *what,
    const char *found, const char *const *known, size_t count);

/* The one of `known` that is nearest to `found`, NULL when none is near. */
const char *conf_nearest(const char *found, const char *const *known, size_t count);

/*
 * The entry of `key` as written in `section` (a struct that begins with a conf_head); NULL
 * when the field is its fallback.
 */
const struct conf_entry *conf_entry_of(
    const struct conf_doc *doc, const void *section, const char *key);

#endif
