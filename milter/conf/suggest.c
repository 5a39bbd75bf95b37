/* "Did you mean": the usual message for a word that is not known. */
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/doc.h"
#include "conf/schema.h"

enum { WORD_MAX = 40, LISTED_MAX = 16 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`. */
static unsigned distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	memset(rows, 0, sizeof(rows));
	for (unsigned j = 0; j <= blen; j++)
		last[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned cost = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[blen];
}

const char *conf_nearest(const char *found, const char *const *known, size_t count)
{
	size_t len = strnlen(found, WORD_MAX + 1);
	unsigned best = len <= 3 ? 2 : len <= 6 ? 3 : 4; /* what is as far or farther is not near */
	const char *nearest = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strnlen(known[i], WORD_MAX + 1);
		unsigned d;

		if (other > WORD_MAX)
			continue;
		d = distance(found, len, known[i], other);
		if (d < best && d < other) {
			best = d;
			nearest = known[i];
		}
	}
	return nearest;
}

void conf_unknown(struct conf_reader *r, const struct conf_loc *where, const char *what,
    const char *found, const char *const *known, size_t count)
{
	const char *near = conf_nearest(found, known, count);
	struct strbuf expected = {0};

	for (size_t i = 0; i < count && i < LISTED_MAX; i++)
		strbuf_printf(&expected, "%s%s", i == 0 ? "" : ", ", known[i]);
	if (count > LISTED_MAX)
		strbuf_puts(&expected, ", ...");
	if (near != NULL)
		diag_add(r->diag, DIAG_ERROR, where,
		    "found the unknown %s `%.60s`; did you mean `%s`?", what, found, near);
	else if (count == 0)
		diag_add(r->diag, DIAG_ERROR, where, "found the unknown %s `%.60s`; there is none",
		    what, found);
	else
		diag_add(r->diag, DIAG_ERROR, where, "found the unknown %s `%.60s`; expected %s%s",
		    what, found, count == 1 ? "" : "one of ", strbuf_text(&expected));
	strbuf_free(&expected);
}
