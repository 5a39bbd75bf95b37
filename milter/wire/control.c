#include "wire/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line leaves room for its LF, and for that of the last field's name. */
enum { VALUE_MAX = 1024, LINE_ROOM = CONTROL_LINE_MAX - 1 };

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._:/@,+", c) != NULL);
}

static bool is_word(const char *s, size_t len)
{
	if (len == 0 || len >= CONTROL_WORD_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' &&
		    s[i] != '_' && !(i == 0 && s[i] == '.'))
			return false;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes a value and its NUL to *to, and moves it on. */
static const char *decode(const char *s, size_t len, char **to)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (is_plain(s[i])) {
			*(*to)++ = s[i];
			continue;
		}
		if (s[i] != '%')
			return "a character that has to be written as %XX";
		if (len - i < 3 || (high = hex_digit(s[i + 1])) < 0 ||
		    (low = hex_digit(s[i + 2])) < 0)
			return "a % without two hexadecimal digits";
		if (high == 0 && low == 0)
			return "a NUL";
		*(*to)++ = (char)(high << 4 | low);
		i += 2;
	}
	*(*to)++ = '\0';
	return NULL;
}

static const char *read_field(struct control_line *out, const char *s, size_t len, char **to)
{
	struct control_field *f = &out->fields[out->count];
	const char *equals = memchr(s, '=', len);
	size_t name_len;

	if (equals == NULL)
		return "a word that is no NAME=VALUE";
	name_len = (size_t)(equals - s);
	if (!is_word(s, name_len))
		return "a field whose name is no word";
	if (out->count == CONTROL_FIELDS_MAX)
		return "too many fields";
	memcpy(f->name, s, name_len);
	f->name[name_len] = '\0';
	f->value = *to;
	out->count++;
	return decode(equals + 1, len - name_len - 1, to);
}

const char *control_parse(const char *line, size_t len, struct control_line *out)
{
	const char *end, *blank, *wrong = NULL;
	char *to = out->text;
	size_t word_len;

	out->count = 0;
	if (len >= CONTROL_LINE_MAX)
		return "a line that is too long";
	if (len > 0 && line[len - 1] == '\r')
		len--;
	end = line + len;
	blank = memchr(line, ' ', len);
	word_len = blank == NULL ? len : (size_t)(blank - line);
	if (!is_word(line, word_len))
		return "a line that does not begin with a word";
	memcpy(out->word, line, word_len);
	out->word[word_len] = '\0';
	while (wrong == NULL && blank != NULL) {
		const char *field = blank + 1;

		blank = memchr(field, ' ', (size_t)(end - field));
		wrong =
		    read_field(out, field, (size_t)((blank == NULL ? end : blank) - field), &to);
	}
	return wrong;
}

const char *control_value(const struct control_line *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->fields[i].name, name) == 0)
			return l->fields[i].value;
	return NULL;
}

/* Digits alone, few enough for an int64_t. */
static bool is_number(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 18 && strspn(s, "0123456789") == len;
}

uint64_t control_number(const struct control_line *l, const char *name, uint64_t other)
{
	const char *s = control_value(l, name);

	return s != NULL && is_number(s) ? strtoull(s, NULL, 10) : other;
}

int64_t control_signed(const struct control_line *l, const char *name, int64_t other)
{
	const char *s = control_value(l, name);

	return s != NULL && is_number(s[0] == '-' ? s + 1 : s) ? strtoll(s, NULL, 10) : other;
}

bool control_is_last(const struct control_line *l, int *code)
{
	if (l->word[0] != '.' || !is_number(l->word + 1) || strlen(l->word) > 4)
		return false;
	*code = (int)strtol(l->word + 1, NULL, 10);
	return true;
}

/* --- writing ---------------------------------------------------------------------- */

void control_begin(struct strbuf *b, const char *word)
{
	strbuf_puts(b, word);
}

/* How long the line at the end of the buffer is so far. */
static size_t line_len(const struct strbuf *b)
{
	const char *text = strbuf_text(b), *newline = memrchr(text, '\n', b->len);

	return newline == NULL ? b->len : b->len - (size_t)(newline + 1 - text);
}

void control_text(struct strbuf *b, const char *name, const char *value)
{
	size_t used = line_len(b) + strlen(name) + 2, room;

	if (used >= LINE_ROOM)
		return;
	room = LINE_ROOM - used < VALUE_MAX ? LINE_ROOM - used : VALUE_MAX;
	strbuf_putc(b, ' ');
	strbuf_puts(b, name);
	strbuf_putc(b, '=');
	for (const char *s = value; *s != '\0'; s++) {
		size_t len = is_plain(*s) ? 1 : 3;

		if (len > room)
			return;
		room -= len;
		if (len == 1)
			strbuf_putc(b, *s);
		else
			strbuf_printf(b, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

void control_count(struct strbuf *b, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	control_text(b, name, text);
}

void control_time(struct strbuf *b, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	control_text(b, name, text);
}

void control_end(struct strbuf *b)
{
	strbuf_putc(b, '\n');
}

void control_last(struct strbuf *b, int code, const char *format, ...)
{
	char word[CONTROL_WORD_MAX], text[VALUE_MAX];
	va_list args;

	snprintf(word, sizeof(word), ".%d", code);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	control_begin(b, word);
	control_text(b, "text", text);
	control_end(b);
}
