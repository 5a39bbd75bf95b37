/* Lists with some of their words changed. */
#include <string.h>

#include "audit/pf_edit.h"
#include "base/strbuf.h"

static const char blanks[] = " \t\r\n\v\f";

struct pf_words pf_words_of(const struct pf_view *v, const char *parameter)
{
	struct pf_words w = {.count = 0};
	const char *p = pf_get(v, parameter);

	while (pf_word(&v->pf->arena, &p, NULL) != NULL)
		w.count++;
	w.instead = arena_alloc(&v->pf->arena, (w.count + 1) * sizeof(*w.instead));
	if (w.instead == NULL)
		w.count = 0;
	return w;
}

/* The text of a list in the making. */
struct writer {
	struct strbuf b;
	const char *separator; /* what parts words that are put in */
	bool compact;          /* within -o name=value no blank may stand */
};

static void put(struct writer *w, const char *text, size_t len, const char *separator)
{
	if (w->b.len > 0)
		strbuf_puts(&w->b, separator);
	strbuf_add(&w->b, text, len);
}

/* What stood between two words, on one line. */
static const char *separator_of(const struct writer *w, const char *s, size_t len)
{
	bool blank = false;

	if (w->compact)
		return ",";
	for (size_t i = 0; i < len; i++)
		blank = blank || (s[i] != '\0' && strchr(blanks, s[i]) != NULL);
	return memchr(s, ',', len) == NULL ? " " : blank ? ", " : ",";
}

/* A word that macros gave, so that it gives the same again. */
static void put_literal(struct writer *w, const char *text)
{
	const char *separator = w->separator;

	for (;;) {
		size_t n = strcspn(text, "$");

		put(w, text, n, separator);
		separator = "";
		if (text[n] == '\0')
			return;
		strbuf_puts(&w->b, "$$");
		text += n + 1;
	}
}

/* Words that are put in: what belongs together stays so. */
static void put_words(struct writer *w, struct arena *a, const char *text)
{
	const char *usual = w->separator, *word;

	while ((word = pf_word(a, &text, NULL)) != NULL) {
		put_literal(w, word);
		w->separator = w->compact ? "," : " ";
	}
	w->separator = usual;
}

/* One word as written, which stands for the words from *index on. */
static void put_raw(const struct pf_view *v, struct writer *w, const struct pf_words *words,
    size_t *index, const char *raw, const char *separator)
{
	const char *expanded = pf_expand(v, raw), *p = expanded, *word;
	size_t first = *index;
	bool same = true;

	for (; pf_word(&v->pf->arena, &p, NULL) != NULL; ++*index)
		same = same && (*index >= words->count || words->instead[*index] == NULL);
	if (same && (words->behind == NULL || words->at < first || words->at + 1 >= *index)) {
		put(w, raw, strlen(raw), separator);
		first = *index;
	}
	for (p = expanded; first < *index && (word = pf_word(&v->pf->arena, &p, NULL)) != NULL;
	     first++) {
		const char *instead = first < words->count ? words->instead[first] : NULL;

		if (instead == NULL)
			put_literal(w, word);
		else if (instead[0] != '\0')
			put(w, instead, strlen(instead), w->separator);
		if (words->behind != NULL && words->at == first && first + 1 < *index)
			put_words(w, &v->pf->arena, words->behind);
	}
	if (words->behind != NULL && *index > 0 && words->at + 1 == *index)
		put_words(w, &v->pf->arena, words->behind);
}

/* How the list parts its words: the first separator of those that have a comma, or any. */
static const char *usual_separator(struct writer *w, struct arena *a, const char *raw)
{
	const char *found = NULL, *p = raw + strspn(raw, ", \t\r\n\v\f");

	if (w->compact)
		return ",";
	while (pf_word(a, &p, NULL) != NULL) {
		size_t n = strspn(p, ", \t\r\n\v\f");

		if (n == 0 || p[n] == '\0')
			break;
		if (found == NULL || memchr(p, ',', n) != NULL)
			found = separator_of(w, p, n);
		if (memchr(p, ',', n) != NULL)
			break;
	}
	return found == NULL ? ", " : found;
}

/* Within braces blanks may stand, from Postfix 3.0 on. */
static bool is_compact(const struct pf_view *v, const struct pf_setting *s)
{
	if (s == NULL || !pf_is_override(v, s))
		return false;
	return v->pf->version < 30000 || strpbrk(s->value, blanks) == NULL;
}

struct pf_instead pf_list_with(const struct pf_view *v, const char *parameter,
    const struct pf_words *words, const char *otherwise)
{
	const struct pf_setting *s = pf_set(v, parameter);
	const char *raw = s != NULL ? s->value : pf_default(parameter, v->pf->version);
	struct writer w = {.compact = is_compact(v, s)};
	const char *p = raw == NULL ? "" : raw, *word, *before = p, *behind = p;
	size_t index = 0;
	struct pf_instead line;

	w.separator = usual_separator(&w, &v->pf->arena, p);
	while (p += strspn(p, ", \t\r\n\v\f"),
	    (word = pf_word(&v->pf->arena, &behind, NULL)) != NULL) {
		size_t written = w.b.len;

		put_raw(v, &w, words, &index, word, separator_of(&w, before, (size_t)(p - before)));
		p = behind;
		if (w.b.len > written)
			before = p;
	}
	if (words->behind != NULL && words->at >= words->count)
		put_words(&w, &v->pf->arena, words->behind);
	if (w.b.len == 0)
		put_words(&w, &v->pf->arena, otherwise);
	line = pf_line_for(v, parameter, strbuf_text(&w.b));
	strbuf_free(&w.b);
	return line;
}

struct pf_instead pf_list_without(const struct pf_view *v, const char *parameter, unsigned index)
{
	struct pf_words w = pf_words_of(v, parameter);

	if (index < w.count)
		w.instead[index] = "";
	return pf_list_with(v, parameter, &w, "");
}
