/*
 * The control protocol: how a command talks to the running daemon, over a unix socket. Bytes in,
 * bytes out; no input or output here.
 *
 * A request is one line, and its reply is lines of which only the last begins with a dot:
 *
 *     limits key=login:alice
 *     limit name=account key=login:alice count=12 max=100
 *     limit name=account key=login:alice count=40 max=500
 *     .0 text=2%20limits
 *
 * A line is words with one blank between: first what it is, then fields NAME=VALUE, the
 * values with everything but letters, digits and -._:/@,+ written as %XX. A line ends in LF; the
 * last line's word is a dot and an exit code of base/exit.h, its field `text` says it in words. A
 * reply without that last line was cut off and is not to be believed. A client may send the next
 * request when it has read the reply.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define CONTROL_WORD_MAX 32   /* what a line is, or the name of a field; its NUL included */
#define CONTROL_FIELDS_MAX 32 /* a line */

/* The longest line, its LF included. */
#define CONTROL_LINE_MAX 4096

/* A reply is never longer. Lines that do not fit are left out, and the last one's text says how
 * many. */
#define CONTROL_REPLY_MAX ((size_t)1 << 20)

struct control_field {
	char name[CONTROL_WORD_MAX];
	const char *value; /* into the line's text; no NUL in it */
};

/* One line, read. */
struct control_line {
	char word[CONTROL_WORD_MAX];
	size_t count;
	struct control_field fields[CONTROL_FIELDS_MAX];
	char text[CONTROL_LINE_MAX]; /* the values, decoded */
};

/*
 * Reads a line of `len` bytes, without its LF (a CR before it is taken off). NULL when it is one,
 * else static words for what is wrong. *out is whole only when it is one.
 */
const char *control_parse(const char *line, size_t len, struct control_line *out);

/* The value of a field; NULL: it has none of that name. Of two of one name the first. */
const char *control_value(const struct control_line *l, const char *name);

/* The value as a number; `other` where there is none, or it is no number. */
uint64_t control_number(const struct control_line *l, const char *name, uint64_t other);
int64_t control_signed(const struct control_line *l, const char *name, int64_t other);

/* Is it the last of a reply? Its code, then. */
bool control_is_last(const struct control_line *l, int *code);

/*
 * A line is written by control_begin(), its fields, and control_end(). `word` and `name` are
 * words of the program; a value may be anything, and is cut where the line would grow too long.
 */
void control_begin(struct strbuf *b, const char *word);
void control_text(struct strbuf *b, const char *name, const char *value);
void control_count(struct strbuf *b, const char *name, uint64_t value);
void control_time(struct strbuf *b, const char *name, int64_t value);
void control_end(struct strbuf *b);

/* The last line. */
__attribute__((format(printf, 3, 4))) void control_last(
    struct strbuf *b, int code, const char *format, ...);

#endif
