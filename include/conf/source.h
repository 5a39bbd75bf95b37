/* Files, read whole and bounded, and the lines of list files. */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "conf/diag.h"

struct source {
	char *text; /* `len` bytes, then two NULs */
	size_t len;
	dev_t device; /* which file it is, whatever it is called */
	ino_t inode;
};

/* The longest configuration file and the longest list file, in bytes. */
#define SOURCE_CONF_MAX ((size_t)16 << 20)
#define SOURCE_LIST_MAX ((size_t)256 << 20)

/*
 * Reads a regular file of at most `max` bytes. False: told in `diag`, at `where`, which is
 * what names the file (NULL: the file itself). Never waits on a device or a pipe.
 */
bool source_read(struct source *s, const char *path, size_t max, const struct conf_loc *where,
    struct diag *diag);

/* The same from memory. False: too long, or memory is exhausted. */
bool source_copy(struct source *s, const char *name, const char *text, size_t len, size_t max,
    struct diag *diag);

void source_free(struct source *s);

/*
 * Is it text? NUL, control characters other than tab and line ends, and bytes that are not
 * UTF-8 are errors, each told with its place; the first ten of them.
 */
bool source_is_text(const struct source *s, const char *file, struct diag *diag);

/* One entry of a list file: what is left without comment and blanks. */
struct source_line {
	const char *text;
	size_t len;
	unsigned line, column;
};

/*
 * Walks over the entries: start with {.line = 0} and *at = 0. False at the end. A `#`
 * at the start of a line or after a blank begins a comment.
 */
bool source_next_line(const struct source *s, size_t *at, struct source_line *l);

/* `path` itself when it is absolute, else `dir`/`path`; in the arena. NULL: no memory. */
char *source_path(struct arena *a, const char *dir, const char *path);

/* The directory of `path`, absolute; in the arena. NULL: no memory, or no working directory. */
char *source_dir(struct arena *a, const char *path);

#endif
