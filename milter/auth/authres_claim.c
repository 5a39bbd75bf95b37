/*
 * Does an Authentication-Results field claim to be ours? Readers differ in how they take a
 * malformed name, so every reading is tried: each word before the first semicolon, and the
 * words from the first on without what stands between them.
 */
#include <string.h>
#include <strings.h>

#include "auth/authres.h"
#include "base/names.h"

/* A name in U-labels has at most four bytes a character. Nobody's own id is longer. */
enum { WORD_MAX = 4 * NAME_MAX_LEN, WORDS_MAX = 64 };

struct scan {
	const char *at, *end;
	bool wide_splits; /* take 8-bit bytes for space */
	bool ambiguous;
};

struct word {
	size_t len;
	char text[WORD_MAX];
};

bool authres_is_field(const char *name)
{
	static const char want[] = "Authentication-Results";
	size_t len = strlen(name);

	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		len--;
	return len == sizeof(want) - 1 && strncasecmp(name, want, len) == 0;
}

/* --- words ------------------------------------------------------------------------------ */

/* Everything that no name has separates names: white space, controls, punctuation. */
static bool is_name_byte(const struct scan *s, char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || ((unsigned char)c >= 0x80 && !s->wide_splits);
}

static void skip_comment(struct scan *s)
{
	unsigned depth = 0;

	for (; s->at < s->end; s->at++) {
		if (*s->at == '\\')
			s->at++;
		else if (*s->at == '(')
			depth++;
		else if (*s->at == ')' && --depth == 0) {
			s->at++;
			return;
		}
	}
	s->at = s->end;
	s->ambiguous = true;
}

/* What a word has inside quotes counts as if it had none: "mx.example".com, mx\.example.com */
static void skip_separator(struct scan *s, bool *quoted)
{
	if (*s->at == '(' && !*quoted) {
		skip_comment(s);
		return;
	}
	if (*s->at == '"')
		*quoted = !*quoted;
	s->at++;
}

/* The next word before the first semicolon outside quotes; false when there is none. */
static bool next_word(struct scan *s, bool *quoted, struct word *w)
{
	w->len = 0;
	while (s->at < s->end && (*quoted || *s->at != ';')) {
		if (is_name_byte(s, *s->at)) {
			if (w->len == sizeof(w->text)) {
				s->ambiguous = true;
				return false;
			}
			w->text[w->len++] = *s->at++;
		} else if (w->len > 0 && *s->at != '"' && *s->at != '\\') {
			return true;
		} else {
			skip_separator(s, quoted);
		}
	}
	s->ambiguous |= *quoted;
	return w->len > 0;
}

/* --- comparing ---------------------------------------------------------------------------- */

/* Lower case, and no empty label. */
static void fold_ascii(const char *text, size_t len, char out[NAME_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < len && used < NAME_MAX_LEN; i++) {
		char c = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);

		if ((unsigned char)c >= 0x80 || (c == '.' && (used == 0 || out[used - 1] == '.')))
			continue;
		out[used++] = c;
	}
	while (used > 0 && out[used - 1] == '.')
		used--;
	out[used] = '\0';
}

/* One spelling for every name. What is no name by IDNA loses its 8-bit bytes. */
static void canonical(const struct word *w, char out[NAME_SIZE])
{
	if (name_canonical(w->text, w->len, out) != NAME_OK)
		fold_ascii(w->text, w->len, out);
}

static void append(struct word *all, const struct word *w)
{
	if (w->len > sizeof(all->text) - all->len)
		return;
	memcpy(all->text + all->len, w->text, w->len);
	all->len += w->len;
}

/* --- the question --------------------------------------------------------------------------- */

static bool any_reading_is(struct scan s, const char *own)
{
	struct word word, all = {.len = 0};
	char name[NAME_SIZE];
	unsigned words = 0;
	bool quoted = false;

	while (next_word(&s, &quoted, &word)) {
		if (++words > WORDS_MAX)
			return true;
		canonical(&word, name);
		if (strcmp(name, own) == 0)
			return true;
		/* Not where bytes of the name were taken for space: that would be another name. */
		if (s.wide_splits)
			continue;
		append(&all, &word);
		canonical(&all, name);
		if (strcmp(name, own) == 0)
			return true;
	}
	return words == 0 || s.ambiguous;
}

/* An encoded word (RFC 2047) before the first semicolon may stand for any name. */
static bool has_encoded_word(const char *value, size_t len)
{
	const char *semicolon = memchr(value, ';', len);
	size_t before = semicolon == NULL ? len : (size_t)(semicolon - value);

	return memmem(value, before, "=?", 2) != NULL;
}

/* Ours, by the same rules. */
static void own_name(const char *authserv_id, char own[NAME_SIZE])
{
	struct scan s = {.at = authserv_id, .end = authserv_id + strlen(authserv_id)};
	struct word word, all = {.len = 0};
	bool quoted = false;

	while (next_word(&s, &quoted, &word))
		append(&all, &word);
	canonical(&all, own);
}

bool authres_claims(const char *value, size_t len, const char *authserv_id)
{
	struct scan s = {.at = value, .end = value + len};
	char own[NAME_SIZE];

	if (has_encoded_word(value, len))
		return true;
	own_name(authserv_id, own);
	if (any_reading_is(s, own))
		return true;
	s.wide_splits = true;
	return any_reading_is(s, own);
}
