/* What is wrong with a configuration: collected, all of it, then told in one go. */
#ifndef CONF_DIAG_H
#define CONF_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Lines and columns count from 1; columns count bytes, a tab is one. line 0: the file as a whole.
 */
struct conf_loc {
	const char *file;
	unsigned line, column;
};

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag; /* opaque; not thread-safe */

struct diag *diag_new(void);
void diag_free(struct diag **d);

/*
 * "FILE:LINE:COLUMN: error: what was found; what was expected". After DIAG_MAX messages, or
 * DIAG_MAX / 4 warnings, more are only counted. `where` is copied with the name of its file;
 * NULL: no place at all.
 */
#define DIAG_MAX 200
void diag_add(struct diag *d, enum diag_severity severity, const struct conf_loc *where,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

size_t diag_errors(const struct diag *d);
size_t diag_warnings(const struct diag *d);

/* One line each, in the order of file, line, column within a file; escaped for a terminal. */
void diag_print(struct diag *d, FILE *to);

struct diag_message {
	enum diag_severity severity;
	struct conf_loc where;
	const char *text; /* without place and severity, not escaped */
};

/* Message `i` in the order of diag_print(); NULL beyond the last that is kept. */
const struct diag_message *diag_get(struct diag *d, size_t i);

/* The text of message `i` ("" beyond the last), e.g. for tests. */
const char *diag_text(struct diag *d, size_t i);

#endif
