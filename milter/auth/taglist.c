#include "auth/taglist.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

const char *taglist_error_text(enum taglist_error e)
{
	static const char *const texts[] = {
	    [TAGLIST_OK] = "nothing is wrong",
	    [TAGLIST_SYNTAX] = "it is not a list of tags",
	    [TAGLIST_DUPLICATE] = "a tag comes twice",
	    [TAGLIST_TOO_MANY] = "it has too many tags",
	};

	return texts[e];
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- reading -------------------------------------------------------------------- */

struct reader {
	const char *start, *at, *end;
};

static void skip_space(struct reader *r)
{
	while (r->at < r->end && is_space(*r->at))
		r->at++;
}

/* How many bytes the value has up to its semicolon; false at a byte that may not be there. */
static bool scan_value(struct reader *r)
{
	while (r->at < r->end && *r->at != ';') {
		unsigned char c = (unsigned char)*r->at;
		uint32_t character;
		size_t n = 1;

		if (c >= 0x80)
			n = utf8_decode(r->at, (size_t)(r->end - r->at), &character);
		else if ((c < ' ' || c == 0x7f) && !is_space((char)c))
			n = 0;
		if (n == 0)
			return false;
		r->at += n;
	}
	return true;
}

static bool read_tag(struct reader *r, struct tag *t)
{
	skip_space(r);
	t->name = r->at;
	if (r->at == r->end || !is_alpha(*r->at))
		return false;
	while (r->at < r->end && (is_alpha(*r->at) || is_digit(*r->at) || *r->at == '_'))
		r->at++;
	t->name_len = (size_t)(r->at - t->name);
	skip_space(r);
	if (r->at == r->end || *r->at != '=')
		return false;
	r->at++;
	t->raw = r->at;
	if (!scan_value(r))
		return false;
	t->raw_len = (size_t)(r->at - t->raw);
	t->value = t->raw;
	t->len = t->raw_len;
	while (t->len > 0 && is_space(t->value[0])) {
		t->value++;
		t->len--;
	}
	while (t->len > 0 && is_space(t->value[t->len - 1]))
		t->len--;
	return true;
}

static bool is_known(const struct taglist *l, const struct tag *t)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->tags[i].name_len == t->name_len &&
		    memcmp(l->tags[i].name, t->name, t->name_len) == 0)
			return true;
	return false;
}

static enum taglist_error read_all(struct reader *r, struct taglist *out)
{
	do {
		struct tag t;

		if (!read_tag(r, &t))
			return TAGLIST_SYNTAX;
		if (is_known(out, &t)) {
			r->at = t.name;
			return TAGLIST_DUPLICATE;
		}
		if (out->count == TAGLIST_MAX)
			return TAGLIST_TOO_MANY;
		out->tags[out->count++] = t;
		if (r->at == r->end)
			return TAGLIST_OK;
		r->at++;
		skip_space(r);
	} while (r->at < r->end);
	return TAGLIST_OK;
}

enum taglist_error taglist_read(const char *text, size_t len, struct taglist *out, size_t *at)
{
	struct reader r = {.start = text, .at = text, .end = text + len};
	enum taglist_error e;

	out->count = 0;
	e = read_all(&r, out);
	if (at != NULL)
		*at = (size_t)(r.at - r.start);
	return e;
}

const struct tag *taglist_get(const struct taglist *l, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < l->count; i++)
		if (l->tags[i].name_len == len && memcmp(l->tags[i].name, name, len) == 0)
			return &l->tags[i];
	return NULL;
}

/* --- values --------------------------------------------------------------------- */

bool tag_is(const struct tag *t, const char *word)
{
	return t != NULL && t->len == strlen(word) && strncasecmp(t->value, word, t->len) == 0;
}

bool tag_is_exactly(const struct tag *t, const char *word)
{
	return t != NULL && t->len == strlen(word) && memcmp(t->value, word, t->len) == 0;
}

bool tag_number(const struct tag *t, unsigned digits, uint64_t *out)
{
	*out = 0;
	if (t == NULL || t->len == 0 || t->len > digits)
		return false;
	for (size_t i = 0; i < t->len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)t->value[i] - '0';

		if (!is_digit(t->value[i]))
			return false;
		if (*out > (UINT64_MAX - digit) / 10)
			*out = UINT64_MAX;
		else
			*out = *out * 10 + digit;
	}
	return true;
}

bool tag_next_word(struct tag_words *w)
{
	const char *end, *colon;

	if (w->tag == NULL || w->at > w->tag->len)
		return false;
	w->word = w->tag->value + w->at;
	end = w->tag->value + w->tag->len;
	colon = memchr(w->word, ':', (size_t)(end - w->word));
	if (colon != NULL)
		end = colon;
	w->at = (size_t)(end - w->tag->value) + 1;
	while (w->word < end && is_space(*w->word))
		w->word++;
	while (w->word < end && is_space(end[-1]))
		end--;
	w->len = (size_t)(end - w->word);
	if (w->len == 0)
		w->empty = true;
	return true;
}

bool tag_has_word(const struct tag *t, const char *word)
{
	struct tag_words w = {.tag = t};
	size_t len = strlen(word);

	while (tag_next_word(&w))
		if (w.len == len && strncasecmp(w.word, word, len) == 0)
			return true;
	return false;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool tag_base64(const struct tag *t, uint8_t *out, size_t max, size_t *len)
{
	unsigned letters = 0, padding = 0;
	uint32_t bits = 0;

	*len = 0;
	for (size_t i = 0; t != NULL && i < t->len; i++) {
		int value = base64_value(t->value[i]);

		if (is_space(t->value[i]))
			continue;
		if (t->value[i] == '=') {
			padding++;
			continue;
		}
		if (value < 0 || padding > 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		letters++;
		if (letters % 4 == 1)
			continue;
		if (*len == max)
			return false;
		out[(*len)++] = (uint8_t)(bits >> (2 * (3 - (letters - 1) % 4)));
	}
	/* Padding may be left out; where it is, it must be right. */
	return letters % 4 != 1 && (padding == 0 || (letters + padding) % 4 == 0) && padding <= 2;
}
