/*
 * Tag lists (RFC 6376 3.2): "v=1; a=rsa-sha256; d=example.com". The fields of DKIM and ARC, key
 * records and the like are written so. Points into the text; nothing is copied or decoded.
 */
#ifndef AUTH_TAGLIST_H
#define AUTH_TAGLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More tags than this are TAGLIST_TOO_MANY. */
#define TAGLIST_MAX 64

struct tag {
	const char *name;
	size_t name_len;
	const char *value; /* without the folding white space around it; inside it stays */
	size_t len;
	/* All between the equals sign and the semicolon, or the end: what is cut out of b= where a
	 * signature is verified (RFC 6376 3.7). */
	const char *raw;
	size_t raw_len;
};

struct taglist {
	size_t count;
	struct tag tags[TAGLIST_MAX];
};

enum taglist_error {
	TAGLIST_OK,
	TAGLIST_SYNTAX, /* a tag without a name or an equals sign, a byte that may not be there */
	TAGLIST_DUPLICATE, /* a name comes twice: the whole list is invalid */
	TAGLIST_TOO_MANY,
};

/*
 * Reads a whole list. Names are case-sensitive; values hold printable ASCII, valid UTF-8 (RFC 8616)
 * and white space, CR and LF among it. One semicolon may stand at the end. An empty list is
 * TAGLIST_SYNTAX. On an error *at, where not NULL, is the offset of what is wrong, and the
 * list holds the tags before it.
 */
enum taglist_error taglist_read(const char *text, size_t len, struct taglist *out, size_t *at);

/* Says in words what is wrong. */
const char *taglist_error_text(enum taglist_error e);

/* NULL when it is not there. */
const struct tag *taglist_get(const struct taglist *l, const char *name);

/* --- values --------------------------------------------------------------------- */

/* Is the value this word, in any case (`tag_is`), or exactly (`tag_is_exactly`)? NULL is not. */
bool tag_is(const struct tag *t, const char *word);
bool tag_is_exactly(const struct tag *t, const char *word);

/*
 * 1 to `digits` decimal digits and nothing else. What has more digits than fit is UINT64_MAX,
 * which RFC 6376 3.5 allows to take for the end of time.
 */
bool tag_number(const struct tag *t, unsigned digits, uint64_t *out);

/* Walks over the words of a list with colons: q=, h= and others. Zero-initialise, save `tag`. */
struct tag_words {
	const struct tag *tag;
	size_t at;
	bool empty; /* a word without a byte was among those that were read */
	const char *word;
	size_t len;
};

/* The next word, without the white space around it; false at the end. A NULL tag has none. */
bool tag_next_word(struct tag_words *w);

/* Is the word among those of the list, in any case? */
bool tag_has_word(const struct tag *t, const char *word);

/*
 * Base64 with folding white space anywhere in it; padding may be left out (RFC 6376 2.10).
 * False when it is malformed or has more than `max` bytes. *len is how many bytes it has.
 */
bool tag_base64(const struct tag *t, uint8_t *out, size_t max, size_t *len);

#endif
