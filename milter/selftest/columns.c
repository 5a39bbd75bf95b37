#include "selftest/columns.h"

#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

/* Where lines go on that begin at the margin, and those that begin too far to the right. */
enum { INDENT = 2, INDENT_MAX = COLUMNS_MAX / 2 };

/* Bytes of a character. */
enum { UTF8_MAX = 4 };

/* Columns and bytes of what is at `s`: a character, or a sequence that sets a colour. */
static size_t char_width(const char *s, size_t *bytes)
{
	uint32_t c = 0;

	if (s[0] == '\033' && s[1] == '[') {
		*bytes = strcspn(s, "m");
		*bytes += s[*bytes] == 'm';
		return 0;
	}
	*bytes = utf8_decode(s, strnlen(s, UTF8_MAX), &c);
	if (*bytes == 0) {
		*bytes = 1;
		return 1;
	}
	return utf8_width(c);
}

/* Of the first `len` bytes. */
static size_t width_of(const char *s, size_t len)
{
	size_t width = 0;

	for (size_t i = 0, bytes; i < len; i += bytes)
		width += char_width(s + i, &bytes);
	return width;
}

size_t columns_of(const char *text)
{
	return width_of(text, strlen(text));
}

void columns_cell(struct strbuf *b, const char *text, size_t width)
{
	struct strbuf safe = {0};
	const char *s;
	size_t used = 0, room = width;

	escape_text(&safe, text, strlen(text));
	s = strbuf_text(&safe);
	if (columns_of(s) > width)
		room -= 2;
	for (size_t bytes, w; *s != '\0'; s += bytes, used += w) {
		w = char_width(s, &bytes);
		if (used + w > room)
			break;
		strbuf_add(b, s, bytes);
	}
	if (*s != '\0') {
		strbuf_puts(b, "..");
		used += 2;
	}
	while (used++ < width)
		strbuf_putc(b, ' ');
	strbuf_free(&safe);
}

/* --- folding ------------------------------------------------------------------------- */

/* A line that is being written. */
struct fold {
	struct strbuf *out;
	size_t indent; /* of the lines it goes on in */
	size_t column;
};

static void go_on(struct fold *f)
{
	strbuf_printf(f->out, "\n%*s", (int)f->indent, "");
	f->column = f->indent;
}

static void add_word(struct fold *f, const char *s, size_t len)
{
	for (size_t i = 0, bytes, w; i < len; i += bytes, f->column += w) {
		w = char_width(s + i, &bytes);
		if (f->column + w > COLUMNS_MAX)
			go_on(f);
		strbuf_add(f->out, s + i, bytes);
	}
}

static void fold_line(struct strbuf *b, const char *s, size_t len)
{
	size_t margin = strspn(s, " ");
	struct fold f = {.out = b, .indent = margin, .column = margin};

	if (margin == 0 || margin > INDENT_MAX)
		f.indent = INDENT;
	strbuf_add(b, s, margin);
	for (size_t i = margin, blanks = 0, word; i < len; i += word, blanks = 0) {
		while (i < len && s[i] == ' ') {
			i++;
			blanks++;
		}
		word = strcspn(s + i, " \n");
		if (word == 0)
			break;
		if (f.column + blanks + width_of(s + i, word) <= COLUMNS_MAX) {
			strbuf_printf(b, "%*s", (int)blanks, "");
			f.column += blanks;
		} else if (f.column > f.indent) {
			go_on(&f);
		}
		add_word(&f, s + i, word);
	}
}

void columns_fold(struct strbuf *b, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (width_of(text, len) <= COLUMNS_MAX)
			strbuf_add(b, text, len);
		else
			fold_line(b, text, len);
		text += len;
		if (*text == '\n') {
			strbuf_putc(b, '\n');
			text++;
		}
	}
}
