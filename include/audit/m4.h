/*
 * The macro language of sendmail.mc (POSIX m4), without its arithmetic and its shell: quotes,
 * arguments, conditions, diversions, include. Only files that the client hands over are read.
 */
#ifndef AUDIT_M4_H
#define AUDIT_M4_H

#include <stdbool.h>
#include <stddef.h>

/* Where something was written. */
struct m4_place {
	const char *file;
	unsigned line; /* from 1 */
};

/* A macro that the client wants to hear of. Arguments have lost one level of quotes. */
struct m4_call {
	const char *name;
	const char *const *args; /* M4_ARGS_MAX of them, "" where none was given */
	size_t count;
	struct m4_place at;
};

enum { M4_ARGS_MAX = 16 };

struct m4_client {
	void *user;
	void (*call)(void *user, const struct m4_call *c);
	/* Text that comes out, whole lines as far as there are; of diversions from 0 on. */
	void (*text)(void *user, const char *text, size_t len, const struct m4_place *at);
	/* The text of a file, which stays valid; NULL: it is not to be had. *file names it. */
	const char *(*include)(void *user, const char *path, bool silent, size_t *len,
	    const char **file, const struct m4_place *at);
	/* What m4 would stop at, or what was not done. */
	void (*problem)(void *user, const struct m4_place *at, bool stops, const char *what);
};

struct m4_macro {
	const char *name, *text;
	struct m4_place at;
};

struct m4;

/* NULL: memory is exhausted. Not thread-safe. */
struct m4 *m4_new(const struct m4_client *client);
void m4_free(struct m4 *m);

/* Calls of `name` with arguments go to the client, and leave nothing. */
void m4_hook(struct m4 *m, const char *name);

/* As `define` does it. Texts are copied, but for at->file. */
void m4_define(struct m4 *m, const char *name, const char *text, const struct m4_place *at);
void m4_undefine(struct m4 *m, const char *name);

/* NULL: no such macro. */
const struct m4_macro *m4_find(const struct m4 *m, const char *name);

/* Reads a whole text. May be called again. */
void m4_read(struct m4 *m, const char *text, size_t len, const char *file);

/* What a text comes to when it is read; its own text never comes out. Valid until m4_free(). */
const char *m4_expand(struct m4 *m, const char *text);

/* Does `#` begin a comment? It does at first; cf.m4 takes it away. */
void m4_comments(struct m4 *m, bool on);

/* Memory is exhausted, or it is too much to do. */
bool m4_failed(const struct m4 *m);

#endif
