/* Text in columns, as a terminal shows it. */
#ifndef SELFTEST_COLUMNS_H
#define SELFTEST_COLUMNS_H

#include <stddef.h>

#include "base/strbuf.h"

#define COLUMNS_MAX 80

/* Columns of a text that is safe for a terminal; its colours take none. */
size_t columns_of(const char *text);

/* Appends `text`, made safe, in exactly `width` columns: cut, with "..", or filled up. */
void columns_cell(struct strbuf *b, const char *text, size_t width);

/*
 * Appends lines of safe text so that none is wider than COLUMNS_MAX: those that are go on in
 * further lines, below their first word. A word that is wider than a line is broken.
 */
void columns_fold(struct strbuf *b, const char *text);

#endif
