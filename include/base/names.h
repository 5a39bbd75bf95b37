/* Domain names: one spelling for each (RFC 1035, RFC 5890 to 5893 by libidn2). */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest name in text, RFC 1035 2.3.4, and room for its NUL. */
#define NAME_MAX_LEN 253
#define NAME_SIZE (NAME_MAX_LEN + 1)

enum name_error {
	NAME_OK,
	NAME_EMPTY,
	NAME_TOO_LONG,
	NAME_BAD_LABEL, /* empty, longer than 63, or with a character that is none of a-z 0-9 - _ */
	NAME_BAD_IDN,   /* not UTF-8, or refused by IDNA 2008 */
};

/*
 * Writes the canonical spelling: A-labels, lower case, no trailing dot. Takes
 * U-labels and A-labels alike; one trailing dot is allowed. ASCII is handled without
 * libidn2. `out` is "" on error.
 */
enum name_error name_canonical(const char *text, size_t len, char out[NAME_SIZE]);

/*
 * Is `text`, whose canonical spelling is `name`, made of labels that say what they are: A-labels,
 * or U-labels but for case? Not so where a character was mapped to an ASCII one or to a dot, left
 * out, or became several. Which of them are mapped, and to what, is a matter of a library's version
 * (UTS 46), and DNS is asked for the bytes as they are by programs that map nothing.
 */
bool name_is_spelled_out(const char *text, size_t len, const char *name);

/* Says in words what is wrong, for error messages. */
const char *name_error_text(enum name_error e);

/* Is `name` the same as `parent`, or below it? Both canonical. */
bool name_is_at_or_below(const char *name, const char *parent);

/* The name without its leftmost label, NULL for a single label. Points into `name`. */
const char *name_parent(const char *name);

/* How many labels it has. */
unsigned name_labels(const char *name);

#endif
