/* Any text: in a cell it has the cell's width, folded it fits, and nothing of it is lost. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/require.h"
#include "base/escape.h"
#include "selftest/columns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without blanks and ends of lines. */
static void squeeze(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (*s != ' ' && *s != '\n')
			*to++ = *s;
	*to = '\0';
}

static void check_fold(const struct strbuf *safe)
{
	struct strbuf folded = {0}, line = {0};
	char *before = strdup(strbuf_text(safe)), *after;

	columns_fold(&folded, strbuf_text(safe));
	for (const char *s = strbuf_text(&folded); *s != '\0';) {
		size_t len = strcspn(s, "\n");

		strbuf_reset(&line);
		strbuf_add(&line, s, len);
		require(columns_of(strbuf_text(&line)) <= COLUMNS_MAX, "a line fits");
		s += len + (s[len] == '\n');
	}
	after = strdup(strbuf_text(&folded));
	if (before != NULL && after != NULL) {
		squeeze(before);
		squeeze(after);
		require(strcmp(before, after) == 0, "nothing is lost");
	}
	free(before);
	free(after);
	strbuf_free(&folded);
	strbuf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf raw = {0}, cell = {0}, safe = {0};

	strbuf_add(&raw, data, size);
	for (size_t width = 2; width < 40; width += 9) {
		strbuf_reset(&cell);
		columns_cell(&cell, strbuf_text(&raw), width);
		require(columns_of(strbuf_text(&cell)) == width, "a cell has its width");
	}
	/* As a report is made: safe lines. */
	for (const char *s = strbuf_text(&raw); *s != '\0';) {
		size_t len = strcspn(s, "\n");

		escape_text(&safe, s, len);
		strbuf_putc(&safe, '\n');
		s += len + (s[len] == '\n');
	}
	check_fold(&safe);
	strbuf_free(&raw);
	strbuf_free(&cell);
	strbuf_free(&safe);
	return 0;
}
