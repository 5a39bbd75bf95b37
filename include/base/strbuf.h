/* A string that grows, up to a cap. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `data` is always NUL-terminated once something was added, and owned by the
 * buffer. After a failed allocation, or when `max` would be exceeded,
 * `failed` is true, nothing more is added, and what was there stays intact:
 * callers add what they like and look once, at the end.
 */
struct strbuf {
	char *data;
	size_t len;
	size_t cap;
	size_t max; /* bytes it may hold, 0: no limit */
	bool failed;
};

void strbuf_add(struct strbuf *b, const void *bytes, size_t len);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text so far, "" when nothing was added. Valid until the next change. */
const char *strbuf_text(const struct strbuf *b);

/* Empties the buffer and keeps its memory. */
void strbuf_reset(struct strbuf *b);

/* Frees the memory; the buffer may be used again. */
void strbuf_free(struct strbuf *b);

#endif
