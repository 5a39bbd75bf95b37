/* What the parts of the reader of m4 share: m4.c reads, m4_macros.c does what the macros mean. */
#ifndef AUDIT_M4_MACROS_H
#define AUDIT_M4_MACROS_H

#include "audit/m4.h"
#include "base/arena.h"
#include "base/strbuf.h"

enum {
	M4_FUEL = 2 << 20,       /* characters that are read, expansions included */
	M4_TEXT_MAX = 256 << 10, /* of one argument or expansion */
	M4_BUCKETS = 1024,
	M4_QUOTE_SIZE = 8,
};

/* The text of an argument, and where it begins. */
struct m4_argument {
	const char *text;
	struct m4_place at;
};

/* A call at work. */
struct m4_running {
	struct m4 *m;
	const struct m4_entry *e;
	struct m4_argument args[M4_ARGS_MAX];
	size_t count;
	struct m4_place at;
	struct strbuf out; /* what it comes to, to be read again */
};

typedef void m4_run(struct m4_running *r);

struct m4_entry {
	struct m4_macro macro;
	m4_run *run;
	bool bare;              /* known without arguments, too */
	struct m4_entry *next;  /* in the bucket */
	struct m4_entry *below; /* what pushdef hid */
};

/* What is read: a file, or what a macro came to. */
struct m4_source {
	const char *at, *end;
	struct m4_place place;
	bool counts;  /* its line ends are those of the file */
	bool barrier; /* nothing below it is read before it is gone: m4_expand() */
	struct m4_source *below;
};

struct m4 {
	const struct m4_client *client;
	struct arena arena;
	struct m4_entry *buckets[M4_BUCKETS];
	struct m4_source *top;
	struct strbuf out;
	struct m4_place out_at; /* of the first character in it */
	unsigned out_line;      /* of the next */
	long diversion;
	char open[M4_QUOTE_SIZE], close[M4_QUOTE_SIZE], comment[M4_QUOTE_SIZE];
	size_t fuel;
	unsigned depth;
	bool stopped, failed;
};

/* The next character, -1 at the end; m4_step() takes it. */
int m4_peek(struct m4 *m);
void m4_step(struct m4 *m);

/* Has the text read next; it stays where it is. `counts`: its line ends are those of the file. */
void m4_push(struct m4 *m, const char *text, size_t len, const struct m4_place *at, bool counts);

/* Hands what came out so far to the client. */
void m4_flush(struct m4 *m);

void m4_set_word(char word[M4_QUOTE_SIZE], const char *text, const char *otherwise);

/* NULL: no such macro. */
struct m4_entry *m4_entry(const struct m4 *m, const char *name);
void m4_add(struct m4 *m, const char *name, const char *text, m4_run *run, bool bare,
    const struct m4_place *at, bool push);
void m4_remove(struct m4 *m, const char *name, bool all);

/* Adds what m4 itself has. */
void m4_add_builtins(struct m4 *m);

/* A macro that is a text, and one that is the client's. */
m4_run m4_run_text, m4_run_hook;

#endif
