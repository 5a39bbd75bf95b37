#include "core/change.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_WANTED = 78 };

/* --- what may stand in a field ---------------------------------------------- */

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return false;
	return len > 0 && len <= CHANGE_NAME_MAX;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is this CR or LF part of a fold? Then the blank behind it is all that remains. */
static bool is_fold(const char *s)
{
	if (s[0] == '\r' && s[1] == '\n')
		s++;
	return (*s == '\n' || *s == '\r') && is_blank(s[1]);
}

static const char *clean(struct arena *a, const char *value)
{
	size_t len = strlen(value), n = 0;
	char *out = len > CHANGE_VALUE_MAX ? NULL : arena_alloc(a, len + 1);

	if (out == NULL)
		return NULL;
	for (const char *s = value; *s != '\0'; s++) {
		if (is_fold(s)) {
			s += *s == '\r' && s[1] == '\n';
			continue;
		}
		out[n++] = (char)((*s >= ' ' && *s <= '~') || *s == '\t' ? *s : '?');
	}
	while (n > 0 && is_blank(out[n - 1]))
		n--;
	out[n] = '\0';
	return out;
}

/* --- asking ------------------------------------------------------------------- */

static bool is_asked(const struct changes *c, const struct change *new)
{
	for (const struct change *at = c->first; at != NULL; at = at->next)
		if (at->kind == new->kind && at->index == new->index &&
		    at->value != NULL &&strcasecmp(at->name, new->name) == 0 &&
		    strcmp(at->value, new->value) == 0)
			return true;
	return false;
}

static bool is_full(const struct changes *c, enum change_kind kind)
{
	return kind == CHANGE_DELETE ? c->deleted >= CHANGE_DELETED_MAX
	                             : c->added >= CHANGE_ADDED_MAX;
}

bool changes_add(struct changes *c, struct arena *a, enum change_kind kind, unsigned index,
    const char *name, const char *value)
{
	struct change new = {.kind = kind, .index = index, .name = name}, *kept;

	if (!is_name(name) || (kind == CHANGE_DELETE && index == 0))
		return false;
	if (kind != CHANGE_DELETE) {
		new.value = clean(a, value);
		if (new.value == NULL)
			return false;
		if (is_asked(c, &new))
			return true;
	}
	kept = is_full(c, kind) ? NULL : arena_alloc(a, sizeof(*kept));
	if (kept == NULL)
		return false;
	*kept = new;
	kept->name = arena_strdup(a, name);
	if (kept->name == NULL)
		return false;
	if (c->last == NULL)
		c->first = kept;
	else
		c->last->next = kept;
	c->last = kept;
	c->deleted += kind == CHANGE_DELETE;
	c->added += kind != CHANGE_DELETE;
	return true;
}

bool changes_hold(struct changes *c, struct arena *a, const char *reason)
{
	char *text;

	if (c->hold != NULL)
		return true;
	text = arena_strndup(a, reason, strnlen(reason, CHANGE_HOLD_MAX));
	if (text == NULL)
		return false;
	for (char *s = text; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
	c->hold = text;
	return true;
}

void changes_go_back(struct changes *c, const struct changes *mark)
{
	*c = *mark;
	if (c->last != NULL)
		c->last->next = NULL;
}

/* --- carrying out -------------------------------------------------------------- */

static int by_name_from_the_last(const void *x, const void *y)
{
	const struct change *a = *(const struct change *const *)x;
	const struct change *b = *(const struct change *const *)y;
	int names = strcasecmp(a->name, b->name);

	return names != 0 ? names : (a->index < b->index) - (a->index > b->index);
}

static void append(struct changes *to, struct change *c)
{
	c->next = NULL;
	if (to->last == NULL)
		to->first = c;
	else
		to->last->next = c;
	to->last = c;
}

/* Moves the deletions into `out` (room for all of them) and the rest to the end of `rest`. */
static void part(struct changes *c, struct change **out, struct changes *rest)
{
	size_t n = 0;

	for (struct change *at = c->first, *next; at != NULL; at = next) {
		next = at->next;
		if (at->kind == CHANGE_DELETE)
			out[n++] = at;
		else
			append(rest, at);
	}
}

bool changes_sort(struct changes *c, struct arena *a)
{
	struct changes rest = {0}, sorted = {.added = c->added, .hold = c->hold};
	struct change **deletions;

	if (c->deleted == 0)
		return true;
	deletions = arena_alloc(a, c->deleted * sizeof(struct change *));
	if (deletions == NULL)
		return false;
	part(c, deletions, &rest);
	qsort(deletions, c->deleted, sizeof(struct change *), by_name_from_the_last);
	for (size_t i = 0; i < c->deleted; i++) {
		/* The second time it would hit another field. */
		if (i > 0 && by_name_from_the_last(&deletions[i - 1], &deletions[i]) == 0)
			continue;
		append(&sorted, deletions[i]);
		sorted.deleted++;
	}
	for (struct change *at = rest.first, *next; at != NULL; at = next) {
		next = at->next;
		append(&sorted, at);
	}
	*c = sorted;
	return true;
}

unsigned changes_rights(const struct changes *c)
{
	unsigned rights = 0;

	if (c->added > 0)
		rights |= RIGHT_ADD_FIELDS;
	if (c->deleted > 0)
		rights |= RIGHT_DELETE_FIELDS;
	if (c->hold != NULL)
		rights |= RIGHT_QUARANTINE;
	return rights;
}

void change_fold(struct strbuf *b, const struct change *c)
{
	size_t column = strlen(c->name) + 2;
	const char *s = c->value;

	while (*s != '\0') {
		size_t blanks = strspn(s, " \t"), len = blanks + strcspn(s + blanks, " \t");

		if (blanks > 0 && s != c->value && column + len > LINE_MAX_WANTED) {
			strbuf_putc(b, '\n');
			column = 0;
		}
		strbuf_add(b, s, len);
		column += len;
		s += len;
	}
}
