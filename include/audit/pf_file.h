/*
 * Postfix's main.cf and master.cf as written: logical lines, settings, services with their
 * overrides (postconf(5), master(5)). Nothing is expanded here.
 */
#ifndef AUDIT_PF_FILE_H
#define AUDIT_PF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/*
 * `value` is without blanks around it. For every physical line that it goes on over, comments and
 * empty lines between included, there is one '\n' in it, so that lines can be counted.
 */
struct pf_setting {
	const char *name, *value;
	const char *file; /* as given to the reader */
	unsigned line;    /* of the name */
};

struct pf_settings {
	struct pf_setting *items; /* in the order of the file; the last of a name holds */
	size_t count, room;
};

/* One line of master.cf. */
struct pf_service {
	const char *name; /* "smtp", "127.0.0.1:10025" */
	const char *type; /* inet unix fifo pass unix-dgram */
	const char *command;
	const char *file;
	unsigned line;
	struct pf_settings overrides; /* -o name=value, in order; the last of a name holds */
};

struct pf_services {
	struct pf_service *items;
	size_t count, room;
};

/* What Postfix would not take, and does not start with. */
struct pf_problem {
	const char *file;
	unsigned line;
	const char *what;
};

struct pf_problems {
	struct pf_problem *items;
	size_t count, room;
};

/* Beyond these, what a file holds is left out, and a problem says so. */
#define PF_SETTINGS_MAX ((size_t)20000)
#define PF_SERVICES_MAX ((size_t)2000)
#define PF_OVERRIDES_MAX ((size_t)500)
#define PF_PROBLEMS_MAX ((size_t)100)

/* One logical line: its text as in struct pf_setting, and the line that it begins on. */
struct pf_line {
	char *text; /* in the arena; may be changed */
	unsigned line;
};

/*
 * The next logical line of the `len` bytes at `text`: comments and empty lines do not end one, a
 * line that begins with a blank continues it. Start with *at = 0 and *line = 0. False at the end,
 * or when memory is exhausted. NULs read as '?'.
 */
bool pf_next_line(
    struct arena *a, const char *text, size_t len, size_t *at, unsigned *line, struct pf_line *out);

/* False: memory is exhausted. What is wrong with a line is a problem, and the line is left out. */
bool pf_read_main(struct arena *a, const char *file, const char *text, size_t len,
    struct pf_settings *out, struct pf_problems *problems);
bool pf_read_master(struct arena *a, const char *file, const char *text, size_t len,
    struct pf_services *out, struct pf_problems *problems);

/*
 * The next word of a list, as Postfix splits it: at blanks, line ends and commas, but not within
 * braces. The word is copied into the arena. NULL at the end. *p moves on; *lines, where not NULL,
 * becomes how many lines below the beginning of the value the word stands.
 */
const char *pf_word(struct arena *a, const char **p, unsigned *lines);

/* `{ text }` without its braces and the blanks inside; anything else as it is. In the arena. */
const char *pf_unbrace(struct arena *a, const char *word);

#endif
