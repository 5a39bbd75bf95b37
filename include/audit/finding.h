/* What an audit finds: collected, sorted, then told in one go, as text, JSON or SARIF. */
#ifndef AUDIT_FINDING_H
#define AUDIT_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/severity.h"

/* The lines of a file that others take the place of. */
struct replaced {
	const char *file; /* NULL, "": none can be named */
	unsigned line,
	    lines; /* the first, from 1, and how many; lines 0: they go to the file's end */
};

struct finding {
	const char *id; /* a promise to scripts: words with hyphens, as in networks-world */
	enum severity severity;
	const char *file;     /* as the MTA's administrator knows it; never NULL */
	unsigned line;        /* from 1; 0: the file as a whole, or something that is not in it */
	const char *listener; /* the service that has it, "" where all have it */
	const char *why;      /* one sentence: what a stranger can do */
	const char *instead; /* the exact line or lines to write; "" where there is none to write */
	struct replaced of;  /* the lines that go for them */
};

/* A growing list. Zero-initialise it; not thread-safe. */
struct findings {
	struct arena arena; /* holds every text of it */
	struct finding *items;
	size_t count, room;
	const char **notes; /* what could not be judged, one line each */
	size_t note_count, note_room;
	size_t dropped; /* findings and notes beyond FINDINGS_MAX */
	bool failed;    /* memory is exhausted: the list is not whole */
};

#define FINDINGS_MAX 2000

/*
 * Copies the finding and its texts. One that is there already but for its listener is not added
 * again: the listener's name joins those of the first ("smtp, submission").
 */
void findings_add(struct findings *l, const struct finding *f);

/*
 * What the audit could not look into, and what that means: an unreadable table, a word that it
 * does not know. Never an error: exit codes do not depend on notes. The same note stays one.
 */
void findings_note(struct findings *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text in the list's arena; "" when memory is exhausted, and then l->failed is set. */
const char *findings_text(struct findings *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The severest that is there; SEVERITY_LOW for an empty list. */
enum severity findings_severest(const struct findings *l);

void findings_free(struct findings *l);

enum findings_format { FINDINGS_TEXT, FINDINGS_JSON, FINDINGS_SARIF };

/*
 * Sorts them, the severest first, and prints all. `subject` says what was looked at, for example
 * "postfix 3.7.11 in /etc/postfix". False: it could not be written.
 */
bool findings_print(
    struct findings *l, const char *subject, enum findings_format format, bool colour, FILE *to);

#endif
