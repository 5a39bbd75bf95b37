/*
 * Lines of Postfix's files as they should be, made of what stands there: only what is wrong is
 * changed; macros, other options of a service and other words of a list stay.
 */
#ifndef AUDIT_PF_EDIT_H
#define AUDIT_PF_EDIT_H

#include "audit/pf_config.h"

/* Texts are in the arena of the configuration, never NULL. */
struct pf_instead {
	const char
	    *text; /* "": nothing can be written; else one line or more, without a last '\n' */
	struct replaced of;
};

/* No line can be given. */
struct pf_instead pf_no_line(void);

/*
 * `parameter` with this value, which is written as it is: macros in it are expanded, `$` is
 * doubled. Where it is set for this view (main.cf, or -o of the service), that takes its place.
 */
struct pf_instead pf_line_for(const struct pf_view *v, const char *parameter, const char *value);

/* What becomes of the words of a list, which are counted as Postfix sees them, macros expanded. */
struct pf_words {
	const char **instead; /* of each word: NULL: it stays; "": it goes; else what is written */
	size_t count;
	const char *behind; /* words as Postfix sees them, to be put in; NULL: none */
	size_t at;          /* behind which word; count and beyond: at the end */
};

/* All stay. count 0: there are none, or memory is exhausted. */
struct pf_words pf_words_of(const struct pf_view *v, const char *parameter);

/*
 * The line of the list with these changes; `otherwise` where no word would be left. A macro stays
 * as long as all that it stands for stays.
 */
struct pf_instead pf_list_with(const struct pf_view *v, const char *parameter,
    const struct pf_words *words, const char *otherwise);

/* The list without its word number `index`. */
struct pf_instead pf_list_without(const struct pf_view *v, const char *parameter, unsigned index);

/* The logical line that begins at `line` as a comment. */
struct pf_instead pf_comment_out(struct pf *pf, const char *file, unsigned line);

/* A line of a file of words without one of them; as a comment where it is the only one. */
struct pf_instead pf_without_word(struct pf *pf, const char *file, unsigned line, const char *word);

/* The setting gone: a comment in main.cf, one -o less in master.cf. */
struct pf_instead pf_without_setting(const struct pf_view *v, const struct pf_setting *s);

/* The first line of a service with another name: "127.0.0.1:smtp". */
struct pf_instead pf_renamed(struct pf *pf, const struct pf_service *s, const char *name);

#endif
